package region

import (
	"context"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// reconcileAddons declares the add-ons as soon as there is a control plane: nodes
// stay NotReady without vpc-cni. Those that need nodes become ACTIVE after them.
func (r *Reconciler) reconcileAddons(ctx context.Context, s *scope) error {
	if s.cluster == nil {
		return step.Blocked(v1alpha1.RegionControlPlaneReady)
	}
	if len(s.plan.Profile.Addons) == 0 {
		return step.NotRequired("the profile lists no add-ons")
	}
	a := r.applier()
	b := blueprint{plan: s.plan, region: s.region}
	for _, addon := range s.plan.Profile.Addons {
		ack.Ensure(ctx, a, b.addon(addon), func(o *eks.Addon) error {
			return inState("Addon "+o.Name, o.Status.Status, o.Status.Health)
		})
	}
	return a.Outcome()
}
