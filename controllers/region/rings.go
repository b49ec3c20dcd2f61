package region

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// reconcileRings waits until every ring that selects the region counts it as converged.
func (r *Reconciler) reconcileRings(ctx context.Context, s *scope) error {
	rings, err := r.rings(ctx, s.region)
	if err != nil {
		return err
	}
	s.region.Status.Rings, s.region.Status.JoinedRings = nil, ""
	if len(rings) == 0 {
		return step.NotRequired("no GossipRing selects the region")
	}
	var waiting error
	joined := 0
	for _, ring := range rings {
		state, message := memberOf(&ring, s.region.Name)
		s.region.Status.Rings = append(s.region.Status.Rings, v1alpha1.RingStatus{Name: ring.Name, State: state})
		switch {
		case state == v1alpha1.MemberConverged:
			joined++
		case waiting == nil:
			waiting = step.Wait(v1alpha1.ReasonJoining, "ring %s: %s%s", ring.Name, state, message)
		}
	}
	s.region.Status.JoinedRings = fmt.Sprintf("%d/%d", joined, len(rings))
	if !s.registered {
		return step.Blocked(v1alpha1.RegionRegistered)
	}
	return waiting
}

func memberOf(ring *v1alpha1.GossipRing, region string) (state v1alpha1.MemberState, message string) {
	i := slices.IndexFunc(ring.Status.Members, func(m v1alpha1.RingMember) bool { return m.Region == region })
	if i < 0 {
		return v1alpha1.MemberPending, ""
	}
	if m := ring.Status.Members[i]; m.Message != "" {
		return m.State, ", " + m.Message
	}
	return ring.Status.Members[i].State, ""
}

// rings returns the rings that select the Region, by name.
func (r *Reconciler) rings(ctx context.Context, region *v1alpha1.Region) ([]v1alpha1.GossipRing, error) {
	all, err := r.ringsToTheEnd(ctx, region)
	return slices.DeleteFunc(all, func(g v1alpha1.GossipRing) bool { return !g.DeletionTimestamp.IsZero() }), err
}

// ringsToTheEnd has those that are being deleted as well.
func (r *Reconciler) ringsToTheEnd(ctx context.Context, region *v1alpha1.Region) ([]v1alpha1.GossipRing, error) {
	list := &v1alpha1.GossipRingList{}
	if err := r.Client.List(ctx, list, client.InNamespace(region.Namespace)); err != nil {
		return nil, fmt.Errorf("listing GossipRings: %w", err)
	}
	selected := slices.DeleteFunc(list.Items, func(g v1alpha1.GossipRing) bool { return !plan.Selects(&g, region) })
	slices.SortFunc(selected, func(a, b v1alpha1.GossipRing) int { return cmp.Compare(a.Name, b.Name) })
	return selected, nil
}
