package aws

import (
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func zone(name, id, state, kind string) string {
	return "<item><zoneName>" + name + "</zoneName><zoneId>" + id + "</zoneId><zoneState>" + state + "</zoneState><zoneType>" + kind + "</zoneType></item>"
}

func TestAvailabilityZonesAreThoseThatEKSCanUse(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeZones, reply(200, `<DescribeAvailabilityZonesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><availabilityZoneInfo>`+strings.Join([]string{
		zone("us-east-1c", "use1-az1", "available", "availability-zone"),
		zone("us-east-1a", "use1-az2", "available", "availability-zone"),
		zone("us-east-1e", "use1-az3", "available", "availability-zone"),
		zone("us-east-1b", "use1-az4", "impaired", "availability-zone"),
		zone("us-east-1-bos-1a", "use1-bos1-az1", "available", "local-zone"),
	}, "")+`</availabilityZoneInfo></DescribeAvailabilityZonesResponse>`))

	for range 2 {
		zones, err := s.AvailabilityZones(t.Context(), "", "us-east-1")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(zones).To(Equal([]string{"us-east-1a", "us-east-1c"}))
	}
	g.Expect(w.requests(describeZones)).To(HaveLen(1))
	g.Expect(w.requests(describeZones)[0].region).To(Equal("us-east-1"))
}

func TestNATGatewayGone(t *testing.T) {
	inState := func(state string) http.HandlerFunc {
		return reply(200, `<DescribeNatGatewaysResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><natGatewaySet><item>
			<natGatewayId>nat-0</natGatewayId><state>`+state+`</state></item></natGatewaySet></DescribeNatGatewaysResponse>`)
	}
	cases := map[string]struct {
		answer    http.HandlerFunc
		want      bool
		wantClass Class
	}{
		"available": {answer: inState("available"), wantClass: Unknown},
		"deleting":  {answer: inState("deleting"), wantClass: Unknown},
		"failed":    {answer: inState("failed"), wantClass: Unknown},
		"deleted":   {answer: inState("deleted"), want: true, wantClass: Unknown},
		"unlisted":  {answer: reply(200, `<DescribeNatGatewaysResponse/>`), want: true, wantClass: Unknown},
		"forgotten": {answer: refuse(describeNATs, 400, "NatGatewayNotFound", "It was not found"), want: true, wantClass: Unknown},
		"forbidden": {answer: refuse(describeNATs, 403, "UnauthorizedOperation", "No."), wantClass: AccessDenied},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeNATs, tc.answer)
			gone, err := s.NATGatewayGone(t.Context(), "", "eu-west-1", "nat-0")
			g.Expect(gone).To(Equal(tc.want))
			g.Expect(ClassOf(err)).To(Equal(tc.wantClass))
			g.Expect(w.requests(describeNATs)[0].form.Get("NatGatewayId.1")).To(Equal("nat-0"))
		})
	}
}

func TestNodegroupExists(t *testing.T) {
	cases := map[string]struct {
		answer    http.HandlerFunc
		want      bool
		wantClass Class
	}{
		"active":    {answer: reply(200, `{"nodegroup":{"nodegroupName":"system","status":"ACTIVE"}}`), want: true, wantClass: Unknown},
		"deleting":  {answer: reply(200, `{"nodegroup":{"nodegroupName":"system","status":"DELETING"}}`), want: true, wantClass: Unknown},
		"gone":      {answer: refuse(describeNodes, 404, "ResourceNotFoundException", "No node group found"), wantClass: Unknown},
		"a proxy":   {answer: reply(404, "<html>no route</html>"), wantClass: Unknown},
		"forbidden": {answer: refuse(describeNodes, 403, "AccessDeniedException", "No."), wantClass: AccessDenied},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeNodes, tc.answer)
			exists, err := s.NodegroupExists(t.Context(), "", "eu-west-1", "prod", "system")
			g.Expect(exists).To(Equal(tc.want))
			g.Expect(ClassOf(err)).To(Equal(tc.wantClass))
			g.Expect(err != nil).To(Equal(name == "a proxy" || name == "forbidden"))
		})
	}
}
