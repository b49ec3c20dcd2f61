package plan

import (
	"errors"
	"net/netip"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// network is an Environment with an address plan: AWS region and block by turns.
func network(reserved []v1alpha1.CIDR, assignments ...string) *v1alpha1.Environment {
	env := &v1alpha1.Environment{}
	env.Name = "production001"
	env.Spec.Network.Reserved = reserved
	for i := 0; i < len(assignments); i += 2 {
		env.Spec.Network.Assignments = append(env.Spec.Network.Assignments, v1alpha1.CIDRAssignment{
			AWSRegion: v1alpha1.AWSRegion(assignments[i]), CIDR: v1alpha1.VPCCIDR(assignments[i+1]),
		})
	}
	return env
}

func regionIn(awsRegion, cidr string) *v1alpha1.Region {
	region := &v1alpha1.Region{}
	region.Name = awsRegion
	region.Spec.AWSRegion = v1alpha1.AWSRegion(awsRegion)
	region.Spec.CIDR = v1alpha1.VPCCIDR(cidr)
	region.Spec.EnvironmentRef.Name = "production001"
	return region
}

func held(holder string, cidrs ...string) []Block {
	blocks := make([]Block, 0, len(cidrs))
	for _, c := range cidrs {
		blocks = append(blocks, Block{CIDR: netip.MustParsePrefix(c), Holder: holder})
	}
	return blocks
}

// beFinding matches a Finding by its reason and what its message says.
func beFinding(reason string, message types.GomegaMatcher) types.GomegaMatcher {
	return And(
		BeAssignableToTypeOf(&Finding{}),
		WithTransform(reasonOf, Equal(reason)),
		WithTransform(func(err error) string { return err.Error() }, message),
	)
}

func reasonOf(err error) string {
	f, _ := errors.AsType[*Finding](err)
	return f.Reason
}

func TestAddress(t *testing.T) {
	for name, tc := range map[string]struct {
		env         *v1alpha1.Environment
		region      *v1alpha1.Region
		taken       []Block
		wantBlock   string
		wantFinding types.GomegaMatcher
	}{
		"the assignment of the AWS region": {
			env:       network(nil, "us-east-1", "10.0.0.0/18", "eu-west-1", "10.0.64.0/18"),
			region:    regionIn("eu-west-1", ""),
			wantBlock: "10.0.64.0/18",
		},
		"its own block comes before the assignment": {
			env:       network(nil, "eu-west-1", "10.0.64.0/18"),
			region:    regionIn("eu-west-1", "10.9.0.0/20"),
			wantBlock: "10.9.0.0/20",
		},
		"its own block needs no assignment": {
			env:       network(nil),
			region:    regionIn("eu-west-1", "10.9.0.0/20"),
			wantBlock: "10.9.0.0/20",
		},
		"a neighbour does not overlap": {
			env:       network([]v1alpha1.CIDR{"10.0.128.0/18"}, "eu-west-1", "10.0.64.0/18"),
			region:    regionIn("eu-west-1", ""),
			taken:     held("Region us-east-1", "10.0.0.0/18"),
			wantBlock: "10.0.64.0/18",
		},
		"held by another Region": {
			env:         network(nil, "eu-west-1", "10.0.64.0/18"),
			region:      regionIn("eu-west-1", ""),
			taken:       held("Region first of fleet/production001", "10.0.64.0/18"),
			wantFinding: beFinding(v1alpha1.ReasonCIDROverlap, ContainSubstring("10.0.64.0/18, held by Region first of fleet/production001")),
		},
		"inside a larger block of another Region": {
			env:         network(nil),
			region:      regionIn("eu-west-1", "10.0.65.0/24"),
			taken:       held("Region first", "10.0.64.0/18"),
			wantFinding: beFinding(v1alpha1.ReasonCIDROverlap, ContainSubstring("10.0.65.0/24 overlaps 10.0.64.0/18")),
		},
		"around a smaller block of another Region": {
			env:         network(nil),
			region:      regionIn("eu-west-1", "10.0.0.0/16"),
			taken:       held("Region first", "10.0.64.0/22"),
			wantFinding: beFinding(v1alpha1.ReasonCIDROverlap, ContainSubstring("10.0.0.0/16 overlaps 10.0.64.0/22")),
		},
		"in a reserved range": {
			env:         network([]v1alpha1.CIDR{"10.0.0.0/8"}, "eu-west-1", "10.0.64.0/18"),
			region:      regionIn("eu-west-1", ""),
			wantFinding: beFinding(v1alpha1.ReasonCIDROverlap, ContainSubstring("10.0.0.0/8, held by a reserved range")),
		},
		"no block at all": {
			env:    network(nil),
			region: regionIn("eu-west-1", ""),
			wantFinding: beFinding(v1alpha1.ReasonNoCIDR,
				Equal("no CIDR for production001 eu-west-1: add it to spec.network.assignments of Environment production001")),
		},
		"not a block": {
			env:         network(nil),
			region:      regionIn("eu-west-1", "10.0.0.0"),
			wantFinding: beFinding(v1alpha1.ReasonInvalidPlan, ContainSubstring(`"10.0.0.0" is not a CIDR block`)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			block, err := Address(tc.env, tc.region, tc.taken)
			if tc.wantFinding != nil {
				g.Expect(err).To(tc.wantFinding)
				g.Expect(block.IsValid()).To(BeFalse())
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(block.String()).To(Equal(tc.wantBlock))
		})
	}
}

func TestMissingAddressSuggestsTheNextFreeBlock(t *testing.T) {
	for name, tc := range map[string]struct {
		env     *v1alpha1.Environment
		taken   []Block
		wantEnd string
	}{
		"right behind the last assignment": {
			env:     network(nil, "us-east-1", "10.0.0.0/18", "eu-west-1", "10.0.64.0/18"),
			wantEnd: "; the next free /18 is 10.0.128.0/18",
		},
		"behind the highest, whatever their order": {
			env:     network(nil, "eu-west-1", "10.0.64.0/18", "us-east-1", "10.0.0.0/18"),
			wantEnd: "; the next free /18 is 10.0.128.0/18",
		},
		"of the size of the highest": {
			env:     network(nil, "us-east-1", "10.0.0.0/16", "eu-west-1", "10.1.0.0/20"),
			wantEnd: "; the next free /20 is 10.1.16.0/20",
		},
		"past what Regions hold": {
			env:     network(nil, "us-east-1", "10.0.0.0/18"),
			taken:   held("Region other", "10.0.64.0/18", "10.0.130.0/24"),
			wantEnd: "; the next free /18 is 10.0.192.0/18",
		},
		"past what is reserved": {
			env:     network([]v1alpha1.CIDR{"10.0.64.0/18", "10.0.128.0/17"}, "us-east-1", "10.0.0.0/18"),
			wantEnd: "; the next free /18 is 10.1.0.0/18",
		},
		"none outside of private addresses": {
			env:     network(nil, "us-east-1", "10.255.0.0/16"),
			wantEnd: "of Environment production001",
		},
		"none at the end of all addresses": {
			env:     network(nil, "us-east-1", "255.255.0.0/16"),
			wantEnd: "of Environment production001",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := Address(tc.env, regionIn("ap-south-1", ""), tc.taken)
			g.Expect(err).To(beFinding(v1alpha1.ReasonNoCIDR, HaveSuffix(tc.wantEnd)))
		})
	}
}

func TestCheckAddresses(t *testing.T) {
	for name, tc := range map[string]struct {
		env         *v1alpha1.Environment
		wantMessage types.GomegaMatcher
	}{
		"an empty plan": {env: network(nil)},
		"neighbours":    {env: network([]v1alpha1.CIDR{"10.1.0.0/16"}, "us-east-1", "10.0.0.0/18", "eu-west-1", "10.0.64.0/18")},
		"two assignments overlap": {
			env:         network(nil, "us-east-1", "10.0.0.0/16", "eu-west-1", "10.0.64.0/18"),
			wantMessage: Equal("the assignment of eu-west-1, 10.0.64.0/18, overlaps 10.0.0.0/16, held by the assignment of us-east-1"),
		},
		"an assignment in a reserved range": {
			env:         network([]v1alpha1.CIDR{"10.0.0.0/8"}, "us-east-1", "10.0.0.0/16"),
			wantMessage: ContainSubstring("held by a reserved range"),
		},
		"not a block": {
			env:         network(nil, "us-east-1", "10.0.0.0/33"),
			wantMessage: ContainSubstring(`the assignment of us-east-1, "10.0.0.0/33", is not a CIDR block`),
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			err := CheckAddresses(tc.env)
			if tc.wantMessage == nil {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(err).To(beFinding(v1alpha1.ReasonInvalidPlan, tc.wantMessage))
		})
	}
}
