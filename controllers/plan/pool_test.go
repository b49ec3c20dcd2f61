package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// withPool gives an Environment a pool of blocks of one length.
func withPool(env *v1alpha1.Environment, bits int32, cidrs ...v1alpha1.CIDR) *v1alpha1.Environment {
	env.Spec.Network.Pool = &v1alpha1.AddressPool{CIDRs: cidrs, PrefixLength: bits}
	return env
}

func TestAddressFromThePool(t *testing.T) {
	for name, tc := range map[string]struct {
		env         *v1alpha1.Environment
		cidr        string
		taken       []Block
		wantBlock   string
		wantFinding types.GomegaMatcher
	}{
		"the first block": {
			env: withPool(network(nil), 18, "10.16.0.0/14"), wantBlock: "10.16.0.0/18",
		},
		"of the API's default length": {
			env: withPool(network(nil), 0, "10.16.0.0/14"), wantBlock: "10.16.0.0/18",
		},
		"an assignment comes before it": {
			env: withPool(network(nil, "eu-west-1", "10.1.0.0/20"), 18, "10.16.0.0/14"), wantBlock: "10.1.0.0/20",
		},
		"its own block comes before it": {
			env: withPool(network(nil), 18, "10.16.0.0/14"), cidr: "10.9.0.0/20", wantBlock: "10.9.0.0/20",
		},
		"behind what Regions hold": {
			env:   withPool(network(nil), 18, "10.16.0.0/14"),
			taken: held("Region other", "10.16.64.0/18", "10.16.0.0/18"), wantBlock: "10.16.128.0/18",
		},
		"before a hole that is too small": {
			env:   withPool(network(nil), 18, "10.16.0.0/14"),
			taken: held("Region other", "10.16.1.0/24", "10.16.65.0/24"), wantBlock: "10.16.128.0/18",
		},
		"behind a larger block that is held": {
			env: withPool(network([]v1alpha1.CIDR{"10.16.0.0/15"}), 18, "10.16.0.0/14"), wantBlock: "10.18.0.0/18",
		},
		"an assignment without a Region is held": {
			env: withPool(network(nil, "us-east-1", "10.16.0.0/18"), 18, "10.16.0.0/14"), wantBlock: "10.16.64.0/18",
		},
		"the ranges in their order": {
			env: withPool(network(nil), 18, "10.32.0.0/16", "10.16.0.0/16"), wantBlock: "10.32.0.0/18",
		},
		"the next range when one is full": {
			env:   withPool(network(nil), 18, "10.32.0.0/18", "10.16.0.0/16"),
			taken: held("Region other", "10.32.0.0/20"), wantBlock: "10.16.0.0/18",
		},
		"at the end of all addresses": {
			env:         withPool(network(nil), 18, "255.255.192.0/18"),
			taken:       held("Region other", "255.255.192.0/18"),
			wantFinding: beFinding(v1alpha1.ReasonPoolExhausted, ContainSubstring("255.255.192.0/18")),
		},
		"nothing is free": {
			env:   withPool(network([]v1alpha1.CIDR{"10.16.0.0/18"}, "us-east-1", "10.16.64.0/18"), 18, "10.16.0.0/17", "10.17.0.0/18"),
			taken: held("Region other", "10.17.0.0/18"),
			wantFinding: beFinding(v1alpha1.ReasonPoolExhausted, Equal(
				"no /18 is free for production001 eu-west-1: the pool (10.16.0.0/17, 10.17.0.0/18) has 3, and each overlaps a reserved range, "+
					"an assignment or the block of a Region; add a range to spec.network.pool.cidrs of Environment production001")),
		},
		"not a block": {
			env:         withPool(network(nil), 18, "ten"),
			wantFinding: beFinding(v1alpha1.ReasonInvalidPlan, ContainSubstring(`"ten" of the pool is not an IPv4 CIDR block`)),
		},
		"not of IPv4": {
			env:         withPool(network(nil), 18, "fd00::/8"),
			wantFinding: beFinding(v1alpha1.ReasonInvalidPlan, ContainSubstring(`"fd00::/8" of the pool is not an IPv4 CIDR block`)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			block, err := Address(tc.env, regionIn("eu-west-1", tc.cidr), tc.taken)
			if tc.wantFinding != nil {
				g.Expect(err).To(tc.wantFinding)
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(block.String()).To(Equal(tc.wantBlock))
		})
	}
}

func TestCheckPool(t *testing.T) {
	for name, tc := range map[string]struct {
		env         *v1alpha1.Environment
		wantMessage types.GomegaMatcher
	}{
		"ranges beside one another":   {env: withPool(network(nil), 18, "10.16.0.0/16", "10.17.0.0/16")},
		"an assignment in a range":    {env: withPool(network(nil, "us-east-1", "10.16.0.0/18"), 18, "10.16.0.0/16")},
		"a range that is part of use": {env: withPool(network([]v1alpha1.CIDR{"10.16.0.0/17"}), 18, "10.16.0.0/16")},
		"a range within another": {
			env:         withPool(network(nil), 18, "10.16.0.0/14", "10.17.0.0/16"),
			wantMessage: Equal("the range 10.17.0.0/16 of the pool overlaps 10.16.0.0/14, which the pool has as well: remove one of them"),
		},
		"a range twice": {
			env: withPool(network(nil), 18, "10.16.0.0/16", "10.16.0.0/16"), wantMessage: ContainSubstring("overlaps 10.16.0.0/16"),
		},
		"a reserved range": {
			env:         withPool(network([]v1alpha1.CIDR{"10.0.0.0/8"}), 18, "10.16.0.0/16"),
			wantMessage: ContainSubstring("the range 10.16.0.0/16 of the pool has no /18 outside of the reserved ranges"),
		},
		"reserved piece by piece": {
			env:         withPool(network([]v1alpha1.CIDR{"10.16.0.0/17", "10.16.128.0/24", "10.16.200.0/24"}), 18, "10.16.0.0/16"),
			wantMessage: ContainSubstring("has no /18 outside of the reserved ranges"),
		},
		"blocks larger than a range": {
			env: withPool(network(nil), 16, "10.16.0.0/18"), wantMessage: ContainSubstring("has no /16 outside"),
		},
		"not a block": {env: withPool(network(nil), 18, "10.16.0.0"), wantMessage: ContainSubstring(`"10.16.0.0" of the pool is not`)},
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

// somePool draws an Environment with few addresses for its many demands.
func somePool(t *rapid.T) *v1alpha1.Environment {
	env := withPool(network(nil), rapid.Int32Range(18, 22).Draw(t, "length"))
	for _, c := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"10.0.0.0/17", "10.0.128.0/17", "10.1.0.0/18"}), 1, 3, rapid.ID).Draw(t, "pool") {
		env.Spec.Network.Pool.CIDRs = append(env.Spec.Network.Pool.CIDRs, v1alpha1.CIDR(c))
	}
	for _, r := range rapid.SliceOfN(someBlock(18, 26), 0, 3).Draw(t, "reserved") {
		env.Spec.Network.Reserved = append(env.Spec.Network.Reserved, v1alpha1.CIDR(r))
	}
	for _, aws := range rapid.SliceOfDistinct(rapid.SampledFrom(awsRegions), rapid.ID).Draw(t, "assigned") {
		env.Spec.Network.Assignments = append(env.Spec.Network.Assignments, v1alpha1.CIDRAssignment{
			AWSRegion: v1alpha1.AWSRegion(aws), CIDR: v1alpha1.VPCCIDR(someBlock(18, 22).Draw(t, aws)),
		})
	}
	return env
}

func TestBlocksOfThePoolNeverOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		env := somePool(t)
		var taken []Block
		for i := range rapid.IntRange(1, 20).Draw(t, "regions") {
			region := regionIn(rapid.SampledFrom(awsRegions).Draw(t, "aws"), "")
			pooled := !slices.ContainsFunc(env.Spec.Network.Assignments, func(a v1alpha1.CIDRAssignment) bool {
				return a.AWSRegion == region.Spec.AWSRegion
			})
			block, err := Address(env, region, taken)
			if err != nil {
				exhausted(t, env, region, taken, pooled, err)
				continue
			}
			others := slices.Concat(reserved(env), taken)
			if pooled { // an assignment overlaps others only by the user's own mistake
				others = append(others, assigned(env)...)
			}
			for _, other := range others {
				if block.Overlaps(other.CIDR) {
					t.Fatalf("%s was given away although %s holds %s", block, other.Holder, other.CIDR)
				}
			}
			taken = append(taken, Block{CIDR: block, Holder: fmt.Sprintf("Region %d", i)})
		}
	})
}

// exhausted fails unless no block of the pool is free, looking at each of them.
func exhausted(t *rapid.T, env *v1alpha1.Environment, region *v1alpha1.Region, taken []Block, pooled bool, err error) {
	if !pooled {
		return
	}
	if reasonOf(err) != v1alpha1.ReasonPoolExhausted {
		t.Fatalf("%s: %v", region.Spec.AWSRegion, err)
	}
	all := slices.Concat(reserved(env), assigned(env), taken)
	for _, c := range env.Spec.Network.Pool.CIDRs {
		within := netip.MustParsePrefix(string(c))
		bits := int(env.Spec.Network.Pool.PrefixLength) - within.Bits()
		for i := range 1 << bits {
			free := nth(within, bits, i)
			if !slices.ContainsFunc(all, func(b Block) bool { return b.CIDR.Overlaps(free) }) {
				t.Fatalf("%s is free, but: %v", free, err)
			}
		}
	}
}

func TestABlockOfThePoolDoesNotDependOnTheOrderOfLists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		env := somePool(t)
		var taken []Block
		for _, b := range rapid.SliceOfN(someBlock(18, 22), 0, 6).Draw(t, "taken") {
			taken = append(taken, held("Region other", b)...)
		}
		region := regionIn(rapid.SampledFrom(awsRegions).Draw(t, "aws"), "")
		block, err := Address(env, region, taken)

		shuffled := env.DeepCopy()
		shuffled.Spec.Network.Reserved = rapid.Permutation(env.Spec.Network.Reserved).Draw(t, "reserved again")
		shuffled.Spec.Network.Assignments = rapid.Permutation(env.Spec.Network.Assignments).Draw(t, "assigned again")
		again, errAgain := Address(shuffled, region, rapid.Permutation(taken).Draw(t, "taken again"))
		g.Expect(again).To(Equal(block))
		g.Expect(errAgain == nil).To(Equal(err == nil))
	})
}
