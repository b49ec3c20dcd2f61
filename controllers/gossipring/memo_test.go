package gossipring

import (
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/plan"
)

func TestWhatIsRememberedOfTheSeeds(t *testing.T) {
	g := NewWithT(t)
	ring, kept := build.Ring("fleet", "api"), newMemos()
	key := client.ObjectKeyFromObject(ring)
	read := 0
	parse := func(text string) ([]string, error) {
		read++
		return []string{text}, nil
	}
	worked := 0
	seeds := func() map[string][]string {
		worked++
		return map[string][]string{"a": {"b.example"}}
	}
	selves := []plan.SeedMember{{Region: "a", Endpoint: "a.example"}}
	pass := func(generation int64, texts ...string) memo {
		ring.Generation = generation
		m := kept.of(ring)
		for _, text := range texts {
			g.Expect(m.parse(text, parse)).To(Equal([]string{text}))
		}
		m.desire(selves, seeds)
		kept.keep(key, m)
		return m
	}
	pass(1, "x", "y", "x")
	g.Expect([]int{read, worked}).To(Equal([]int{2, 1}), "one text is read once, whoever has it")
	pass(1, "x")
	g.Expect([]int{read, worked}).To(Equal([]int{2, 1}), "the next pass knows")
	pass(1, "x", "y")
	g.Expect([]int{read, worked}).To(Equal([]int{3, 1}), "what nobody had is forgotten")
	selves = []plan.SeedMember{{Region: "a", Endpoint: "new.example"}}
	pass(1, "x", "y")
	g.Expect([]int{read, worked}).To(Equal([]int{3, 2}), "another endpoint makes other seeds")
	last := pass(2, "x", "y")
	g.Expect([]int{read, worked}).To(Equal([]int{5, 3}), "so may another spec")

	g.Expect(last.hashOf("a", []string{"b.example"})).To(Equal(hashOf([]string{"b.example"})))
	g.Expect(last.hashOf("a", []string{"b.example"})).To(Equal(hashOf([]string{"b.example"})), "also from memory")
	g.Expect(last.hashOf("a", []string{"c.example"})).To(Equal(hashOf([]string{"c.example"})), "of other seeds than those it remembers")
	g.Expect((&memo{}).hashOf("a", nil)).To(Equal(hashOf(nil)))
	kept.forget(key)
	pass(2, "x")
	g.Expect([]int{read, worked}).To(Equal([]int{6, 4}))

	g.Expect(kept.areOfAnother(ring)).To(BeFalse())
	ring.UID = "made anew"
	g.Expect(kept.areOfAnother(ring)).To(BeTrue())
	pass(2, "x")
	g.Expect([]int{read, worked}).To(Equal([]int{7, 5}), "nor is another ring's worth anything")
	g.Expect(kept.areOfAnother(ring)).To(BeFalse())
}
