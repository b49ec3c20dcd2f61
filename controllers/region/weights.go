package region

import (
	"context"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// firstWeight is what a load balancer begins with: nothing where it joins that of another
// Region of the same AWS region. Its own, which it replaces, is not another's.
func firstWeight(group *aws.EndpointGroup, own string) int32 {
	for _, e := range group.Endpoints {
		if e.ID != own {
			return 0
		}
	}
	return aws.DefaultWeight
}

// shareOf is the percentage of its AWS region's traffic that an endpoint is meant to have, next
// to others of the usual weight.
func shareOf(group *aws.EndpointGroup, e aws.Endpoint) int32 {
	return group.Dial * min(e.Weight, aws.DefaultWeight) / aws.DefaultWeight
}

// weigh gives an endpoint that shares its group with another Region's its next weight, in the
// steps in which a group of its own would be dialled up.
func (r *Reconciler) weigh(ctx context.Context, e entry, group *aws.EndpointGroup, endpoint aws.Endpoint) error {
	if !e.ready {
		return step.Blocked(v1alpha1.RegionApplicationsHealthy)
	}
	deployed, err := r.Traffic.AcceleratorDeployed(ctx, e.role, e.traffic.ListenerARN)
	if err != nil {
		return err
	}
	if !deployed {
		return step.Poll(r.Poll, v1alpha1.ReasonDialling, "Global Accelerator is putting weight %d into effect", endpoint.Weight)
	}
	next := nextWeight(e.traffic.Dial, endpoint.Weight)
	if err := r.Traffic.Weigh(ctx, e.role, group.ARN, endpoint.ID, next); err != nil {
		return err
	}
	endpoint.Weight = next
	e.status.Dial = shareOf(group, endpoint)
	return step.Poll(r.Poll, v1alpha1.ReasonDialling, "%s shares its AWS region's traffic with weight %d, on the way to %d", e.traffic.Name, next, aws.DefaultWeight)
}

// nextWeight is the first weight above the present one that a share stands for.
func nextWeight(shares []int32, present int32) int32 {
	target := shares[len(shares)-1]
	for _, share := range shares {
		if weight := aws.DefaultWeight * share / max(target, 1); weight > present {
			return weight
		}
	}
	return aws.DefaultWeight
}

// othersServe holds the drain of the last region with healthy endpoints until it is confirmed:
// it takes the service off the internet.
func (r *Reconciler) othersServe(ctx context.Context, region *v1alpha1.Region, t *v1alpha1.TrafficStatus, group *aws.EndpointGroup, own aws.Endpoint) error {
	if own.ID == "" || shareOf(group, own) == 0 || confirmed(region) {
		return nil
	}
	groups, err := r.Traffic.EndpointGroups(ctx, region.Status.RoleARN, t.ListenerARN)
	if err != nil {
		return err
	}
	serves := false
	for i := range groups {
		for _, e := range groups[i].Endpoints {
			switch up := e.Health == healthy && shareOf(&groups[i], e) > 0; {
			case up && e.ID != t.LoadBalancerARN:
				return nil
			case up:
				serves = true
			}
		}
	}
	if !serves {
		return nil // there is nothing to lose
	}
	return step.Poll(r.SlowPoll, v1alpha1.ReasonAwaitingConfirmation,
		"no other region of %s has healthy endpoints, so that its deletion takes %s off the internet; to go on: kubectl annotate region -n %s %s %s=%[4]s",
		t.ListenerARN, t.Name, region.Namespace, region.Name, v1alpha1.AnnotationConfirmDelete)
}
