package promotion

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// observe collects the regions that Argo CD knows, oldest first. A region that is not
// registered yet is born with the promotion's pins and is no part of a rollout.
func (r *Reconciler) observe(ctx context.Context, promotion *v1alpha1.Promotion) (*scope, error) {
	s := &scope{promotion: promotion}
	env := &v1alpha1.Environment{}
	key := client.ObjectKey{Namespace: promotion.Namespace, Name: promotion.Spec.EnvironmentRef.Name}
	if err := r.Client.Get(ctx, key, env); err != nil {
		return s, client.IgnoreNotFound(err)
	}
	s.environment = env
	regions := &v1alpha1.RegionList{}
	if err := r.Client.List(ctx, regions, client.InNamespace(promotion.Namespace)); err != nil {
		return nil, fmt.Errorf("listing Regions: %w", err)
	}
	slices.SortFunc(regions.Items, byAge)
	promotions := &v1alpha1.PromotionList{}
	if err := r.Client.List(ctx, promotions, client.InNamespace(promotion.Namespace)); err != nil {
		return nil, fmt.Errorf("listing Promotions: %w", err)
	}
	for i := range regions.Items {
		region := &regions.Items[i]
		if region.Spec.EnvironmentRef != promotion.Spec.EnvironmentRef || !region.DeletionTimestamp.IsZero() {
			continue
		}
		state, err := r.look(ctx, s, env, region, promotions.Items)
		if err != nil {
			return nil, err
		}
		if state != nil {
			s.fleet.regions = append(s.fleet.regions, *state)
		}
	}
	return s, nil
}

func byAge(a, b v1alpha1.Region) int {
	if older := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); older != 0 {
		return older
	}
	if a.Name < b.Name {
		return -1
	}
	return 1
}

// look observes one region, or returns nil when there is nothing in it to pin.
func (r *Reconciler) look(ctx context.Context, s *scope, env *v1alpha1.Environment, region *v1alpha1.Region, promotions []v1alpha1.Promotion) (*regionState, error) {
	profile, err := plan.Profile(env, region.Spec.Profile)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // the Region itself reports it
	}
	cluster := plan.ClusterName(region)
	secret, err := r.ArgoCD.Get(ctx, cluster)
	if err != nil || secret == nil {
		return nil, err
	}
	found, err := r.ArgoCD.Applications(ctx, region)
	if err != nil {
		return nil, err
	}
	state := &regionState{name: region.Name, cluster: cluster}
	for _, app := range profile.Applications {
		responsible := plan.Responsible(promotions, env.Name, app.Name)
		if responsible == nil || responsible.Name != s.promotion.Name {
			s.noteConflict(app.Name, responsible)
			continue
		}
		pinned := secret.Annotations[v1alpha1.AnnotationRevisionPrefix+app.Name]
		state.apps = append(state.apps, appState{
			name:    app.Name,
			want:    string(plan.RevisionOf(s.promotion, app.Name)),
			pinned:  pinned,
			verdict: argocd.Evaluate(found[app.Name], pinned),
		})
	}
	return state, nil
}

// noteConflict remembers an application that this promotion and another one pin with
// the same right: both by name, or both by naming none.
func (s *scope) noteConflict(app string, responsible *v1alpha1.Promotion) {
	if responsible == nil || slices.Contains(s.conflicts, app) {
		return
	}
	ours, theirs := s.promotion.Spec.Applications, responsible.Spec.Applications
	if slices.Contains(ours, app) || len(ours) == 0 && len(theirs) == 0 {
		s.conflicts = append(s.conflicts, app)
	}
}
