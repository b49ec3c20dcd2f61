package gossipring

import (
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func TestNoFailureKeepsARingFromBeingLookedAt(t *testing.T) {
	g, options := NewWithT(t), driver(nil).options()
	for range 100 {
		g.Expect(options.RateLimiter.When(reconcile.Request{})).To(BeNumerically("<=", poll))
	}
	g.Expect(options.MaxConcurrentReconciles).To(Equal(concurrency))
}
