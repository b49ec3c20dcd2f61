package plan

import (
	"iter"
	"time"
)

const (
	secondsOfMinute = 60
	minutesOfDay    = 24 * 60
	secondsOfDay    = minutesOfDay * secondsOfMinute
	nanos           = int64(time.Second)
)

// span is a time from one moment to another. Of Unix nanoseconds, unless told otherwise.
type span struct{ from, to int64 }

// enough is how many times a search looks at before it gives up, some milliseconds after it began.
// Windows without a change in so many of them open and close every few minutes, to no effect.
const enough = 100_000

// search looks for times that end after a moment and begin before another.
type search struct {
	after, before int64
	seen          int
}

// union joins the open times of windows.
func (s *search) union(windows []*window) iter.Seq[span] {
	return func(yield func(span) bool) {
		heads := make([]head, 0, len(windows))
		for _, w := range windows {
			next, stop := iter.Pull(s.open(w))
			defer stop()
			if times, ok := next(); ok {
				heads = append(heads, head{times, next})
			}
		}
		s.merged(func(yield func(span) bool) {
			for len(heads) > 0 && yield(earliest(&heads)) {
			}
		}, yield)
	}
}

// head is the next open time of a window, and how to get those after it.
type head struct {
	span
	next func() (span, bool)
}

func earliest(heads *[]head) span {
	hs, least := *heads, 0
	for i := range hs {
		if hs[i].from < hs[least].from {
			least = i
		}
	}
	s, ok := hs[least].span, false
	if hs[least].span, ok = hs[least].next(); !ok {
		*heads = append(hs[:least], hs[least+1:]...)
	}
	return s
}

// open returns when a window is open.
func (s *search) open(w *window) iter.Seq[span] {
	return func(yield func(span) bool) {
		s.merged(func(yield func(span) bool) {
			for run := range w.runs(s.after-w.length, s.before) {
				if end := run.to + w.length; end > s.after && !yield(span{run.from, end}) {
					return
				}
			}
		}, yield)
	}
}

// merged makes one of spans that touch.
func (s *search) merged(spans iter.Seq[span], yield func(span) bool) {
	var last span
	known := false
	for next := range spans {
		s.seen++
		if s.seen > enough || next.from >= s.before || known && last.to >= s.before {
			break
		}
		if known && next.from <= last.to {
			last.to = max(last.to, next.to)
			continue
		}
		if known && !yield(last) {
			return
		}
		last, known = next, true
	}
	if known {
		yield(last)
	}
}

// runs returns when the window opens, from about a moment to another. A run is from the first to
// the last of some openings that follow each other without a pause.
func (w *window) runs(after, before int64) iter.Seq[span] {
	return func(yield func(span) bool) {
		year, month, day := time.Unix(0, after).In(w.zone).Date()
		date := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
		for last := time.Unix(0, before).UTC().AddDate(0, 0, 1); !date.After(last); date = date.AddDate(0, 0, 1) {
			if !w.namesDay(date) {
				continue
			}
			for _, run := range w.on(date) {
				if !yield(run) {
					return
				}
			}
		}
	}
}

// longestHalf is more, in seconds, than there is between noon and midnight on any day: clocks are
// changed by two hours at most.
const longestHalf = 15 * 60 * 60

// on returns the runs of a day.
func (w *window) on(date time.Time) []span {
	year, month, day := date.Date()
	noon := time.Date(year, month, day, 12, 0, 0, 0, w.zone)
	since, until := noon.ZoneBounds()
	var runs []span
	if (since.IsZero() || noon.Sub(since) >= 24*time.Hour) && (until.IsZero() || until.Sub(noon) >= 24*time.Hour) {
		midnight := noon.Unix() - secondsOfDay/2
		for _, run := range w.usual {
			runs = append(runs, span{(midnight + run.from) * nanos, (midnight + run.to) * nanos})
		}
		return runs
	}
	for at := noon.Unix() - longestHalf; at < noon.Unix()+longestHalf; at += secondsOfMinute {
		shown := time.Unix(at, 0).In(w.zone)
		if shown.Day() == day && w.names(shown.Hour(), shown.Minute()) {
			runs = w.withOpening(runs, at)
		}
	}
	for i := range runs {
		runs[i] = span{runs[i].from * nanos, runs[i].to * nanos}
	}
	return runs
}

// withOpening adds an opening, in seconds, to runs.
func (w *window) withOpening(runs []span, at int64) []span {
	if last := len(runs) - 1; last >= 0 && (at-runs[last].to)*nanos <= w.length {
		runs[last].to = at
		return runs
	}
	return append(runs, span{at, at})
}

// names tells whether the schedule names a time of the day.
func (w *window) names(hour, minute int) bool {
	return has(w.schedule.Hour, hour) && has(w.schedule.Minute, minute)
}

// starred is cron's mark of a field that begins with a star: then both fields of days have to
// match, and else one of them. See dayMatches in spec.go of github.com/robfig/cron.
const starred = 63

// namesDay tells whether the schedule names a day.
func (w *window) namesDay(date time.Time) bool {
	_, month, day := date.Date()
	if !has(w.schedule.Month, int(month)) {
		return false
	}
	ofMonth, ofWeek := has(w.schedule.Dom, day), has(w.schedule.Dow, int(date.Weekday()))
	if has(w.schedule.Dom, starred) || has(w.schedule.Dow, starred) {
		return ofMonth && ofWeek
	}
	return ofMonth || ofWeek
}

// comes tells whether the schedule names any day. After 28 years all days fall on the same
// weekdays again.
func (w *window) comes() bool {
	for date := time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC); date.Year() < 2028; date = date.AddDate(0, 0, 1) {
		if w.namesDay(date) {
			return true
		}
	}
	return false
}

func has(bits uint64, bit int) bool { return bits>>bit&1 == 1 }
