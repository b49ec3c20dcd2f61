package aws

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/controllers/plan"
)

func vpc(id, cidr, more string) string {
	return "<item><vpcId>" + id + "</vpcId><cidrBlock>" + cidr + "</cidrBlock>" + more + "</item>"
}

func blocks(statesByCIDR ...string) string {
	var items strings.Builder
	for _, pair := range statesByCIDR {
		cidr, state, _ := strings.Cut(pair, " ")
		items.WriteString("<item><cidrBlock>" + cidr + "</cidrBlock><cidrBlockState><state>" + state + "</state></cidrBlockState></item>")
	}
	return "<cidrBlockAssociationSet>" + items.String() + "</cidrBlockAssociationSet>"
}

func end(tag, id, cidr string, more ...string) string {
	var items strings.Builder
	for _, m := range more {
		items.WriteString("<item><cidrBlock>" + m + "</cidrBlock></item>")
	}
	return "<" + tag + "><vpcId>" + id + "</vpcId><cidrBlock>" + cidr + "</cidrBlock><cidrBlockSet>" + items.String() + "</cidrBlockSet></" + tag + ">"
}

func peering(requester, accepter string) string { return "<item>" + requester + accepter + "</item>" }

func vpcs(next string, items ...string) http.HandlerFunc {
	return ec2Reply(describeVPCs, "<vpcSet>"+strings.Join(items, "")+"</vpcSet>"+nextToken(next))
}

func peerings(next string, items ...string) http.HandlerFunc {
	return ec2Reply(describePeerings, "<vpcPeeringConnectionSet>"+strings.Join(items, "")+"</vpcPeeringConnectionSet>"+nextToken(next))
}

func ranges(cidrs ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, c := range cidrs {
		all = append(all, netip.MustParsePrefix(c))
	}
	return all
}

func TestNetworksAreOwnAndPeeredOnes(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeVPCs, inTurn(
		vpcs("more", vpc("vpc-1", "10.1.0.0/16", blocks("10.1.0.0/16 associated", "100.64.0.0/16 associating", "10.9.0.0/16 disassociated")+
			"<tagSet><item><key>portolan.dev/region</key><value>euw1</value></item></tagSet>")),
		vpcs("", vpc("vpc-0", "10.0.0.0/16", ""))))
	w.on(describePeerings, inTurn(
		peerings("more",
			peering(end("requesterVpcInfo", "vpc-1", "10.1.0.0/16"), end("accepterVpcInfo", "vpc-far", "10.2.0.0/16", "10.3.0.0/16", "10.2.0.0/16")),
			peering(end("requesterVpcInfo", "vpc-far", "10.2.0.0/16"), end("accepterVpcInfo", "vpc-0", "10.0.0.0/16"))),
		peerings("",
			peering(end("requesterVpcInfo", "vpc-1", "10.1.0.0/16"), end("accepterVpcInfo", "vpc-0", "10.0.0.0/16")),
			peering(end("requesterVpcInfo", "vpc-x", "10.5.0.0/16"), end("accepterVpcInfo", "vpc-y", "10.6.0.0/16")))))

	g.Expect(s.Networks(t.Context(), "", "eu-west-1")).To(Equal([]plan.Network{
		{ID: "vpc-0", CIDRs: ranges("10.0.0.0/16"), Tags: map[string]string{}},
		{ID: "vpc-1", CIDRs: ranges("10.1.0.0/16", "100.64.0.0/16"), Tags: map[string]string{"portolan.dev/region": "euw1"}},
		{ID: "vpc-far", CIDRs: ranges("10.2.0.0/16"), PeeredWith: "vpc-0"},
		{ID: "vpc-far", CIDRs: ranges("10.2.0.0/16", "10.3.0.0/16"), PeeredWith: "vpc-1"},
	}))
	g.Expect(w.requests(describeVPCs)[1].form.Get("NextToken")).To(Equal("more"))
	g.Expect(filtersOf(w.requests(describePeerings)[0])).To(Equal([]string{"status-code=active"}))
	g.Expect(w.requests(describePeerings)[1].form.Get("NextToken")).To(Equal("more"))
}

func TestNetworksThatCannotBeRead(t *testing.T) {
	cases := map[string]struct {
		vpcs, peerings http.HandlerFunc
		wantErr        string
	}{
		"unreadable range":        {vpcs("", vpc("vpc-0", "ten", "")), peerings(""), "reading addresses of vpc-0: "},
		"unreadable peered range": {vpcs("", vpc("vpc-0", "10.0.0.0/16", "")), peerings("", peering(end("requesterVpcInfo", "vpc-0", "10.0.0.0/16"), end("accepterVpcInfo", "vpc-9", "ten"))), "reading addresses of vpc-9: "},
		"forbidden peerings":      {vpcs(""), refuse(describePeerings, 403, "UnauthorizedOperation", "No."), describePeerings + ": UnauthorizedOperation"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeVPCs, tc.vpcs)
			w.on(describePeerings, tc.peerings)
			_, err := s.Networks(t.Context(), "", "eu-west-1")
			g.Expect(err).To(MatchError(HavePrefix(tc.wantErr)))
		})
	}
}
