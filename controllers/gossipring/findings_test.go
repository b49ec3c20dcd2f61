package gossipring

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/probe"
)

func TestFindings(t *testing.T) {
	g := NewWithT(t)
	f := findingsOf(client.ObjectKey{Namespace: "fleet", Name: "api"}, "a", []probe.Row{
		{To: "b", TCP: ok, UDP: ok, RTTSeconds: 0.1}, row("c", ok, silent), row("d", rejected, rejected), row("e", unnamed, unnamed),
	})
	g.Expect(f.closed).To(HaveExactElements(HaveField("To", "c"), HaveField("To", "e")))
	g.Expect(f.rejected).To(HaveExactElements("d"))
	g.Expect(f.samples).To(HaveLen(2*4+1), "two transports each, and the one round trip")
	g.Expect(findingsOf(client.ObjectKey{}, "a", nil)).To(BeZero())
}

func TestBlueprintOfProbes(t *testing.T) {
	g := NewWithT(t)
	s := passOver(settled("a", 2), settled("b", 2), settled("c", 2).but(func(m *member) { m.endpoint = "" }))
	g.Expect(s.blueprintFor("image")).To(BeNil())
	g.Expect((*blueprint)(nil).objects("a")).To(BeEmpty())

	s.ring.Spec.Probe = &v1alpha1.RingProbe{}
	b := s.blueprintFor("image")
	targets := func(region string) string {
		raw, err := json.Marshal(b.objects(region)[0])
		g.Expect(err).NotTo(HaveOccurred())
		return string(raw)
	}
	g.Expect(targets("a")).To(And(ContainSubstring("b.example:7947"), Not(ContainSubstring("a.example"))))
	g.Expect(targets("c")).To(And(ContainSubstring("a.example:7947"), ContainSubstring("b.example:7947")))
	g.Expect(s.blueprintFor("image").version).To(Equal(b.version))
	g.Expect(s.blueprintFor("other").version).NotTo(Equal(b.version))
	s.members[2].endpoint = "c.example"
	g.Expect(s.blueprintFor("image").version).NotTo(Equal(b.version))
}

// probedRing is one whose probes reach everybody but one, in n regions.
func probedRing(n int) *scope {
	var members []*member
	for i := range n {
		var rows []probe.Row
		for j := range n {
			if to := fmt.Sprintf("m%03d", j); j == n-1 && i < 3 {
				rows = append(rows, row(to, ok, silent))
			} else if j != i {
				rows = append(rows, row(to, ok, ok))
			}
		}
		members = append(members, settled(fmt.Sprintf("m%03d", i), int32(n)).but(probes(rows...)))
	}
	s := passOver(members...)
	s.ring.Spec.Probe = &v1alpha1.RingProbe{}
	return s
}

func TestAPassOverProbesDoesNotGrowWithTheSquareOfTheMembers(t *testing.T) {
	g, r := NewWithT(t), driver(nil)
	work := func(n int) float64 {
		before := probedRing(n)
		t.Cleanup(func() { matrix.forget(client.ObjectKeyFromObject(before.ring)) })
		return testing.AllocsPerRun(5, func() {
			s := &scope{ring: before.ring, members: before.members, memo: r.memos.of(before.ring)}
			seedAll(s)
			s.blueprint = s.memo.probes(func() *blueprint { return s.blueprintFor("image") })
			r.memos.keep(client.ObjectKeyFromObject(s.ring), s.memo)
			sites, err := r.probeSites(t.Context(), s)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(sites).To(HaveLen(n))
			_, _ = r.settleSites(t.Context(), s, sites)
			g.Expect(rejecting(s.members)).To(BeEmpty())
			g.Expect(unreachablePairs(s.members)).To(HaveLen(3))
			matrix.report(s)
		})
	}
	few, many := work(20), work(160)
	g.Expect(math.Log(many/few)/math.Log(160/20)).To(BeNumerically("<", 1.2), "from %.0f to %.0f allocations", few, many)
}

func TestASettledPassRendersNoProbes(t *testing.T) {
	g, kept := NewWithT(t), newMemos()
	s := probedRing(3)
	drawn := 0
	pass := func() *blueprint {
		s.memo = kept.of(s.ring)
		seedAll(s)
		b := s.memo.probes(func() *blueprint {
			drawn++
			return s.blueprintFor("image")
		})
		kept.keep(client.ObjectKeyFromObject(s.ring), s.memo)
		return b
	}
	first := pass()
	g.Expect(pass()).To(BeIdenticalTo(first))
	g.Expect(drawn).To(Equal(1))
	s.members[0].endpoint = "new.example"
	g.Expect(pass().version).NotTo(Equal(first.version))
	pass()
	g.Expect(drawn).To(Equal(2), "another endpoint")
	s.ring.Generation++
	pass()
	g.Expect(drawn).To(Equal(3), "another spec")
	kept.forget(client.ObjectKeyFromObject(s.ring))
	pass()
	g.Expect(drawn).To(Equal(4))
}

func TestAllSamplesOfARingAreCollected(t *testing.T) {
	g, s := NewWithT(t), probedRing(3)
	c := &collector{last: map[client.ObjectKey][][]prometheus.Metric{}}
	count := func() int {
		samples := make(chan prometheus.Metric, 100)
		c.Collect(samples)
		return len(samples)
	}
	c.report(s)
	withProbes := count()
	for _, m := range s.members {
		m.findings = findings{}
	}
	c.report(s)
	g.Expect(withProbes-count()).To(BeNumerically(">", 0), "those of a probe that does not answer go")
	c.forget(client.ObjectKeyFromObject(s.ring))
	g.Expect(count()).To(BeZero())
}
