package aws

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
)

// Weigh sets the weight of one endpoint. AWS only replaces all endpoints of a group at
// once, so it writes back the others as they are; AddEndpoint and RemoveEndpoint wait
// meanwhile. An endpoint that is not in the group is an error of class NotFound. It needs
// globalaccelerator:DescribeEndpointGroup and globalaccelerator:UpdateEndpointGroup.
func (s *Sessions) Weigh(ctx context.Context, roleARN, groupARN, endpointID string, weight int32) error {
	return s.endpoints.take(ctx, groupARN, func() error {
		client := s.accelerator(roleARN)
		out, err := client.DescribeEndpointGroup(ctx,
			&globalaccelerator.DescribeEndpointGroupInput{EndpointGroupArn: &groupARN})
		if err != nil {
			return classify(err)
		}
		endpoints := configurationsOf(out.EndpointGroup.EndpointDescriptions)
		i := slices.IndexFunc(endpoints, func(e types.EndpointConfiguration) bool { return aws.ToString(e.EndpointId) == endpointID })
		if i < 0 {
			return &Error{
				Operation: "globalaccelerator:DescribeEndpointGroup", Code: "EndpointNotFoundException", Class: NotFound,
				Message: endpointID + " is no endpoint of the group",
			}
		}
		if *endpoints[i].Weight == weight {
			return nil
		}
		endpoints[i].Weight = &weight
		_, err = client.UpdateEndpointGroup(ctx, &globalaccelerator.UpdateEndpointGroupInput{
			EndpointGroupArn: &groupARN, EndpointConfigurations: endpoints,
		})
		return classify(err)
	})
}

// configurationsOf says of each endpoint what AWS tells of it, because what is not said
// becomes AWS's default.
func configurationsOf(described []types.EndpointDescription) []types.EndpointConfiguration {
	endpoints := make([]types.EndpointConfiguration, 0, len(described))
	for _, e := range described {
		endpoints = append(endpoints, types.EndpointConfiguration{
			EndpointId: e.EndpointId, ClientIPPreservationEnabled: e.ClientIPPreservationEnabled, Weight: new(weightOf(e)),
		})
	}
	return endpoints
}
