package promotion

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// way is how pins get to Argo CD. By each of them the annotation on the cluster Secret is
// written last: it is what was pinned in the eyes of everybody else, and what new regions are
// born with.
type way interface {
	// pinned is the revision that Argo CD is given for an application, empty if that is
	// none that could be gone back to; annotated is what the region's cluster Secret says.
	pinned(region *v1alpha1.Region, found *argocd.Application, application string, annotated v1alpha1.GitRevision) v1alpha1.GitRevision
	// deliver gives Argo CD the new pins of a rollout, and returns which it has now, true where it did
	// not have it before. What fails holds up nothing else; the first failure is returned.
	deliver(ctx context.Context, moves []move, rollout *v1alpha1.PromotionRollout) (made map[move]bool, err error)
	// rival says who else writes a pin, and where.
	rival(ctx context.Context, m move) (who, where string, err error)
}

// move is one application's new pin in one region.
type move struct {
	region      *v1alpha1.Region
	application string
	found       *argocd.Application // nil before it was made
	pin         v1alpha1.GitRevision
}

// wayOf returns the way that the spec asks for. What is wrong with it that a person has to put right
// goes to s.undeliverable, what will pass to s.unread; either way nothing is known of the pins, and
// nothing is written.
func (r *Reconciler) wayOf(ctx context.Context, s *scope) way {
	switch delivery := s.promotion.Spec.Delivery; {
	case delivery.Git != nil:
		w := &byFiles{clusters: r.ArgoCD, editor: r.Git, spec: delivery.Git, promotion: s.promotion}
		if s.environment.Spec.ArgoCD.Mode != v1alpha1.ArgoCDPerCluster { // there, no other region's ApplicationSets read a region's files
			w.found = s.found
		}
		s.undeliverable = r.open(ctx, s, w)
		return w
	case delivery.Application != nil:
		return &byApplication{clusters: r.ArgoCD, repository: s.repositoryURL()}
	default:
		return &bySecret{clusters: r.ArgoCD}
	}
}

func (s *scope) repositoryURL() string {
	if repository := s.environment.Spec.ArgoCD.Repository; repository != nil {
		return repository.URL
	}
	return ""
}

// deliver makes moves, and says so on the cluster Secrets. What fails in one region is tried in the
// others nevertheless: a rollback begins with the region that is likeliest to be broken. What somebody
// else keeps taking away is left to them. The first failure is returned, with where anything failed.
func (r *Reconciler) deliver(ctx context.Context, s *scope, d *decision) (missed map[string]bool, err error) {
	var moves []move
	var failures []error
	missed = map[string]bool{}
	for _, w := range d.writes {
		for _, m := range s.moves(w) {
			if err := r.contest(ctx, s, m); err != nil {
				failures, missed[m.region.Name] = append(failures, err), true
				continue
			}
			moves = append(moves, m)
		}
	}
	made, err := s.way.deliver(ctx, moves, d.rollout)
	if err != nil {
		failures = append([]error{r.undelivered(err)}, failures...)
	}
	for _, m := range moves {
		changed, has := made[m]
		if !has {
			missed[m.region.Name] = true
			continue
		}
		if err := r.announce(ctx, s, m, changed); err != nil {
			failures, missed[m.region.Name] = append(failures, err), true
		}
	}
	if len(failures) == 0 {
		return missed, nil
	}
	return missed, failures[0]
}

// announce says on the cluster Secret what Argo CD was given. Only what was changed can have been taken away
// before: a write that failed is nobody's.
func (r *Reconciler) announce(ctx context.Context, s *scope, m move, changed bool) error {
	said, err := r.ArgoCD.SetPin(ctx, m.region, m.application, string(m.pin))
	if changed || said && err == nil {
		r.fights.wrote(client.ObjectKeyFromObject(s.promotion), pinKey{m.region.Name, m.application}, m.pin, s.world.now)
	}
	if err != nil {
		return fmt.Errorf("pinning %s in %s: %w", m.application, m.region.Name, err)
	}
	return nil
}

func (s *scope) moves(w pinning) []move {
	var moves []move
	for _, app := range w.region.differing(w.pins) {
		moves = append(moves, move{s.regionOf(w.region.name), app, s.found[w.region.name][app], w.pins.Of(app)})
	}
	return moves
}

func (s *scope) regionOf(name string) *v1alpha1.Region {
	for _, region := range s.regions {
		if region.Name == name {
			return region
		}
	}
	return nil
}

// contest gives in to who keeps changing a pin.
func (r *Reconciler) contest(ctx context.Context, s *scope, m move) error {
	if !r.fights.lost(client.ObjectKeyFromObject(s.promotion), pinKey{m.region.Name, m.application}, m.pin, s.world.now) {
		return nil
	}
	who, where, err := s.way.rival(ctx, m)
	if err != nil {
		return err
	}
	return step.Stuck(while, v1alpha1.ReasonOverwritten, "%s keeps changing the pin of %s in %s (%s): end that", who, m.application, m.region.Name, where)
}

// undelivered says what has to happen before pins can be written.
func (r *Reconciler) undelivered(err error) error {
	if owned, ok := errors.AsType[*ownedError](err); ok {
		return step.Stuck(r.SlowPoll, v1alpha1.ReasonApplicationOwned, "%w", owned)
	}
	if slices.ContainsFunc(forPeople, func(target error) bool { return errors.Is(err, target) }) {
		return step.Stuck(r.SlowPoll, v1alpha1.ReasonNotDelivered, "%w", err)
	}
	return step.Poll(r.Poll, v1alpha1.ReasonNotDelivered, "%w", err)
}

// forPeople are the failures that do not pass by themselves.
var forPeople = []error{gitrepo.ErrCredentials, gitrepo.ErrPushRefused, gitrepo.ErrNotFound, gitrepo.ErrNoBranch, argocd.ErrNoSource, argocd.ErrAmbiguous}

// bySecret leaves pins to ApplicationSets that read the annotation.
type bySecret struct{ clusters *argocd.Clusters }

func (*bySecret) pinned(_ *v1alpha1.Region, _ *argocd.Application, _ string, annotated v1alpha1.GitRevision) v1alpha1.GitRevision {
	return annotated
}

func (*bySecret) deliver(_ context.Context, moves []move, _ *v1alpha1.PromotionRollout) (map[move]bool, error) {
	made := make(map[move]bool, len(moves))
	for _, m := range moves {
		made[m] = false // the annotation is all there is to write
	}
	return made, nil
}

func (w *bySecret) rival(ctx context.Context, m move) (who, where string, err error) {
	who, err = w.clusters.PinOwner(ctx, m.region, m.application)
	return who, fmt.Sprintf("annotation %s%s of Secret %s", v1alpha1.AnnotationRevisionPrefix, m.application, w.clusters.Key(m.region)), err
}
