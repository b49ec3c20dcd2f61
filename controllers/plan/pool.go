package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// defaultPrefixLength is the API's default for blocks of a pool.
const defaultPrefixLength = 18

func prefixLength(pool *v1alpha1.AddressPool) int {
	return int(cmp.Or(pool.PrefixLength, defaultPrefixLength))
}

// fromPool returns the first block of the pool that nobody holds. What is assigned to another
// AWS region is held for it, even while no Region is there.
func fromPool(env *v1alpha1.Environment, region *v1alpha1.Region, taken []Block) (netip.Prefix, error) {
	held := append(reserved(env), assigned(env)...)
	held = append(held, taken...)
	pool, blocks := env.Spec.Network.Pool, 0
	for _, c := range pool.CIDRs {
		within, err := netip.ParsePrefix(string(c))
		if err != nil || !within.Addr().Is4() {
			return netip.Prefix{}, finding(v1alpha1.ReasonInvalidPlan, "the range %q of the pool is not an IPv4 CIDR block: correct spec.network.pool of Environment %s", c, env.Name)
		}
		if block, ok := firstFree(within, prefixLength(pool), held); ok {
			return block, nil
		}
		blocks += blocksOf(within, prefixLength(pool))
	}
	return netip.Prefix{}, finding(v1alpha1.ReasonPoolExhausted,
		"no /%d is free for %s %s: the pool (%s) has %d, and each overlaps a reserved range, an assignment or the block of a Region; add a range to spec.network.pool.cidrs of Environment %s",
		prefixLength(pool), env.Name, region.Spec.AWSRegion, joined(pool.CIDRs), blocks, env.Name)
}

func assigned(env *v1alpha1.Environment) []Block {
	blocks := make([]Block, 0, len(env.Spec.Network.Assignments))
	for _, a := range env.Spec.Network.Assignments {
		if p, err := netip.ParsePrefix(string(a.CIDR)); err == nil { // admission lets no other in
			blocks = append(blocks, Block{CIDR: p, Holder: fmt.Sprintf("the assignment of %s", a.AWSRegion)})
		}
	}
	return blocks
}

// firstFree returns the lowest block of a length within a range that overlaps nothing held. It
// steps over a held block at once, because a range may have millions of small blocks.
func firstFree(within netip.Prefix, bits int, held []Block) (netip.Prefix, bool) {
	if within.Bits() > bits {
		return netip.Prefix{}, false
	}
	for at, end := first(within), behind(within); at < end; {
		block := netip.PrefixFrom(address(at), bits)
		next := at
		for _, b := range held {
			if b.CIDR.Addr().Is4() && b.CIDR.Overlaps(block) {
				next = max(next, behind(block), behind(b.CIDR))
			}
		}
		if next == at {
			return block, true
		}
		at = next
	}
	return netip.Prefix{}, false
}

func blocksOf(within netip.Prefix, bits int) int {
	if within.Bits() > bits {
		return 0
	}
	return 1 << (bits - within.Bits())
}

// checkPool reports ranges of the pool that repeat one another or can give nothing.
func checkPool(env *v1alpha1.Environment) error {
	pool := env.Spec.Network.Pool
	if pool == nil {
		return nil
	}
	var ranges []netip.Prefix
	for _, c := range pool.CIDRs {
		within, err := netip.ParsePrefix(string(c))
		if err != nil || !within.Addr().Is4() {
			return finding(v1alpha1.ReasonInvalidPlan, "the range %q of the pool is not an IPv4 CIDR block", c)
		}
		for _, other := range ranges {
			if other.Overlaps(within) {
				return finding(v1alpha1.ReasonInvalidPlan, "the range %s of the pool overlaps %s, which the pool has as well: remove one of them", within, other)
			}
		}
		if _, ok := firstFree(within, prefixLength(pool), reserved(env)); !ok {
			return finding(v1alpha1.ReasonInvalidPlan,
				"the range %s of the pool has no /%d outside of the reserved ranges: remove it, or shorten spec.network.reserved", within, prefixLength(pool))
		}
		ranges = append(ranges, within)
	}
	return nil
}

// first returns the number of a block's first address.
func first(p netip.Prefix) uint64 {
	a := p.Masked().Addr().As4()
	return uint64(a[0])<<24 | uint64(a[1])<<16 | uint64(a[2])<<8 | uint64(a[3])
}

// behind returns the number of the address after a block's last.
func behind(p netip.Prefix) uint64 { return first(p) + 1<<(32-p.Bits()) }

func address(number uint64) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(number >> 24), byte(number >> 16), byte(number >> 8), byte(number)})
}

func joined[T ~string](values []T) string {
	texts := make([]string, 0, len(values))
	for _, v := range values {
		texts = append(texts, string(v))
	}
	return strings.Join(texts, ", ")
}
