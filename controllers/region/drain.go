package region

import (
	"context"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// acceleratorInterface is how AWS describes the network interfaces by which Global
// Accelerator reaches a load balancer. They hold the VPC and cannot be detached by hand.
const acceleratorInterface = "GlobalAccelerator configured ENI"

// drainTraffic takes the region's load balancers out of Global Accelerator and waits until
// nothing of it is left in the VPC.
func (r *Reconciler) drainTraffic(ctx context.Context, region *v1alpha1.Region) error {
	for i := range region.Status.Traffic {
		if err := r.detach(ctx, region, &region.Status.Traffic[i]); err != nil {
			return r.fromAWS(err)
		}
	}
	n := region.Status.Network
	if len(region.Status.Traffic) == 0 || n == nil || n.VPCID == "" {
		return nil
	}
	interfaces, err := r.Cloud.NetworkInterfaces(ctx, region.Status.RoleARN, string(region.Spec.AWSRegion), n.VPCID)
	if err != nil && aws.ClassOf(err) != aws.NotFound {
		return r.fromAWS(err)
	}
	h := &held{}
	for _, i := range interfaces {
		if i.Description == acceleratorInterface {
			h.holds = append(h.holds, acceleratorHold(n.VPCID, i.ID))
		}
	}
	if len(h.holds) > 0 {
		return step.Poll(r.Poll, v1alpha1.ReasonDrainingTraffic, "%w", h)
	}
	return nil
}

// detach dials the group down before it is emptied. A group that another Region of the
// same AWS region uses as well keeps its dial, and the endpoint loses its weight before it goes.
func (r *Reconciler) detach(ctx context.Context, region *v1alpha1.Region, t *v1alpha1.TrafficStatus) error {
	role := region.Status.RoleARN
	group, err := r.groupToLeave(ctx, region, t)
	if err != nil || group == nil {
		return err
	}
	endpoint, attached := endpointOf(group, t.LoadBalancerARN)
	alone := len(group.Endpoints) == 0 || len(group.Endpoints) == 1 && attached
	if !alone && !attached {
		return nil
	}
	if err := r.othersServe(ctx, region, t, group, endpoint); err != nil {
		return err
	}
	quiet, err := r.quieten(ctx, role, group, endpoint, alone)
	switch {
	case err != nil:
		return err
	case quiet:
		return r.empty(ctx, role, group, t, alone)
	}
	t.Dial = 0
	return step.Poll(r.Poll, v1alpha1.ReasonDrainingTraffic, "traffic of %s was dialled to 0 %%", t.Name)
}

// quieten takes the traffic from an endpoint: by its group's dial if it is alone there, else by
// its weight. It tells whether that was done before.
func (r *Reconciler) quieten(ctx context.Context, role string, group *aws.EndpointGroup, e aws.Endpoint, alone bool) (quiet bool, err error) {
	switch {
	case alone && group.Dial != 0:
		return false, r.Traffic.Dial(ctx, role, group.ARN, 0)
	case !alone && e.Weight != 0:
		return false, r.Traffic.Weigh(ctx, role, group.ARN, e.ID, 0)
	}
	return true, nil
}

// groupToLeave returns the endpoint group that an entry made or joined, or nil.
func (r *Reconciler) groupToLeave(ctx context.Context, region *v1alpha1.Region, t *v1alpha1.TrafficStatus) (*aws.EndpointGroup, error) {
	if t.ListenerARN == "" {
		return nil, nil //nolint:nilnil // absence is an answer
	}
	group, err := r.Traffic.EndpointGroup(ctx, region.Status.RoleARN, t.ListenerARN, string(region.Spec.AWSRegion))
	if aws.ClassOf(err) == aws.NotFound { // the listener is gone, and all its groups with it
		return nil, nil //nolint:nilnil // absence is an answer
	}
	return group, err
}

// empty removes the endpoint once no new connections go there, and the group with the last one.
func (r *Reconciler) empty(ctx context.Context, role string, group *aws.EndpointGroup, t *v1alpha1.TrafficStatus, last bool) error {
	deployed, err := r.Traffic.AcceleratorDeployed(ctx, role, t.ListenerARN)
	if err != nil {
		return err
	}
	if !deployed {
		return step.Poll(r.Poll, v1alpha1.ReasonDrainingTraffic, "Global Accelerator is taking traffic away from %s", t.Name)
	}
	if t.LoadBalancerARN != "" {
		if err := r.Traffic.RemoveEndpoint(ctx, role, group.ARN, t.LoadBalancerARN); err != nil {
			return err
		}
	}
	if last {
		return r.Traffic.DeleteEndpointGroup(ctx, role, group.ARN)
	}
	return nil
}
