package promotion

import (
	"cmp"
	"fmt"
	"time"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// verb is what to do.
type verb string

const (
	hold    verb = "hold"    // nothing
	begin   verb = "begin"   // record a rollout, before anything of it is written
	write   verb = "write"   // write pins
	confirm verb = "confirm" // ask Argo CD to confirm what it says of regions
	record  verb = "record"  // nothing but to remember
)

// decision is the one thing that brings the fleet closer to its target.
type decision struct {
	verb verb
	// writes are pins of regions, in the order in which to write them.
	writes []pinning
	// again tells that they were written before, and that somebody took them away.
	again bool
	// confirm names the regions whose Applications are to be compared once more.
	confirm []string
	// rollout is to be remembered whatever the verb is.
	rollout *v1alpha1.PromotionRollout

	// reason, message and until say what is waited for.
	reason, message string
	until           time.Time
	// recheck is the earliest moment at which time alone changes something: here or where nobody looks first.
	recheck time.Time
	// held is by a person, a window or a pause.
	held bool
	// stuck waits for a person.
	stuck bool
	// unasked are gates whose answers are wanted; the decision is taken without them.
	unasked []check
	// asking tells that nobody announces what is waited for.
	asking bool
	// proven are applications that are known to be healthy at the rollout's revisions, in every
	// region that has them and can be judged.
	proven []string
	// ended is the record of a rollout that ended by this decision.
	ended *v1alpha1.PromotionRecord
}

// pinning writes pins in a region.
type pinning struct {
	region *regionState
	pins   plan.PinSet
	// fresh are pins that the region never had: nobody knows whether they have its files.
	fresh bool
}

func (d *decision) because(reason, format string, args ...any) *decision {
	d.reason, d.message = reason, fmt.Sprintf(format, args...)
	return d
}

// by holds for a person, a window or a pause.
func (d *decision) by(h *holding) *decision {
	d.reason, d.message, d.until, d.held = h.reason, h.message, h.until, true
	return d
}

// settled tells that nothing is left to do.
func (d *decision) settled() bool { return d.verb == hold && d.reason == "" }

func (d *decision) reasonOr(reason string) string { return cmp.Or(d.reason, reason) }
