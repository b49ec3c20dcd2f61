package gossipring

import "slices"

// places are how many members may yet be written: healthy ones, those that have lost others, and
// those out of sight.
type places struct{ healthy, cures, unseen int }

// occupy takes the place of one that changes already.
func (p *places) occupy(m *member) {
	p.healthy--
	if !m.settledDown() {
		p.cures--
	}
}

// take finds a place for one that is to be written. One that has lost others has its own, and one
// out of sight needs one more, unless it is about to restart for an earlier write anyway. One that was
// never connected may have a place of those who have lost others: they may have lost only it.
func (p *places) take(m *member, changing bool, live alive) bool {
	switch {
	case m.outOfSight() && m.landed() && !p.takeUnseen():
		return false
	case m.vacant && !m.joined, changing && m.unfinished && !m.live():
		return true // nothing runs there that could restart, and what comes starts with it
	case changing:
		p.cures--
		return p.cures >= 0
	case p.healthy <= 0 && (p.cures <= 0 || !m.isOutside(live)):
		return false
	}
	p.healthy--
	p.cures--
	return true
}

func (p *places) takeUnseen() bool {
	p.unseen--
	return p.unseen >= 0
}

// isOutside tells whether a member that was never connected sees nobody but itself beside others, or
// has not seen all of them for long.
func (m *member) isOutside(live alive) bool {
	return !m.joined && m.live() && *m.seen < live.weight && (*m.seen <= m.weightOf() || m.stranded)
}

// settledDown tells whether the member's pods run with what was written for it, or will not
// before it is written once more: they may be waiting for it, and never become Ready without.
func (m *member) settledDown() bool {
	return !m.away && (m.unfinished || m.foreign || !m.rolling && slices.Equal(m.applied, m.written))
}
