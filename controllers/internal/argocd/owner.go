package argocd

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// AnnotationOwner on a cluster Secret says whose it is: "<namespace>/<Region>". The names that Argo
// CD knows do not tell the Regions of two namespaces apart. It is there from the first write on.
const AnnotationOwner = "portolan.dev/owner"

// nobody holds a Secret that Portolan did not make.
const nobody = "nobody"

func ownerName(region *v1alpha1.Region) string {
	return client.ObjectKeyFromObject(region).String()
}

// Foreign says whether somebody else has a Secret of the name that the Region's would have: another
// Region, by its namespace and name, or somebody that is no Region.
func (c *Clusters) Foreign(ctx context.Context, region *v1alpha1.Region) (foreign bool, owner string, err error) {
	h, err := c.reachable(ctx, region)
	if err != nil {
		return false, "", err
	}
	_, holder, err := c.live(ctx, h, region)
	if holder == nobody {
		return true, "", err
	}
	return holder != "", holder, err
}

// live reads a Region's Secret past the caches, with who else holds it.
func (c *Clusters) live(ctx context.Context, h *home, region *v1alpha1.Region) (secret *corev1.Secret, holder string, err error) {
	secret = &corev1.Secret{}
	if err := h.live.Get(ctx, c.Key(region), secret); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil, "", nil
		}
		return nil, "", fmt.Errorf("reading cluster Secret %s: %w", nameOf(region), err)
	}
	holder, err = c.holderOf(ctx, secret, region)
	return secret, holder, err
}

// holderOf says who else than the Region holds a Secret of its name, or nothing if the Region does.
// One that was written before Secrets said it is whoever's that has the name.
func (c *Clusters) holderOf(ctx context.Context, s *corev1.Secret, region *v1alpha1.Region) (string, error) {
	owner, marked := s.Annotations[AnnotationOwner]
	if !marked {
		if !holds(s.Labels, plan.Labels(region)) && !hasOurKeys(s) {
			return nobody, nil
		}
		holder, err := c.Holder(ctx, region)
		if err != nil {
			return "", err
		}
		owner = ownerName(holder)
	}
	if owner == ownerName(region) {
		return "", nil
	}
	return owner, nil
}

// hasOurKeys recognises a Secret whose labels somebody removed.
func hasOurKeys(s *corev1.Secret) bool {
	for k := range s.Annotations {
		if strings.HasPrefix(k, v1alpha1.AnnotationWANSeedsPrefix) || strings.HasPrefix(k, v1alpha1.AnnotationRevisionPrefix) {
			return true
		}
	}
	return false
}

// Holder returns the Region that has the name by which AWS and Argo CD would know a Region: itself,
// if no other has it.
func (c *Clusters) Holder(ctx context.Context, region *v1alpha1.Region) (*v1alpha1.Region, error) {
	list := &v1alpha1.RegionList{}
	if err := c.Client.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing Regions: %w", err)
	}
	return cmp.Or(plan.Holders(list.Items)[plan.ClusterName(region)], region), nil
}
