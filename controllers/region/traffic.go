package region

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// healthy is what Global Accelerator says of an endpoint that answers.
const healthy = "HEALTHY"

// reconcileTraffic attaches the profile's load balancers to Global Accelerator and gives
// the region traffic in steps.
func (r *Reconciler) reconcileTraffic(ctx context.Context, s *scope) error {
	switch {
	case s.plan == nil:
		return step.Blocked(v1alpha1.RegionPlanned)
	case len(s.plan.Traffic) == 0:
		return step.NotRequired("the profile has no global traffic")
	case s.remote == nil:
		return step.Blocked(v1alpha1.RegionAccessReady)
	}
	var failures []error
	var waiting error
	for _, t := range s.plan.Traffic {
		err := r.fromAWS(r.attach(ctx, s, t))
		switch {
		case err == nil:
		case !step.IsWaiting(err) && !step.IsTerminal(err):
			failures = append(failures, err)
		case waiting == nil:
			waiting = err
		}
	}
	if len(failures) > 0 {
		return errors.Join(failures...)
	}
	return waiting
}

// attach moves one entry on by as much as is possible now. AWS is asked no more often than
// there is a poll, however often something else wakes the Region.
func (r *Reconciler) attach(ctx context.Context, s *scope, t plan.Traffic) error {
	host, err := loadBalancerOf(s, t)
	if err != nil {
		return err
	}
	status := trafficStatus(s.region, t.Name)
	what := seenOf(s.region) + "traffic/" + t.Name
	state, err := fingerprint(host, t, s.healthy, status.Dial)
	if err != nil {
		return err
	}
	within := r.Poll
	if status.Dial == t.Dial[len(t.Dial)-1] && status.Health == healthy {
		within = r.Resync
	}
	if ok, outcome := r.seen.last(what, state, within); ok {
		return outcome
	}
	err = r.advance(ctx, entry{
		traffic: t, role: s.environment.Spec.AWS.RoleARN, awsRegion: string(s.region.Spec.AWSRegion),
		seen: seenOf(s.region), status: status, ready: s.healthy,
	}, host)
	if err == nil || step.IsWaiting(err) {
		r.seen.note(what, state, err)
	}
	return err
}

// entry is one globalTraffic entry on one pass.
type entry struct {
	traffic         plan.Traffic
	role, awsRegion string
	seen            string // precedes what is remembered of the Region
	status          *v1alpha1.TrafficStatus
	ready           bool // the region's applications are healthy
}

func loadBalancerOf(s *scope, t plan.Traffic) (string, error) {
	service, err := s.remote.Service(t.Service.Namespace, t.Service.Name)
	switch {
	case err != nil:
		return "", reachable(s.remote)
	case service == nil || len(service.Status.LoadBalancer.Ingress) == 0 || service.Status.LoadBalancer.Ingress[0].Hostname == "":
		return "", step.Wait(v1alpha1.ReasonLoadBalancerPending, "Service %s/%s has no load balancer yet", t.Service.Namespace, t.Service.Name)
	}
	return service.Status.LoadBalancer.Ingress[0].Hostname, nil
}

func trafficStatus(region *v1alpha1.Region, name string) *v1alpha1.TrafficStatus {
	all := region.Status.Traffic
	i := slices.IndexFunc(all, func(t v1alpha1.TrafficStatus) bool { return t.Name == name })
	if i < 0 {
		region.Status.Traffic = append(all, v1alpha1.TrafficStatus{Name: name})
		i = len(region.Status.Traffic) - 1
	}
	return &region.Status.Traffic[i]
}

// advance brings the load balancer into the endpoint group and its dial one step on.
func (r *Reconciler) advance(ctx context.Context, e entry, host string) error {
	loadBalancer, err := r.loadBalancer(ctx, e, host)
	if err != nil {
		return err
	}
	group, err := r.endpointGroup(ctx, e)
	if err != nil {
		return err
	}
	before := e.status.LoadBalancerARN
	endpoint, attached := endpointOf(group, loadBalancer)
	e.status.LoadBalancerARN = cmp.Or(before, loadBalancer) // it has to go with the region, healthy or not
	if !attached {
		endpoint.Weight = firstWeight(group, before)
		if err := r.Traffic.AddEndpoint(ctx, e.role, group.ARN, loadBalancer, endpoint.Weight); err != nil {
			return err
		}
	}
	e.status.Health, e.status.Dial = endpoint.Health, shareOf(group, endpoint)
	if err := r.serves(endpoint, host); err != nil {
		return err
	}
	if before != "" && before != loadBalancer { // the one that it replaces
		if err := r.Traffic.RemoveEndpoint(ctx, e.role, group.ARN, before); err != nil {
			return err
		}
	}
	e.status.LoadBalancerARN = loadBalancer
	if endpoint.Weight < aws.DefaultWeight {
		endpoint.ID = loadBalancer
		return r.weigh(ctx, e, group, endpoint)
	}
	return r.dial(ctx, e, group)
}

