package delivery

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
)

// clusterSecret delivers through Argo CD: the chart puts the annotation's value into the pods.
type clusterSecret struct {
	clusters *argocd.Clusters
	ring     *v1alpha1.GossipRing
}

// ForClusterSecret writes the ring's annotation of Argo CD's cluster Secrets. A region has a
// place for it as soon as it is registered; a Secret that vanishes meanwhile is no error.
func ForClusterSecret(c *argocd.Clusters, ring *v1alpha1.GossipRing) Delivery {
	return &clusterSecret{clusters: c, ring: ring}
}

// Read implements Delivery. It reads from a cache.
func (d *clusterSecret) Read(ctx context.Context, targets []Target) []Found {
	found := make([]Found, len(targets))
	for i, t := range targets {
		secret, err := d.clusters.Get(ctx, t.Region)
		if err != nil || secret == nil {
			found[i].Err = err
			continue
		}
		// ApplicationSets need the key also where there is nothing to write: without it they fail
		// for every region.
		text, exists := secret.Annotations[v1alpha1.AnnotationWANSeedsPrefix+d.ring.Name]
		found[i] = Found{Text: text, Known: true, Unfinished: !exists}
	}
	return found
}

// Write implements Delivery.
func (d *clusterSecret) Write(ctx context.Context, writes []Write) []error {
	return each(len(writes), func(i int) error {
		requested, err := d.clusters.SetSeeds(ctx, writes[i].Region, d.ring.Name, writes[i].Text)
		if requested {
			return asked(err, err)
		}
		return err
	})
}

// Applied implements Delivery.
func (d *clusterSecret) Applied(pod *corev1.Pod, _ string) (text string, ok bool) {
	return literal(pod, d.ring.Spec.Workload.Env)
}
