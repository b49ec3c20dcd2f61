package ack

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// Existing tells what AWS has for an object that we are about to create or that ACK says
// exists already.
type Existing interface {
	// Find looks by name or, for kinds that AWS names itself, by our tags. What is being
	// deleted or has failed for good is not there.
	Find(ctx context.Context, obj client.Object) (Match, error)
}

// Match is what AWS has for an object.
type Match struct {
	// Found tells that AWS has it.
	Found bool
	// Ours tells that it carries our tags.
	Ours bool
	// ID is the identifier for ACK's adoption-fields where the kind needs one.
	ID string
	// Duplicates are further resources with the same tag.
	Duplicates []string
}

// adoptOrCreate makes ACK take over what AWS has already instead of refusing it.
const adoptOrCreate = "adopt-or-create"

// annotationAdopted is on objects whose resource ACK has taken over. ACK never creates
// those again when AWS loses them, and does not say so either (runtime v0.62.0,
// AdoptedResourceNotFound).
const annotationAdopted = ackv1alpha1.AnnotationAdopted

// adoption returns the annotations by which ACK takes over what AWS has already for an
// object that is about to be created, and what that is.
//
// A create whose answer got lost leaves a resource whose ID nobody recorded. It would be
// created once more, so it is looked up by its tags first.
func (a *Applier) adoption(ctx context.Context, o *object) (annotations map[string]string, id string, err error) {
	switch {
	case o.inside:
		return map[string]string{ackv1alpha1.AnnotationAdoptionPolicy: adoptOrCreate}, "", nil
	case o.id == "":
		return nil, "", nil
	}
	match, err := a.find(ctx, o)
	if err != nil || !match.Found {
		return nil, "", err
	}
	if reason, why := o.refuse(match); why != "" {
		return nil, "", step.Stuck(a.config.RetryAfter, reason, "%s: %s", o.name, why)
	}
	fields, err := json.Marshal(map[string]string{o.id: match.ID})
	if err != nil {
		return nil, "", fmt.Errorf("describing the adoption of %s: %w", o.name, err)
	}
	return map[string]string{
		ackv1alpha1.AnnotationAdoptionPolicy: adoptOrCreate, ackv1alpha1.AnnotationAdoptionFields: string(fields),
	}, match.ID, nil
}

// Exists tells whether AWS has something for an object already. What the caller leaves
// undone because of it is asked for again: an answer that could not be had is pending.
func (a *Applier) Exists(ctx context.Context, desired client.Object) bool {
	o := &object{desired: desired}
	if err := a.identify(o); err != nil {
		a.note(err)
		return true
	}
	match, err := a.find(ctx, o)
	a.note(err)
	return err != nil || match.Found
}

func (a *Applier) find(ctx context.Context, o *object) (Match, error) {
	if a.config.Existing == nil {
		return Match{}, nil
	}
	match, err := a.config.Existing.Find(ctx, o.desired)
	if err != nil {
		return Match{}, fmt.Errorf("looking for %s in AWS: %w", o.name, err)
	}
	return match, nil
}

// refuse says why what AWS has cannot be taken over, if it cannot.
func (o *object) refuse(m Match) (reason, why string) {
	labels := o.desired.GetLabels()
	switch {
	case len(m.Duplicates) > 0:
		return v1alpha1.ReasonDuplicate, "AWS has more than one with its tags: delete all but one of " +
			strings.Join(slices.Sorted(slices.Values(append([]string{m.ID}, m.Duplicates...))), ", ")
	case !m.Ours && !o.inside:
		return v1alpha1.ReasonNotOurs, fmt.Sprintf("AWS already has %s, and it does not carry Portolan's tags: "+
			"delete or rename it, or tag it %s=%s and %s=%s to hand it over", o.nameInAWS(m),
			v1alpha1.LabelEnvironment, labels[v1alpha1.LabelEnvironment], v1alpha1.LabelRegion, labels[v1alpha1.LabelRegion])
	}
	return "", ""
}

// nameInAWS is what to look for in AWS: the identifier where AWS chose one.
func (o *object) nameInAWS(m Match) string {
	if m.ID != "" {
		return m.ID
	}
	if content, err := contentOf(o.desired); err == nil {
		if name, _, _ := unstructured.NestedString(content, "spec", "name"); name != "" {
			return name
		}
	}
	return o.desired.GetName()
}

// adopts tells whether ACK was told to take over what AWS has for an object.
func adopts(obj client.Object) bool {
	return obj.GetAnnotations()[ackv1alpha1.AnnotationAdoptionPolicy] != ""
}

// adopting tells whether an object that is new takes over something in particular.
func (o *object) adopting() bool { return adopts(o.current) && !o.inside }

// keptAnnotations are those of an earlier apply that belong to it for good: applying
// without them would take them away.
func keptAnnotations(obj client.Object) map[string]string {
	kept := map[string]string{}
	for _, key := range []string{ackv1alpha1.AnnotationAdoptionPolicy, ackv1alpha1.AnnotationAdoptionFields} {
		if value, ok := obj.GetAnnotations()[key]; ok {
			kept[key] = value
		}
	}
	return kept
}
