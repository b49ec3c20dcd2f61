package plan

import (
	"net/netip"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

var (
	block      = netip.MustParsePrefix("10.0.64.0/18")
	threeZones = []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"}
)

func planned(zones int32, nat v1alpha1.NATGatewayMode) *v1alpha1.Environment {
	env := withProfiles(completeProfile("base"))
	env.Spec.Network.AvailabilityZones = zones
	env.Spec.Network.NATGateways = nat
	env.Spec.AWS.Tags = map[string]string{"team": "fleet", v1alpha1.LabelRegion: "mine"}
	return env
}

func baseRegion(name string) *v1alpha1.Region {
	region := regionIn("eu-west-1", "")
	region.Name, region.Spec.Profile = name, "base"
	return region
}

func TestPlanOfARegion(t *testing.T) {
	g := NewWithT(t)
	p, err := For(planned(2, v1alpha1.NATGatewaysPerZone), baseRegion("dublin"), block, threeZones)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(p.Cluster).To(Equal("production001-dublin"))
	g.Expect(p.CIDR).To(Equal(block))
	g.Expect(p.Profile.Name).To(Equal("base"))
	g.Expect(p.Subnets).To(Equal([]Subnet{
		{Zone: "eu-west-1a", CIDR: netip.MustParsePrefix("10.0.64.0/20")},
		{Zone: "eu-west-1b", CIDR: netip.MustParsePrefix("10.0.96.0/20")},
		{Zone: "eu-west-1a", CIDR: netip.MustParsePrefix("10.0.80.0/22"), Public: true},
		{Zone: "eu-west-1b", CIDR: netip.MustParsePrefix("10.0.112.0/22"), Public: true},
	}))
	g.Expect(p.Tags).To(Equal(map[string]string{
		"team":                    "fleet",
		v1alpha1.LabelEnvironment: "production001",
		v1alpha1.LabelRegion:      "dublin", // ours to find the region by, whatever the user says
	}))
}

func TestNATGateways(t *testing.T) {
	for name, tc := range map[string]struct {
		mode v1alpha1.NATGatewayMode
		want []string
	}{
		"one in each zone":  {v1alpha1.NATGatewaysPerZone, threeZones},
		"unset is per zone": {"", threeZones},
		"a single one":      {v1alpha1.NATGatewaysSingle, threeZones[:1]},
		"none":              {v1alpha1.NATGatewaysNone, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			p, err := For(planned(3, tc.mode), baseRegion("dublin"), block, threeZones)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(p.NATZones).To(Equal(tc.want))
		})
	}
}

func TestWhatCannotBePlanned(t *testing.T) {
	roomFor := maxRoleName - len("production001-")
	missing := baseRegion("dublin")
	missing.Spec.Profile = "edge"
	for name, tc := range map[string]struct {
		region *v1alpha1.Region
		zones  []string
		want   types.GomegaMatcher
	}{
		"a name of the greatest length": {
			region: baseRegion(strings.Repeat("n", roomFor)), zones: threeZones, want: BeNil(),
		},
		"a name that IAM would refuse": {
			region: baseRegion(strings.Repeat("n", roomFor+1)), zones: threeZones,
			want: beFinding(v1alpha1.ReasonNameTooLong, ContainSubstring("longer than 56 characters")),
		},
		"too few zones": {
			region: baseRegion("dublin"), zones: threeZones[:2],
			want: beFinding(v1alpha1.ReasonTooFewZones, HavePrefix("eu-west-1 has 2 zones that EKS can use and the environment asks for 3")),
		},
		"no profile": {
			region: missing, zones: threeZones,
			want: beFinding(v1alpha1.ReasonProfileNotFound, ContainSubstring("no profile edge")),
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := For(planned(3, ""), tc.region, block, tc.zones)
			NewWithT(t).Expect(err).To(tc.want)
		})
	}
}
