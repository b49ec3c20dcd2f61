package argocd

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

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

// homes are the regions of three Environments, none of which is connected. The names of two of
// them begin alike.
func homes(t *testing.T) *hub {
	t.Helper()
	scheme := runtime.NewScheme()
	NewWithT(t).Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	h := newHub(t)
	h.Clusters.Homes = &Homes{
		Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(
			environmentIn("a", "prod", v1alpha1.ArgoCDPerCluster), regionIn("a", "prod", "dublin", true), regionIn("a", "prod", "oslo", false),
			environmentIn("b", "prod-eu", v1alpha1.ArgoCDPerCluster), regionIn("b", "prod-eu", "west-1", true), regionIn("b", "prod", "north-1", true),
			environmentIn("c", "hub", v1alpha1.ArgoCDHub), regionIn("c", "hub", "dublin", true),
		).Build(),
		Clusters: remote.New(nil, clock.RealClock{}, time.Minute),
	}
	return h
}

func TestWhereTheArgoCDOfAClusterIs(t *testing.T) {
	cases := map[string]struct{ cluster, want string }{
		"in its region": {"prod-dublin", "a/dublin"},
		"in the region of the Environment with a longer name": {"prod-eu-west-1", "b/west-1"},
		"in the hub, as its Environment says":                 {"hub-dublin", ""},
		"in the hub, where there is no such Region":           {"prod-paris", ""},
		"in the hub, where the Region is another's":           {"prod-eu-north-1", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			region, err := homes(t).Homes.regionOf(t.Context(), tc.cluster)
			g.Expect(err).NotTo(HaveOccurred())
			got := ""
			if region != nil {
				got = region.Namespace + "/" + region.Name
			}
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestNothingIsTakenForGoneThatCannotBeSeen(t *testing.T) {
	g, h := NewWithT(t), homes(t)
	_, err := h.Clusters.Get(t.Context(), "prod-dublin")
	g.Expect(err).To(MatchError(ErrUnreachable), "it was registered")
	g.Expect(h.Clusters.Get(t.Context(), "prod-oslo")).To(BeNil(), "it never was")
	g.Expect(h.Clusters.Get(t.Context(), "hub-dublin")).To(BeNil())

	for name, write := range map[string]func() error{
		"a pin":     func() error { _, err := h.SetPin(t.Context(), "prod-dublin", "unkey-api", "x"); return err },
		"seeds":     func() error { _, err := h.SetSeeds(t.Context(), "prod-oslo", "api", "x"); return err },
		"a birth":   func() error { return h.Bear(t.Context(), "prod-oslo", nil) },
		"an end":    func() error { return h.Clusters.Delete(t.Context(), "prod-dublin") },
		"a refresh": func() error { return h.Refresh(t.Context(), &Application{cluster: "prod-dublin"}, false) },
	} {
		g.Expect(write()).To(MatchError(ErrUnreachable), name)
	}
	g.Expect(h.writes).To(BeZero(), "and none in the hub instead")

	all, err := h.AllApplications(t.Context(), "prod")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(all).To(And(HaveKey("dublin"), HaveKey("oslo"), HaveLen(2)))
	g.Expect(Evaluate(all["dublin"]["unkey-api"], "x")).To(And(
		HaveField("Class", Unreachable), HaveField("Reason", "ClusterUnreachable"),
		HaveField("Message", "its Argo CD cannot be reached: the regional cluster has not been observed yet")))
}
