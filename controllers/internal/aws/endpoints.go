package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
)

// AddEndpoint attaches a load balancer, with the addresses of clients preserved, and
// leaves the group's other endpoints alone; UpdateEndpointGroup would replace them. A
// load balancer that is attached already is done and keeps its weight. It needs
// globalaccelerator:AddEndpoints and, to look at the load balancer,
// elasticloadbalancing:DescribeLoadBalancers.
func (s *Sessions) AddEndpoint(ctx context.Context, roleARN, groupARN, loadBalancerARN string, weight int32) error {
	return s.endpoints.take(ctx, groupARN, func() error {
		_, err := s.accelerator(roleARN).AddEndpoints(ctx, &globalaccelerator.AddEndpointsInput{
			EndpointGroupArn: &groupARN,
			EndpointConfigurations: []types.EndpointConfiguration{
				{EndpointId: &loadBalancerARN, ClientIPPreservationEnabled: new(true), Weight: &weight},
			},
		})
		if err = classify(err); hasCode(err, endpointExists) {
			return nil
		}
		return err
	})
}

// RemoveEndpoint detaches a load balancer, which needs globalaccelerator:RemoveEndpoints.
// One that is not attached, or whose group is gone, is done.
func (s *Sessions) RemoveEndpoint(ctx context.Context, roleARN, groupARN, loadBalancerARN string) error {
	return s.endpoints.take(ctx, groupARN, func() error {
		_, err := s.accelerator(roleARN).RemoveEndpoints(ctx, &globalaccelerator.RemoveEndpointsInput{
			EndpointGroupArn:    &groupARN,
			EndpointIdentifiers: []types.EndpointIdentifier{{EndpointId: &loadBalancerARN}},
		})
		return unlessNotFound(classify(err))
	})
}

// Dial sets the percentage of traffic that the group is given and nothing else, which
// needs globalaccelerator:UpdateEndpointGroup.
func (s *Sessions) Dial(ctx context.Context, roleARN, groupARN string, percent int32) error {
	_, err := s.accelerator(roleARN).UpdateEndpointGroup(ctx, &globalaccelerator.UpdateEndpointGroupInput{
		EndpointGroupArn:      &groupARN,
		TrafficDialPercentage: aws.Float32(float32(percent)),
	})
	return classify(err)
}

// DeleteEndpointGroup deletes the group with its endpoints, which needs
// globalaccelerator:DeleteEndpointGroup. A group that does not exist is done.
func (s *Sessions) DeleteEndpointGroup(ctx context.Context, roleARN, groupARN string) error {
	_, err := s.accelerator(roleARN).DeleteEndpointGroup(ctx,
		&globalaccelerator.DeleteEndpointGroupInput{EndpointGroupArn: &groupARN})
	return unlessNotFound(classify(err))
}

func unlessNotFound(err error) error {
	if ClassOf(err) == NotFound {
		return nil
	}
	return err
}
