package ack

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// Applier applies a step's objects and remembers what is not done yet, so that a
// step can go on with everything that does not depend on it.
type Applier struct {
	client  client.Client
	clock   clock.PassiveClock
	owner   client.FieldOwner
	pending []error
}

// NewApplier returns an Applier for one pass of one step.
func NewApplier(c client.Client, clk clock.PassiveClock, owner client.FieldOwner) *Applier {
	return &Applier{client: c, clock: clk, owner: owner}
}

// Ensure applies desired by server-side apply and returns what is known of it,
// which is an empty object when nothing is yet. Nothing is written when the object already is as desired:
// ACK late-initialises and rewrites specs, so only fields that we own are compared.
//
// done reports whether ACK has applied this very spec and no check of the kind's
// own state objects; until then the reason is part of Outcome.
func Ensure[T client.Object](ctx context.Context, a *Applier, desired T, checks ...func(T) error) (observed T, done bool) {
	observed, err := apply(ctx, a, desired)
	if err == nil {
		for _, check := range checks {
			if err = check(observed); err != nil {
				break
			}
		}
	}
	if err != nil {
		a.pending = append(a.pending, err)
	}
	return observed, err == nil
}

// Outcome is the step's outcome: the first failure to retry, else the first thing that
// only a spec can cure, else all that is waited for in one message, with the reason of
// what is in trouble before that of what only takes time.
func (a *Applier) Outcome() error {
	var terminal error
	var waits []string
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
	}
	if terminal != nil || len(waits) == 0 {
		return terminal
	}
	return step.Wait(reason, "%s", strings.Join(waits, ", "))
}

func takesTime(reason string) bool {
	return reason == v1alpha1.ReasonCreating || reason == v1alpha1.ReasonSyncing
}

func apply[T client.Object](ctx context.Context, a *Applier, desired T) (T, error) {
	current, ok := reflect.TypeAssert[T](reflect.New(reflect.TypeOf(desired).Elem()))
	if !ok {
		return desired, fmt.Errorf("creating an empty %T", desired)
	}
	name, err := describe(a.client, desired)
	if err != nil {
		return current, err
	}
	err = a.client.Get(ctx, client.ObjectKeyFromObject(desired), current)
	switch {
	case apierrors.IsNotFound(err):
		return current, a.create(ctx, name, desired)
	case err != nil:
		return current, fmt.Errorf("reading %s: %w", name, err)
	case !current.GetDeletionTimestamp().IsZero():
		return current, step.Wait(v1alpha1.ReasonDeleting, "%s is being deleted and will be created again", name)
	}

	return current, a.update(ctx, name, desired, current)
}

// update brings current to what is desired, if it is not, and else asks what ACK says of it.
func (a *Applier) update(ctx context.Context, name string, desired, current client.Object) error {
	next, err := hashes(desired)
	if err != nil {
		return err
	}
	specHolds, allHolds, err := compare(current, desired)
	if err != nil {
		return err
	}
	last := lastApply(current)
	specHolds = specHolds && last.spec == next.spec
	switch {
	case !specHolds:
		next.at, next.syncedBefore = a.clock.Now(), lastSync(current)
		return a.write(ctx, name, desired, v1alpha1.ReasonSyncing, next)
	case !allHolds || last.metadata != next.metadata: // ACK does not look at those: it is not waited for
		next.at, next.syncedBefore = last.at, last.syncedBefore
		return a.write(ctx, name, desired, v1alpha1.ReasonSyncing, next)
	}
	conditions, err := conditionsOf(current)
	if err != nil {
		return err
	}
	return synced(name, conditions, last)
}

func (a *Applier) create(ctx context.Context, name string, desired client.Object) error {
	first, err := hashes(desired)
	if err != nil {
		return err
	}
	first.at = a.clock.Now()
	return a.write(ctx, name, desired, v1alpha1.ReasonCreating, first)
}

// write applies desired and waits: what ACK reports now is about the spec before.
//
// The patch goes through the typed object, so that the client's read-your-writes
// consistency covers the typed reads.
func (a *Applier) write(ctx context.Context, name string, desired client.Object, reason string, r record) error {
	raw, err := a.configuration(desired, r)
	if err != nil {
		return fmt.Errorf("describing %s: %w", name, err)
	}
	obj, ok := desired.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("copying %T", desired)
	}
	err = a.client.Patch(ctx, obj, client.RawPatch(types.ApplyPatchType, raw), a.owner, client.ForceOwnership)
	switch {
	case apierrors.IsInvalid(err): // ACK's schema guards what AWS does not change in place
		return step.Terminal(v1alpha1.ReasonRejectedByACK, "%w", err)
	case err != nil:
		return fmt.Errorf("applying %s: %w", name, err)
	}
	return step.Wait(reason, "%s", name)
}

// configuration renders the fields that we own, and the record of this apply.
func (a *Applier) configuration(desired client.Object, r record) ([]byte, error) {
	content, err := contentOf(desired)
	if err != nil {
		return nil, err
	}
	gvk, err := apiutil.GVKForObject(desired, a.client.Scheme())
	if err != nil {
		return nil, fmt.Errorf("looking up its kind: %w", err)
	}
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(gvk)
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[annotationApplied] = r.String()
	u.SetAnnotations(annotations)
	return u.MarshalJSON() //nolint:wrapcheck // the caller names the object
}

// describe names an object the way messages do: "VPC production001-eu-west-1".
func describe(c client.Client, obj client.Object) (string, error) {
	gvk, err := apiutil.GVKForObject(obj, c.Scheme())
	if err != nil {
		return "", fmt.Errorf("looking up the kind of %T: %w", obj, err)
	}
	return gvk.Kind + " " + obj.GetName(), nil
}

// contentOf returns what desired says, without what only the server says.
func contentOf(desired client.Object) (map[string]any, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(desired)
	if err != nil {
		return nil, fmt.Errorf("converting %T: %w", desired, err)
	}
	delete(content, "status")
	unstructured.RemoveNestedField(content, "metadata", "creationTimestamp")
	return content, nil
}

// compare tells whether current still has everything that desired says in its spec,
// and in everything.
func compare(current, desired client.Object) (spec, all bool, err error) {
	want, err := contentOf(desired)
	if err != nil {
		return false, false, err
	}
	have, err := contentOf(current)
	if err != nil {
		return false, false, err
	}
	spec = contains(have["spec"], want["spec"])
	return spec, spec && contains(have["metadata"], want["metadata"]), nil
}

// contains tells whether every field of want is in have. Lists are ACK's atomic
// unit, so they have to be equal element by element.
func contains(have, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		if !ok {
			return false
		}
		for k, v := range want {
			if !contains(have[k], v) {
				return false
			}
		}
		return true
	case []any:
		have, ok := have.([]any)
		if !ok || len(have) != len(want) {
			return false
		}
		for i := range want {
			if !contains(have[i], want[i]) {
				return false
			}
		}
		return true
	default:
		return reflect.DeepEqual(have, want)
	}
}

// conditionsOf reads status.conditions of any kind of ACK.
func conditionsOf(obj client.Object) ([]*ackv1alpha1.Condition, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, fmt.Errorf("converting %T: %w", obj, err)
	}
	var view struct {
		Status struct {
			Conditions []*ackv1alpha1.Condition `json:"conditions"`
		} `json:"status"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, &view); err != nil {
		return nil, fmt.Errorf("reading the conditions of %T: %w", obj, err)
	}
	return view.Status.Conditions, nil
}
