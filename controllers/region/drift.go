package region

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/drift"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// Inspector compares ACK's objects with AWS.
type Inspector interface {
	// Find returns what differs. Its error is about what could not be looked at.
	Find(ctx context.Context, roleARN, awsRegion string, objects []client.Object) ([]drift.Finding, error)
}

// Inspection is the Inspector that reads AWS.
type Inspection struct{ Reader drift.Reader }

// Find implements Inspector.
func (i Inspection) Find(ctx context.Context, roleARN, awsRegion string, objects []client.Object) ([]drift.Finding, error) {
	return drift.Find(ctx, i.Reader, roleARN, awsRegion, objects)
}

// reconcileDrift looks, every once in a while, for what somebody edited or deleted in AWS, and
// has the steps put it right on the next pass.
func (r *Reconciler) reconcileDrift(ctx context.Context, s *scope) error {
	switch {
	case s.plan == nil:
		return step.Blocked(v1alpha1.RegionPlanned)
	case s.region.Status.ProfileRevision == "": // it is still being built
		return step.Blocked(v1alpha1.ConditionReady)
	}
	what := seenOf(s.region) + "drift"
	if ok, outcome := r.seen.last(what, s.revision.Name(), r.DriftInterval); ok {
		return outcome
	}
	correcting, err := r.correcting(ctx, s)
	switch {
	case err != nil:
		return err
	case correcting != "":
		return step.Poll(r.Poll, v1alpha1.ReasonDrifted, "ACK is putting right what somebody changed: %s", correcting)
	}
	findings, err := r.inspect(ctx, s)
	s.region.Status.Drift = driftOf(findings, v1alpha1.DriftCorrect, v1alpha1.DriftRecreate)
	if len(findings) > 0 { // not remembered: it is looked at again until it is right
		r.drifted.found(s.region.UID, findings)
		r.Finder.ForgetTagged(s.environment.Spec.AWS.RoleARN, string(s.region.Spec.AWSRegion), s.plan.Cluster)
		return step.Poll(r.Poll, v1alpha1.ReasonDrifted, "somebody changed AWS, which is put right: %s", differences(findings))
	}
	if err != nil {
		return r.fromAWS(err)
	}
	r.drifted.forget(s.region.UID)
	outcome := step.DoneUntil(r.DriftInterval)
	r.seen.note(what, s.revision.Name(), outcome)
	return outcome
}

// correcting names the objects that were found to differ and that ACK is at work on.
func (r *Reconciler) correcting(ctx context.Context, s *scope) (string, error) {
	var names []string
	for _, kind := range ack.Kinds() {
		objects, err := r.labelled(ctx, s.region, kind)
		if err != nil {
			return "", err
		}
		for _, obj := range objects {
			if name := kindOf(r.Client, obj) + " " + obj.GetName(); r.drifted.known(s.region.UID, name) && !ack.Settled(obj) {
				names = append(names, name)
			}
		}
	}
	return strings.Join(names, ", "), nil
}

// settling is how long an object is left out that was changed: AWS may not show the change yet.
const settling = 10 * time.Minute

// inspect looks at every object of the region.
func (r *Reconciler) inspect(ctx context.Context, s *scope) ([]drift.Finding, error) {
	var objects []client.Object
	for _, kind := range ack.Kinds() {
		some, err := r.labelled(ctx, s.region, kind)
		if err != nil {
			return nil, err
		}
		for _, obj := range some {
			if s.observe || r.Clock.Since(ack.AppliedAt(obj)) >= r.patiently(settling) || r.drifted.known(s.region.UID, kindOf(r.Client, obj)+" "+obj.GetName()) {
				objects = append(objects, obj)
			}
		}
	}
	return r.Inspector.Find(ctx, s.environment.Spec.AWS.RoleARN, string(s.region.Spec.AWSRegion), objects)
}

func driftOf(findings []drift.Finding, edited, deleted v1alpha1.DriftAction) []v1alpha1.Drift {
	var all []v1alpha1.Drift
	for _, f := range findings[:min(len(findings), maxDrift)] {
		d := v1alpha1.Drift{Object: f.Kind + " " + f.Name, Action: edited, Message: step.Truncate(strings.Join(f.Fields, "; "))}
		if f.Deleted {
			d.Action, d.Message = deleted, f.ID+" is gone from AWS"
		}
		all = append(all, d)
	}
	return all
}

// differences names a few findings.
func differences(findings []drift.Finding) string {
	const few = 3
	var texts []string
	for _, d := range driftOf(findings[:min(few, len(findings))], "", "") {
		texts = append(texts, d.Object+": "+d.Message)
	}
	if more := len(findings) - few; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more in status.drift", more))
	}
	return strings.Join(texts, ", ")
}

// drifted is what was found and has not been put right yet. It is memory only: a new operator
// looks again.
type drifted struct {
	mu  sync.Mutex
	all map[types.UID]map[string]sighted
}

// sighted is what was found of one object. It is put right when it is found twice in a row:
// AWS may not yet show everywhere what was created a moment ago.
type sighted struct {
	ack.Drifted

	due bool
}

// found notes the findings of one look.
func (d *drifted) found(region types.UID, findings []drift.Finding) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all == nil {
		d.all = map[types.UID]map[string]sighted{}
	}
	now := map[string]sighted{}
	for _, f := range findings {
		object := f.Kind + " " + f.Name
		last, again := d.all[region][object]
		now[object] = sighted{Drifted: ack.Drifted{Deleted: f.Deleted}, due: again && last.Deleted == f.Deleted}
	}
	d.all[region] = now
}

// take hands out what is to be put right about an object, once.
func (d *drifted) take(region types.UID, object string) (ack.Drifted, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := d.all[region][object]
	if !found.due {
		return ack.Drifted{}, false
	}
	d.all[region][object] = sighted{Drifted: found.Drifted}
	return found.Drifted, true
}

// known tells whether the last look found something about an object.
func (d *drifted) known(region types.UID, object string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.all[region][object]
	return ok
}

func (d *drifted) forget(region types.UID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.all, region)
}
