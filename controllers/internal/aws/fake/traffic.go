package fake

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

// The methods that direct traffic.
const (
	ListenerExists      Method = "ListenerExists"
	AcceleratorDeployed Method = "AcceleratorDeployed"
	EndpointGroup       Method = "EndpointGroup"
	EndpointGroups      Method = "EndpointGroups"
	CreateEndpointGroup Method = "CreateEndpointGroup"
	AddEndpoint         Method = "AddEndpoint"
	RemoveEndpoint      Method = "RemoveEndpoint"
	Weigh               Method = "Weigh"
	Dial                Method = "Dial"
	DeleteEndpointGroup Method = "DeleteEndpointGroup"
	LoadBalancer        Method = "LoadBalancer"
)

const groupsOf = "/endpoint-group/"

// traffic is what Global Accelerator and load balancing have.
type traffic struct {
	withoutListener map[string]bool
	deploying       map[string]bool
	groups          map[string]*aws.EndpointGroup // by ARN
	health          map[string]aws.Endpoint       // by load balancer
	loadBalancers   map[string]aws.LoadBalancer   // by region and DNS name
}

func newTraffic() traffic {
	return traffic{
		withoutListener: map[string]bool{},
		deploying:       map[string]bool{},
		groups:          map[string]*aws.EndpointGroup{},
		health:          map[string]aws.Endpoint{},
		loadBalancers:   map[string]aws.LoadBalancer{},
	}
}

// SetListener says whether a listener exists; all do until a test says otherwise.
func (f *AWS) SetListener(listenerARN string, exists bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.traffic.withoutListener[listenerARN] = !exists
}

// SetAcceleratorDeployed says whether the listener's accelerator is deployed; it is
// until a test says otherwise.
func (f *AWS) SetAcceleratorDeployed(listenerARN string, deployed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.traffic.deploying[listenerARN] = !deployed
}

// SetEndpointHealth sets the health of a load balancer in every endpoint group. New
// endpoints are aws.EndpointInitial.
func (f *AWS) SetEndpointHealth(loadBalancerARN, health, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.traffic.health[loadBalancerARN] = aws.Endpoint{ID: loadBalancerARN, Health: health, Reason: reason}
}

// SetLoadBalancer makes a load balancer; one without ARN takes it away.
func (f *AWS) SetLoadBalancer(region, dnsName string, loadBalancer aws.LoadBalancer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.traffic.loadBalancers[join(region, dnsName)] = loadBalancer
}

// ListenerExists is like aws.Sessions.ListenerExists.
func (f *AWS) ListenerExists(ctx context.Context, _, listenerARN string) (bool, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, ListenerExists); err != nil {
		return false, err
	}
	return !f.traffic.withoutListener[listenerARN], nil
}

// AcceleratorDeployed is like aws.Sessions.AcceleratorDeployed.
func (f *AWS) AcceleratorDeployed(ctx context.Context, _, listenerARN string) (bool, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, AcceleratorDeployed); err != nil {
		return false, err
	}
	return !f.traffic.deploying[listenerARN], nil
}

// EndpointGroup is like aws.Sessions.EndpointGroup.
func (f *AWS) EndpointGroup(ctx context.Context, _, listenerARN, region string) (*aws.EndpointGroup, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, EndpointGroup); err != nil {
		return nil, err
	}
	if f.traffic.withoutListener[listenerARN] {
		return nil, missingListener("ListEndpointGroups", listenerARN)
	}
	return f.groupSeen(listenerARN + groupsOf + region), nil
}

// EndpointGroups is like aws.Sessions.EndpointGroups.
func (f *AWS) EndpointGroups(ctx context.Context, _, listenerARN string) ([]aws.EndpointGroup, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, EndpointGroups); err != nil {
		return nil, err
	}
	if f.traffic.withoutListener[listenerARN] {
		return nil, missingListener("ListEndpointGroups", listenerARN)
	}
	groups := []aws.EndpointGroup{}
	for groupARN := range f.traffic.groups {
		if strings.HasPrefix(groupARN, listenerARN+groupsOf) {
			groups = append(groups, *f.groupSeen(groupARN))
		}
	}
	slices.SortFunc(groups, func(a, b aws.EndpointGroup) int { return cmp.Compare(a.Region, b.Region) })
	return groups, nil
}

// CreateEndpointGroup is like aws.Sessions.CreateEndpointGroup.
func (f *AWS) CreateEndpointGroup(ctx context.Context, _, listenerARN, region string, _ int32) (*aws.EndpointGroup, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, CreateEndpointGroup); err != nil {
		return nil, err
	}
	if f.traffic.withoutListener[listenerARN] {
		return nil, missingListener("CreateEndpointGroup", listenerARN)
	}
	groupARN := listenerARN + groupsOf + region
	if f.traffic.groups[groupARN] == nil {
		f.traffic.groups[groupARN] = &aws.EndpointGroup{ARN: groupARN, Region: region}
	}
	return f.groupSeen(groupARN), nil
}

