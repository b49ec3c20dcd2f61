package aws

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// States of a LoadBalancer.
const (
	LoadBalancerProvisioning = string(types.LoadBalancerStateEnumProvisioning)
	LoadBalancerActive       = string(types.LoadBalancerStateEnumActive)
	// LoadBalancerActiveImpaired means that it serves but lacks what it needs to scale.
	LoadBalancerActiveImpaired = string(types.LoadBalancerStateEnumActiveImpaired)
	LoadBalancerFailed         = string(types.LoadBalancerStateEnumFailed)
)

// LoadBalancer is one that Kubernetes made for a Service.
type LoadBalancer struct {
	ARN string
	// State is one of the LoadBalancer constants.
	State string
}

const (
	describeLoadBalancers = "elasticloadbalancing:DescribeLoadBalancers"
	noLoadBalancer        = "LoadBalancerNotFound"
)

// LoadBalancer finds a load balancer by its DNS name, which needs
// elasticloadbalancing:DescribeLoadBalancers. It asks by name first, which costs one
// call, and only then looks through all of the region. When there is none, the error
// is of class NotFound.
func (s *Sessions) LoadBalancer(ctx context.Context, roleARN, region, dnsName string) (LoadBalancer, error) {
	client := s.in(roleARN, region).elb
	if name, ok := nameIn(dnsName); ok {
		out, err := client.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{name}})
		// What is no name of ours, such as one with "internal-", is invalid to AWS.
		if err = classify(err); err != nil && ClassOf(err) != NotFound && ClassOf(err) != Invalid {
			return LoadBalancer{}, err
		}
		if err == nil {
			if found, ok := withDNSName(out.LoadBalancers, dnsName); ok {
				return found, nil
			}
		}
	}
	return searchLoadBalancers(ctx, client, dnsName)
}

func searchLoadBalancers(ctx context.Context, client *elb.Client, dnsName string) (LoadBalancer, error) {
	pages := elb.NewDescribeLoadBalancersPaginator(client, &elb.DescribeLoadBalancersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return LoadBalancer{}, classify(err)
		}
		if found, ok := withDNSName(page.LoadBalancers, dnsName); ok {
			return found, nil
		}
	}
	return LoadBalancer{}, &Error{
		Operation: describeLoadBalancers,
		Code:      noLoadBalancer,
		Message:   "no load balancer has the DNS name " + dnsName,
		Class:     NotFound,
	}
}

// nameIn reads the name of a load balancer from its DNS name: the first label is the
// name, a hyphen and an ID without hyphens (source: Elastic Load Balancing user
// guide, "Network Load Balancers").
func nameIn(dnsName string) (string, bool) {
	label, _, _ := strings.Cut(dnsName, ".")
	end := strings.LastIndex(label, "-")
	if end < 1 {
		return "", false
	}
	return label[:end], true
}

func withDNSName(candidates []types.LoadBalancer, dnsName string) (LoadBalancer, bool) {
	for _, candidate := range candidates {
		if !sameName(aws.ToString(candidate.DNSName), dnsName) {
			continue
		}
		found := LoadBalancer{ARN: aws.ToString(candidate.LoadBalancerArn)}
		if candidate.State != nil {
			found.State = string(candidate.State.Code)
		}
		return found, true
	}
	return LoadBalancer{}, false
}
