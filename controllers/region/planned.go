package region

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// reconcilePlan computes what the region consists of, fixes its addresses and zones, and
// looks for everything that would stop it later. Nothing is created before all of it
// checks out.
func (r *Reconciler) reconcilePlan(ctx context.Context, s *scope) error {
	if err := r.refuseTaken(ctx, s); err != nil {
		return err
	}
	env, err := r.environment(ctx, s.region)
	if err != nil {
		return err
	}
	if env == nil {
		return step.Wait(v1alpha1.ReasonEnvironmentNotFound, "namespace %s has no Environment %s: create it", s.region.Namespace, s.region.Spec.EnvironmentRef.Name)
	}
	s.live = env
	s.region.Status.RoleARN, s.region.Status.ArgoMode = env.Spec.AWS.RoleARN, env.Spec.ArgoCD.Mode
	if err := r.remains(ctx, s.region); err != nil {
		return err
	}
	if s.environment, err = r.follow(ctx, s); err != nil {
		return err
	}
	draft, err := r.draft(ctx, s)
	if err != nil {
		return err
	}
	if err := r.preflight(ctx, s, draft); err != nil {
		return err
	}
	s.plan = draft
	return nil
}

// refuseTaken stops at a name that another Region has: the two would take each other's cluster and
// registration. One that is only observed takes nothing.
func (r *Reconciler) refuseTaken(ctx context.Context, s *scope) error {
	if s.observe {
		return nil
	}
	holder, err := r.otherHolder(ctx, s.region)
	if err != nil || holder == nil {
		return err
	}
	return step.Stuck(r.SlowPoll, v1alpha1.ReasonNameTaken,
		"Region %s/%s has the name %s, by which AWS and Argo CD know a region: delete this Region, which touches nothing of the other's, and choose another name for it or its Environment",
		holder.Namespace, holder.Name, plan.ClusterName(s.region))
}

// otherHolder returns the other Region that has a Region's name, or nil.
func (r *Reconciler) otherHolder(ctx context.Context, region *v1alpha1.Region) (*v1alpha1.Region, error) {
	holder, err := r.ArgoCD.Holder(ctx, region)
	if err != nil || holder.Namespace == region.Namespace && holder.Name == region.Name {
		return nil, err
	}
	return holder, nil
}

// draft is the plan before anything was checked in AWS.
func (r *Reconciler) draft(ctx context.Context, s *scope) (*plan.Plan, error) {
	env, region := s.environment, s.region
	if _, err := plan.Profile(env, region.Spec.Profile); err != nil {
		return nil, fromFinding(err)
	}
	block, err := r.block(ctx, s)
	if err != nil {
		return nil, fromFinding(err)
	}
	zones, err := r.zones(ctx, env, region)
	if err != nil {
		return nil, err
	}
	draft, err := plan.For(env, region, block, zones)
	if err != nil {
		return nil, fromFinding(err)
	}
	if region.Status.Network == nil {
		region.Status.Network = &v1alpha1.RegionNetwork{}
	}
	region.Status.Network.CIDR = block.String()
	region.Status.Network.Zones = zones[:env.Spec.Network.AvailabilityZones]
	return draft, nil
}

// block returns the Region's addresses; they are only recorded as given away when the
// Region is not just observed.
func (r *Reconciler) block(ctx context.Context, s *scope) (netip.Prefix, error) {
	if !s.observe {
		return r.allocate(ctx, s.environment, s.region)
	}
	if block, ok := allocated(s.environment, s.region.Name); ok {
		return block, nil
	}
	taken, err := r.taken(ctx)
	if err != nil {
		return netip.Prefix{}, err
	}
	return plan.Address(s.environment, s.region, taken)
}

// environment returns the Region's Environment, or nil when there is none.
func (r *Reconciler) environment(ctx context.Context, region *v1alpha1.Region) (*v1alpha1.Environment, error) {
	env := &v1alpha1.Environment{}
	key := client.ObjectKey{Namespace: region.Namespace, Name: region.Spec.EnvironmentRef.Name}
	err := r.Client.Get(ctx, key, env)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // absence is an answer
	}
	if err != nil {
		return nil, fmt.Errorf("reading Environment %s: %w", key.Name, err)
	}
	return env, nil
}

// zones returns those fixed by the first plan, else what AWS offers now: a zone that
// AWS adds later must not move the subnets. A region that the account has not opted in
// to does not even answer.
func (r *Reconciler) zones(ctx context.Context, env *v1alpha1.Environment, region *v1alpha1.Region) ([]string, error) {
	if n := region.Status.Network; n != nil && len(n.Zones) >= int(env.Spec.Network.AvailabilityZones) {
		return n.Zones, nil
	}
	role, here := env.Spec.AWS.RoleARN, string(region.Spec.AWSRegion)
	if kept, err := r.ownZones(ctx, env, region); err != nil || len(kept) >= int(env.Spec.Network.AvailabilityZones) {
		return kept, err
	}
	zones, err := r.Cloud.AvailabilityZones(ctx, role, here)
	if err == nil {
		return zones, nil
	}
	if optedIn, optErr := r.Survey.OptedIn(ctx, role, here); optErr == nil && !optedIn {
		return nil, step.Stuck(r.SlowPoll, v1alpha1.ReasonNotOptedIn,
			"account %s has not opted in to %s: enable it (aws account enable-region --region-name %s) and wait until it is ENABLED",
			env.Spec.AWS.AccountID, here, here)
	}
	return nil, r.fromAWS(err)
}

// ownZones are those of the private subnets that the region has already, as after the loss of
// the management cluster.
func (r *Reconciler) ownZones(ctx context.Context, env *v1alpha1.Environment, region *v1alpha1.Region) ([]string, error) {
	name := plan.ClusterName(region)
	tagged, err := r.Finder.TaggedResources(ctx, env.Spec.AWS.RoleARN, string(region.Spec.AWSRegion), name)
	var zones []string
	for object, ids := range tagged {
		zone, ok := strings.CutPrefix(object, name+"-private-")
		if ok && slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(id, "subnet-") }) {
			zones = append(zones, zone)
		}
	}
	slices.Sort(zones)
	if _, ok := errors.AsType[*aws.Error](err); ok { // whether the account may use the AWS region at all is looked at next
		return nil, nil
	}
	return zones, err
}

// fromFinding turns what the planner objects to into an outcome: a spec has to change.
func fromFinding(err error) error {
	if f, ok := errors.AsType[*plan.Finding](err); ok {
		return step.Terminal(f.Reason, "%s", f.Message)
	}
	return err
}
