package ack

import (
	"context"
	"fmt"
	"maps"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// apply brings an object to what is desired, if it is not, and else asks what ACK and
// the kind say of it.
func (a *Applier) apply(ctx context.Context, o *object) error {
	err := a.config.Client.Get(ctx, client.ObjectKeyFromObject(o.desired), o.current)
	switch {
	case apierrors.IsNotFound(err):
		return a.create(ctx, o)
	case err != nil:
		return fmt.Errorf("reading %s: %w", o.name, err)
	case !o.current.GetDeletionTimestamp().IsZero():
		return step.Wait(v1alpha1.ReasonDeleting, "%s is being deleted and will be created again", o.name)
	}
	if why, err := a.wrongAccount(o); err != nil {
		return err
	} else if why != "" {
		return step.Stuck(a.config.RetryAfter, v1alpha1.ReasonWrongAccount, "%s: %s", o.name, why)
	}
	return a.update(ctx, o)
}

func (a *Applier) create(ctx context.Context, o *object) error {
	annotations, id, err := a.adoption(ctx, o)
	if err != nil {
		return err
	}
	if id == "" {
		return a.createWith(ctx, o, annotations, 0, step.Wait(v1alpha1.ReasonCreating, "%s", o.name))
	}
	return a.createWith(ctx, o, annotations, 0, step.Wait(v1alpha1.ReasonAdopting, "%s: %s", o.name, id))
}

func (a *Applier) createWith(ctx context.Context, o *object, annotations map[string]string, revivals int, created error) error {
	w, err := o.wantedAfter(revivals)
	if err != nil {
		return err
	}
	w.record.at = a.config.Clock.Now()
	if err := a.write(ctx, o, w, annotations); err != nil {
		return err
	}
	return created
}

// update waits after a write: what ACK reports now is about the spec before.
func (a *Applier) update(ctx context.Context, o *object) error {
	w, err := o.wanted()
	if err != nil {
		return err
	}
	have, err := contentOf(o.current)
	if err != nil {
		return err
	}
	last := lastApply(o.current)
	switch {
	case last.spec != w.record.spec || !contains(have["spec"], w.content["spec"]):
		w.record.at, w.record.syncedBefore = a.config.Clock.Now(), lastSync(o.current)
	case last.metadata != w.record.metadata || !contains(have["metadata"], w.content["metadata"]):
		w.record.at, w.record.syncedBefore = last.at, last.syncedBefore // ACK does not look at those: it is not waited for
	default:
		return a.settle(ctx, o, last)
	}
	return a.rewrite(ctx, o, w)
}

// settle is about an object that says what it has to.
func (a *Applier) settle(ctx context.Context, o *object, last record) error {
	if a.config.Drifted == nil {
		return a.verdict(ctx, o, last)
	}
	found, ok := a.config.Drifted(o.name)
	if !ok {
		return a.verdict(ctx, o, last)
	}
	if found.Deleted && o.current.GetAnnotations()[annotationAdopted] == "true" { // ACK would leave it so
		return a.replace(ctx, o, nil, 0)
	}
	return a.nudge(ctx, o, revivalsOf(o.current)+1)
}

func (a *Applier) rewrite(ctx context.Context, o *object, w wanted) error {
	if err := a.write(ctx, o, w, keptAnnotations(o.current)); err != nil {
		return err
	}
	return step.Wait(v1alpha1.ReasonSyncing, "%s", o.name)
}

// wanted is what an object has to say.
type wanted struct {
	content map[string]any
	record  record // without times
	// revivals is how often ACK was made to try it again, which content says in a tag.
	revivals int
}

// wanted keeps the tag of past revivals, until something else is desired.
func (o *object) wanted() (wanted, error) {
	w, err := o.wantedAfter(revivalsOf(o.current))
	if err == nil && w.revivals > 0 && w.record.spec != lastApply(o.current).spec {
		return o.wantedAfter(0)
	}
	return w, err
}

func (o *object) wantedAfter(revivals int) (wanted, error) {
	content, err := contentOf(o.desired)
	if err != nil {
		return wanted{}, err
	}
	if revivals > 0 {
		o.tags.tagRevivals(content, revivals)
	}
	r, err := hashes(content)
	return wanted{content: content, record: r, revivals: revivals}, err
}

// write applies what is wanted, with annotations that are not part of it.
//
// The patch goes through the typed object, so that the client's read-your-writes
// consistency covers the typed reads.
func (a *Applier) write(ctx context.Context, o *object, w wanted, annotations map[string]string) error {
	raw, err := a.configuration(o, w, annotations)
	if err != nil {
		return fmt.Errorf("describing %s: %w", o.name, err)
	}
	obj, err := copyOf(o.desired)
	if err != nil {
		return err
	}
	err = a.config.Client.Patch(ctx, obj, client.RawPatch(types.ApplyPatchType, raw), a.config.Owner, client.ForceOwnership)
	switch {
	case apierrors.IsInvalid(err): // ACK's schema guards what AWS does not change in place
		return step.Terminal(v1alpha1.ReasonRejectedByACK, "%w", err)
	case err != nil:
		return fmt.Errorf("applying %s: %w", o.name, err)
	}
	return nil
}

// configuration renders the fields that we own, and the record of this apply.
func (a *Applier) configuration(o *object, w wanted, more map[string]string) ([]byte, error) {
	gvk, err := apiutil.GVKForObject(o.desired, a.config.Client.Scheme())
	if err != nil {
		return nil, fmt.Errorf("looking up its kind: %w", err)
	}
	u := &unstructured.Unstructured{Object: w.content}
	u.SetGroupVersionKind(gvk)
	annotations := maps.Clone(more)
	if annotations == nil {
		annotations = map[string]string{}
	}
	maps.Copy(annotations, u.GetAnnotations())
	annotations[annotationApplied] = w.record.String()
	if w.revivals > 0 {
		annotations[annotationRevivals] = strconv.Itoa(w.revivals)
	}
	u.SetAnnotations(annotations)
	return u.MarshalJSON() //nolint:wrapcheck // the caller names the object
}

func copyOf(obj client.Object) (client.Object, error) {
	copied, ok := obj.DeepCopyObject().(client.Object)
	if !ok {
		return nil, fmt.Errorf("copying %T", obj)
	}
	return copied, nil
}
