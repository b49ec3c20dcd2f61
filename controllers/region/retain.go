package region

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// retain forgets the region: ACK's objects go and leave AWS as it is, the block stays given
// away, and the cluster Secret stays, because without it Argo CD would delete what runs.
func (r *Reconciler) retain(ctx context.Context, region *v1alpha1.Region) error {
	if err := r.keepBlock(ctx, region); err != nil {
		return err
	}
	var left []ack.Remnant
	for _, kind := range ack.Kinds() {
		some, err := ack.Release(ctx, r.Client, r.Live, kind, region.Namespace, plan.Labels(region))
		if err != nil {
			return err
		}
		left = append(left, some...)
	}
	if len(left) > 0 {
		return step.Wait(v1alpha1.ReasonReleasing, "deletionPolicy is Retain, so AWS keeps everything; ACK is forgetting %s", join(left))
	}
	return nil
}

// keepBlock marks the region's block as in use without a Region.
func (r *Reconciler) keepBlock(ctx context.Context, region *v1alpha1.Region) error {
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		env := &v1alpha1.Environment{}
		if err := r.Live.Get(ctx, client.ObjectKey{Namespace: region.Namespace, Name: region.Spec.EnvironmentRef.Name}, env); err != nil {
			return client.IgnoreNotFound(err)
		}
		i := slices.IndexFunc(env.Status.Allocations, func(a v1alpha1.Allocation) bool { return a.Region == region.Name })
		if i < 0 || env.Status.Allocations[i].Retained || !plan.Built(region) {
			return nil
		}
		before := env.DeepCopy()
		env.Status.Allocations[i].Retained = true
		return r.patchAllocations(ctx, env, before)
	})
	if err != nil {
		return fmt.Errorf("keeping the block of %s: %w", region.Name, err)
	}
	return nil
}
