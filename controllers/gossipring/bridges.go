package gossipring

import (
	"cmp"
	"slices"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/probe"
)

// bridgesToOthers are members, the best one first, whose successors would find somebody new. Who was
// connected goes for newcomers only where nobody else can.
func (s *scope) bridgesToOthers() []*member {
	if !s.newcomers {
		return s.bridgesAmong(func(*member) bool { return true })
	}
	able := s.bridgesAmong(func(m *member) bool { return !m.joined })
	if len(able) == 0 {
		_, part := s.byPart()
		able = s.bridgesAmong(func(m *member) bool {
			return s.dials(m, func(o *member) bool { return !o.joined && s.apart(m, o, part) })
		})
	}
	return able
}

// bridgesAmong are those who have a seed in another part and, as far as probes know, get through to it: of
// the smallest part first. The largest part's are among them only where nobody else's are.
func (s *scope) bridgesAmong(may func(*member) bool) []*member {
	byName, part := s.byPart()
	var parts [][]*member
	for i, names := range slices.Backward(s.split.Partitions) {
		if i == 0 && len(parts) > 0 && len(s.split.Partitions) >= s.split.AtLeast {
			break
		}
		var able []*member
		for _, name := range names {
			if m := byName[name]; m.evictable() && may(m) && s.dials(m, func(o *member) bool { return s.apart(m, o, part) }) {
				able = append(able, m)
			}
		}
		if len(able) > 0 {
			parts = append(parts, able)
		}
	}
	if len(s.split.Partitions)+1 < s.split.AtLeast { // more than one part has no names
		for _, m := range s.lonely(may, slices.Concat(parts...)) {
			parts = append(parts, []*member{m})
		}
	}
	return inTurn(parts, s.attempts())
}

// inTurn begins with another part for each attempt, because one may be cut off for good, and with another
// member each time that the part comes first; after one of each part come all others.
func inTurn(parts [][]*member, attempts int) []*member {
	if len(parts) == 0 {
		return nil
	}
	round, next := attempts/len(parts), attempts%len(parts)
	var first, more []*member
	for _, able := range slices.Concat(parts[next:], parts[:next]) {
		at := round % len(able)
		first, more = append(first, able[at]), slices.Concat(more, able[:at], able[at+1:])
	}
	return slices.Concat(first, more)
}

// byPart indexes the members, and tells in which part each is.
func (s *scope) byPart() (byName map[string]*member, part map[string]int) {
	byName, part = map[string]*member{}, map[string]int{}
	for _, m := range s.members {
		byName[m.name], part[m.name] = m, noPart
	}
	for i, p := range s.split.Partitions {
		for _, name := range p {
			part[name] = i
		}
	}
	return byName, part
}

// noPart is the part of those of which it is not known which one it is.
const noPart = -1

// apart tells whether a member need not have found another one. Who is in no part may be in the member's own.
func (s *scope) apart(m, o *member, part map[string]int) bool {
	switch {
	case o == m:
		return false
	case part[o.name] != noPart && part[m.name] != noPart:
		return part[o.name] != part[m.name]
	default:
		return !s.split.Exact || !slices.Contains(m.peers, string(o.region.Spec.AWSRegion))
	}
}

// dials tells whether a successor of the member would get through to one of those by its seeds.
func (s *scope) dials(m *member, which func(*member) bool) bool {
	return slices.ContainsFunc(s.members, func(o *member) bool {
		return which(o) && slices.Contains(m.applied, o.endpoint) && m.reaches(o.name) && o.reaches(m.name)
	})
}

// evictable tells whether the pod that is the member is known.
func (m *member) evictable() bool { return m.bridge != nil && m.remote != nil }

// lonely are those who see fewest first, where counts do not say who is with whom: all that, as far as
// their probes know, get through to more than they see.
func (s *scope) lonely(may func(*member) bool, but []*member) []*member {
	var lonely []*member
	for _, m := range s.members {
		if m.evictable() && may(m) && s.takesPart(m) && m.live() && len(m.applied) > 0 && *m.seen < s.within(m) && !slices.Contains(but, m) {
			lonely = append(lonely, m)
		}
	}
	slices.SortStableFunc(lonely, func(a, b *member) int { return cmp.Compare(*a.seen, *b.seen) })
	return lonely
}

// within is how many members of the gossip there are where the member gets through to, its own included.
func (s *scope) within(m *member) int32 {
	var reached int32
	for _, other := range s.members {
		if other == m || m.reaches(other.name) {
			reached += other.weightOf()
		}
	}
	return reached
}

// reaches tells whether the member's probe gets through to a region, or has not said that it does not.
func (m *member) reaches(region string) bool {
	return !slices.ContainsFunc(m.rows, func(r probe.Row) bool {
		return r.To == region && r.TCP != v1alpha1.ProbeOK && r.TCP != v1alpha1.ProbeUnknown
	})
}
