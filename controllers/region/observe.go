package region

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/drift"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// maxDrift is the API's limit of status.drift.
const maxDrift = 256

// reconcileObserved goes through everything that would be declared, writes nothing, and
// reports how the world differs from it.
func (r *Reconciler) reconcileObserved(ctx context.Context, s *scope) error {
	if s.plan == nil {
		return step.Blocked(v1alpha1.RegionPlanned)
	}
	looks := []func(context.Context, *scope) error{
		r.reconcileNetwork, r.reconcileIdentity, r.reconcileStorage, r.reconcileControlPlane,
		r.reconcileAccess, r.reconcileAddons, r.reconcileNodes,
	}
	for _, look := range looks {
		// What differs is in the drift; an outcome is about what is waited for.
		if err := look(ctx, s); err != nil && !isOutcome(err) {
			return err
		}
	}
	var differs []v1alpha1.Drift
	for _, a := range s.appliers {
		differs = append(differs, a.Drift()...)
	}
	unreached, err := r.unreached(ctx, s, differs)
	if err != nil {
		return err
	}
	secrets, err := r.uncopied(ctx, s)
	if err != nil {
		return r.fromAWS(err)
	}
	findings, err := r.inspect(ctx, s)
	if err != nil && len(findings) == 0 {
		return r.fromAWS(err)
	}
	differs = slices.Concat(differs, unreached, secrets)
	differs = append(differs, driftOf(unlisted(findings, differs), v1alpha1.DriftChange, v1alpha1.DriftCreate)...)
	slices.SortFunc(differs, func(a, b v1alpha1.Drift) int { return strings.Compare(a.Object, b.Object) })
	s.region.Status.Drift = differs[:min(len(differs), maxDrift)]
	if len(differs) == 0 {
		return nil
	}
	return step.Poll(r.Resync, v1alpha1.ReasonDrifted, "%s; see status.drift", summary(differs))
}

// unlisted leaves out what is about objects that are listed already: they are keys of the list.
func unlisted(findings []drift.Finding, listed []v1alpha1.Drift) []drift.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f drift.Finding) bool {
		return slices.ContainsFunc(listed, func(d v1alpha1.Drift) bool { return d.Object == f.Kind+" "+f.Name })
	})
}

func isOutcome(err error) bool {
	return step.IsWaiting(err) || step.IsTerminal(err) || step.IsDone(err)
}

func summary(drift []v1alpha1.Drift) string {
	var parts []string
	for _, kind := range []struct {
		action v1alpha1.DriftAction
		words  string
	}{
		{v1alpha1.DriftCreate, "would be created"}, {v1alpha1.DriftChange, "would be changed"},
		{v1alpha1.DriftAdopt, "would be adopted"}, {v1alpha1.DriftRefuse, "are in the way"},
	} {
		n := 0
		for _, d := range drift {
			if d.Action == kind.action {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind.words))
		}
	}
	return strings.Join(parts, ", ")
}

// unreached are the objects whose parents do not exist yet, so that no step got to them.
func (r *Reconciler) unreached(ctx context.Context, s *scope, visited []v1alpha1.Drift) ([]v1alpha1.Drift, error) {
	var drift []v1alpha1.Drift
	for _, planned := range s.plan.Objects(s.region, s.environment) {
		for _, name := range planned.Names {
			object := planned.Kind + " " + name
			if slices.ContainsFunc(visited, func(d v1alpha1.Drift) bool { return d.Object == object }) {
				continue
			}
			d, err := r.unreachedObject(ctx, s, planned.Kind, name)
			if err != nil {
				return nil, err
			}
			if d != nil {
				drift = append(drift, *d)
			}
		}
	}
	return drift, nil
}

// unreachedObject says what would become of one object; nil if it exists.
func (r *Reconciler) unreachedObject(ctx context.Context, s *scope, kind, name string) (*v1alpha1.Drift, error) {
	obj, err := r.emptyOf(kind)
	if err != nil {
		return nil, err
	}
	err = r.Client.Get(ctx, client.ObjectKey{Namespace: s.region.Namespace, Name: name}, obj)
	if err == nil {
		return nil, nil //nolint:nilnil // it exists, so there is nothing to do
	}
	if client.IgnoreNotFound(err) != nil {
		return nil, err //nolint:wrapcheck // names the object
	}
	d := &v1alpha1.Drift{Object: kind + " " + name, Action: v1alpha1.DriftCreate}
	if idPrefix(obj) == "" {
		return d, nil
	}
	obj.SetName(name)
	match, err := r.existing(s).Find(ctx, obj)
	if err == nil && match.Found {
		d.Action, d.Message = v1alpha1.DriftAdopt, match.ID
	}
	return d, err
}

// emptyOf returns an object of an ACK kind.
func (r *Reconciler) emptyOf(kind string) (client.Object, error) {
	for _, obj := range ack.Kinds() {
		gvk, err := apiutil.GVKForObject(obj, r.Client.Scheme())
		if err != nil {
			return nil, fmt.Errorf("looking up the kind of %T: %w", obj, err)
		}
		if gvk.Kind == kind {
			return obj, nil
		}
	}
	return nil, fmt.Errorf("ACK has no kind %s", kind)
}

// uncopied are the secrets that have no copy in the region.
func (r *Reconciler) uncopied(ctx context.Context, s *scope) ([]v1alpha1.Drift, error) {
	var drift []v1alpha1.Drift
	for _, name := range s.plan.Profile.Secrets {
		source := s.environment.Spec.Secrets.PrimaryRegion
		states, err := r.Secrets.ReplicaStates(ctx, s.environment.Spec.AWS.RoleARN, string(source), name)
		if err != nil {
			if aws.ClassOf(err) == aws.NotFound {
				continue // a finding of the plan
			}
			return nil, errors.Join(err)
		}
		if _, copied := states[string(s.region.Spec.AWSRegion)]; !copied && source != s.region.Spec.AWSRegion {
			drift = append(drift, v1alpha1.Drift{Object: "Secret " + name, Action: v1alpha1.DriftCreate, Message: "would be replicated from " + string(source)})
		}
	}
	return drift, nil
}
