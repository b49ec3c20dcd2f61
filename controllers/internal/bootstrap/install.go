package bootstrap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

const (
	// FieldOwner is who applies bootstrap items.
	FieldOwner = "portolan-bootstrap"
	// LabelItem names on each object, except CRDs and Namespaces, the item that brought it.
	LabelItem = "portolan.dev/bootstrap-item"
)

// Installer applies what a Source rendered.
type Installer struct {
	// Poll is how soon to look again for CRDs that are being established. Default: 2 s.
	Poll time.Duration
}

// Install brings a regional cluster to what is rendered of the item of that name. It
// returns nil when all is installed, step.Poll while kinds are not served yet, and
// failures of the API server. When nothing changed since the item was installed, it makes
// one request.
func (i *Installer) Install(ctx context.Context, c client.Client, name string, r *Rendered) error {
	m, err := readMarker(ctx, c, name)
	if err != nil || m.hash == r.Hash {
		return err
	}
	p := &installation{tracked: tracked{client: c, marker: m}}
	served, missing, err := p.prepare(r)
	if err != nil {
		return err
	}
	progress := r.Hash + " lacks " + strings.Join(missing, ", ")
	if len(missing) > 0 && m.progress == progress {
		return i.notServed(missing)
	}
	if err := p.begin(ctx, served); err != nil {
		return err
	}
	if err := p.applyAll(ctx, served); err != nil {
		return i.explain(err)
	}
	if len(missing) > 0 {
		if err := p.pause(ctx, progress); err != nil {
			return err
		}
		return i.notServed(missing)
	}
	return p.finish(ctx, r.Hash, served)
}

// explain tells what has to be waited for from what failed.
func (i *Installer) explain(err error) error {
	if pending, ok := errors.AsType[*notYet](err); ok {
		return i.poll("%w", pending)
	}
	return err
}

func (i *Installer) notServed(kinds []string) error {
	return i.poll("the cluster does not serve %s yet; if nothing in the list before brings it, add its CRDs there",
		strings.Join(kinds, ", "))
}

func (i *Installer) poll(format string, args ...any) error {
	return step.Poll(cmp.Or(i.Poll, 2*time.Second), v1alpha1.ReasonInstalling, format, args...)
}

// notYet is something that the API server needs a moment for.
type notYet struct{ what string }

func (n *notYet) Error() string { return n.what }

// installation is one pass over one item.
type installation struct{ tracked }

// prepare returns copies of the objects in their namespaces, except those whose kinds the
// cluster does not serve, and these kinds.
func (p *installation) prepare(r *Rendered) (served []*unstructured.Unstructured, missing []string, err error) {
	for _, o := range r.Objects {
		kind := o.GetAPIVersion() + " " + o.GetKind()
		if slices.Contains(missing, kind) {
			continue // without another round of discovery
		}
		o = o.DeepCopy()
		namespaced, err := p.client.IsObjectNamespaced(o)
		switch {
		case meta.IsNoMatchError(err):
			missing = append(missing, kind)
			continue
		case err != nil:
			return nil, nil, fmt.Errorf("looking up kind %s: %w", o.GetKind(), err)
		case !namespaced:
			o.SetNamespace("") // some charts give ClusterRoles one
		default:
			o.SetNamespace(cmp.Or(o.GetNamespace(), r.namespace, metav1.NamespaceDefault))
		}
		p.label(o)
		served = append(served, o)
	}
	slices.Sort(missing)
	return served, missing, nil
}

func (p *installation) label(o *unstructured.Unstructured) {
	if isFoundation(groupKind(o)) {
		return // items share them
	}
	labels := o.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[LabelItem] = p.marker.item
	o.SetLabels(labels)
}

// begin records what may exist from now on, so that a pass that renders something else
// after a crash knows what to clean up, and what was installed does not count any more.
func (p *installation) begin(ctx context.Context, objects []*unstructured.Unstructured) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	return p.record(ctx, &marker{inventory: p.marker.with(referencesOf(objects))})
}

// pause records that everything that can be applied for now is applied, so that it is not
// applied again with each look at what is missing.
func (p *installation) pause(ctx context.Context, progress string) error {
	return p.record(ctx, &marker{inventory: p.marker.inventory, progress: progress})
}

// finish removes what the item brought before and does not bring any more. Prune goes on
// with what does not go at once.
func (p *installation) finish(ctx context.Context, hash string, objects []*unstructured.Unstructured) error {
	current := referencesOf(objects)
	former := slices.DeleteFunc(slices.Clone(p.marker.inventory), func(r reference) bool {
		return slices.ContainsFunc(current, r.same)
	})
	left, err := p.clear(ctx, former)
	if err != nil {
		return err
	}
	return p.record(ctx, &marker{hash: hash, inventory: current, former: left})
}

func (p *installation) applyAll(ctx context.Context, objects []*unstructured.Unstructured) error {
	var pending error
	for _, o := range objects {
		if pending != nil && groupKind(o) != crdKind {
			return pending // all CRDs are established side by side
		}
		if err := p.apply(ctx, o); err != nil {
			return err
		}
		if groupKind(o) == crdKind && pending == nil {
			pending = established(o)
		}
	}
	return pending
}

func (p *installation) apply(ctx context.Context, o *unstructured.Unstructured) error {
	what := describe(o)
	err := p.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), client.FieldOwner(FieldOwner), client.ForceOwnership)
	switch {
	case err == nil && o.GetDeletionTimestamp() != nil:
		return &notYet{what: what + " is still being deleted, after which it is made anew"}
	case err == nil:
		return nil
	case meta.IsNoMatchError(err) || isUnknownPath(err):
		return &notYet{what: "the cluster does not serve " + o.GetAPIVersion() + " " + o.GetKind() + " yet"}
	case apierrors.IsInvalid(err) && isHook(o):
		return p.replace(ctx, o, fmt.Errorf("applying %s: %w", what, err))
	case isSecret(o):
		// The API server's text may quote the value that it did not like.
		return fmt.Errorf("applying %s: the API server says %s; its text is withheld because it may quote the Secret", what, apierrors.ReasonForError(err))
	default:
		return fmt.Errorf("applying %s: %w", what, err)
	}
}

// isUnknownPath tells a missing kind from a missing object: a CRD that is established on
// one API server takes seconds to be served by the others.
func isUnknownPath(err error) bool {
	return apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}
