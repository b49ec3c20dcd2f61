package region

import (
	"context"
	"encoding/base64"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// Access policies of EKS. Portolan only reads in the regional clusters; Argo CD deploys anything.
const (
	policyReadAll      = "AmazonEKSAdminViewPolicy"
	policyClusterAdmin = "AmazonEKSClusterAdminPolicy"
)

// reconcileAccess lets Portolan and Argo CD into the cluster, whose creator was ACK,
// and waits until the API server accepts Portolan: access entries take effect late.
func (r *Reconciler) reconcileAccess(ctx context.Context, s *scope) error {
	if s.cluster == nil {
		return step.Blocked(v1alpha1.RegionControlPlaneReady)
	}
	principal, err := r.Cloud.RoleARN(ctx, s.environment.Spec.AWS.RoleARN)
	if err != nil {
		return r.fromAWS(err)
	}
	a := r.applier()
	b := blueprint{plan: s.plan, region: s.region}
	ack.Ensure(ctx, a, b.accessEntry("portolan", principal, policyReadAll))
	if argocd := s.environment.Spec.ArgoCD.RoleARN; argocd != "" && argocd != principal {
		ack.Ensure(ctx, a, b.accessEntry("argocd", argocd, policyClusterAdmin))
	}
	s.remote, err = r.connect(s.region, s.cluster)
	if err != nil {
		return err
	}
	if err := a.Outcome(); err != nil {
		return err
	}
	return reachable(s.remote)
}

// reconcileConnection reports whether the regional API server answers. When it does
// not, what is known of the region is kept.
func (r *Reconciler) reconcileConnection(_ context.Context, s *scope) error {
	if s.remote == nil {
		return step.Blocked(v1alpha1.RegionControlPlaneReady)
	}
	return reachable(s.remote)
}

func reachable(cluster *remote.Cluster) error {
	if err := cluster.Connected(); err != nil {
		return step.Wait(v1alpha1.ReasonClusterUnreachable, "%w", err)
	}
	return nil
}

func (r *Reconciler) connect(region *v1alpha1.Region, cluster *eks.Cluster) (*remote.Cluster, error) {
	ca, err := base64.StdEncoding.DecodeString(certificate(cluster))
	if err != nil {
		return nil, fmt.Errorf("decoding the certificate authority of cluster %s: %w", cluster.Name, err)
	}
	return r.Clusters.Ensure(client.ObjectKeyFromObject(region), remote.Target{
		Name:      deref(cluster.Spec.Name),
		AWSRegion: string(region.Spec.AWSRegion),
		RoleARN:   region.Status.RoleARN,
		Endpoint:  deref(cluster.Status.Endpoint),
		CA:        string(ca),
	})
}
