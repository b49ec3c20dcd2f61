package main

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Where something is that the benchmark watches; everything else is a regional cluster, by name.
const (
	management = "management"
	inAWS      = "aws"
	inDNS      = "dns"
)

// subject is something that is watched: an object of a cluster, a resource of the account,
// a name. Names of namespaced objects of regional clusters are <namespace>/<name>.
type subject struct{ where, kind, name string }

// change is when something came to a state.
type change struct {
	at    time.Time
	state string
}

// history is how one aspect of a subject developed.
type history []change

// first returns when the aspect first was in a state that is wanted; zero if never.
func (h history) first(wanted func(state string) bool) time.Time {
	for _, c := range h {
		if wanted(c.state) {
			return c.at
		}
	}
	return time.Time{}
}

// since returns when the aspect was in the state for the first time not before a moment.
func (h history) since(from time.Time, state string) time.Time {
	for i, c := range h {
		ends := i+1 < len(h) && !h[i+1].at.After(from)
		if c.state == state && !ends {
			return latestOf(c.at, from)
		}
	}
	return time.Time{}
}

// next returns when the aspect came to the state, after a moment.
func (h history) next(from time.Time, state string) time.Time {
	for _, c := range h {
		if c.state == state && c.at.After(from) {
			return c.at
		}
	}
	return time.Time{}
}

// until cuts off what came after a moment.
func (h history) until(end time.Time) history {
	i := slices.IndexFunc(h, func(c change) bool { return c.at.After(end) })
	if i < 0 {
		return h
	}
	return h[:i]
}

// last is the state that it is in now.
func (h history) last() string {
	if len(h) == 0 {
		return ""
	}
	return h[len(h)-1].state
}

func is(wanted string) func(string) bool { return func(state string) bool { return state == wanted } }

func notEmpty(state string) bool { return state != "" }

func latestOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sighting is what is seen of a subject at one moment.
type sighting struct {
	// region is the AWS region that it belongs to.
	region string
	// names are the IDs that its spec mentions.
	names []string
	// states are its aspects, by name.
	states map[string]string
}

// record is all that was seen of a subject.
type record struct {
	created time.Time
	region  string
	names   []string // when it was created
	states  map[string]history
}

// journal takes down what is seen, with the time at which the benchmark saw it.
type journal struct {
	mu      sync.Mutex
	records map[subject]*record
}

func newJournal() *journal { return &journal{records: map[subject]*record{}} }

// see takes down what has changed about a subject.
func (j *journal) see(s subject, seen sighting, now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.records[s]
	if r == nil {
		r = &record{created: now, region: seen.region, names: seen.names, states: map[string]history{}}
		j.records[s] = r
	}
	for aspect, state := range seen.states {
		if h := r.states[aspect]; len(h) == 0 && state != "" || len(h) > 0 && h.last() != state {
			r.states[aspect] = append(h, change{at: now, state: state})
		}
	}
}

// state is the present state of an aspect.
func (j *journal) state(s subject, aspect string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r := j.records[s]; r != nil {
		return r.states[aspect].last()
	}
	return ""
}

// snapshot copies the journal.
func (j *journal) snapshot() records {
	j.mu.Lock()
	defer j.mu.Unlock()
	copied := records{}
	for s, r := range j.records {
		c := &record{created: r.created, region: r.region, names: r.names, states: map[string]history{}}
		for aspect, h := range r.states {
			c.states[aspect] = slices.Clone(h)
		}
		copied[s] = c
	}
	return copied
}

// records are a finished journal.
type records map[subject]*record

// of returns a kind's subjects of an AWS region, by name; all regions if it is empty.
func (r records) of(where, kind, region string) []subject {
	var found []subject
	for s, rec := range r {
		if s.where == where && s.kind == kind && (region == "" || rec.region == region) {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b subject) int { return strings.Compare(a.name, b.name) })
	return found
}
