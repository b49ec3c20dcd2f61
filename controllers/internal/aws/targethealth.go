package aws

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

const (
	// groupsTTL bounds for how long a target group that was added is not looked at.
	groupsTTL = 5 * time.Minute
	// noGroupsTTL is for a load balancer that is still being made: its groups come soon.
	noGroupsTTL = 10 * time.Second

	noTargetGroup = "TargetGroupNotFound"
)

// TargetHealth is what a load balancer thinks of the targets behind it.
type TargetHealth struct {
	// Healthy is how many targets are healthy in the target group that has the fewest of them.
	Healthy int32
	// Groups is how many target groups the load balancer has.
	Groups int
	// Reason counts that group's other targets by AWS's state and reason code, for example
	// "2 unhealthy (Target.FailedHealthChecks)". It is empty when all are healthy.
	Reason string
}

type balancerKey struct {
	session
	dnsName string
}

// TargetHealth tells how many targets of the load balancer with the DNS name are healthy. When
// there is no such load balancer, the error is of class NotFound. It needs
// elasticloadbalancing:DescribeLoadBalancers, DescribeTargetGroups and DescribeTargetHealth.
// Which groups a load balancer has is remembered for five minutes, their health is not.
func (s *Sessions) TargetHealth(ctx context.Context, roleARN, region, dnsName string) (TargetHealth, error) {
	key := balancerKey{
		session: session{roleARN: roleARN, region: region},
		dnsName: strings.ToLower(strings.TrimSuffix(dnsName, ".")),
	}
	health, err := s.healthBehind(ctx, key)
	if hasCode(err, noTargetGroup) {
		// Its groups were replaced since they were looked up, or it has gone with them.
		return s.healthBehind(ctx, key)
	}
	return health, err
}

func (s *Sessions) healthBehind(ctx context.Context, key balancerKey) (TargetHealth, error) {
	groups, err := s.targetGroups.get(ctx, key, func(ctx context.Context) ([]string, error) {
		return s.targetGroupsBehind(ctx, key)
	})
	if err != nil {
		return TargetHealth{}, err
	}
	fewest := groupHealth{reason: "the load balancer has no target groups"}
	for i, group := range groups {
		health, err := s.in(key.roleARN, key.region).healthIn(ctx, group)
		if hasCode(err, noTargetGroup) || health.unused {
			s.targetGroups.drop(key)
		}
		if err != nil {
			return TargetHealth{}, err
		}
		if i == 0 || health.healthy < fewest.healthy {
			fewest = health
		}
	}
	return TargetHealth{Healthy: fewest.healthy, Groups: len(groups), Reason: fewest.reason}, nil
}

// targetGroupsBehind returns the ARNs of a load balancer's target groups, sorted.
func (s *Sessions) targetGroupsBehind(ctx context.Context, key balancerKey) ([]string, error) {
	balancer, err := s.LoadBalancer(ctx, key.roleARN, key.region, key.dnsName)
	if err != nil {
		return nil, err
	}
	in := &elb.DescribeTargetGroupsInput{LoadBalancerArn: &balancer.ARN}
	groups, err := collect(ctx, elb.NewDescribeTargetGroupsPaginator(s.in(key.roleARN, key.region).elb, in),
		func(page *elb.DescribeTargetGroupsOutput) []types.TargetGroup { return page.TargetGroups })
	if err != nil {
		return nil, err
	}
	arns := make([]string, 0, len(groups))
	for _, group := range groups {
		arns = append(arns, aws.ToString(group.TargetGroupArn))
	}
	slices.Sort(arns)
	return arns, nil
}

func targetGroupsTTL(groups []string) time.Duration {
	if len(groups) == 0 {
		return noGroupsTTL
	}
	return groupsTTL
}

type groupHealth struct {
	healthy int32
	reason  string
	// unused groups have targets, but no load balancer any more (source: Elastic Load
	// Balancing API reference, TargetHealth, Target.NotInUse).
	unused bool
}

// healthIn asks for all targets of a group, which AWS answers in one page.
func (c *clients) healthIn(ctx context.Context, groupARN string) (groupHealth, error) {
	out, err := c.elb.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &groupARN})
	if err != nil {
		return groupHealth{}, classify(err)
	}
	return healthOf(out.TargetHealthDescriptions), nil
}

func healthOf(targets []types.TargetHealthDescription) groupHealth {
	if len(targets) == 0 {
		return groupHealth{reason: "no targets are registered"}
	}
	health := groupHealth{unused: true}
	others := map[string]int{}
	for _, target := range targets {
		seen := cmp.Or(target.TargetHealth, &types.TargetHealth{})
		health.unused = health.unused && seen.Reason == types.TargetHealthReasonEnumNotInUse
		if seen.State == types.TargetHealthStateEnumHealthy {
			health.healthy++
			continue
		}
		others[inWords(seen)]++
	}
	health.reason = countedIn(others)
	return health
}

// inWords leaves out AWS's description, which may name what changes with each check.
func inWords(health *types.TargetHealth) string {
	state := cmp.Or(string(health.State), "unknown")
	if health.Reason == "" {
		return state
	}
	return fmt.Sprintf("%s (%s)", state, health.Reason)
}

func countedIn(states map[string]int) string {
	counts := make([]string, 0, len(states))
	for _, state := range slices.Sorted(maps.Keys(states)) {
		counts = append(counts, fmt.Sprintf("%d %s", states[state], state))
	}
	return strings.Join(counts, ", ")
}
