package aws

import (
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// zones has two zones of one name, one below it and one that sorts before them.
func zones(t *testing.T) *route53.Client {
	t.Helper()
	s, c := start(t)
	for id, data := range map[string]map[string]string{
		"Z1": {"name": "example.com"},
		"Z2": {"name": "example.com.", "private": "true"},
		"Z3": {"name": "aws.example.com"},
		"Z4": {"name": "zoo.app"},
	} {
		create(t, c, cloud.Resource{Key: cloud.Key{Type: typeHostedZone, ID: id}, Data: data})
	}
	for id, data := range map[string]map[string]string{
		"a": {"zone": "Z1", "name": "*.eu.example.com", "type": "A", "values": `["1.2.3.4","5.6.7.8"]`, "ttl": "60"},
		"b": {"zone": "/hostedzone/Z1", "name": "_acme.eu", "type": "CNAME", "values": `["x.acm-validations.aws."]`},
		"c": {"zone": "Z1", "name": "api.example.com.", "type": "A", "alias": "lb.elb.amazonaws.com", "aliasZone": "Z9"},
		"d": {"zone": "Z3", "name": "x.aws.example.com", "values": "1.1.1.1"},
	} {
		create(t, c, cloud.Resource{Key: cloud.Key{Type: typeRecordSet, ID: id}, Data: data})
	}
	return route53.NewFromConfig(sdk(t, s, BaseAccessKey))
}

func TestListHostedZonesByName(t *testing.T) {
	cases := map[string]struct {
		in       route53.ListHostedZonesByNameInput
		want     []string
		wantNext string
	}{
		"all, from the end of their names": {want: []string{"Z4", "Z1", "Z2", "Z3"}},
		"from a name":                      {in: route53.ListHostedZonesByNameInput{DNSName: new("example.com")}, want: []string{"Z1", "Z2", "Z3"}},
		"one, which may be private":        {in: route53.ListHostedZonesByNameInput{DNSName: new("example.com."), MaxItems: new(int32(1))}, want: []string{"Z1"}, wantNext: "Z2"},
		"what comes next":                  {in: route53.ListHostedZonesByNameInput{DNSName: new("example.com."), HostedZoneId: new("Z2"), MaxItems: new(int32(1))}, want: []string{"Z2"}, wantNext: "Z3"},
		"from a name without a zone":       {in: route53.ListHostedZonesByNameInput{DNSName: new("absent.example.com"), MaxItems: new(int32(1))}, want: []string{"Z3"}},
		"past the end":                     {in: route53.ListHostedZonesByNameInput{DNSName: new("zzz.net")}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			out, err := zones(t).ListHostedZonesByName(t.Context(), &tc.in)
			g.Expect(err).NotTo(HaveOccurred())
			var got []string
			for _, zone := range out.HostedZones {
				g.Expect(*zone.Name).To(HaveSuffix("."))
				g.Expect(zone.Config.PrivateZone).To(Equal(*zone.Id == "/hostedzone/Z2"))
				got = append(got, (*zone.Id)[len("/hostedzone/"):])
			}
			g.Expect(got).To(Equal(tc.want))
			g.Expect(awssdk.ToString(out.NextHostedZoneId)).To(Equal(tc.wantNext))
			g.Expect(out.IsTruncated).To(Equal(tc.wantNext != ""))
		})
	}
}

func TestListHostedZones(t *testing.T) {
	g := NewWithT(t)
	client := zones(t)
	pager := route53.NewListHostedZonesPaginator(client, &route53.ListHostedZonesInput{MaxItems: new(int32(3))})
	var got []string
	for pager.HasMorePages() {
		out, err := pager.NextPage(t.Context())
		g.Expect(err).NotTo(HaveOccurred())
		for _, zone := range out.HostedZones {
			got = append(got, *zone.Name)
		}
	}
	g.Expect(got).To(Equal([]string{"zoo.app.", "example.com.", "example.com.", "aws.example.com."}))
	_, err := client.ListHostedZones(t.Context(), &route53.ListHostedZonesInput{Marker: new("x")})
	g.Expect(codeOf(err)).To(Equal("InvalidInput"))
}

func TestListResourceRecordSets(t *testing.T) {
	cases := map[string]struct {
		in      route53.ListResourceRecordSetsInput
		want    []string
		wantErr string
	}{
		"all":                   {in: route53.ListResourceRecordSetsInput{HostedZoneId: new("Z1")}, want: []string{"example.com. NS", "example.com. SOA", "api.example.com. A", `\052.eu.example.com. A`, "_acme.eu.example.com. CNAME"}},
		"by the full id":        {in: route53.ListResourceRecordSetsInput{HostedZoneId: new("/hostedzone/Z3")}, want: []string{"aws.example.com. NS", "aws.example.com. SOA", "x.aws.example.com. A"}},
		"from a name":           {in: route53.ListResourceRecordSetsInput{HostedZoneId: new("Z1"), StartRecordName: new("*.eu.example.com")}, want: []string{`\052.eu.example.com. A`, "_acme.eu.example.com. CNAME"}},
		"one from a type":       {in: route53.ListResourceRecordSetsInput{HostedZoneId: new("Z1"), StartRecordName: new("example.com"), StartRecordType: types.RRTypeSoa, MaxItems: new(int32(1))}, want: []string{"example.com. SOA"}},
		"of a zone that is not": {in: route53.ListResourceRecordSetsInput{HostedZoneId: new("Z7")}, wantErr: "NoSuchHostedZone"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			out, err := zones(t).ListResourceRecordSets(t.Context(), &tc.in)
			g.Expect(codeOf(err)).To(Equal(tc.wantErr))
			if tc.wantErr != "" {
				return
			}
			var got []string
			for _, record := range out.ResourceRecordSets {
				got = append(got, *record.Name+" "+string(record.Type))
			}
			g.Expect(got).To(Equal(tc.want))
			g.Expect(out.IsTruncated).To(Equal(tc.in.MaxItems != nil))
		})
	}
}

func TestRecordSetFields(t *testing.T) {
	g := NewWithT(t)
	out, err := zones(t).ListResourceRecordSets(t.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: new("Z1"), StartRecordName: new("api.example.com")})
	g.Expect(err).NotTo(HaveOccurred())
	alias, wildcard := out.ResourceRecordSets[0], out.ResourceRecordSets[1]
	g.Expect(*alias.AliasTarget.DNSName).To(Equal("lb.elb.amazonaws.com."))
	g.Expect(*alias.AliasTarget.HostedZoneId).To(Equal("Z9"))
	g.Expect(alias.TTL).To(BeNil())
	g.Expect(wildcard.AliasTarget).To(BeNil())
	g.Expect(*wildcard.TTL).To(BeEquivalentTo(60))
	g.Expect(wildcard.ResourceRecords).To(HaveLen(2))
	g.Expect(*wildcard.ResourceRecords[1].Value).To(Equal("5.6.7.8"))
}
