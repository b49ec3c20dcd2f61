package aws

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

type targetGroups struct {
	Items []targetGroup `xml:"TargetGroups>member"`
	Next  string        `xml:"NextMarker,omitempty"`
}

type targetGroup struct {
	ARN              string   `xml:"TargetGroupArn"`
	Name             string   `xml:"TargetGroupName"`
	Protocol         string   `xml:"Protocol"`
	Port             int      `xml:"Port"`
	VPCID            string   `xml:"VpcId"`
	TargetType       string   `xml:"TargetType"`
	LoadBalancerARNs []string `xml:"LoadBalancerArns>member"`
}

type targetHealths struct {
	Items []targetHealth `xml:"TargetHealthDescriptions>member"`
}

type targetHealth struct {
	ID          string `xml:"Target>Id"`
	Port        int    `xml:"Target>Port"`
	CheckPort   string `xml:"HealthCheckPort"`
	State       string `xml:"TargetHealth>State"`
	Reason      string `xml:"TargetHealth>Reason,omitempty"`
	Description string `xml:"TargetHealth>Description,omitempty"`
}

const reasonNotInUse = "Target.NotInUse"

// healthReasons are AWS's words for why a target is not healthy.
var healthReasons = map[string]string{
	"Elb.RegistrationInProgress":      "Target registration is in progress",
	"Elb.InitialHealthChecking":       "Initial health checks in progress",
	"Target.FailedHealthChecks":       "Health checks failed",
	"Target.Timeout":                  "Request timed out",
	reasonNotInUse:                    "Target group is not configured to receive traffic from the load balancer",
	"Target.NotRegistered":            "Target is not registered to the target group",
	"Target.DeregistrationInProgress": "Target deregistration is in progress",
}

func (s *Server) describeTargetGroups(c *call) (any, error) {
	owner := c.form.Get("LoadBalancerArn")
	arns, byName := formList(c.form, "TargetGroupArns.member"), formList(c.form, "Names.member")
	if err := cmp.Or(s.checkOwner(c, owner), s.checkGroups(c, arns...)); err != nil {
		return nil, err
	}
	candidates := s.cloud.List(func(r cloud.Resource) bool {
		return r.Type == typeTargetGroup && r.Region == c.region && selected(arns, r.ARN) && selected(byName, lastPart(r.ID)) &&
			(owner == "" || r.Data["loadBalancerARN"] == owner)
	})
	if !allOf(arns, candidates) || len(byName) > len(candidates) {
		return nil, invalid("TargetGroupNotFound", "One or more target groups not found")
	}
	part, next, err := elbPaged(c, candidates)
	if err != nil {
		return nil, err
	}
	answer := targetGroups{Next: next}
	for _, r := range part {
		answer.Items = append(answer.Items, s.targetGroupFrom(r))
	}
	return answer, nil
}

func (s *Server) targetGroupFrom(r cloud.Resource) targetGroup {
	group := targetGroup{
		ARN: r.ARN, Name: lastPart(r.ID), Protocol: cmp.Or(r.Data["protocol"], "TCP"), Port: count(r, "port"),
		VPCID: r.Data["vpcID"], TargetType: "ip",
	}
	if owner := r.Data["loadBalancerARN"]; owner != "" {
		group.LoadBalancerARNs = []string{owner}
		if balancer, ok := s.byARN(r.Region, owner, typeLoadBalancer); ok && group.VPCID == "" {
			group.VPCID = s.vpcOf(balancer)
		}
	}
	return group
}

func (s *Server) describeTargetHealth(c *call) (any, error) {
	arn := c.form.Get("TargetGroupArn")
	if err := s.checkGroups(c, arn); err != nil {
		return nil, err
	}
	group, ok := s.byARN(c.region, arn, typeTargetGroup)
	if !ok {
		return nil, invalid("TargetGroupNotFound", "One or more target groups not found")
	}
	var answer targetHealths
	_, used := s.byARN(c.region, group.Data["loadBalancerARN"], typeLoadBalancer)
	for _, t := range targetsOf(group) {
		if !used {
			t.Health, t.Reason = "unused", reasonNotInUse
		}
		answer.Items = append(answer.Items, targetHealth{
			ID: t.ID, Port: t.Port, CheckPort: "traffic-port", State: t.Health, Reason: t.Reason, Description: healthReasons[t.Reason],
		})
	}
	return answer, nil
}

// checkOwner refuses a load balancer that does not exist; an empty ARN is not given.
func (s *Server) checkOwner(c *call, arn string) error {
	if arn == "" {
		return nil
	}
	if err := s.checkARN(c, arn, "loadbalancer", "load balancer"); err != nil {
		return err
	}
	if _, ok := s.byARN(c.region, arn, typeLoadBalancer); !ok {
		return elbNotFound(arn)
	}
	return nil
}

func (s *Server) checkGroups(c *call, arns ...string) error {
	for _, arn := range arns {
		if err := s.checkARN(c, arn, "targetgroup", "target group"); err != nil {
			return err
		}
	}
	return nil
}

// checkARN refuses what can name nothing in this account and region, in AWS's words:
// https://github.com/hashicorp/terraform/issues/18060.
func (s *Server) checkARN(c *call, arn, kind, name string) error {
	if !strings.HasPrefix(arn, s.cloud.ARN(c.service, c.region, kind+"/")) {
		return invalid("ValidationError", fmt.Sprintf("'%s' is not a valid %s ARN", arn, name))
	}
	return nil
}

// registered is a target as the fact "targets" of a target group has it.
type registered struct {
	ID     string `json:"id"`
	Port   int    `json:"port"`
	Health string `json:"health"`
	Reason string `json:"reason"`
}

// targetsOf is empty when the fact is missing or unreadable.
func targetsOf(group cloud.Resource) []registered {
	var targets []registered
	if json.Unmarshal([]byte(group.Data["targets"]), &targets) != nil {
		return nil
	}
	for i := range targets {
		targets[i].Health = cmp.Or(targets[i].Health, "initial")
	}
	return targets
}
