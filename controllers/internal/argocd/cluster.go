package argocd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// Field managers of a cluster Secret. Each seed and each pin has an owner of its own,
// so that rings and promotions never take each other's keys away.
const (
	ownerRegion = client.FieldOwner("portolan-region")
	// ownerBirth writes the first value of every seed and pin, once.
	ownerBirth           = client.FieldOwner("portolan-birth")
	ownerGossipPrefix    = "portolan-gossip/"
	ownerPromotionPrefix = "portolan-promotion/"
)

// LabelSecretType makes a Secret an Argo CD cluster.
const LabelSecretType = "argocd.argoproj.io/secret-type"

// SecretTypeCluster is the value of LabelSecretType on cluster Secrets.
const SecretTypeCluster = "cluster"

// SecretName is the name of a cluster's Secret.
func SecretName(cluster string) string { return "cluster-" + cluster }

// Clusters are the clusters that Argo CD knows: that of the management cluster, or one in each
// regional cluster. Who asks does not see the difference.
//
// +kubebuilder:object:generate=false
type Clusters struct {
	// Client reads Secrets from a cache of those that are labelled as clusters.
	Client client.Client
	// Live reads past the cache.
	Live client.Reader
	// Namespace of Argo CD, wherever it is.
	Namespace string
	// Homes finds Argo CDs that are not in the management cluster; nil where there are none.
	Homes *Homes
}

func nameOf(region *v1alpha1.Region) string { return SecretName(plan.ClusterName(region)) }

// Key returns the key of a Region's Secret.
func (c *Clusters) Key(region *v1alpha1.Region) client.ObjectKey {
	return client.ObjectKey{Namespace: c.Namespace, Name: nameOf(region)}
}

// Get returns the Secret of a registered Region, or nil: one that is somebody else's is none. One
// that is out of reach is what it was when it was last seen; if it never was, that is ErrUnreachable.
func (c *Clusters) Get(ctx context.Context, region *v1alpha1.Region) (*corev1.Secret, error) {
	h, err := c.home(ctx, region)
	if err != nil {
		return nil, err
	}
	return c.get(ctx, h, region)
}

func (c *Clusters) get(ctx context.Context, h *home, region *v1alpha1.Region) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	look := func(ctx context.Context, from client.Reader) error { return from.Get(ctx, c.Key(region), secret) }
	err := h.read(ctx, secret, look)
	if errors.Is(err, ErrUnreachable) {
		again := func(ctx context.Context, from client.Reader) error {
			err = look(ctx, from)
			return client.IgnoreNotFound(err)
		}
		if !h.remembered(ctx, secret, again) && !h.wasRegistered() {
			return nil, nil //nolint:nilnil // nothing was ever written there
		}
	}
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // absence is an answer
	case err != nil:
		return nil, fmt.Errorf("reading cluster Secret %s: %w", nameOf(region), err)
	}
	if holder, err := c.holderOf(ctx, secret, region); err != nil || holder != "" {
		return nil, err
	}
	return secret, nil
}

// Bear writes the first value of every seed and pin. The Secret is no cluster in
// Argo CD's eyes until Register adds the labels, so that no ApplicationSet ever sees
// it without its keys: one render error would freeze an application in all regions.
func (c *Clusters) Bear(ctx context.Context, region *v1alpha1.Region, annotations map[string]string) error {
	h, err := c.reachable(ctx, region)
	if err != nil {
		return err
	}
	// Without its labels the Secret is in no cache that could catch up with the write.
	secret := c.secret(region).WithAnnotations(annotations).WithAnnotations(map[string]string{AnnotationOwner: ownerName(region)})
	return c.apply(ctx, h, secret, ownerBirth, client.DisableReadYourWritesConsistency)
}

// SetSeeds writes a ring's seeds, if the Secret does not have them already; changed is true as soon as the
// API server was asked to.
func (c *Clusters) SetSeeds(ctx context.Context, region *v1alpha1.Region, ring, seeds string) (changed bool, err error) {
	return c.annotate(ctx, region, client.FieldOwner(ownerGossipPrefix+ring), v1alpha1.AnnotationWANSeedsPrefix+ring, seeds)
}

// SetPin writes an application's revision, if the Secret does not have it already.
func (c *Clusters) SetPin(ctx context.Context, region *v1alpha1.Region, application, revision string) (changed bool, err error) {
	return c.annotate(ctx, region, client.FieldOwner(ownerPromotionPrefix+application), v1alpha1.AnnotationRevisionPrefix+application, revision)
}

