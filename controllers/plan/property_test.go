package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// someBlock draws a block from few addresses, so that many of them overlap.
func someBlock(shortest, longest int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		bits := rapid.IntRange(shortest, longest).Draw(t, "bits")
		address := netip.AddrFrom4([4]byte{10, rapid.ByteMax(1).Draw(t, "second"), rapid.Byte().Draw(t, "third"), 0})
		return netip.PrefixFrom(address, bits).Masked().String()
	})
}

var awsRegions = []string{"us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-south-1"}

func TestRegionsAllocatedOneAfterAnotherNeverOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		env := network(nil)
		for _, r := range rapid.SliceOfN(someBlock(18, 26), 0, 3).Draw(t, "reserved") {
			env.Spec.Network.Reserved = append(env.Spec.Network.Reserved, v1alpha1.CIDR(r))
		}
		for _, aws := range rapid.SliceOfDistinct(rapid.SampledFrom(awsRegions), rapid.ID).Draw(t, "assigned") {
			env.Spec.Network.Assignments = append(env.Spec.Network.Assignments, v1alpha1.CIDRAssignment{
				AWSRegion: v1alpha1.AWSRegion(aws), CIDR: v1alpha1.VPCCIDR(someBlock(16, 22).Draw(t, aws)),
			})
		}
		var taken []Block
		for i := range rapid.IntRange(1, 12).Draw(t, "regions") {
			region := regionIn(rapid.SampledFrom(awsRegions).Draw(t, "aws"), "")
			if rapid.Bool().Draw(t, "own") {
				region.Spec.CIDR = v1alpha1.VPCCIDR(someBlock(16, 22).Draw(t, "cidr"))
			}
			block, err := Address(env, region, taken)
			if err != nil {
				continue
			}
			for _, other := range slices.Concat(reserved(env), taken) {
				if block.Overlaps(other.CIDR) {
					t.Fatalf("%s was given away although %s holds %s", block, other.Holder, other.CIDR)
				}
			}
			taken = append(taken, Block{CIDR: block, Holder: fmt.Sprintf("Region %d", i)})
		}
	})
}

func TestASuggestedBlockIsAccepted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		env := network(nil)
		for _, aws := range rapid.SliceOfNDistinct(rapid.SampledFrom(awsRegions[1:]), 1, 4, rapid.ID).Draw(t, "assigned") {
			env.Spec.Network.Assignments = append(env.Spec.Network.Assignments, v1alpha1.CIDRAssignment{
				AWSRegion: v1alpha1.AWSRegion(aws), CIDR: v1alpha1.VPCCIDR(someBlock(16, 22).Draw(t, aws)),
			})
		}
		var taken []Block
		for _, b := range rapid.SliceOfN(someBlock(16, 24), 0, 4).Draw(t, "taken") {
			taken = append(taken, held("Region other", b)...)
		}
		region := regionIn(awsRegions[0], "")
		_, err := Address(env, region, taken)
		g.Expect(err).To(HaveOccurred())
		_, suggested, found := strings.Cut(err.Error(), " is ")
		g.Expect(found).To(BeTrue(), "there are more free blocks than these can take: %v", err)

		env.Spec.Network.Assignments = append(env.Spec.Network.Assignments, v1alpha1.CIDRAssignment{
			AWSRegion: region.Spec.AWSRegion, CIDR: v1alpha1.VPCCIDR(suggested),
		})
		block, err := Address(env, region, taken)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(block.String()).To(Equal(suggested))
	})
}

func TestSubnetsDivideTheBlock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		block := netip.MustParsePrefix(someBlock(16, 22).Draw(t, "block"))
		zones := []string{"a", "b", "c", "d"}[:rapid.IntRange(2, 4).Draw(t, "zones")]
		all := subnets(block, zones)
		g.Expect(all).To(HaveLen(2 * len(zones)))
		private, public := map[string]netip.Prefix{}, map[string]netip.Prefix{}
		for i, s := range all {
			g.Expect(s.CIDR).To(Equal(s.CIDR.Masked()))
			g.Expect(block.Contains(s.CIDR.Addr())).To(BeTrue(), "%s is outside of %s", s.CIDR, block)
			g.Expect(s.CIDR.Bits()).To(And(BeNumerically(">", block.Bits()), BeNumerically("<=", 28)), "the smallest that AWS allows")
			for _, other := range all[:i] {
				g.Expect(s.CIDR.Overlaps(other.CIDR)).To(BeFalse(), "%s and %s", s.CIDR, other.CIDR)
			}
			if s.Public {
				public[s.Zone] = s.CIDR
			} else {
				private[s.Zone] = s.CIDR
			}
		}
		for _, zone := range zones {
			g.Expect(private).To(HaveKey(zone))
			g.Expect(public).To(HaveKey(zone))
			g.Expect(private[zone].Bits()).To(BeNumerically("<", public[zone].Bits()), "private is the larger one")
		}
	})
}
