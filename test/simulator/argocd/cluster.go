package argocd

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	secretTypeLabel = "argocd.argoproj.io/secret-type"
	secretTypeValue = "cluster"
	regionLabel     = "region"
)

// cluster is what a cluster Secret says about a destination.
type cluster struct {
	name   string
	server string
	region string // the AWS region, from the label that unkey requires
}

func clusterOf(secret *corev1.Secret) cluster {
	return cluster{
		name:   string(secret.Data["name"]),
		server: string(secret.Data["server"]),
		region: secret.Labels[regionLabel],
	}
}

// clusters lists the destinations of an Argo CD namespace.
func clusters(ctx context.Context, c client.Reader, namespace string, selectors ...client.ListOption) ([]corev1.Secret, error) {
	list := &corev1.SecretList{}
	options := []client.ListOption{client.InNamespace(namespace), client.MatchingLabels{secretTypeLabel: secretTypeValue}}
	if err := c.List(ctx, list, append(options, selectors...)...); err != nil {
		return nil, fmt.Errorf("listing cluster Secrets: %w", err)
	}
	return list.Items, nil
}

// findCluster returns the cluster that an Application's destination means.
func findCluster(secrets []corev1.Secret, d destinationRef) (cluster, bool) {
	for i := range secrets {
		if found := clusterOf(&secrets[i]); d.means(found) {
			return found, true
		}
	}
	return cluster{}, false
}