// groupSeen returns a copy with the health that a test has set, or nil.
func (f *AWS) groupSeen(groupARN string) *aws.EndpointGroup {
	group := f.traffic.groups[groupARN]
	if group == nil {
		return nil
	}
	seen := *group
	seen.Endpoints = make([]aws.Endpoint, 0, len(group.Endpoints))
	for _, endpoint := range group.Endpoints {
		if set, ok := f.traffic.health[endpoint.ID]; ok {
			endpoint.Health, endpoint.Reason = set.Health, set.Reason
		}
		seen.Endpoints = append(seen.Endpoints, endpoint)
	}
	return &seen
}

// AddEndpoint is like aws.Sessions.AddEndpoint.
func (f *AWS) AddEndpoint(ctx context.Context, _, groupARN, loadBalancerARN string, weight int32) error {
	defer f.mu.Unlock()
	if err := f.begin(ctx, AddEndpoint); err != nil {
		return err
	}
	group := f.traffic.groups[groupARN]
	if group == nil {
		return missingGroup("AddEndpoints", groupARN)
	}
	if !slices.ContainsFunc(group.Endpoints, func(e aws.Endpoint) bool { return e.ID == loadBalancerARN }) {
		group.Endpoints = append(group.Endpoints, aws.Endpoint{ID: loadBalancerARN, Health: aws.EndpointInitial, Weight: weight})
	}
	return nil
}

// RemoveEndpoint is like aws.Sessions.RemoveEndpoint.
func (f *AWS) RemoveEndpoint(ctx context.Context, _, groupARN, loadBalancerARN string) error {
	defer f.mu.Unlock()
	if err := f.begin(ctx, RemoveEndpoint); err != nil {
		return err
	}
	if group := f.traffic.groups[groupARN]; group != nil {
		group.Endpoints = slices.DeleteFunc(group.Endpoints, func(e aws.Endpoint) bool { return e.ID == loadBalancerARN })
	}
	return nil
}

// Weigh is like aws.Sessions.Weigh.
func (f *AWS) Weigh(ctx context.Context, _, groupARN, endpointID string, weight int32) error {
	defer f.mu.Unlock()
	if err := f.begin(ctx, Weigh); err != nil {
		return err
	}
	group := f.traffic.groups[groupARN]
	if group == nil {
		return missingGroup("DescribeEndpointGroup", groupARN)
	}
	i := slices.IndexFunc(group.Endpoints, func(e aws.Endpoint) bool { return e.ID == endpointID })
	if i < 0 {
		return missing("globalaccelerator:DescribeEndpointGroup", "EndpointNotFoundException", "endpoint "+endpointID+" in the group")
	}
	group.Endpoints[i].Weight = weight
	return nil
}

// Dial is like aws.Sessions.Dial.
func (f *AWS) Dial(ctx context.Context, _, groupARN string, percent int32) error {
	defer f.mu.Unlock()
	if err := f.begin(ctx, Dial); err != nil {
		return err
	}
	group := f.traffic.groups[groupARN]
	if group == nil {
		return missingGroup("UpdateEndpointGroup", groupARN)
	}
	group.Dial = percent
	return nil
}

// DeleteEndpointGroup is like aws.Sessions.DeleteEndpointGroup.
func (f *AWS) DeleteEndpointGroup(ctx context.Context, _, groupARN string) error {
	defer f.mu.Unlock()
	if err := f.begin(ctx, DeleteEndpointGroup); err != nil {
		return err
	}
	delete(f.traffic.groups, groupARN)
	return nil
}

// LoadBalancer is like aws.Sessions.LoadBalancer.
func (f *AWS) LoadBalancer(ctx context.Context, _, region, dnsName string) (aws.LoadBalancer, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, LoadBalancer); err != nil {
		return aws.LoadBalancer{}, err
	}
	found := f.traffic.loadBalancers[join(region, strings.TrimSuffix(dnsName, "."))]
	if found.ARN == "" {
		return aws.LoadBalancer{}, missingLoadBalancer(dnsName)
	}
	return found, nil
}

func missingLoadBalancer(dnsName string) error {
	return missing("elasticloadbalancing:DescribeLoadBalancers", "LoadBalancerNotFound", "load balancer with the DNS name "+dnsName)
}

func missingListener(operation, listenerARN string) error {
	return missing("globalaccelerator:"+operation, "ListenerNotFoundException", "listener "+listenerARN)
}

func missingGroup(operation, groupARN string) error {
	return missing("globalaccelerator:"+operation, "EndpointGroupNotFoundException", "endpoint group "+groupARN)
}
