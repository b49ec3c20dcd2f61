package promotion

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// unverified are the applications and revisions that no Promotion of the environment before
// has completed with.
func (r *Reconciler) unverified(ctx context.Context, s *scope, wanted target) ([]string, error) {
	in := s.promotion.Spec.Gates.VerifiedIn
	if in == nil {
		return nil, nil
	}
	promotions := s.promotions
	if in.Namespace != "" && in.Namespace != s.promotion.Namespace {
		list := &v1alpha1.PromotionList{}
		if err := r.Client.List(ctx, list, client.InNamespace(in.Namespace), client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("listing the Promotions of namespace %s: %w", in.Namespace, err)
		}
		promotions = list.Items
	}
	var names []string
	for _, app := range wanted.applications {
		if !verified(plan.Responsible(promotions, in.Environment, app), app, wanted.Of(app)) {
			names = append(names, fmt.Sprintf("%s at %.7s", app, wanted.Of(app)))
		}
	}
	return clipped(names), nil
}

func verified(p *v1alpha1.Promotion, app string, revision v1alpha1.GitRevision) bool {
	return p != nil && slices.ContainsFunc(p.Status.History, func(r v1alpha1.PromotionRecord) bool {
		return r.Outcome == v1alpha1.RolloutCompleted && slices.Contains(r.Applications, app) &&
			plan.PinSet{Revision: r.Revision, Overrides: r.Overrides}.Of(app) == revision
	})
}
