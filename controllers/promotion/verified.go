package promotion

import (
	"context"
	"fmt"
	"maps"
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
	return p != nil && slices.ContainsFunc(p.Status.Verified, func(v v1alpha1.VerifiedRevisions) bool {
		return slices.Contains(v.Applications, app) && slices.Contains(v.Revisions, revision)
	})
}

// How much is remembered of what was completed: enough for a month of an environment that
// follows a branch, in an object that stays small. Applications are in groups of their own while
// they are overridden.
const (
	mostVerified = 128
	mostGroups   = 8
)

// verify puts the pins of applications that are healthy at them at the head of what is known, in
// which applications with the same pin share their revisions. Told twice, it changes nothing.
func verify(known []v1alpha1.VerifiedRevisions, pins plan.PinSet, applications []string) []v1alpha1.VerifiedRevisions {
	moved := map[v1alpha1.GitRevision][]string{}
	for _, app := range applications {
		moved[pins.Of(app)] = append(moved[pins.Of(app)], app)
	}
	for _, revision := range slices.Sorted(maps.Keys(moved)) {
		apps := slices.Sorted(slices.Values(moved[revision]))
		group := v1alpha1.VerifiedRevisions{Applications: apps, Revisions: []v1alpha1.GitRevision{revision}}
		others := make([]v1alpha1.VerifiedRevisions, 0, len(known)+1)
		for _, v := range known {
			if !slices.Equal(v.Applications, apps) {
				others = append(others, v)
				continue
			}
			before := slices.DeleteFunc(slices.Clone(v.Revisions), func(r v1alpha1.GitRevision) bool { return r == revision })
			group.Revisions = append(group.Revisions, before[:min(len(before), mostVerified-1)]...)
		}
		known = append([]v1alpha1.VerifiedRevisions{group}, others...)
	}
	return known[:min(len(known), mostGroups)]
}