// serves tells whether Global Accelerator finds an endpoint healthy.
func (r *Reconciler) serves(e aws.Endpoint, host string) error {
	switch e.Health {
	case healthy:
		return nil
	case "", aws.EndpointInitial:
		return step.Poll(r.Poll, v1alpha1.ReasonDialling, "Global Accelerator has not checked load balancer %s yet", host)
	default:
		return step.Poll(r.Poll, v1alpha1.ReasonEndpointUnhealthy,
			"Global Accelerator finds load balancer %s %s: check that its targets are healthy and its security group lets the health checks in", host, e.Health)
	}
}

// loadBalancer returns the ARN of the load balancer of that name once it is active. A name
// never gets another load balancer, so it is looked for until it is found.
func (r *Reconciler) loadBalancer(ctx context.Context, e entry, host string) (string, error) {
	what := e.seen + "loadbalancer/" + host
	if arn := r.seen.recall(what); arn != "" {
		return arn, nil
	}
	lb, err := r.Traffic.LoadBalancer(ctx, e.role, e.awsRegion, host)
	switch {
	case aws.ClassOf(err) == aws.NotFound:
		return "", step.Poll(r.Poll, v1alpha1.ReasonLoadBalancerPending, "AWS does not know load balancer %s yet", host)
	case err != nil:
		return "", err
	case lb.State != "active":
		return "", step.Poll(r.Poll, v1alpha1.ReasonLoadBalancerPending, "load balancer %s is %s", host, lb.State)
	}
	r.seen.settle(what, lb.ARN)
	return lb.ARN, nil
}

// endpointGroup returns the region's group of the listener, which it makes if there is none.
// What has to be undone later is recorded before it is done.
func (r *Reconciler) endpointGroup(ctx context.Context, e entry) (*aws.EndpointGroup, error) {
	e.status.ListenerARN = e.traffic.ListenerARN
	group, err := r.Traffic.EndpointGroup(ctx, e.role, e.traffic.ListenerARN, e.awsRegion)
	if err == nil && group == nil {
		group, err = r.Traffic.CreateEndpointGroup(ctx, e.role, e.traffic.ListenerARN, e.awsRegion, e.traffic.HealthCheckPort)
	}
	if err != nil {
		return nil, err
	}
	e.status.EndpointGroupARN = group.ARN
	return group, nil
}

func endpointOf(group *aws.EndpointGroup, id string) (aws.Endpoint, bool) {
	i := slices.IndexFunc(group.Endpoints, func(e aws.Endpoint) bool { return e.ID == id })
	if i < 0 {
		return aws.Endpoint{}, false
	}
	return group.Endpoints[i], true
}

// dial gives the region its next share once the last one is in effect.
func (r *Reconciler) dial(ctx context.Context, e entry, group *aws.EndpointGroup) error {
	target := e.traffic.Dial[len(e.traffic.Dial)-1]
	if group.Dial == target {
		return nil
	}
	if !e.ready {
		return step.Blocked(v1alpha1.RegionApplicationsHealthy)
	}
	deployed, err := r.Traffic.AcceleratorDeployed(ctx, e.role, e.traffic.ListenerARN)
	if err != nil {
		return err
	}
	if !deployed {
		return step.Poll(r.Poll, v1alpha1.ReasonDialling, "Global Accelerator is putting %d %% into effect", group.Dial)
	}
	next := nextShare(e.traffic.Dial, group.Dial)
	if err := r.Traffic.Dial(ctx, e.role, group.ARN, next); err != nil {
		return err
	}
	e.status.Dial = next
	if next == target {
		return nil
	}
	return step.Poll(r.Poll, v1alpha1.ReasonDialling, "%s is given %d %% of its traffic, on the way to %d %%", e.traffic.Name, next, target)
}

// nextShare is the first share above the present one, or the target when there is none:
// a target that was lowered is taken at once.
func nextShare(shares []int32, present int32) int32 {
	for _, share := range shares {
		if share > present {
			return share
		}
	}
	return shares[len(shares)-1]
}