// PinOwner names the field manager that last wrote an application's revision.
func (c *Clusters) PinOwner(ctx context.Context, region *v1alpha1.Region, application string) (string, error) {
	owner, last := "somebody", time.Time{}
	secret := &corev1.Secret{}
	h, err := c.reachable(ctx, region)
	if err != nil {
		return owner, err
	}
	if err := h.live.Get(ctx, c.Key(region), secret); err != nil { // caches leave the managers out
		return owner, client.IgnoreNotFound(fmt.Errorf("reading who wrote cluster Secret %s: %w", nameOf(region), err))
	}
	for _, f := range secret.ManagedFields {
		owns := f.FieldsV1 != nil && strings.Contains(f.FieldsV1.GetRawString(), `"f:`+v1alpha1.AnnotationRevisionPrefix+application+`"`)
		if owns && (f.Time == nil || !f.Time.Time.Before(last)) {
			owner = f.Manager
			if f.Time != nil {
				last = f.Time.Time
			}
		}
	}
	return owner, nil
}

func (c *Clusters) annotate(ctx context.Context, region *v1alpha1.Region, owner client.FieldOwner, key, value string) (changed bool, err error) {
	h, current, err := c.current(ctx, region)
	if err != nil {
		return false, err
	}
	if current == nil || holds(current.Annotations, map[string]string{key: value}) {
		return false, nil
	}
	// With the UID: applying would make a Secret that was deleted a moment ago once more, without
	// anything but this key.
	return true, c.apply(ctx, h, c.secret(region).WithUID(current.UID).WithAnnotations(map[string]string{key: value}), owner)
}

// Deselect makes ApplicationSets leave a registered cluster alone, so that they delete
// its Applications and make no new ones.
func (c *Clusters) Deselect(ctx context.Context, region *v1alpha1.Region) error {
	h, current, err := c.current(ctx, region)
	if err != nil || current == nil || current.Labels[v1alpha1.LabelManaged] != "true" {
		return err
	}
	patch := []byte(`{"metadata":{"labels":{"` + v1alpha1.LabelManaged + `":"false"}}}`)
	if err := h.client.Patch(ctx, current.DeepCopy(), client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("deselecting cluster Secret %s: %w", current.Name, err)
	}
	return nil
}

// Delete removes the Secret, if the Region has one.
func (c *Clusters) Delete(ctx context.Context, region *v1alpha1.Region) error {
	h, err := c.reachable(ctx, region)
	if err != nil {
		return err
	}
	secret, holder, err := c.live(ctx, h, region)
	if err != nil || secret == nil || holder != "" {
		return err
	}
	if err := client.IgnoreNotFound(h.client.Delete(ctx, secret)); err != nil {
		return fmt.Errorf("deleting cluster Secret %s: %w", secret.Name, err)
	}
	return nil
}

func (c *Clusters) secret(region *v1alpha1.Region) *applycorev1.SecretApplyConfiguration {
	return applycorev1.Secret(nameOf(region), c.Namespace)
}

// reachable returns where a cluster's Argo CD is, or ErrUnreachable.
func (c *Clusters) reachable(ctx context.Context, region *v1alpha1.Region) (*home, error) {
	h, err := c.home(ctx, region)
	if err != nil {
		return nil, err
	}
	return h, h.gone
}

// current returns the Secret of a cluster whose Argo CD can be reached, or nil.
func (c *Clusters) current(ctx context.Context, region *v1alpha1.Region) (*home, *corev1.Secret, error) {
	h, err := c.reachable(ctx, region)
	if err != nil {
		return nil, nil, err
	}
	secret, err := c.get(ctx, h, region)
	if err == nil {
		err = h.gone
	}
	return h, secret, err
}

func (c *Clusters) apply(ctx context.Context, h *home, secret *applycorev1.SecretApplyConfiguration, owner client.FieldOwner, more ...client.ApplyOption) error {
	options := append([]client.ApplyOption{owner, client.ForceOwnership}, more...)
	if err := h.client.Apply(ctx, secret, options...); err != nil {
		return fmt.Errorf("applying cluster Secret %s as %s: %w", *secret.Name, owner, err)
	}
	return nil
}

func holds(have, want map[string]string) bool {
	for k, v := range want {
		if got, ok := have[k]; !ok || got != v {
			return false
		}
	}
	return true
}
