package aws

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	// mostEndpoints is the limit of one group:
	// https://docs.aws.amazon.com/global-accelerator/latest/dg/limits-global-accelerator.html.
	mostEndpoints = 10
	defaultWeight = 128
	heaviest      = 255

	// interfaceDescription is how people recognise what still holds their VPC.
	interfaceDescription = "GlobalAccelerator configured ENI"
)

var errTooMany = invalid("LimitExceededException", "An endpoint group has at most 10 endpoints.")

type endpointInput struct {
	EndpointID  string `json:"EndpointId"`
	Weight      *int
	PreserveIPs *bool `json:"ClientIPPreservationEnabled"`
}

type endpointDescription struct {
	EndpointID   string `json:"EndpointId"`
	Weight       int
	HealthState  string `json:",omitempty"`
	HealthReason string `json:",omitempty"`
	PreserveIPs  bool   `json:"ClientIPPreservationEnabled"`
}

// endpoint is what a group remembers of one. Attachment tells apart when the same endpoint
// comes again; Checked means that its health has been looked at.
type endpoint struct {
	ID         string `json:"id"`
	Weight     int    `json:"weight"`
	Preserve   bool   `json:"preserve"`
	Attachment string `json:"attachment"`
	Checked    bool   `json:"checked"`
}

func endpointsOf(group cloud.Resource) []endpoint {
	var endpoints []endpoint
	if json.Unmarshal([]byte(group.Data[dataEndpoints]), &endpoints) != nil {
		return nil // none yet
	}
	return endpoints
}

func remember(group *cloud.Resource, endpoints []endpoint) {
	if encoded, err := json.Marshal(endpoints); err == nil { // strings, numbers and booleans always encode
		group.Data[dataEndpoints] = string(encoded)
	}
}

func (s *Server) addEndpoints(c *call) (any, error) {
	var in struct{ EndpointConfigurations []endpointInput }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	group, err := s.groupOf(c)
	if err != nil {
		return nil, err
	}
	if err := s.checkEndpoints(group.Data[dataGroupRegion], in.EndpointConfigurations); err != nil {
		return nil, err
	}
	err = s.changeEndpoints(c, group, func(old []endpoint) []endpoint {
		added := replaceEndpoints(in.EndpointConfigurations)(old)
		return append(without(old, added), added...)
	})
	if err != nil {
		return nil, err
	}
	group, err = s.groupOf(c)
	return map[string]any{"EndpointGroupArn": group.ARN, "EndpointDescriptions": s.described(group)}, err
}

// removeEndpoints takes what is not in the group for removed.
func (s *Server) removeEndpoints(c *call) (any, error) {
	var in struct{ EndpointIdentifiers []endpointInput }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	group, err := s.groupOf(c)
	if err != nil {
		return nil, err
	}
	err = s.changeEndpoints(c, group, func(old []endpoint) []endpoint {
		return slices.DeleteFunc(old, func(e endpoint) bool {
			return slices.ContainsFunc(in.EndpointIdentifiers, func(gone endpointInput) bool { return gone.EndpointID == e.ID })
		})
	})
	return map[string]any{}, err
}

func (s *Server) checkEndpoints(region string, wanted []endpointInput) error {
	if len(wanted) > mostEndpoints {
		return errTooMany
	}
	for _, e := range wanted {
		if e.Weight != nil && (*e.Weight < 0 || *e.Weight > heaviest) {
			return invalid(codeInvalidArgument, "Weight must be between 0 and 255.")
		}
		if _, ok := s.byARN(region, e.EndpointID, typeLoadBalancer); !ok {
			return invalid(codeInvalidArgument, fmt.Sprintf("The endpoint %s does not exist in %s.", e.EndpointID, region))
		}
	}
	return nil
}

// replaceEndpoints keeps the health of those that stay, but of their settings only what is
// said again: the others become the defaults.
func replaceEndpoints(wanted []endpointInput) func([]endpoint) []endpoint {
	return func(old []endpoint) []endpoint {
		endpoints := make([]endpoint, 0, len(wanted))
		for _, in := range wanted {
			e := endpoint{ID: in.EndpointID, Weight: defaultWeight}
			if i := slices.IndexFunc(old, func(e endpoint) bool { return e.ID == in.EndpointID }); i >= 0 {
				e.Attachment, e.Checked = old[i].Attachment, old[i].Checked
			}
			if in.Weight != nil {
				e.Weight = *in.Weight
			}
			if in.PreserveIPs != nil {
				e.Preserve = *in.PreserveIPs
			}
			endpoints = append(endpoints, e)
		}
		return endpoints
	}
}

