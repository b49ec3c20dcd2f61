package aws

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	typeAccelerator   = "globalaccelerator/accelerator"
	typeListener      = "globalaccelerator/listener"
	typeEndpointGroup = "globalaccelerator/endpointgroup"

	acceleratorHome = "us-west-2"

	deployed   = "DEPLOYED"
	inProgress = "IN_PROGRESS"

	// listenerPort is where the accelerators of AddAccelerator listen.
	listenerPort = 443
)

// acceleratorOperations have the resources of
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsglobalaccelerator.html,
// by which changing single endpoints also takes the right to update their group.
var acceleratorOperations = map[string]action{
	"DescribeAccelerator":   {handle: (*Server).describeAccelerator, on: acceleratedBy(typeAccelerator, "AcceleratorArn")},
	"DescribeListener":      {handle: (*Server).describeListener, on: acceleratedBy(typeListener, "ListenerArn")},
	"ListEndpointGroups":    {handle: (*Server).listEndpointGroups, on: acceleratedBy(typeListener, "ListenerArn")},
	"DescribeEndpointGroup": {handle: (*Server).describeEndpointGroup, on: acceleratedBy(typeEndpointGroup, "EndpointGroupArn")},
	"CreateEndpointGroup":   {handle: (*Server).createEndpointGroup, on: acceleratedBy(typeListener, "ListenerArn")},
	"UpdateEndpointGroup":   {handle: (*Server).updateEndpointGroup, on: acceleratedBy(typeEndpointGroup, "EndpointGroupArn")},
	"DeleteEndpointGroup":   {handle: (*Server).deleteEndpointGroup, on: acceleratedBy(typeEndpointGroup, "EndpointGroupArn")},
	"AddEndpoints": {
		handle: (*Server).addEndpoints, on: acceleratedBy(typeEndpointGroup, "EndpointGroupArn"), also: updatesGroup,
	},
	"RemoveEndpoints": {
		handle: (*Server).removeEndpoints, on: acceleratedBy(typeEndpointGroup, "EndpointGroupArn"), also: updatesGroup,
	},
}

var updatesGroup = []string{"globalaccelerator:UpdateEndpointGroup"}

func acceleratedBy(kind, parameter string) target {
	return func(s *Server, c *call) subject {
		arn := c.text(parameter)
		r, _ := s.acceleratorPart(kind, arn)
		return subjectOf(arn, r)
	}
}

// AddAccelerator puts a deployed accelerator with one TCP listener into the account.
func (s *Server) AddAccelerator(name string) (listenerARN string, err error) {
	random := lastDash(s.cloud.NewID("accelerator")) + lastDash(s.cloud.NewID("accelerator"))
	id := fmt.Sprintf("%s-%s-%s-%s-%s", random[:8], random[8:12], random[12:16], random[16:20], random[20:32])
	accelerator := cloud.Resource{
		Key: cloud.Key{Type: typeAccelerator, ID: id}, ARN: s.acceleratorARN(id), State: deployed,
		Data: map[string]string{"name": name, "dnsName": "a" + random[:16] + ".awsglobalaccelerator.com"},
	}
	if err := s.cloud.Create(accelerator); err != nil {
		return "", fmt.Errorf("adding accelerator %s: %w", name, err)
	}
	id += "/listener/" + lastDash(s.cloud.NewID("listener"))[9:]
	listener := cloud.Resource{
		Key: cloud.Key{Type: typeListener, ID: id}, ARN: s.acceleratorARN(id), Parents: []cloud.Key{accelerator.Key},
	}
	if err := s.cloud.Create(listener); err != nil {
		return "", fmt.Errorf("adding the listener of accelerator %s: %w", name, err)
	}
	return listener.ARN, nil
}

// acceleratorARN is that of an accelerator and of what is below it, whose identifiers are paths.
func (s *Server) acceleratorARN(id string) string {
	return s.cloud.ARN("globalaccelerator", "", "accelerator/"+id)
}

func (s *Server) acceleratorPart(kind, arn string) (cloud.Resource, bool) {
	id, ok := strings.CutPrefix(arn, s.acceleratorARN(""))
	if !ok {
		return cloud.Resource{}, false
	}
	return s.cloud.Get(cloud.Key{Type: kind, ID: id})
}

type accelerator struct {
	AcceleratorARN   string `json:"AcceleratorArn"`
	Name             string
	IPAddressType    string `json:"IpAddressType"`
	Enabled          bool
	DNSName          string `json:"DnsName"`
	Status           string
	CreatedTime      float64
	LastModifiedTime float64
}

func (s *Server) describeAccelerator(c *call) (any, error) {
	r, ok := s.acceleratorPart(typeAccelerator, c.text("AcceleratorArn"))
	if !ok {
		return nil, invalid("AcceleratorNotFoundException", "The accelerator does not exist.")
	}
	return map[string]any{"Accelerator": accelerator{
		AcceleratorARN: r.ARN, Name: r.Data["name"], IPAddressType: "IPV4", Enabled: true, DNSName: r.Data["dnsName"],
		Status: r.State, CreatedTime: epoch(r.CreatedAt), LastModifiedTime: epoch(r.CreatedAt),
	}}, nil
}

type listener struct {
	ListenerARN    string `json:"ListenerArn"`
	PortRanges     []portRange
	Protocol       string
	ClientAffinity string
}

type portRange struct{ FromPort, ToPort int }

func (s *Server) describeListener(c *call) (any, error) {
	r, err := s.listenerOf(c)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Listener": listener{
		ListenerARN: r.ARN, Protocol: cmp.Or(r.Data["protocol"], "TCP"), ClientAffinity: "NONE",
		PortRanges: []portRange{{FromPort: listenerPort, ToPort: listenerPort}},
	}}, nil
}

func (s *Server) listenerOf(c *call) (cloud.Resource, error) {
	r, ok := s.acceleratorPart(typeListener, c.text("ListenerArn"))
	if !ok {
		return r, invalid("ListenerNotFoundException", "The listener does not exist.")
	}
	return r, nil
}

// redeploy makes the accelerator of a group busy for as long as the latest change takes.
func (s *Server) redeploy(group cloud.Resource, change string) {
	id, _, _ := strings.Cut(group.ID, "/")
	key := cloud.Key{Type: typeAccelerator, ID: id}
	_ = s.cloud.Update(key, func(r *cloud.Resource) { // an accelerator outlives its groups
		r.State, r.Data["change"] = inProgress, change
	})
	s.after(s.cloud.Sample("globalaccelerator/deploy"), func() {
		_ = s.cloud.Update(key, func(r *cloud.Resource) {
			if r.Data["change"] == change {
				r.State = deployed
			}
		})
	})
}
