package region

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// clusterSecret returns the region's Secret, or nil when it was only just born.
func (r *Reconciler) clusterSecret(ctx context.Context, s *scope, b birth, registration argocd.Registration) (*corev1.Secret, error) {
	secret, err := r.ArgoCD.Get(ctx, s.region)
	if err != nil || secret != nil {
		return secret, err
	}
	if err := r.refuseForeign(ctx, registration); err != nil {
		return nil, err
	}
	return nil, r.bear(ctx, s, b)
}

// refuseForeign stops at a Secret that is not the Region's, for example one of `argocd cluster
// add`: it is somebody's way into a cluster.
func (r *Reconciler) refuseForeign(ctx context.Context, registration argocd.Registration) error {
	region := registration.Region
	key := r.ArgoCD.Key(region)
	name := key.Name
	switch foreign, owner, err := r.ArgoCD.Foreign(ctx, region); {
	case err != nil:
		return err
	case owner != "":
		return step.Poll(r.SlowPoll, v1alpha1.ReasonSecretNotOurs,
			"the Secret %[1]s is that of Region %[2]s: to take its cluster over, kubectl annotate secret -n %[3]s %[1]s --overwrite %[4]s=%[5]s/%[6]s",
			name, owner, key.Namespace, argocd.AnnotationOwner, region.Namespace, region.Name)
	case !foreign:
		if name, err = r.ArgoCD.Rival(ctx, registration); err != nil || name == "" {
			return err
		}
	}
	return step.Poll(r.SlowPoll, v1alpha1.ReasonSecretNotOurs, "a Secret %s that Portolan did not make is in the way: delete it", name)
}

// claim has a Secret looked at once: it may come from a backup.
func (r *Reconciler) claim(ctx context.Context, registration argocd.Registration, secret *corev1.Secret) error {
	what := seenOf(registration.Region) + "claimed"
	if r.seen.recall(what) == string(secret.UID) {
		return nil
	}
	if err := r.ArgoCD.Claim(ctx, registration); err != nil {
		return err
	}
	r.seen.settle(what, string(secret.UID))
	return nil
}
