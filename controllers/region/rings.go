package region

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

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
	all, err := r.allRings(ctx, region)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(g v1alpha1.GossipRing) bool { return !g.DeletionTimestamp.IsZero() || !plan.Selects(&g, region) }), nil
}

// allRings are those of the Region's namespace, by name.
func (r *Reconciler) allRings(ctx context.Context, region *v1alpha1.Region) ([]v1alpha1.GossipRing, error) {
	list := &v1alpha1.GossipRingList{}
	if err := r.Client.List(ctx, list, client.InNamespace(region.Namespace)); err != nil {
		return nil, fmt.Errorf("listing GossipRings: %w", err)
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.GossipRing) int { return cmp.Compare(a.Name, b.Name) })
	return list.Items, nil
}

// ringNamespaces are those of the regional cluster into which rings write. A ring that is being
// deleted, or does not select the Region any more, has its probe to remove.
func (r *Reconciler) ringNamespaces(ctx context.Context, region *v1alpha1.Region) ([]string, error) {
	all, err := r.allRings(ctx, region)
	if err != nil {
		return nil, err
	}
	var namespaces []string
	for i := range all {
		namespaces = append(namespaces, writtenBy(&all[i], region)...)
	}
	return namespaces, nil
}

// writtenBy are the namespaces in which a ring needs more than to read: it evicts a member of a ring
// that has split, writes a ConfigMap, or installs a probe and removes it, wherever it was.
func writtenBy(ring *v1alpha1.GossipRing, region *v1alpha1.Region) (namespaces []string) {
	writes := ring.Spec.OnPartition != v1alpha1.PartitionReport || ring.Spec.Seeds.Delivery.ConfigMap != nil || ring.Spec.Probe != nil ||
		controllerutil.ContainsFinalizer(ring, v1alpha1.RingFinalizer)
	if writes && plan.Selects(ring, region) {
		namespaces = append(namespaces, ring.Spec.Service.Namespace)
	}
	for _, p := range ring.Status.Probes {
		if p.Region == region.Name {
			namespaces = append(namespaces, p.Namespace)
		}
	}
	return namespaces
}
