package ack

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// Config is what an Applier works with.
type Config struct {
	Client client.Client
	Clock  clock.PassiveClock
	Owner  client.FieldOwner
	// Existing tells what AWS already has; nil asks nobody.
	Existing Existing
	// Account that ACK has to act in; "" checks nothing.
	Account string
	// RetryAfter is how long after a failure that ACK does not repeat it is made to; zero never.
	RetryAfter time.Duration
	// Drifted tells, once, that AWS was found to differ from an object, "VPC production001-eu-west-1",
	// that ACK counts as done; nil tells nothing.
	Drifted func(object string) (Drifted, bool)
	// Observe makes the Applier write nothing and collect Drift.
	Observe bool
}

// Drifted is how AWS differs from an object.
type Drifted struct {
	// Deleted tells that AWS does not have it any more; else something was edited.
	Deleted bool
}

// Applier applies a step's objects and remembers what is not done yet, so that a
// step can go on with everything that does not depend on it.
type Applier struct {
	config  Config
	pending []error
	drift   map[string]v1alpha1.Drift // by object
}

// NewApplier returns an Applier for one pass of one step.
func NewApplier(c Config) *Applier {
	return &Applier{config: c, drift: map[string]v1alpha1.Drift{}}
}

// object is what a pass looks at.
type object struct {
	traits

	name    string        // "VPC production001-eu-west-1"
	desired client.Object // what it has to say
	current client.Object // what there is; empty when there is nothing
	check   func() error  // asks what the kind itself says in current
}

// Ensure applies desired by server-side apply and returns what is known of it,
// which is an empty object when nothing is yet. Nothing is written when the object already is as desired:
// ACK late-initialises and rewrites specs, so only fields that we own are compared.
//
// done reports whether ACK has applied this very spec and no check of the kind's
// own state objects; until then the reason is part of Outcome. An Applier that only
// observes reports whether the object is there and works, as desired or not.
func Ensure[T client.Object](ctx context.Context, a *Applier, desired T, checks ...func(T) error) (observed T, done bool) {
	observed, ok := emptyLike(desired)
	if !ok {
		a.note(fmt.Errorf("creating an empty %T", desired))
		return desired, false
	}
	done, err := a.visit(ctx, &object{desired: desired, current: observed, check: func() error {
		for _, check := range checks {
			if err := check(observed); err != nil {
				return err
			}
		}
		return nil
	}})
	a.note(err)
	if step.ReasonOf(err) == v1alpha1.ReasonWrongAccount { // nothing may be built upon it
		observed, _ = emptyLike(desired)
	}
	return observed, done
}

func emptyLike[T client.Object](obj T) (T, bool) {
	return reflect.TypeAssert[T](reflect.New(reflect.TypeOf(obj).Elem()))
}

// visit describes the object and does with it what the Applier is there for.
func (a *Applier) visit(ctx context.Context, o *object) (done bool, err error) {
	if err := a.identify(o); err != nil {
		return false, err
	}
	if a.config.Observe {
		return a.observe(ctx, o)
	}
	err = a.apply(ctx, o)
	return err == nil, err
}

// identify says what the object is called and of which kind it is.
func (a *Applier) identify(o *object) error {
	gvk, err := apiutil.GVKForObject(o.desired, a.config.Client.Scheme())
	if err != nil {
		return fmt.Errorf("looking up the kind of %T: %w", o.desired, err)
	}
	o.name, o.traits = gvk.Kind+" "+o.desired.GetName(), traitsOf[gvk.Kind]
	return nil
}

func (a *Applier) note(err error) {
	if err != nil {
		a.pending = append(a.pending, err)
	}
}

// Outcome is the step's outcome: the first failure to retry, else the first thing that
// is not cured by waiting, else all that is waited for in one message, with the reason of
// what is in trouble before that of what only takes time. It is looked at again when the
// first of them asks for it.
func (a *Applier) Outcome() error {
	var terminal error
	var waits []string
	var after time.Duration
	reason := ""
	for _, err := range a.pending {
		switch {
		case step.IsWaiting(err):
			if reason == "" || takesTime(reason) && !takesTime(step.ReasonOf(err)) {
				reason = step.ReasonOf(err)
			}
			waits = append(waits, err.Error())
		case !step.IsTerminal(err):
			return err
		case terminal == nil:
			terminal = err
		}
		after = sooner(after, step.PollAfter(err))
	}
	switch {
	case terminal != nil:
		return step.Stuck(after, step.ReasonOf(terminal), "%w", terminal)
	case len(waits) > 0:
		return step.Poll(after, reason, "%s", strings.Join(waits, ", "))
	}
	return nil
}

// sooner returns the smaller of two durations, of which zero means never.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

func takesTime(reason string) bool {
	return reason == v1alpha1.ReasonCreating || reason == v1alpha1.ReasonSyncing || reason == v1alpha1.ReasonAdopting
}

// Drift returns what would have been done to each object that was visited, by object.
func (a *Applier) Drift() []v1alpha1.Drift {
	var all []v1alpha1.Drift
	for _, name := range slices.Sorted(maps.Keys(a.drift)) {
		all = append(all, a.drift[name])
	}
	return all
}
