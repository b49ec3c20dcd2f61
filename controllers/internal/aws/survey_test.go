package aws

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/controllers/plan"
)

func regions(optIns map[string]string) http.HandlerFunc {
	var items strings.Builder
	for name, status := range optIns {
		items.WriteString("<item><regionName>" + name + "</regionName><optInStatus>" + status + "</optInStatus></item>")
	}
	return ec2Reply(describeRegions, "<regionInfo>"+items.String()+"</regionInfo>")
}

func TestOptedInAsksOnceForAllRegions(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, clk := newSessions(t, w.url)
	w.on(describeRegions, regions(map[string]string{"eu-west-1": "opt-in-not-required", "af-south-1": "opted-in", "ap-east-1": "not-opted-in"}))
	for region, want := range map[string]bool{"eu-west-1": true, "af-south-1": true, "ap-east-1": false, "xx-nowhere-1": false} {
		g.Expect(s.OptedIn(t.Context(), "", region)).To(Equal(want), region)
	}
	g.Expect(w.requests(describeRegions)).To(HaveLen(1))
	g.Expect(w.requests(describeRegions)[0].region).To(Equal("us-east-1"))
	g.Expect(w.requests(describeRegions)[0].form.Get("AllRegions")).To(Equal("true"))

	w.on(describeRegions, regions(map[string]string{"ap-east-1": "opted-in"}))
	clk.Step(factsTTL)
	g.Expect(s.OptedIn(t.Context(), "", "ap-east-1")).To(BeTrue())
	g.Expect(s.OptedIn(t.Context(), "", "cn-northwest-1")).To(BeFalse())
	g.Expect(w.requests(describeRegions)[2].region).To(Equal("cn-north-1"), "each partition for itself")
}

func offerings(next string, located ...string) http.HandlerFunc {
	var items strings.Builder
	for _, l := range located {
		name, zone, _ := strings.Cut(l, "@")
		items.WriteString("<item><instanceType>" + name + "</instanceType><locationType>availability-zone</locationType><location>" + zone + "</location></item>")
	}
	return ec2Reply(describeOfferings, "<instanceTypeOfferingSet>"+items.String()+"</instanceTypeOfferingSet>"+nextToken(next))
}

func nextToken(token string) string {
	if token == "" {
		return ""
	}
	return "<nextToken>" + token + "</nextToken>"
}

func describedTypes(vCPUs map[string]int) http.HandlerFunc {
	var items strings.Builder
	for name, count := range vCPUs {
		fmt.Fprintf(&items, "<item><instanceType>%s</instanceType><vCpuInfo><defaultVCpus>%d</defaultVCpus></vCpuInfo></item>", name, count)
	}
	return ec2Reply(describeTypes, "<instanceTypeSet>"+items.String()+"</instanceTypeSet>")
}

func TestInstanceTypesAreThoseThatAreOffered(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, clk := newSessions(t, w.url)
	w.on(describeOfferings, inTurn(
		offerings("more", "m7i.large@eu-west-1b", "c7g.xlarge@eu-west-1a"),
		offerings("", "m7i.large@eu-west-1a", "m7i.unasked@eu-west-1a")))
	w.on(describeTypes, describedTypes(map[string]int{"m7i.large": 2, "c7g.xlarge": 4}))
	want := map[string]plan.InstanceType{
		"m7i.large":  {VCPUs: 2, Zones: []string{"eu-west-1a", "eu-west-1b"}},
		"c7g.xlarge": {VCPUs: 4, Zones: []string{"eu-west-1a"}},
	}
	for _, names := range [][]string{{"m7i.large", "c7g.xlarge", "x9.huge"}, {"x9.huge", "c7g.xlarge", "m7i.large", "m7i.large"}} {
		types, err := s.InstanceTypes(t.Context(), "", "eu-west-1", names...)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(types).To(Equal(want))
		types["m7i.large"].Zones[0] = "changed by the caller"
		delete(types, "c7g.xlarge")
	}
	asked := w.requests(describeOfferings)
	g.Expect(asked).To(HaveLen(2), "two pages, and remembered whatever the order of the names")
	g.Expect(asked[0].form.Get("LocationType")).To(Equal("availability-zone"))
	g.Expect(filtersOf(asked[0])).To(Equal([]string{"instance-type=c7g.xlarge,m7i.large,x9.huge"}))
	g.Expect(asked[1].form.Get("NextToken")).To(Equal("more"))
	described := w.requests(describeTypes)
	g.Expect(described).To(HaveLen(1))
	g.Expect(described[0].form.Get("InstanceType.1")).To(Equal("c7g.xlarge"))
	g.Expect(described[0].form.Get("InstanceType.2")).To(Equal("m7i.large"))
	g.Expect(described[0].form.Has("InstanceType.3")).To(BeFalse())

	clk.Step(factsTTL)
	_, err := s.InstanceTypes(t.Context(), "", "eu-west-1", "x9.huge", "c7g.xlarge", "m7i.large")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.requests(describeOfferings)).To(HaveLen(3))
}

