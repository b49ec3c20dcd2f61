package region

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// Access policies of EKS.
const (
	policyReadAll = "AmazonEKSAdminViewPolicy"
	// policyClusterAdmin is the only one that allows evictions. It can be limited to namespaces.
	policyClusterAdmin = "AmazonEKSClusterAdminPolicy"
)

// reconcileAccess lets Portolan and Argo CD into the cluster, whose creator was ACK, gives
// pods their identities, and waits until the API server accepts Portolan: access entries
// take effect late.
func (r *Reconciler) reconcileAccess(ctx context.Context, s *scope) error {
	if s.cluster == nil {
		return step.Blocked(v1alpha1.RegionControlPlaneReady)
	}
	a := r.applier(s)
	if err := r.ensureEntries(ctx, s, a); err != nil {
		return err
	}
	s.identities = r.ensureIdentities(ctx, s, a)
	if s.observe {
		return a.Outcome()
	}
	var err error
	if s.remote, err = r.connect(s.region, s.cluster); err != nil {
		return err
	}
	if err := a.Outcome(); err != nil {
		return err
	}
	if err := r.prune(ctx, s, &eks.PodIdentityAssociation{}, &eks.AccessEntry{}); err != nil {
		return err
	}
	if err := reachable(s.remote); err != nil {
		return err
	}
	return r.restartPods(ctx, s)
}

func (r *Reconciler) ensureEntries(ctx context.Context, s *scope, a *ack.Applier) error {
	principal, err := r.Cloud.RoleARN(ctx, s.environment.Spec.AWS.RoleARN)
	if err != nil {
		return r.fromAWS(err)
	}
	retiring, err := r.surplus(ctx, s, &eks.Nodegroup{})
	if err != nil {
		return err
	}
	namespaces, err := r.ringNamespaces(ctx, s.region)
	if err != nil {
		return err
	}
	b := s.blueprint()
	var home string
	if s.environment.Spec.ArgoCD.Mode == v1alpha1.ArgoCDPerCluster {
		home = r.ArgoCD.Namespace
	}
	ack.Ensure(ctx, a, b.accessEntry("portolan", principal, ownPolicies(b, home, namespaces, len(retiring) > 0 || len(s.region.Status.Bootstrap) > 0)...))
	if argocd := s.environment.Spec.ArgoCD.RoleARN; argocd != "" && argocd != principal {
		ack.Ensure(ctx, a, b.accessEntry("argocd", argocd, b.accessPolicy(policyClusterAdmin)))
	}
	return nil
}

// ownPolicies is what Portolan needs itself: to read, to evict pods that started without
// their identity from their namespaces, to connect rings in theirs, to register the region in the
// namespace of an Argo CD of its own (home, if there is one), and everything everywhere only where
// it installs the bootstrap list and while it drains nodes.
func ownPolicies(b blueprint, home string, rings []string, draining bool) []eks.AccessPolicy {
	if len(b.plan.Profile.Bootstrap) > 0 || draining {
		return []eks.AccessPolicy{b.accessPolicy(policyClusterAdmin)}
	}
	policies := []eks.AccessPolicy{b.accessPolicy(policyReadAll)}
	namespaces := slices.Clone(rings)
	if home != "" {
		namespaces = append(namespaces, home)
	}
	for _, p := range b.plan.PodRoles {
		namespaces = append(namespaces, p.Namespace)
	}
	if len(namespaces) > 0 {
		slices.Sort(namespaces)
		policies = append(policies, b.accessPolicy(policyClusterAdmin, slices.Compact(namespaces)...))
	}
	return policies
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
