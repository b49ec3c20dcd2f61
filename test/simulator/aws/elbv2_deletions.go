package aws

import (
	"errors"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// elbNamed is what a call names by its ARN.
func elbNamed(kind, parameter string) target {
	return func(s *Server, c *call) subject {
		arn := c.form.Get(parameter)
		r, _ := s.byARN(c.region, arn, kind)
		return subjectOf(arn, r)
	}
}

// deleteLoadBalancer is done when there is none. Its interfaces stay a while, and hold its
// network and groups:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteLoadBalancer.html.
func (s *Server) deleteLoadBalancer(c *call) (any, error) {
	r, ok := s.byARN(c.region, c.form.Get("LoadBalancerArn"), typeLoadBalancer)
	if !ok {
		return struct{}{}, nil
	}
	vpcID := s.vpcOf(r)
	if err := s.cloud.Delete(r.Key); err != nil {
		if _, held := errors.AsType[*cloud.Error](err); held {
			return nil, invalid("ResourceInUse", "The load balancer is in use.")
		}
		return nil, err
	}
	s.leaveInterface(r)
	for _, group := range s.targetGroupsOf(r) {
		err := s.cloud.Update(group.Key, func(group *cloud.Resource) {
			delete(group.Data, "loadBalancerARN")
			group.Data["vpcID"] = vpcID
		})
		if err != nil {
			return nil, err
		}
	}
	return struct{}{}, nil
}

func (s *Server) targetGroupsOf(balancer cloud.Resource) []cloud.Resource {
	return s.cloud.List(func(r cloud.Resource) bool {
		return r.Type == typeTargetGroup && r.Region == balancer.Region && r.Data["loadBalancerARN"] == balancer.ARN
	})
}

// leaveInterface stands for those of all zones.
func (s *Server) leaveInterface(balancer cloud.Resource) {
	id := s.cloud.NewID("eni")
	_, name, _ := strings.Cut(balancer.ARN, ":loadbalancer/")
	err := s.cloud.Create(cloud.Resource{
		Key: cloud.Key{Type: typeInterface, Region: balancer.Region, ID: id}, State: "in-use",
		ARN: s.cloud.ARN("ec2", balancer.Region, "network-interface/"+id), Parents: slices.Clone(balancer.Parents),
		Data: map[string]string{
			"attachmentID": "ela-attach-" + lastDash(id), "description": "ELB " + name,
			"interfaceType": "network_load_balancer", "requesterManaged": "true", "vpcID": s.vpcOf(balancer),
		},
	})
	if err != nil {
		return // the network has gone at the same moment
	}
	s.after(s.cloud.Sample("elbv2/loadbalancer/delete"), func() {
		_ = s.cloud.Delete(cloud.Key{Type: typeInterface, Region: balancer.Region, ID: id}) // nothing hangs on it
	})
}

// deleteTargetGroup is done when there is none, and refuses while a listener forwards to it.
func (s *Server) deleteTargetGroup(c *call) (any, error) {
	arn := c.form.Get("TargetGroupArn")
	r, ok := s.byARN(c.region, arn, typeTargetGroup)
	if !ok {
		return struct{}{}, nil
	}
	if _, used := s.byARN(c.region, r.Data["loadBalancerARN"], typeLoadBalancer); used {
		return nil, invalid("ResourceInUse", "Target group '"+arn+"' is currently in use by a listener or a rule")
	}
	return struct{}{}, s.cloud.Delete(r.Key)
}
