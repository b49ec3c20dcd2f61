package argocd

import (
	"context"
	"math/rand/v2"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// A cache lists in any order. Whichever Application came last was judged before, well or ill.
func TestOfSeveralApplicationsNoneIsChosen(t *testing.T) {
	g := NewWithT(t)
	left, ill, third := applicationOf("core", "dublin"), applicationOf("core", "dublin"), applicationOf("core", "dublin")
	left.Name, third.Name, ill.Status.Health.Status = "dublin-core", "a-core", "Degraded"
	h := newHub(t, dublin(), applicationOf("unkey-api", "dublin"), ill, left, third)
	h.Client = interceptor.NewClient(h.WithWatch, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			err := c.List(ctx, list, opts...)
			if all, ok := list.(*ApplicationList); ok {
				rand.Shuffle(len(all.Items), func(i, j int) { all.Items[i], all.Items[j] = all.Items[j], all.Items[i] })
			}
			return err
		},
	})
	for range 100 {
		all, err := h.AllApplications(t.Context(), environmentIn("production", "production001", v1alpha1.ArgoCDHub))
		g.Expect(err).NotTo(HaveOccurred())
		found, err := h.Applications(t.Context(), dublin())
		g.Expect(err).NotTo(HaveOccurred())
		for _, byName := range []map[string]*Application{found, all["dublin"]} {
			g.Expect(Evaluate(byName["unkey-api"], oldSHA).Healthy).To(BeTrue())
			g.Expect(Evaluate(byName["core"], oldSHA)).To(Equal(Verdict{
				Class: Blocked, Reason: "AmbiguousApplication", Message: "a-core, core-dublin, dublin-core have the same three labels: delete all but one",
			}))
			g.Expect(byName["core"].Name).To(Equal("a-core"))
			g.Expect(h.Retarget(t.Context(), byName["core"], "", newSHA)).To(MatchError(ErrAmbiguous))
		}
	}
}
