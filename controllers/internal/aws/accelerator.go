package aws

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
)

// acceleratorRegion has the only API of Global Accelerator, wherever the endpoints
// are (source: AWS Global Accelerator API reference, "Welcome").
const acceleratorRegion = "us-west-2"

const (
	endpointExists = "EndpointAlreadyExistsException"
	groupExists    = "EndpointGroupAlreadyExistsException"
)

// Health of an Endpoint as Global Accelerator sees it.
const (
	EndpointInitial   = string(types.HealthStateInitial)
	EndpointHealthy   = string(types.HealthStateHealthy)
	EndpointUnhealthy = string(types.HealthStateUnhealthy)
)

// EndpointGroup is what a listener of Global Accelerator sends one AWS region's traffic to.
type EndpointGroup struct {
	ARN string
	// Region is the AWS region that it stands for.
	Region string
	// Dial is the percentage of the traffic near the region that it is given.
	Dial      int32
	Endpoints []Endpoint
}

// Endpoint is a load balancer in an EndpointGroup.
type Endpoint struct {
	// ID is the load balancer's ARN.
	ID string
	// Health is EndpointInitial, EndpointHealthy or EndpointUnhealthy.
	Health string
	// Reason explains why it is not healthy, in AWS's words.
	Reason string
	// Weight is its share of the group's traffic, from 0 for none to 255, relative to the
	// weights of the others.
	Weight int32
}

// DefaultWeight is the weight that AWS gives to an endpoint that is told none (source:
// AWS Global Accelerator developer guide, "Endpoint weights").
const DefaultWeight int32 = 128

func (s *Sessions) accelerator(roleARN string) *globalaccelerator.Client {
	return s.in(roleARN, acceleratorRegion).accelerator
}

// ListenerExists tells whether Global Accelerator has the listener, which needs
// globalaccelerator:DescribeListener.
func (s *Sessions) ListenerExists(ctx context.Context, roleARN, listenerARN string) (bool, error) {
	_, err := s.accelerator(roleARN).DescribeListener(ctx,
		&globalaccelerator.DescribeListenerInput{ListenerArn: &listenerARN})
	if err = classify(err); ClassOf(err) == NotFound {
		return false, nil
	}
	return err == nil, err
}

// AcceleratorDeployed tells whether every change of the listener's accelerator is in
// effect, which needs globalaccelerator:DescribeAccelerator.
func (s *Sessions) AcceleratorDeployed(ctx context.Context, roleARN, listenerARN string) (bool, error) {
	accelerator, _, ok := strings.Cut(listenerARN, "/listener/")
	if !ok {
		return false, fmt.Errorf("%q is not the ARN of a Global Accelerator listener", listenerARN)
	}
	out, err := s.accelerator(roleARN).DescribeAccelerator(ctx,
		&globalaccelerator.DescribeAcceleratorInput{AcceleratorArn: &accelerator})
	if err != nil {
		return false, classify(err)
	}
	return out.Accelerator.Status == types.AcceleratorStatusDeployed, nil
}

// EndpointGroup returns the AWS region's endpoint group of the listener, or nil when
// it has none. It needs globalaccelerator:ListEndpointGroups.
func (s *Sessions) EndpointGroup(ctx context.Context, roleARN, listenerARN, region string) (*EndpointGroup, error) {
	groups, err := s.EndpointGroups(ctx, roleARN, listenerARN)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(groups, func(g EndpointGroup) bool { return g.Region == region }); i >= 0 {
		return &groups[i], nil
	}
	return nil, nil
}

// EndpointGroups returns the endpoint groups of the listener in all AWS regions, sorted
// by region. It needs globalaccelerator:ListEndpointGroups.
func (s *Sessions) EndpointGroups(ctx context.Context, roleARN, listenerARN string) ([]EndpointGroup, error) {
	found, err := collect(ctx,
		globalaccelerator.NewListEndpointGroupsPaginator(s.accelerator(roleARN),
			&globalaccelerator.ListEndpointGroupsInput{ListenerArn: &listenerARN}),
		func(page *globalaccelerator.ListEndpointGroupsOutput) []types.EndpointGroup {
			return page.EndpointGroups
		})
	if err != nil {
		return nil, err
	}
	groups := make([]EndpointGroup, 0, len(found))
	for _, group := range found {
		groups = append(groups, *groupOf(group))
	}
	slices.SortFunc(groups, func(a, b EndpointGroup) int { return cmp.Compare(a.Region, b.Region) })
	return groups, nil
}

// CreateEndpointGroup makes a group that has no endpoints and is given no traffic, or
// returns the one that exists as it is. It needs globalaccelerator:CreateEndpointGroup
// and globalaccelerator:ListEndpointGroups.
func (s *Sessions) CreateEndpointGroup(ctx context.Context, roleARN, listenerARN, region string, healthCheckPort int32) (*EndpointGroup, error) {
	out, err := s.accelerator(roleARN).CreateEndpointGroup(ctx, &globalaccelerator.CreateEndpointGroupInput{
		ListenerArn:           &listenerARN,
		EndpointGroupRegion:   &region,
		TrafficDialPercentage: aws.Float32(0),
		HealthCheckProtocol:   types.HealthCheckProtocolTcp,
		HealthCheckPort:       &healthCheckPort,
		IdempotencyToken:      new(groupToken(listenerARN, region)),
	})
	if err = classify(err); hasCode(err, groupExists) {
		if existing, lookErr := s.EndpointGroup(ctx, roleARN, listenerARN, region); existing != nil || lookErr != nil {
			return existing, lookErr
		}
	}
	if err != nil {
		return nil, err
	}
	return groupOf(*out.EndpointGroup), nil
}

// groupToken makes a repeated create of the same group one create.
func groupToken(listenerARN, region string) string {
	sum := sha256.Sum256([]byte(listenerARN + " " + region))
	return hex.EncodeToString(sum[:])
}

// groupOf reads a dial that is not told as 100, AWS's default.
func groupOf(group types.EndpointGroup) *EndpointGroup {
	dial := 100.0
	if group.TrafficDialPercentage != nil {
		dial = math.Round(float64(*group.TrafficDialPercentage))
	}
	endpoints := make([]Endpoint, 0, len(group.EndpointDescriptions))
	for _, e := range group.EndpointDescriptions {
		endpoints = append(endpoints, Endpoint{
			ID: aws.ToString(e.EndpointId), Health: string(e.HealthState), Reason: stable(aws.ToString(e.HealthReason)),
			Weight: weightOf(e),
		})
	}
	return &EndpointGroup{
		ARN: aws.ToString(group.EndpointGroupArn), Region: aws.ToString(group.EndpointGroupRegion),
		Dial: int32(dial), Endpoints: endpoints,
	}
}

func weightOf(e types.EndpointDescription) int32 {
	if e.Weight == nil {
		return DefaultWeight
	}
	return *e.Weight
}
