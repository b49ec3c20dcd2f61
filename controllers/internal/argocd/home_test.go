package argocd

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

func environmentIn(namespace, name string, mode v1alpha1.ArgoCDMode) *v1alpha1.Environment {
	e := &v1alpha1.Environment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	e.Spec.ArgoCD.Mode = mode
	e.Spec.Profiles = []v1alpha1.Profile{{
		Name: "base", KubernetesVersion: "1.34", NodeGroups: []v1alpha1.NodeGroup{{Name: "n"}},
		Applications: []v1alpha1.Application{{Name: "unkey-api"}},
	}}
	return e
}

func regionIn(namespace, environment, name string, registered bool) *v1alpha1.Region {
	r := &v1alpha1.Region{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	r.Spec.EnvironmentRef.Name, r.Spec.Profile = environment, "base"
	times := v1alpha1.StepTimes{Name: v1alpha1.RegionRegistered}
	if registered {
		times.FinishedAt = &metav1.Time{Time: time.Unix(1, 0)} // one that is zero is not stored
	}
	r.Status.Steps = []v1alpha1.StepTimes{times}
	return r
}

// homes are Regions with an Argo CD of their own, and with one in the hub. None is connected.
func homes(t *testing.T) *hub {
	t.Helper()
	h := newHub(t,
		environmentIn("a", "prod", v1alpha1.ArgoCDPerCluster), regionIn("a", "prod", "dublin", true), regionIn("a", "prod", "oslo", false),
		environmentIn("c", "hub", v1alpha1.ArgoCDHub), regionIn("c", "hub", "dublin", true))
	h.Clusters.Homes = &Homes{Client: h.WithWatch, Clusters: remote.New(nil, clock.RealClock{}, time.Minute)}
	return h
}

func TestWhereTheArgoCDOfARegionIs(t *testing.T) {
	recorded := func(mode v1alpha1.ArgoCDMode) *v1alpha1.Region {
		r := regionIn("gone", "prod", "dublin", true)
		r.Status.ArgoMode = mode
		return r
	}
	cases := map[string]struct {
		region *v1alpha1.Region
		want   bool
	}{
		"in its cluster":                                      {regionIn("a", "prod", "dublin", true), true},
		"in the hub, as its Environment says":                 {regionIn("c", "hub", "dublin", true), false},
		"in its cluster, as the Environment said once":        {recorded(v1alpha1.ArgoCDPerCluster), true},
		"in the hub, as the Environment said once":            {recorded(v1alpha1.ArgoCDHub), false},
		"in the hub, before it was recorded where":            {recorded(""), false},
		"in the hub, though another namespace's is elsewhere": {regionIn("c", "prod", "dublin", true), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			h, err := homes(t).home(t.Context(), tc.region)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(h.regional()).To(Equal(tc.want))
		})
	}
}

func TestNothingIsTakenForGoneThatCannotBeSeen(t *testing.T) {
	g, h := NewWithT(t), homes(t)
	dublin, oslo := regionIn("a", "prod", "dublin", true), regionIn("a", "prod", "oslo", false)
	_, err := h.Clusters.Get(t.Context(), dublin)
	g.Expect(err).To(MatchError(ErrUnreachable), "it was registered")
	g.Expect(h.Clusters.Get(t.Context(), oslo)).To(BeNil(), "it never was")
	g.Expect(h.Clusters.Get(t.Context(), regionIn("c", "hub", "dublin", true))).To(BeNil())

	for name, write := range map[string]func() error{
		"a pin":   func() error { _, err := h.SetPin(t.Context(), dublin, "unkey-api", "x"); return err },
		"seeds":   func() error { _, err := h.SetSeeds(t.Context(), oslo, "api", "x"); return err },
		"a birth": func() error { return h.Bear(t.Context(), oslo, nil) },
		"an end":  func() error { return h.Clusters.Delete(t.Context(), dublin) },
		"a refresh": func() error {
			return h.Refresh(t.Context(), &Application{inside: client.ObjectKeyFromObject(dublin)}, false)
		},
	} {
		g.Expect(write()).To(MatchError(ErrUnreachable), name)
	}
	g.Expect(h.writes).To(BeZero(), "and none in the hub instead")

	all, err := h.AllApplications(t.Context(), environmentIn("a", "prod", v1alpha1.ArgoCDPerCluster))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(all).To(And(HaveKey("dublin"), HaveKey("oslo"), HaveLen(2)))
	g.Expect(Evaluate(all["dublin"]["unkey-api"], "x")).To(And(
		HaveField("Class", Unreachable), HaveField("Reason", "ClusterUnreachable"),
		HaveField("Message", "its Argo CD cannot be reached: the regional cluster has not been observed yet")))
}