// changeEndpoints is one step for all callers, which may change different endpoints at once.
func (s *Server) changeEndpoints(c *call, group cloud.Resource, change func([]endpoint) []endpoint) error {
	var before, after []endpoint
	tooMany := false
	err := s.cloud.Update(group.Key, func(r *cloud.Resource) {
		before, after = endpointsOf(*r), change(endpointsOf(*r))
		if tooMany = len(after) > mostEndpoints; tooMany {
			return
		}
		for i := range after {
			if after[i].Attachment == "" {
				after[i].Attachment = c.requestID
			}
		}
		remember(r, after)
	})
	switch {
	case err != nil:
		return errNoGroup
	case tooMany:
		return errTooMany
	}
	s.redeploy(group, c.requestID)
	for _, e := range without(after, before) {
		s.attach(group, e)
	}
	for _, e := range without(before, after) {
		s.detach(group, e)
	}
	return nil
}

func without(endpoints, others []endpoint) []endpoint {
	return slices.DeleteFunc(slices.Clone(endpoints), func(e endpoint) bool {
		return slices.ContainsFunc(others, func(other endpoint) bool { return other.ID == e.ID })
	})
}

// attach begins the health checks and reaches into the load balancer's VPC with an interface.
func (s *Server) attach(group cloud.Resource, e endpoint) {
	s.after(s.cloud.Sample("globalaccelerator/health"), func() {
		_ = s.cloud.Update(group.Key, func(r *cloud.Resource) { // the group may be gone
			endpoints := endpointsOf(*r)
			for i := range endpoints {
				endpoints[i].Checked = endpoints[i].Checked || endpoints[i].Attachment == e.Attachment
			}
			remember(r, endpoints)
		})
	})
	region := group.Data[dataGroupRegion]
	balancer, ok := s.byARN(region, e.ID, typeLoadBalancer)
	vpcID := s.vpcOf(balancer)
	if !ok || vpcID == "" {
		return
	}
	id := s.cloud.NewID("eni")
	_ = s.cloud.Create(cloud.Resource{ // refused only when there is no such VPC
		Key: cloud.Key{Type: typeInterface, Region: region, ID: id}, State: "in-use",
		ARN: s.cloud.ARN("ec2", region, "network-interface/"+id), Parents: []cloud.Key{{Type: typeVPC, Region: region, ID: vpcID}},
		Data: map[string]string{
			"attachmentID": "ela-attach-" + lastDash(id), "description": interfaceDescription,
			"interfaceType": "global_accelerator_managed", "requesterManaged": "true",
			"endpointGroup": group.ARN, "endpoint": e.ID, "attachment": e.Attachment, "vpcID": vpcID,
		},
	})
}

// detach lets the interface go, which takes AWS its time and holds the VPC meanwhile.
func (s *Server) detach(group cloud.Resource, e endpoint) {
	held := s.cloud.List(func(r cloud.Resource) bool {
		return r.Type == typeInterface && r.Data["endpointGroup"] == group.ARN &&
			r.Data["endpoint"] == e.ID && r.Data["attachment"] == e.Attachment
	})
	for _, r := range held {
		s.after(s.cloud.Sample("globalaccelerator/eni/delete"), func() {
			_ = s.cloud.Delete(r.Key) // nothing hangs on it
		})
	}
}

func (s *Server) described(group cloud.Resource) []endpointDescription {
	descriptions := []endpointDescription{}
	for _, e := range endpointsOf(group) {
		state, reason := s.healthOfEndpoint(group.Data[dataGroupRegion], e)
		descriptions = append(descriptions, endpointDescription{
			EndpointID: e.ID, Weight: e.Weight, HealthState: state, HealthReason: reason, PreserveIPs: e.Preserve,
		})
	}
	return descriptions
}

// healthOfEndpoint is that of the load balancer, as Global Accelerator has it for load balancers.
func (s *Server) healthOfEndpoint(region string, e endpoint) (state, reason string) {
	if !e.Checked {
		return "INITIAL", "Initial health checks are in progress."
	}
	balancer, ok := s.byARN(region, e.ID, typeLoadBalancer)
	if !ok || balancer.State != "active" {
		return "UNHEALTHY", "The load balancer is not active."
	}
	groups := s.cloud.List(func(r cloud.Resource) bool {
		return r.Type == typeTargetGroup && r.Region == region && r.Data["loadBalancerARN"] == balancer.ARN
	})
	healthy := slices.ContainsFunc(groups, func(r cloud.Resource) bool {
		return slices.ContainsFunc(targetsOf(r), func(t registered) bool { return t.Health == "healthy" })
	})
	if len(groups) > 0 && !healthy {
		return "UNHEALTHY", "The load balancer has no healthy targets."
	}
	return "HEALTHY", ""
}
