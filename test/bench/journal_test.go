package main

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestHistory(t *testing.T) {
	h := history{{at(10), "busy"}, {at(20), "idle"}, {at(30), "busy"}, {at(40), "idle"}}
	cases := map[string]struct{ got, want time.Time }{
		"first":                          {h.first(is("idle")), at(20)},
		"first of what never was":        {h.first(is("gone")), time.Time{}},
		"since, while it was so already": {h.since(at(25), "idle"), at(25)},
		"since, later":                   {h.since(at(32), "idle"), at(40)},
		"since, at the very moment":      {h.since(at(30), "idle"), at(40)},
		"since, never":                   {h.since(at(10), "gone"), time.Time{}},
		"next":                           {h.next(at(25), "idle"), at(40)},
		"next is after the moment":       {h.next(at(40), "idle"), time.Time{}},
		"until":                          {h.until(at(25)).next(at(0), "busy"), at(10)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { NewWithT(t).Expect(tc.got).To(Equal(tc.want)) })
	}
	g := NewWithT(t)
	g.Expect(h.last()).To(Equal("idle"))
	g.Expect(history{}.last()).To(BeEmpty())
	g.Expect(h.until(at(20))).To(HaveLen(2))
	g.Expect(h.until(at(99))).To(HaveLen(4))
}

func TestJournalKeepsChangesOnly(t *testing.T) {
	g, j := NewWithT(t), newJournal()
	s := subject{management, "VPC", "a"}
	for i, state := range []string{"", "pending", "pending", "", "done"} {
		j.see(s, sighting{region: west, names: []string{state}, states: map[string]string{aspectState: state}}, at(i))
	}
	r := j.snapshot()[s]
	g.Expect(r.created).To(Equal(at(0)))
	g.Expect(r.names).To(Equal([]string{""}), "those at the creation")
	g.Expect(r.states[aspectState]).To(Equal(history{{at(1), "pending"}, {at(3), ""}, {at(4), "done"}}))
	g.Expect(j.state(s, aspectState)).To(Equal("done"))
	g.Expect(j.state(subject{}, aspectState)).To(BeEmpty())
}

func TestSnapshotStays(t *testing.T) {
	g, j := NewWithT(t), newJournal()
	s := subject{management, "VPC", "a"}
	j.see(s, sighting{states: map[string]string{aspectState: "one"}}, at(1))
	before := j.snapshot()
	j.see(s, sighting{states: map[string]string{aspectState: "two"}}, at(2))
	g.Expect(before[s].states[aspectState].last()).To(Equal("one"))
}

func TestOf(t *testing.T) {
	g := NewWithT(t)
	all := tell().see(management, "VPC", "b", 0, sighting{}).see(management, "VPC", "a", 0, sighting{}).
		see(management, "VPC", "c", 0, sighting{region: "us-west-2"}).see(inAWS, "VPC", "d", 0, sighting{}).snapshot()
	names := func(found []subject) (names []string) {
		for _, s := range found {
			names = append(names, s.name)
		}
		return names
	}
	g.Expect(names(all.of(management, "VPC", west))).To(Equal([]string{"a", "b"}))
	g.Expect(names(all.of(management, "VPC", ""))).To(Equal([]string{"a", "b", "c"}))
}

func TestUnanswered(t *testing.T) {
	g := NewWithT(t)
	s := tell().
		state("cluster", "Service", "a", aspectDNS, "a.example", 1).
		state("cluster", "Service", "b", aspectDNS, "b.example", 1).state("cluster", "Service", "b", aspectHost, "lb", 2).
		state("cluster", "Service", "c", aspectDNS, "c.example", 1).state("cluster", "Service", "c", aspectHost, "lb", 2).
		state("cluster", "Service", "d", aspectHost, "lb", 2).
		state(inDNS, "Name", "c.example", aspectUsable, yes, 3)
	g.Expect(s.unanswered()).To(Equal([]string{"b.example"}))
}