func TestInstanceTypesThatNobodyOffersCostOneCall(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeOfferings, offerings(""))
	g.Expect(s.InstanceTypes(t.Context(), "", "eu-west-1", "x9.huge")).To(BeEmpty())
	g.Expect(s.InstanceTypes(t.Context(), "", "eu-west-1")).To(BeEmpty())
	g.Expect(w.requests(describeOfferings)).To(HaveLen(1))
	g.Expect(w.requests(describeTypes)).To(BeEmpty())
}

func TestInstanceTypesAreAskedForInBatches(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	var names, located []string
	for i := range maxFilterValues + 1 {
		name := fmt.Sprintf("m%03d.large", i)
		names, located = append(names, name), append(located, name+"@eu-west-1a")
	}
	w.on(describeOfferings, offerings("", located...))
	w.on(describeTypes, describedTypes(nil))
	_, err := s.InstanceTypes(t.Context(), "", "eu-west-1", names...)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.requests(describeOfferings)).To(HaveLen(2))
	g.Expect(w.requests(describeTypes)).To(HaveLen(3))
	g.Expect(w.requests(describeTypes)[0].form.Has("InstanceType.100")).To(BeTrue())
	g.Expect(w.requests(describeTypes)[0].form.Has("InstanceType.101")).To(BeFalse())
}

func TestNetworkInterfaces(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	page := func(next, id, status string) http.HandlerFunc {
		return ec2Reply(describeInterfaces, "<networkInterfaceSet><item><networkInterfaceId>"+id+"</networkInterfaceId><description>made by "+id+
			"</description><status>"+status+"</status></item></networkInterfaceSet>"+nextToken(next))
	}
	w.on(describeInterfaces, inTurn(page("more", "eni-1", "in-use"), page("", "eni-0", "available")))
	g.Expect(s.NetworkInterfaces(t.Context(), "", "eu-west-1", "vpc-0")).To(Equal([]NetworkInterface{
		{ID: "eni-0", Description: "made by eni-0", Status: "available"},
		{ID: "eni-1", Description: "made by eni-1", Status: "in-use"},
	}))
	asked := w.requests(describeInterfaces)
	g.Expect(asked).To(HaveLen(2))
	g.Expect(filtersOf(asked[0])).To(Equal([]string{"vpc-id=vpc-0"}))
	g.Expect(asked[1].form.Get("NextToken")).To(Equal("more"))
}

func TestFactsAreRememberedPerRole(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(assumeRole, assumedUntil(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)))
	w.on(describeRegions, regions(map[string]string{"eu-west-1": "opted-in"}))
	for _, role := range []string{"", targetRole, ""} {
		g.Expect(s.OptedIn(t.Context(), role, "eu-west-1")).To(BeTrue())
	}
	asked := w.requests(describeRegions)
	g.Expect(asked).To(HaveLen(2))
	g.Expect(asked[0].accessKey).To(Equal("AKIDOWN"))
	g.Expect(asked[1].accessKey).To(Equal("ASIATARGET"))
}
