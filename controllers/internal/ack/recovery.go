package ack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// annotationRevivals counts the revivals of the spec that was applied last.
const annotationRevivals = "portolan.dev/revivals"

// maxDoublings bounds how long a spec is left alone that AWS keeps refusing.
const maxDoublings = 4

type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

// Broken is returned by a check when AWS ended something in a state that it never leaves;
// the object is deleted and created again.
func Broken(format string, args ...any) error {
	return &brokenError{err: fmt.Errorf(format, args...)}
}

func isBroken(err error) bool {
	_, ok := errors.AsType[*brokenError](err)
	return ok
}

// verdict is what ACK and the kind itself say of a spec that is as wanted. The kind is
// asked although ACK is not done, because EKS's failures stand in the kind's status only
// and ACK goes on waiting.
func (a *Applier) verdict(ctx context.Context, o *object, last record) error {
	status, err := reportOf(o.current)
	if err != nil {
		return err
	}
	said := synced(o.name, status.Conditions, last)
	if last.predatesAll(status.Conditions) {
		return said
	}
	checked := o.check()
	if !isBroken(checked) && o.takenOverTooLate(status) {
		checked = Broken("AWS is deleting what %s has taken over", o.name)
	}
	switch {
	case isBroken(checked):
		return a.recreate(ctx, o, last, checked)
	case step.IsTerminal(said):
		return a.unstick(ctx, o, last, status, said)
	}
	return o.weigh(said, checked)
}

// weigh chooses between what ACK says and what the kind does: its troubles count before
// ACK's patience.
func (o *object) weigh(said, checked error) error {
	patient := said != nil && takesTime(step.ReasonOf(said))
	switch {
	case said == nil, patient && checked != nil && !takesTime(step.ReasonOf(checked)):
		return checked
	case o.adopting() && step.ReasonOf(said) == v1alpha1.ReasonCreating:
		return step.Wait(v1alpha1.ReasonAdopting, "%s", o.name)
	}
	return said
}

// takenOverTooLate tells whether ACK took over what AWS was already deleting, as it does
// when a node group follows one of its name. ACK never creates it again.
func (o *object) takenOverTooLate(r report) bool {
	return o.current.GetAnnotations()[annotationAdopted] == "true" && ptr.Deref(r.Status, "") == "DELETING"
}

// wrongAccount says what to do when ACK acts in another account than it has to.
func (a *Applier) wrongAccount(o *object) (string, error) {
	status, err := reportOf(o.current)
	if err != nil {
		return "", err
	}
	acted, want := status.account(), a.config.Account
	if acted == "" || want == "" || acted == want {
		return "", nil
	}
	return fmt.Sprintf("ACK acts in account %s and not in %s: delete the Region, set the annotation %s of namespace %s to %s, and create the Region again; see docs/accounts.md",
		acted, want, ackv1alpha1.AnnotationOwnerAccountID, o.desired.GetNamespace(), want), nil
}

// unstick makes ACK try again what it gave up: it does not by itself before the spec
// changes. The longer AWS refuses a spec, the less often.
func (a *Applier) unstick(ctx context.Context, o *object, last record, status report, refused error) error {
	if conflicts(status.Conditions) && !adopts(o.current) {
		if solved, err := a.resolve(ctx, o); solved || err != nil {
			return err
		}
	}
	revivals := revivalsOf(o.current)
	left, due := a.patience(last, revivals)
	if !due {
		return step.Stuck(left, step.ReasonOf(refused), "%w", refused)
	}
	return a.nudge(ctx, o, revivals+1)
}

// nudge makes ACK look at AWS again, by a tag where the kind has tags.
func (a *Applier) nudge(ctx context.Context, o *object, revivals int) error {
	if o.tags == tagNone {
		return a.replace(ctx, o, keptAnnotations(o.current), revivals)
	}
	w, err := o.wantedAfter(revivals)
	if err != nil {
		return err
	}
	w.record.at, w.record.syncedBefore = a.config.Clock.Now(), lastSync(o.current)
	return a.rewrite(ctx, o, w)
}

