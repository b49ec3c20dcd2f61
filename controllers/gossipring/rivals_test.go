package gossipring

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

func TestTwoRingsThatDeliverToOnePlace(t *testing.T) {
	git := func(edit ...func(*v1alpha1.GitDelivery)) v1alpha1.SeedDelivery {
		d := &v1alpha1.GitDelivery{GitBranch: v1alpha1.GitBranch{URL: "https://git.test/fleet", Branch: "main"}, Path: "{{ .name }}.yaml", Key: "seeds"}
		for _, e := range edit {
			e(d)
		}
		return v1alpha1.SeedDelivery{Git: d}
	}
	configMap := func(name, key string) v1alpha1.SeedDelivery {
		return v1alpha1.SeedDelivery{ConfigMap: &v1alpha1.ConfigMapDelivery{Name: name, Key: key}}
	}
	for name, tc := range map[string]struct {
		ours, theirs v1alpha1.SeedDelivery
		namespace    string
		want         bool
	}{
		"annotations have the ring's name": {},
		"one key of one file":              {ours: git(), theirs: git(), want: true},
		"the environment's repository, and by its URL": {
			ours: git(func(d *v1alpha1.GitDelivery) { d.URL = "" }), theirs: git(), want: true,
		},
		"the branch by default": {ours: git(func(d *v1alpha1.GitDelivery) { d.Branch = "" }), theirs: git(), want: true},
		"one path in other words": {
			ours: git(func(d *v1alpha1.GitDelivery) { d.Path = "{{ .region }}.yaml" }), theirs: git(), want: true,
		},
		"another key":    {ours: git(func(d *v1alpha1.GitDelivery) { d.Key = "other" }), theirs: git()},
		"another branch": {ours: git(func(d *v1alpha1.GitDelivery) { d.Branch = "other" }), theirs: git()},
		"one repository by two URLs": {
			ours: git(), theirs: git(func(d *v1alpha1.GitDelivery) { d.URL = "https://git.test/Fleet.git/" }), want: true,
		},
		"one path by two names": {ours: git(), theirs: git(func(d *v1alpha1.GitDelivery) { d.Path = "./{{ .name }}.yaml" }), want: true},
		"another repository":    {ours: git(func(d *v1alpha1.GitDelivery) { d.URL = "https://git.test/other" }), theirs: git()},
		"another path":          {ours: git(func(d *v1alpha1.GitDelivery) { d.Path = "other/{{ .name }}.yaml" }), theirs: git()},
		"another way":           {ours: git(), theirs: configMap("gossip", "seeds")},
		"one ConfigMap":         {ours: configMap("gossip", "seeds"), theirs: configMap("gossip", "seeds"), want: true},
		"another ConfigMap":     {ours: configMap("gossip", "seeds"), theirs: configMap("other", "seeds")},
		"another of its keys": {
			ours: configMap("gossip", "seeds"), theirs: configMap("gossip", "other"),
		},
		"one of another namespace": {ours: configMap("gossip", "seeds"), theirs: configMap("gossip", "seeds"), namespace: "elsewhere"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := passOver(settled("a", 1))
			region := s.members[0].region
			region.Namespace, region.Spec.EnvironmentRef = s.ring.Namespace, s.ring.Spec.EnvironmentRef
			s.environment.Spec.ArgoCD.Repository = &v1alpha1.ConfigRepository{URL: "https://git.test/fleet"}
			other := s.ring.DeepCopy()
			s.ring.Spec.Seeds.Delivery, other.Spec.Seeds.Delivery = tc.ours, tc.theirs
			if tc.namespace != "" {
				other.Spec.Service.Namespace = tc.namespace
			}
			r := driver(nil)
			r.Client = objects(s.environment)
			g.Expect(r.sharesPlace(t.Context(), s, other, []v1alpha1.Region{*region})).To(Equal(tc.want))
		})
	}
}

// objects is a cluster with them.
func objects(these ...client.Object) client.Client {
	scheme := runtime.NewScheme()
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(these...).Build()
}

func TestTwoEnvironmentsThatDeliverIntoOneFile(t *testing.T) {
	for name, tc := range map[string]struct {
		path       string
		namespace  string
		wantPlaced bool
	}{
		"of two namespaces":                          {path: "environments/{{ .region }}.yaml", namespace: "staging", wantPlaced: true},
		"of two namespaces, with a file of each":     {path: "environments/{{ .environment }}/{{ .region }}.yaml", namespace: "staging"},
		"of one namespace":                           {path: "environments/{{ .region }}.yaml", namespace: "fleet", wantPlaced: true},
		"of one namespace, with a file of each":      {path: "environments/{{ .environment }}/{{ .region }}.yaml", namespace: "fleet"},
		"of two namespaces, with Regions' own names": {path: "environments/{{ .name }}.yaml", namespace: "staging"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			repository := &v1alpha1.ConfigRepository{URL: "https://git.test/fleet"}
			s := passOver(settled("ours", 1))
			s.environment.Spec.ArgoCD.Repository = repository
			s.ring.CreationTimestamp = metav1.NewTime(start)
			s.ring.Spec.Seeds.Delivery.Git = &v1alpha1.GitDelivery{Path: tc.path, Key: "seeds"}
			region := s.members[0].region
			region.Namespace, region.Spec.EnvironmentRef, region.Spec.AWSRegion = s.ring.Namespace, s.ring.Spec.EnvironmentRef, "eu-west-1"

			env := s.environment.DeepCopy()
			env.Namespace, env.Name = tc.namespace, "staging001"
			other, theirs := s.ring.DeepCopy(), region.DeepCopy()
			other.Namespace, other.Name, other.CreationTimestamp = tc.namespace, "older", metav1.NewTime(start.Add(-time.Hour))
			theirs.Namespace, theirs.Name = tc.namespace, "theirs"
			other.Spec.EnvironmentRef.Name, theirs.Spec.EnvironmentRef.Name = env.Name, env.Name

			r := driver(nil)
			r.Client = objects(s.environment, env, s.ring, other, theirs, region)
			regions := &v1alpha1.RegionList{}
			g.Expect(r.Client.List(t.Context(), regions, client.InNamespace(s.ring.Namespace))).To(Succeed())
			g.Expect(r.observeRivals(t.Context(), s, regions.Items)).To(Succeed())
			g.Expect(s.rival).To(BeNil())
			g.Expect(s.placed != nil).To(Equal(tc.wantPlaced))
		})
	}
}

func TestTheYoungerOfTwoRingsWithOnePlaceWritesNothing(t *testing.T) {
	g := NewWithT(t)
	s := passOver(settled("a", 2).but(wants("b.example")))
	s.placed = &v1alpha1.GossipRing{}
	s.placed.Namespace, s.placed.Name = "staging", "older"
	err := driver(nil).reconcileSeeds(t.Context(), s)
	g.Expect(step.ReasonOf(err)).To(Equal(v1alpha1.ReasonInvalidSeeds))
	g.Expect(err).To(MatchError(ContainSubstring("ring staging/older delivers to the same place")))
	g.Expect(s.members[0].writtenAt).To(BeNil())
}
