package ack

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// outcome is what a pass found, in the terms of ACK's conditions.
type outcome struct {
	resource       *cloud.Resource // what AWS has now; nil if nothing
	err            error           // retried with backoff
	after          time.Duration   // simulated; the next look if there is no error
	pending        string          // why the resource is not synced yet
	recoverable    string
	terminal       string
	terminalReason string
	adopted        bool
	initialised    bool
	silent         bool // nothing is written
	created        bool // so that AWS's answer is written into the spec
}

// observed reports a resource that AWS has as the spec asks for.
func (p *pass) observed(r cloud.Resource) outcome {
	o := outcome{resource: &r, after: p.resyncAfter(p.kind.name), initialised: p.kind.initialises}
	if r.State != p.kind.states.ready && (!p.kind.syncsEarly || r.State != p.kind.states.creating) {
		o.after, o.pending = pollInterval, fmt.Sprintf("%s is in '%s' status", p.kind.name, r.State)
	}
	switch {
	case r.State == p.kind.states.creating:
		o.recoverable = p.kind.whilePending
	case r.State == p.kind.states.failed && p.kind.failureIsTerminal:
		o.terminal = o.pending
	}
	return o
}

// impatient reports a resource that ACK wants to update, or to be repaired, at short
// intervals. Nothing comes of it: ACK never calls AWS before the resource is ready.
func (p *pass) impatient(r cloud.Resource) outcome {
	o := p.observed(r)
	o.after = p.kind.impatience
	o.recoverable = fmt.Sprintf("%s in '%s' state, cannot be modified until '%s'",
		strings.ToLower(p.kind.name), r.State, p.kind.states.ready)
	return o
}

func (p *pass) failed(err error, latest *cloud.Resource) outcome {
	if given, ok := errors.AsType[errGivenUp](err); ok {
		return outcome{resource: latest, terminal: string(given)}
	}
	if p.kind.isTerminal(err) {
		return outcome{resource: latest, terminal: recoverableText(err)}
	}
	return outcome{resource: latest, err: err, recoverable: recoverableText(err)}
}
