package aws

import (
	"cmp"
	"fmt"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const typeInternetGateway = "ec2/internetgateway"

type internetGateway struct {
	ID          string              `xml:"internetGatewayId"`
	OwnerID     string              `xml:"ownerId"`
	Attachments []gatewayAttachment `xml:"attachmentSet>item"`
	Tags        []ec2Tag            `xml:"tagSet>item"`
}

type gatewayAttachment struct {
	VPCID string `xml:"vpcId"`
	State string `xml:"state"`
}

func (s *Server) describeInternetGateways(c *call) (any, error) {
	ids := formList(c.form, "InternetGatewayId")
	candidates := s.inRegion(c, typeInternetGateway, ids)
	if missing := firstMissing(ids, candidates); missing != "" {
		return nil, invalid("InvalidInternetGatewayID.NotFound", fmt.Sprintf("The internetGateway ID '%s' does not exist", missing))
	}
	candidates, err := filtered(c.form, candidates, internetGatewayAttributes)
	if err != nil {
		return nil, err
	}
	gateways := make([]internetGateway, len(candidates))
	for i, r := range candidates {
		gateways[i] = internetGateway{ID: r.ID, OwnerID: s.cloud.Account(), Tags: ec2Tags(r)}
		if vpcID := r.Data["vpcID"]; vpcID != "" {
			gateways[i].Attachments = []gatewayAttachment{{VPCID: vpcID, State: "available"}}
		}
	}
	return ec2Page(c, "internetGatewaySet", gateways, unpaged)
}

// internetGatewayAttributes take the fact only: a gateway that was detached keeps its parents.
func internetGatewayAttributes(r cloud.Resource, filter string) ([]string, bool) {
	return attribute(r, filter, map[string]string{"internet-gateway-id": r.ID, "attachment.vpc-id": r.Data["vpcID"]})
}

// vpcAttributesByName are the facts that EC2 describes apart from the VPC, with the names of
// their elements and what they are for a VPC that says nothing.
var vpcAttributesByName = map[string]struct{ fact, element, preset string }{
	"enableDnsSupport":   {fact: "enableDNSSupport", element: "enableDnsSupport", preset: "true"},
	"enableDnsHostnames": {fact: "enableDNSHostnames", element: "enableDnsHostnames", preset: "false"},
}

type attributeValue struct {
	Value string `xml:"value"`
}

func (s *Server) describeVPCAttribute(c *call) (any, error) {
	id := c.form.Get("VpcId")
	asked, known := vpcAttributesByName[c.form.Get("Attribute")]
	if !known {
		return nil, invalid("InvalidParameterValue", fmt.Sprintf("Value (%s) for parameter attribute is invalid.", c.form.Get("Attribute")))
	}
	r, ok := s.see(cloud.Key{Type: typeVPC, Region: c.region, ID: id})
	if !ok {
		return nil, invalid("InvalidVpcID.NotFound", fmt.Sprintf("The vpc ID '%s' does not exist", id))
	}
	return ec2Fields{
		{name: "vpcId", value: id},
		{name: asked.element, value: attributeValue{Value: cmp.Or(r.Data[asked.fact], asked.preset)}},
	}, nil
}
