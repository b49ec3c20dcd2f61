package argocd

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// ownersPrefix begins all field managers of this package.
const ownersPrefix = "portolan-"

// Claim makes the Region's part of its Secret the Region's alone. After a restore from a backup it is
// all there, but it is the restore tool's: server-side apply would leave there for ever what is not
// wanted any more.
func (c *Clusters) Claim(ctx context.Context, r Registration) error {
	h, err := c.reachable(ctx, r.Region)
	if err != nil {
		return err
	}
	secret, holder, err := c.live(ctx, h, r.Region) // caches leave the managers out
	if err != nil || secret == nil || holder != "" {
		return err
	}
	if !slices.ContainsFunc(secret.ManagedFields, ofRegion) {
		if secret, err = c.own(ctx, h, r, secret); err != nil || secret == nil {
			return err
		}
	}
	before := secret.DeepCopy()
	if disowned, err := disownOthers(secret); err != nil || !disowned {
		return err
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := h.client.Patch(ctx, secret, patch); err != nil {
		return fmt.Errorf("claiming cluster Secret %s: %w", secret.Name, err)
	}
	return nil
}

// own makes the Region a manager of its part, and returns the Secret as it is then.
func (c *Clusters) own(ctx context.Context, h *home, r Registration, secret *corev1.Secret) (*corev1.Secret, error) {
	want, err := c.registered(r)
	if err != nil {
		return nil, err
	}
	// With the UID: applying would make a Secret that was deleted a moment ago once more.
	if err := c.apply(ctx, h, want.WithUID(secret.UID), ownerRegion); err != nil {
		return nil, err
	}
	owned, _, err := c.live(ctx, h, r.Region)
	return owned, err
}

func ofRegion(f metav1.ManagedFieldsEntry) bool {
	return f.Manager == string(ownerRegion) && f.Operation == metav1.ManagedFieldsOperationApply && f.Subresource == ""
}

// disownOthers takes from managers that are not Portolan's what the Region manages as well.
func disownOthers(secret *corev1.Secret) (changed bool, err error) {
	i := slices.IndexFunc(secret.ManagedFields, ofRegion)
	if i < 0 {
		return false, nil
	}
	ours, err := fieldsOf(secret.ManagedFields[i])
	if err != nil {
		return false, err
	}
	for i := range secret.ManagedFields {
		entry := &secret.ManagedFields[i]
		if strings.HasPrefix(entry.Manager, ownersPrefix) {
			continue
		}
		theirs, err := fieldsOf(*entry)
		if err != nil {
			return false, err
		}
		left := theirs.Difference(ours)
		if left.Equals(theirs) {
			continue
		}
		text, err := left.ToJSON()
		if err != nil {
			return false, fmt.Errorf("encoding what %s manages: %w", entry.Manager, err)
		}
		entry.FieldsV1, changed = metav1.NewFieldsV1(string(text)), true
	}
	return changed, nil
}

func fieldsOf(entry metav1.ManagedFieldsEntry) (*fieldpath.Set, error) {
	set := &fieldpath.Set{}
	if entry.FieldsV1 == nil {
		return set, nil
	}
	if err := set.FromJSON(bytes.NewReader([]byte(entry.FieldsV1.GetRawString()))); err != nil {
		return nil, fmt.Errorf("decoding what %s manages: %w", entry.Manager, err)
	}
	return set, nil
}
