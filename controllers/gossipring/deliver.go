package gossipring

import (
	"context"
	"errors"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/delivery"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// deliveryFor returns the way by which the ring's seeds reach the pods, or why there is none.
func (r *Reconciler) deliveryFor(ctx context.Context, s *scope) (delivery.Delivery, error) {
	switch way := s.ring.Spec.Seeds.Delivery; {
	case way.ConfigMap != nil:
		return delivery.ForConfigMap(s.ring), nil
	case way.Git != nil:
		branch, err := r.branchOf(ctx, s, way.Git)
		if err != nil {
			return nil, err
		}
		return delivery.ForGit(r.Git, branch, s.ring, r.Poll), nil
	default:
		return delivery.ForClusterSecret(r.ArgoCD, s.ring), nil
	}
}

// branchOf is where seeds are committed.
func (r *Reconciler) branchOf(ctx context.Context, s *scope, git *v1alpha1.GitDelivery) (gitrepo.Branch, error) {
	branch, err := r.ArgoCD.Branch(ctx, s.environment, git.GitBranch)
	switch {
	case errors.Is(err, argocd.ErrNoURL):
		return branch, step.Stuck(r.SlowPoll, v1alpha1.ReasonInvalidSeeds, "spec.seeds.delivery.git: %w", err)
	case err != nil:
		return branch, step.Stuck(r.Poll, v1alpha1.ReasonSeedsNotDelivered, "%w", err)
	}
	return branch, nil
}

// fromCache tells whether what is written can be read without asking anybody.
func (s *scope) fromCache() bool {
	way := s.ring.Spec.Seeds.Delivery
	return way.ConfigMap == nil && way.Git == nil
}

func (s *scope) lookKey(m *member) lookKey {
	return lookKey{ring: client.ObjectKeyFromObject(s.ring), region: client.ObjectKeyFromObject(m.region)}
}

// collision finds Regions that a ring's delivery by git would give the same file.
func (s *scope) collision() error {
	git := s.ring.Spec.Seeds.Delivery.Git
	if git == nil {
		return nil
	}
	files := map[string]string{}
	for _, m := range s.members {
		path, err := plan.Expand(git.Path, variables(m.region))
		if err != nil {
			return step.Terminal(v1alpha1.ReasonInvalidSeeds, "spec.seeds.delivery.git.path: %w", err)
		}
		if other, taken := files[path]; taken {
			return step.Terminal(v1alpha1.ReasonInvalidSeeds,
				"spec.seeds.delivery.git.path: %s would be the file of %s and of %s: make it hold {{ .name }}", path, other, m.name)
		}
		files[path] = m.name
	}
	return nil
}

// inRegions tells whether seeds are written into the regions' own Argo CD, where nobody gets them to a
// region that cannot be reached.
func (s *scope) inRegions() bool {
	return s.fromCache() && s.environment != nil && s.environment.Spec.ArgoCD.Mode == v1alpha1.ArgoCDPerCluster
}
