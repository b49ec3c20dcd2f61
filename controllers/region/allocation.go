package region

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// allocate returns the Region's block and records it in the Environment. The record
// is written with the Environment's resourceVersion, so that of two Regions that
// want the same block at the same moment one fails and looks again. That says nothing
// about the records of other environments: allocating one at a time does.
func (r *Reconciler) allocate(ctx context.Context, env *v1alpha1.Environment, region *v1alpha1.Region) (netip.Prefix, error) {
	if block, ok := allocated(env, region.Name); ok {
		return block, nil
	}
	kept, err := r.ownBlock(ctx, env, region)
	if err != nil {
		return netip.Prefix{}, err
	}
	var block netip.Prefix
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		var err error
		block, err = r.take(ctx, client.ObjectKeyFromObject(env), region, kept)
		return err
	})
	return block, err //nolint:wrapcheck // named in take
}

// ownBlock is the block of the VPC that the region has already, as after the loss of the
// management cluster; "" when it has none.
func (r *Reconciler) ownBlock(ctx context.Context, env *v1alpha1.Environment, region *v1alpha1.Region) (v1alpha1.VPCCIDR, error) {
	if n := region.Status.Network; n != nil && n.VPCID != "" {
		return v1alpha1.VPCCIDR(n.CIDR), nil
	}
	role, here, name := env.Spec.AWS.RoleARN, string(region.Spec.AWSRegion), plan.ClusterName(region)
	tagged, err := r.Finder.TaggedResources(ctx, role, here, name)
	if err != nil || !slices.ContainsFunc(tagged[name], func(id string) bool { return strings.HasPrefix(id, "vpc-") }) {
		return "", r.unlessDenied(err)
	}
	networks, err := r.Survey.Networks(ctx, role, here)
	if err != nil {
		return "", r.unlessDenied(err)
	}
	for _, n := range networks {
		if n.PeeredWith == "" && len(n.CIDRs) > 0 && slices.Contains(tagged[name], n.ID) {
			return v1alpha1.VPCCIDR(n.CIDRs[0].String()), nil
		}
	}
	return "", nil
}

// unlessDenied is for looks that a region which is built for the first time does not need.
func (r *Reconciler) unlessDenied(err error) error {
	if aws.ClassOf(err) == aws.AccessDenied {
		return nil
	}
	return r.fromAWS(err)
}

// take is one attempt to get a block.
func (r *Reconciler) take(ctx context.Context, key client.ObjectKey, region *v1alpha1.Region, kept v1alpha1.VPCCIDR) (netip.Prefix, error) {
	r.allocating.Lock()
	defer r.allocating.Unlock()
	env := &v1alpha1.Environment{}
	if err := r.Live.Get(ctx, key, env); err != nil {
		return netip.Prefix{}, fmt.Errorf("reading Environment %s: %w", key.Name, err)
	}
	if block, ok := allocated(env, region.Name); ok {
		return block, nil
	}
	taken, err := r.taken(ctx)
	if err != nil {
		return netip.Prefix{}, err
	}
	wanted := region.DeepCopy()
	if kept != "" { // the record was lost, the VPC was not
		wanted.Spec.CIDR = kept
	}
	block, err := plan.Address(env, wanted, taken)
	if err != nil {
		return netip.Prefix{}, err
	}
	before := env.DeepCopy()
	env.Status.Allocations = append(env.Status.Allocations, v1alpha1.Allocation{Region: region.Name, CIDR: block.String()})
	slices.SortFunc(env.Status.Allocations, func(a, b v1alpha1.Allocation) int { return strings.Compare(a.Region, b.Region) })
	return block, r.patchAllocations(ctx, env, before)
}

func (r *Reconciler) patchAllocations(ctx context.Context, env, before *v1alpha1.Environment) error {
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Status().Patch(ctx, env, patch); err != nil {
		return fmt.Errorf("recording the allocations of Environment %s: %w", env.Name, err)
	}
	return nil
}

func allocated(env *v1alpha1.Environment, region string) (netip.Prefix, bool) {
	i := slices.IndexFunc(env.Status.Allocations, func(a v1alpha1.Allocation) bool { return a.Region == region })
	if i < 0 {
		return netip.Prefix{}, false
	}
	block, err := netip.ParsePrefix(env.Status.Allocations[i].CIDR)
	return block, err == nil
}

// taken returns every block that any environment's Regions hold: regions of
// different environments may be peered.
func (r *Reconciler) taken(ctx context.Context) ([]plan.Block, error) {
	environments := &v1alpha1.EnvironmentList{}
	if err := r.Live.List(ctx, environments); err != nil {
		return nil, fmt.Errorf("listing Environments: %w", err)
	}
	var taken []plan.Block
	for _, env := range environments.Items {
		for _, a := range env.Status.Allocations {
			if block, err := netip.ParsePrefix(a.CIDR); err == nil {
				taken = append(taken, plan.Block{CIDR: block, Holder: "Region " + a.Region + " of " + env.Namespace + "/" + env.Name})
			}
		}
	}
	return taken, nil
}

// release forgets the Region's block.
func (r *Reconciler) release(ctx context.Context, region *v1alpha1.Region) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error { //nolint:wrapcheck // named in giveBack
		return r.giveBack(ctx, client.ObjectKey{Namespace: region.Namespace, Name: region.Spec.EnvironmentRef.Name}, region)
	})
}

// giveBack is one attempt to release a block.
func (r *Reconciler) giveBack(ctx context.Context, key client.ObjectKey, region *v1alpha1.Region) error {
	env := &v1alpha1.Environment{}
	if err := r.Live.Get(ctx, key, env); err != nil {
		return client.IgnoreNotFound(err)
	}
	before := env.DeepCopy()
	if region.Spec.DeletionPolicy == v1alpha1.DeletionRetain {
		return nil // its network lives on, unless it never had one: then the Environment takes the block back
	}
	env.Status.Allocations = slices.DeleteFunc(env.Status.Allocations, func(a v1alpha1.Allocation) bool { return a.Region == region.Name })
	if len(env.Status.Allocations) == len(before.Status.Allocations) {
		return nil
	}
	return r.patchAllocations(ctx, env, before)
}
