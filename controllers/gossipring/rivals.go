package gossipring

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// observeRivals finds the oldest of the other rings that would drive the same pods, and of those that
// deliver to the same place: two rings would write each other's seeds there.
func (r *Reconciler) observeRivals(ctx context.Context, s *scope, regions []v1alpha1.Region) error {
	rings := &v1alpha1.GossipRingList{}
	if err := r.Client.List(ctx, rings, client.InNamespace(s.ring.Namespace)); err != nil {
		return fmt.Errorf("listing GossipRings: %w", err)
	}
	for i := range rings.Items {
		other := &rings.Items[i]
		if other.Name == s.ring.Name || !other.DeletionTimestamp.IsZero() || !older(other, s.ring) || !shareRegions(s.ring, other, regions) {
			continue
		}
		if other.Spec.Service == s.ring.Spec.Service {
			s.rival = oldest(s.rival, other)
		}
		if s.sharesPlace(other, regions) {
			s.placed = oldest(s.placed, other)
		}
	}
	return nil
}

// oldest returns the older of two rings; a may be nil.
func oldest(a, b *v1alpha1.GossipRing) *v1alpha1.GossipRing {
	if a == nil || older(b, a) {
		return b
	}
	return a
}

// shareRegions tells whether two rings have regions in common: any that can be, where profiles alone
// select them, and those that are, where labels do.
func shareRegions(a, b *v1alpha1.GossipRing, regions []v1alpha1.Region) bool {
	if a.Spec.EnvironmentRef != b.Spec.EnvironmentRef {
		return false
	}
	if a.Spec.RegionSelector != nil || b.Spec.RegionSelector != nil {
		return slices.ContainsFunc(regions, func(r v1alpha1.Region) bool { return plan.Selects(a, &r) && plan.Selects(b, &r) })
	}
	return len(a.Spec.Profiles) == 0 || len(b.Spec.Profiles) == 0 ||
		slices.ContainsFunc(a.Spec.Profiles, func(p string) bool { return slices.Contains(b.Spec.Profiles, p) })
}

// sharesPlace tells whether another ring, which has regions in common, delivers to the same place in
// one of them. Annotations have the ring's name.
func (s *scope) sharesPlace(other *v1alpha1.GossipRing, regions []v1alpha1.Region) bool {
	ours, theirs := s.ring.Spec.Seeds.Delivery, other.Spec.Seeds.Delivery
	switch {
	case ours.ConfigMap != nil && theirs.ConfigMap != nil:
		return s.ring.Spec.Service.Namespace == other.Spec.Service.Namespace &&
			ours.ConfigMap.Name == theirs.ConfigMap.Name && ours.ConfigMap.Key == theirs.ConfigMap.Key
	case ours.Git != nil && theirs.Git != nil:
		return s.repositoryOf(ours.Git) == s.repositoryOf(theirs.Git) && branchName(ours.Git) == branchName(theirs.Git) &&
			ours.Git.Key == theirs.Git.Key && s.sharesFile(other, regions)
	}
	return false
}

// sharesFile tells whether two rings that deliver by git have a region's file in common.
func (s *scope) sharesFile(other *v1alpha1.GossipRing, regions []v1alpha1.Region) bool {
	ours, theirs := s.ring.Spec.Seeds.Delivery.Git, other.Spec.Seeds.Delivery.Git
	return ours.Path == theirs.Path || slices.ContainsFunc(regions, func(r v1alpha1.Region) bool {
		return plan.Selects(s.ring, &r) && plan.Selects(other, &r) && samePath(ours, theirs, &r)
	})
}

func (s *scope) repositoryOf(git *v1alpha1.GitDelivery) string {
	if git.URL == "" && s.environment != nil && s.environment.Spec.ArgoCD.Repository != nil {
		return s.environment.Spec.ArgoCD.Repository.URL
	}
	return git.URL
}

// branchName is the API's default, for rings that were stored before it had one.
func branchName(git *v1alpha1.GitDelivery) string { return cmp.Or(git.Branch, "main") }

func samePath(a, b *v1alpha1.GitDelivery, region *v1alpha1.Region) bool {
	ours, err := plan.Expand(a.Path, variables(region))
	theirs, otherErr := plan.Expand(b.Path, variables(region))
	return err == nil && otherErr == nil && ours == theirs
}

func older(a, b *v1alpha1.GossipRing) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.Name < b.Name
}
