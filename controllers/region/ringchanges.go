package region

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// queue is what a watch adds to.
type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// ringChanges wakes the Regions that a ring's change is about: of N members that change one
// after the other, each is woken once, not N times.
func (r *Reconciler) ringChanges() handler.EventHandler {
	all := func(ctx context.Context, obj client.Object, q queue) {
		r.wake(ctx, obj, q, func(*v1alpha1.Region) bool { return true })
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { all(ctx, e.Object, q) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { all(ctx, e.Object, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			before, ok := e.ObjectOld.(*v1alpha1.GossipRing)
			after, ok2 := e.ObjectNew.(*v1alpha1.GossipRing)
			if ok && ok2 {
				r.wake(ctx, after, q, concernedBy(before, after))
			}
		},
	}
}

// concernedBy tells which Regions look at what changed in a ring: at their own part in it, and
// at the endpoints of the others until they are registered with them as seeds.
func concernedBy(before, after *v1alpha1.GossipRing) func(*v1alpha1.Region) bool {
	if before.Generation != after.Generation || before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() {
		return func(*v1alpha1.Region) bool { return true }
	}
	was, is := parts(before), parts(after)
	return func(region *v1alpha1.Region) bool {
		unregistered := !meta.IsStatusConditionTrue(region.Status.Conditions, v1alpha1.RegionRegistered)
		return unregistered || !equality.Semantic.DeepEqual(was[region.Name], is[region.Name])
	}
}

// parts are what Regions look at in a ring: not the members' own counts, but where probes are.
func parts(ring *v1alpha1.GossipRing) map[string][]any {
	all := map[string][]any{}
	for _, m := range ring.Status.Members {
		all[m.Region] = []any{m.State, m.Endpoint, m.Message, m.DroppedAt != nil, m.WrittenSeedsHash == m.DesiredSeedsHash}
	}
	for _, p := range ring.Status.Probes {
		all[p.Region] = append(all[p.Region], p.Namespace)
	}
	return all
}

func (r *Reconciler) wake(ctx context.Context, ring client.Object, q queue, concerned func(*v1alpha1.Region) bool) {
	regions := &v1alpha1.RegionList{}
	if err := r.Client.List(ctx, regions, client.InNamespace(ring.GetNamespace())); err != nil {
		return // the cache is being stopped
	}
	for i := range regions.Items {
		if region := &regions.Items[i]; concerns(ring, region) && concerned(region) {
			q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(region)})
		}
	}
}
