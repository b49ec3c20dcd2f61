package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Block is a range of addresses and who holds it, for messages.
type Block struct {
	CIDR   netip.Prefix
	Holder string
}

// Address returns the block that a Region should get: its own, else the environment's
// assignment for its AWS region, else the first that is free in the environment's pool.
// taken is what others hold.
func Address(env *v1alpha1.Environment, region *v1alpha1.Region, taken []Block) (netip.Prefix, error) {
	wanted := string(region.Spec.CIDR)
	if wanted == "" {
		i := slices.IndexFunc(env.Spec.Network.Assignments, func(a v1alpha1.CIDRAssignment) bool {
			return a.AWSRegion == region.Spec.AWSRegion
		})
		switch {
		case i >= 0:
			wanted = string(env.Spec.Network.Assignments[i].CIDR)
		case env.Spec.Network.Pool != nil:
			return fromPool(env, region, taken)
		default:
			return netip.Prefix{}, finding(v1alpha1.ReasonNoCIDR,
				"no CIDR for %s %s: add it to spec.network.assignments of Environment %s%s",
				env.Name, region.Spec.AWSRegion, env.Name, suggestion(env, taken))
		}
	}
	block, err := netip.ParsePrefix(wanted)
	if err != nil {
		return netip.Prefix{}, finding(v1alpha1.ReasonInvalidPlan, "%q is not a CIDR block: %v", wanted, err)
	}
	for _, b := range slices.Concat(reserved(env), taken) {
		if b.CIDR.Overlaps(block) {
			return netip.Prefix{}, finding(v1alpha1.ReasonCIDROverlap,
				"%s overlaps %s, held by %s: give the Region another block in spec.cidr or in the environment's assignments", block, b.CIDR, b.Holder)
		}
	}
	return block, nil
}

// CheckAddresses reports the first contradiction within an environment's address plan.
func CheckAddresses(env *v1alpha1.Environment) error {
	held := reserved(env)
	for _, a := range env.Spec.Network.Assignments {
		block, err := netip.ParsePrefix(string(a.CIDR))
		if err != nil {
			return finding(v1alpha1.ReasonInvalidPlan, "the assignment of %s, %q, is not a CIDR block: %v", a.AWSRegion, a.CIDR, err)
		}
		for _, b := range held {
			if b.CIDR.Overlaps(block) {
				return finding(v1alpha1.ReasonInvalidPlan, "the assignment of %s, %s, overlaps %s, held by %s", a.AWSRegion, block, b.CIDR, b.Holder)
			}
		}
		held = append(held, Block{CIDR: block, Holder: fmt.Sprintf("the assignment of %s", a.AWSRegion)})
	}
	return checkPool(env)
}

func reserved(env *v1alpha1.Environment) []Block {
	blocks := make([]Block, 0, len(env.Spec.Network.Reserved))
	for _, r := range env.Spec.Network.Reserved {
		if p, err := netip.ParsePrefix(string(r)); err == nil { // admission lets no other in
			blocks = append(blocks, Block{CIDR: p, Holder: "a reserved range"})
		}
	}
	return blocks
}

// suggestion names the next free block after the newest assignment, of the same size.
func suggestion(env *v1alpha1.Environment, taken []Block) string {
	held := slices.Concat(reserved(env), taken)
	var last netip.Prefix
	for _, a := range env.Spec.Network.Assignments {
		p, err := netip.ParsePrefix(string(a.CIDR))
		if err != nil {
			continue
		}
		held = append(held, Block{CIDR: p})
		if !last.IsValid() || last.Addr().Less(p.Addr()) {
			last = p
		}
	}
	if !last.IsValid() {
		return ""
	}
	const tries = 4096
	for range tries {
		last = following(last)
		if !last.Addr().IsPrivate() {
			return ""
		}
		if !slices.ContainsFunc(held, func(b Block) bool { return b.CIDR.Overlaps(last) }) {
			return fmt.Sprintf("; the next free /%d is %s", last.Bits(), last)
		}
	}
	return ""
}

// following returns the block of the same size right behind p.
func following(p netip.Prefix) netip.Prefix {
	return nth(netip.PrefixFrom(p.Addr(), p.Bits()), 0, 1)
}