// resolve takes over what AWS already has under the object's name, if it is ours.
func (a *Applier) resolve(ctx context.Context, o *object) (solved bool, err error) {
	if !o.inside {
		match, err := a.find(ctx, o)
		if err != nil || !match.Found {
			return false, err
		}
		if reason, why := o.refuse(match); why != "" {
			return true, step.Stuck(a.config.RetryAfter, reason, "%s: %s", o.name, why)
		}
	}
	return true, a.replace(ctx, o, map[string]string{ackv1alpha1.AnnotationAdoptionPolicy: adoptOrCreate}, 0)
}

// replace creates the object again without touching what AWS has. An object that ACK
// holds on to is created again when ACK has let go of it.
func (a *Applier) replace(ctx context.Context, o *object, annotations map[string]string, revivals int) error {
	held := len(o.current.GetFinalizers()) > 0
	if held {
		retain := map[string]any{"annotations": map[string]any{ackv1alpha1.AnnotationDeletionPolicy: ackv1alpha1.DeletionPolicyRetain}}
		if err := patchSeen(ctx, a.config.Client, o.current, map[string]any{"metadata": retain}); err != nil {
			return fmt.Errorf("retaining what AWS has of %s: %w", o.name, err)
		}
	}
	if err := a.delete(ctx, o); err != nil {
		return err
	}
	if held {
		return step.Wait(v1alpha1.ReasonRecreating, "%s", o.name)
	}
	created := step.Wait(v1alpha1.ReasonCreating, "%s", o.name)
	if !o.inside {
		created = step.Wait(v1alpha1.ReasonAdopting, "%s", o.name)
	}
	return a.createWith(ctx, o, annotations, revivals, created)
}

// recreate deletes, here and in AWS, what is beyond repair.
func (a *Applier) recreate(ctx context.Context, o *object, last record, because error) error {
	left, due := a.patience(last, 0)
	if !due {
		return step.Poll(left, v1alpha1.ReasonRecreating, "%w", because)
	}
	if err := unprotect(ctx, a.config.Client, o.current); err != nil {
		return fmt.Errorf("lifting the deletion protection of %s: %w", o.name, err)
	}
	if err := a.delete(ctx, o); err != nil {
		return err
	}
	return step.Wait(v1alpha1.ReasonRecreating, "%w", because)
}

// patience is how long a spec is still left alone, and whether that time is up.
func (a *Applier) patience(last record, revivals int) (left time.Duration, up bool) {
	wait := a.config.RetryAfter << min(revivals, maxDoublings)
	if wait <= 0 {
		return 0, false
	}
	left = last.at.Add(wait).Sub(a.config.Clock.Now())
	return left, left <= 0
}

func revivalsOf(obj client.Object) int {
	n, err := strconv.Atoi(obj.GetAnnotations()[annotationRevivals])
	if err != nil {
		return 0
	}
	return max(n, 0)
}

func (a *Applier) delete(ctx context.Context, o *object) error {
	err := a.config.Client.Delete(ctx, o.current, client.Preconditions{UID: new(o.current.GetUID())})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting %s: %w", o.name, err)
	}
	return nil
}

// patchSeen changes fields of the very object that was seen, not of one that took its place.
func patchSeen(ctx context.Context, c client.Client, obj client.Object, patch map[string]any, opts ...client.PatchOption) error {
	child(patch, "metadata")["uid"] = obj.GetUID()
	raw, err := json.Marshal(patch)
	if err != nil {
		return fmt.Errorf("describing the patch: %w", err)
	}
	copied, err := copyOf(obj)
	if err != nil {
		return err
	}
	return client.IgnoreNotFound(c.Patch(ctx, copied, client.RawPatch(types.MergePatchType, raw), opts...))
}
