package region

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// reconcileAddons declares the add-ons: those that nodes need as soon as there is a
// control plane, because nodes stay NotReady without vpc-cni; those that need nodes, and
// fail for good without any, when the first node is Ready.
func (r *Reconciler) reconcileAddons(ctx context.Context, s *scope) error {
	if s.cluster == nil {
		return step.Blocked(v1alpha1.RegionControlPlaneReady)
	}
	if len(s.plan.Addons) == 0 {
		if err := r.prune(ctx, s, &eks.Addon{}); err != nil {
			return err
		}
		return step.NotRequired("the profile lists no add-ons")
	}
	a := r.applier(s)
	held := false
	for _, addon := range s.plan.Addons {
		due, err := r.addonDue(ctx, s, addon)
		if err != nil {
			return err
		}
		if !due {
			held = true
			continue
		}
		desired, err := r.addonFor(ctx, s, addon)
		if err != nil {
			return err
		}
		ack.Ensure(ctx, a, desired, addonWorks(addon))
	}
	if err := a.Outcome(); err != nil {
		return err
	}
	if err := r.prune(ctx, s, &eks.Addon{}); err != nil {
		return err
	}
	if held {
		return step.Blocked(v1alpha1.RegionNodesReady)
	}
	return nil
}

// addonDue tells whether an add-on that needs nodes may be created, or was: nodes that
// go later do not take it away.
func (r *Reconciler) addonDue(ctx context.Context, s *scope, addon plan.Addon) (bool, error) {
	if !addon.NeedsNodes || s.observe {
		return true, nil
	}
	existing := &eks.Addon{}
	key := client.ObjectKey{Namespace: s.region.Namespace, Name: s.plan.Name(addon.Name)}
	err := r.Client.Get(ctx, key, existing)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("reading Addon %s: %w", key.Name, err)
	}
	if err == nil || s.remote == nil {
		return err == nil, nil
	}
	ready, err := s.remote.ReadyNodes()
	return err == nil && ready > 0, nil
}

// addonWorks also counts an add-on that waits for room on nodes as one that takes its time.
func addonWorks(addon plan.Addon) func(*eks.Addon) error {
	return func(o *eks.Addon) error {
		if addon.NeedsNodes && deref(o.Status.Status) == "DEGRADED" && onlyLacksReplicas(o.Status.Health) {
			return step.Wait(v1alpha1.ReasonCreating, "Addon %s has too few replicas yet", o.Name)
		}
		return inState("Addon "+o.Name, o.Status.Status, o.Status.Health)
	}
}

func onlyLacksReplicas(h *eks.Health) bool {
	if h == nil {
		return false
	}
	for _, i := range h.Issues {
		if deref(i.Code) != "InsufficientNumberOfReplicas" {
			return false
		}
	}
	return len(h.Issues) > 0
}
