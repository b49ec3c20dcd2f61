package gossipring

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// observeRivals finds the oldest of the other rings that would drive the same pods, and of those that
// deliver to the same place: two rings would write each other's seeds there.
func (r *Reconciler) observeRivals(ctx context.Context, s *scope, regions []v1alpha1.Region) error {
	rings := &v1alpha1.GossipRingList{}
	if err := r.Client.List(ctx, rings, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing GossipRings: %w", err)
	}
	for i := range rings.Items {
		other := &rings.Items[i]
		if !other.DeletionTimestamp.IsZero() || !older(other, s.ring) {
			continue
		}
		if other.Spec.Service == s.ring.Spec.Service && shareRegions(s.ring, other, regions) {
			s.rival = oldest(s.rival, other)
		}
		shared, err := r.sharesPlace(ctx, s, other, regions)
		if err != nil {
			return err
		}
		if shared {
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
	if !sameEnvironment(a, b) {
		return false
	}
	if a.Spec.RegionSelector != nil || b.Spec.RegionSelector != nil {
		return slices.ContainsFunc(regions, func(r v1alpha1.Region) bool { return plan.Selects(a, &r) && plan.Selects(b, &r) })
	}
	return len(a.Spec.Profiles) == 0 || len(b.Spec.Profiles) == 0 ||
		slices.ContainsFunc(a.Spec.Profiles, func(p string) bool { return slices.Contains(b.Spec.Profiles, p) })
}

func sameEnvironment(a, b *v1alpha1.GossipRing) bool {
	return a.Namespace == b.Namespace && a.Spec.EnvironmentRef == b.Spec.EnvironmentRef
}

// sharesPlace tells whether another ring delivers to the same place in a region. Annotations have the
// ring's name, and ConfigMaps are in the region itself; a file in git may be anybody's.
func (r *Reconciler) sharesPlace(ctx context.Context, s *scope, other *v1alpha1.GossipRing, regions []v1alpha1.Region) (bool, error) {
	ours, theirs := s.ring.Spec.Seeds.Delivery, other.Spec.Seeds.Delivery
	switch {
	case ours.ConfigMap != nil && theirs.ConfigMap != nil:
		return s.ring.Spec.Service.Namespace == other.Spec.Service.Namespace && ours.ConfigMap.Name == theirs.ConfigMap.Name &&
			ours.ConfigMap.Key == theirs.ConfigMap.Key && shareRegions(s.ring, other, regions), nil
	case ours.Git != nil && theirs.Git != nil && ours.Git.Key == theirs.Git.Key && branchName(ours.Git) == branchName(theirs.Git):
		return r.sharesFile(ctx, s, other, regions)
	}
	return false, nil
}

// sharesFile tells whether two rings that deliver by git, of whatever environments, have a region's
// file in common: one there is, or one that regions in common can have.
func (r *Reconciler) sharesFile(ctx context.Context, s *scope, other *v1alpha1.GossipRing, regions []v1alpha1.Region) (bool, error) {
	ours, theirs := s.ring.Spec.Seeds.Delivery.Git, other.Spec.Seeds.Delivery.Git
	env, err := r.environmentOf(ctx, other)
	if err != nil || !(gitrepo.Repository{URL: repositoryOf(ours, s.environment)}).Is(repositoryOf(theirs, env)) {
		return false, err
	}
	if ours.Path == theirs.Path && shareRegions(s.ring, other, regions) {
		return true, nil
	}
	theirRegions := regions
	if other.Namespace != s.ring.Namespace {
		list := &v1alpha1.RegionList{}
		if err := r.Client.List(ctx, list, client.InNamespace(other.Namespace), client.UnsafeDisableDeepCopy); err != nil {
			return false, fmt.Errorf("listing Regions: %w", err)
		}
		theirRegions = list.Items
	}
	files := sets.New(filesOf(s.ring, regions)...)
	return files.HasAny(filesOf(other, theirRegions)...), nil
}

// filesOf are those that a ring's regions have in git.
func filesOf(ring *v1alpha1.GossipRing, regions []v1alpha1.Region) (files []string) {
	for i := range regions {
		if !plan.Selects(ring, &regions[i]) {
			continue
		}
		if file, err := plan.Expand(ring.Spec.Seeds.Delivery.Git.Path, variables(&regions[i])); err == nil {
			files = append(files, path.Clean(file))
		}
	}
	return files
}

// repositoryOf is the Environment's where the delivery names none.
func repositoryOf(git *v1alpha1.GitDelivery, env *v1alpha1.Environment) string {
	if git.URL == "" && env != nil && env.Spec.ArgoCD.Repository != nil {
		return env.Spec.ArgoCD.Repository.URL
	}
	return git.URL
}

// branchName is the API's default, for rings that were stored before it had one.
func branchName(git *v1alpha1.GitDelivery) string { return cmp.Or(git.Branch, "main") }

func older(a, b *v1alpha1.GossipRing) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Namespace, b.Namespace)) < 0
}

// nameFrom names a ring as one in a namespace has to.
func nameFrom(namespace string, ring *v1alpha1.GossipRing) string {
	if ring.Namespace == namespace {
		return ring.Name
	}
	return ring.Namespace + "/" + ring.Name
}
