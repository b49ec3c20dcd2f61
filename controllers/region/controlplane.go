package region

import (
	"cmp"
	"context"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// reconcileControlPlane declares the EKS cluster and waits until it serves its API.
func (r *Reconciler) reconcileControlPlane(ctx context.Context, s *scope) error {
	switch {
	case s.plan == nil:
		return step.Blocked(v1alpha1.RegionPlanned)
	case s.subnets == nil:
		return step.Blocked(v1alpha1.RegionNetworkReady)
	case s.clusterRole == "":
		return step.Blocked(v1alpha1.RegionIdentityReady)
	}
	version, upgrading, err := r.nextVersion(ctx, s)
	if err != nil {
		return err
	}
	a := r.applier(s)
	observed, done := ack.Ensure(ctx, a, s.blueprint().cluster(s.clusterRole, s.subnets, version), clusterActive)

	s.region.Status.Cluster = clusterStatus(s, observed)
	if done && !s.observe { // ACK has compared it with what EKS runs
		s.region.Status.Cluster.Version = version
	}
	if err := r.seeVersion(ctx, s, observed); err != nil {
		return err
	}
	if servesAPI(observed) {
		s.cluster = observed
		s.version = cmp.Or(runningVersion(s.region), version)
	}
	if err := a.Outcome(); err != nil && !takesTime(err) {
		return err
	}
	if upgrading != nil {
		return upgrading
	}
	return a.Outcome()
}

// takesTime tells whether an outcome says nothing but that EKS or ACK is at work.
func takesTime(err error) bool {
	reason := step.ReasonOf(err)
	return reason == v1alpha1.ReasonCreating || reason == v1alpha1.ReasonSyncing
}

// clusterStatus reports what was seen of the cluster, and keeps what could not be.
func clusterStatus(s *scope, observed *eks.Cluster) *v1alpha1.RegionCluster {
	status := &v1alpha1.RegionCluster{Name: s.plan.Cluster}
	if before := s.region.Status.Cluster; before != nil {
		if observed.Status.Status == nil { // it could not be read, or is only just there
			return before
		}
		status.NodeGroups, status.Version = before.NodeGroups, before.Version
	}
	status.Endpoint = deref(observed.Status.Endpoint)
	status.Status = deref(observed.Status.Status)
	if m := observed.Status.ACKResourceMetadata; m != nil && m.ARN != nil {
		status.ARN = string(*m.ARN)
	}
	return status
}

// eksActive is EKS's word for what works.
const eksActive = "ACTIVE"

// servesAPI tells whether the cluster can be used, also while EKS updates it.
func servesAPI(c *eks.Cluster) bool {
	state := deref(c.Status.Status)
	return (state == eksActive || state == "UPDATING") && c.Status.Endpoint != nil && certificate(c) != ""
}

func certificate(c *eks.Cluster) string {
	if c.Status.CertificateAuthority == nil {
		return ""
	}
	return deref(c.Status.CertificateAuthority.Data)
}

// clusterActive counts a cluster that failed before it ever had an API as one that EKS
// could not create: it never becomes another.
func clusterActive(c *eks.Cluster) error {
	if deref(c.Status.Status) == "FAILED" && c.Status.Endpoint == nil {
		return ack.Broken("EKS reports Cluster %s as FAILED%s", c.Name, issues(c.Status.Health))
	}
	return inState("Cluster "+c.Name, c.Status.Status, c.Status.Health)
}

// inState waits for EKS's ACTIVE. What EKS finds wrong is in the health only, never in
// ACK's conditions, and what it could not create it never repairs.
func inState(name string, state *string, health *eks.Health) error {
	switch deref(state) {
	case eksActive:
		return nil
	case "CREATE_FAILED":
		return ack.Broken("EKS reports %s as %s%s", name, deref(state), issues(health))
	case "FAILED", "UPDATE_FAILED", "DELETE_FAILED", "DEGRADED":
		return step.Wait(v1alpha1.ReasonUnhealthyInAWS, "EKS reports %s as %s%s", name, deref(state), issues(health))
	default:
		return step.Wait(v1alpha1.ReasonCreating, "EKS reports %s as %s", name, deref(state))
	}
}

func issues(h *eks.Health) string {
	if h == nil {
		return ""
	}
	var all strings.Builder
	for _, i := range h.Issues {
		all.WriteString("; " + deref(i.Code) + ": " + deref(i.Message))
	}
	return all.String()
}
