package gossipring

import (
	"fmt"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	"pgregory.net/rapid"
)

// TestARolloutEnds plays a ring whose Argo CD is instant: whatever a pass writes, the
// pods have on the next. However it begins, every member ends up with its seeds, and
// never do more change at once than may.
func TestARolloutEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		size := rapid.IntRange(1, 8).Draw(t, "size")
		limit := rapid.IntRange(1, 3).Draw(t, "maxConcurrent")
		members := make([]*member, 0, size)
		for i := range size {
			m := settled(fmt.Sprintf("m%d", i), int32(size))
			m.joined = rapid.Bool().Draw(t, "joined")
			m.written = rapid.SampledFrom([][]string{nil, {"gone.example"}, {"m0.example"}}).Draw(t, "written")
			m.applied = m.written
			members = append(members, m)
		}
		seedAll(passOver(members...))

		for range 2 * size {
			writes := nextWrites(members, limit, awaited)
			g.Expect(len(writes)).To(BeNumerically("<=", limit))
			if len(writes) == 0 {
				break
			}
			for _, m := range writes {
				m.written, m.applied, m.seen = m.desired, m.desired, new(int32(size))
			}
		}
		for _, m := range members {
			if !slices.Equal(m.written, m.desired) {
				t.Fatalf("%s was never written: has %v, should have %v", m.name, m.written, m.desired)
			}
		}
	})
}
