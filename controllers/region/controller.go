package region

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/finalizer"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/status"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// fieldOwner owns what Regions apply.
const fieldOwner = client.FieldOwner("portolan-region")

// kind labels the metrics.
const kind = "Region"

// Cloud is what a Region asks AWS directly, because ACK cannot tell.
type Cloud interface {
	// AvailabilityZones returns the names of the zones that EKS can use, sorted.
	AvailabilityZones(ctx context.Context, roleARN, awsRegion string) ([]string, error)
	// RoleARN returns the role that Portolan acts as when it assumes the given one.
	RoleARN(ctx context.Context, roleARN string) (string, error)
	// NodegroupExists tells whether AWS still has the node group.
	NodegroupExists(ctx context.Context, roleARN, awsRegion, cluster, name string) (bool, error)
	// NATGatewayGone tells whether AWS has finished deleting the NAT gateway.
	NATGatewayGone(ctx context.Context, roleARN, awsRegion, id string) (bool, error)
}

// Deps is what a Reconciler works with.
type Deps struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads past the cache, where acting on something stale would do harm.
	Live     client.Reader
	Clock    clock.PassiveClock
	Events   events.EventRecorder
	Cloud    Cloud
	Secrets  SecretReplicator
	Clusters *remote.Clusters
	ArgoCD   *argocd.Clusters
	// Poll is how often something that cannot be watched is looked at while it is expected to change.
	Poll time.Duration
	// SlowPoll is how often something is retried that somebody else has to put right.
	SlowPoll time.Duration
	// Resync is how often a settled Region is looked at.
	Resync time.Duration
}

// Reconciler drives Regions.
type Reconciler struct {
	Deps
	pipeline   step.Pipeline[*scope]
	allocating sync.Mutex // held while a block is chosen and recorded
}

// scope is what one pass has seen. It is never kept between passes.
type scope struct {
	region      *v1alpha1.Region
	environment *v1alpha1.Environment // set by reconcilePlan
	plan        *plan.Plan            // set by reconcilePlan once everything checks out
	subnets     []string              // private ones; set by reconcileNetwork once all have IDs
	clusterRole string                // ARN; set by reconcileIdentity
	nodeRole    string                // ARN; set by reconcileIdentity
	cluster     *eks.Cluster          // set by reconcileControlPlane once EKS serves the API
	remote      *remote.Cluster       // set by reconcileAccess
	registered  bool                  // set by reconcileRegistration
}

// NewReconciler returns a Reconciler; its steps run in the order listed here.
func NewReconciler(d Deps) *Reconciler {
	r := &Reconciler{Deps: d}
	r.pipeline = step.Pipeline[*scope]{
		Kind:   kind,
		Clock:  d.Clock,
		Events: d.Events,
		Resync: d.Resync,
		Steps: []step.Step[*scope]{
			{Condition: v1alpha1.RegionPlanned, Run: r.reconcilePlan},
			{Condition: v1alpha1.RegionNetworkReady, Run: r.reconcileNetwork},
			{Condition: v1alpha1.RegionIdentityReady, Run: r.reconcileIdentity},
			{Condition: v1alpha1.RegionSecretsReplicated, Run: r.reconcileSecrets},
			{Condition: v1alpha1.RegionStorageReady, Run: notRequired("profiles have no buckets and certificates")},
			{Condition: v1alpha1.RegionControlPlaneReady, Run: r.reconcileControlPlane},
			{Condition: v1alpha1.RegionAccessReady, Run: r.reconcileAccess},
			{Condition: v1alpha1.RegionConnected, Run: r.reconcileConnection, Informational: true},
			{Condition: v1alpha1.RegionAddonsReady, Run: r.reconcileAddons},
			{Condition: v1alpha1.RegionNodesReady, Run: r.reconcileNodes},
			{Condition: v1alpha1.RegionBootstrapped, Run: notRequired("profiles have no bootstrap list")},
			{Condition: v1alpha1.RegionRegistered, Run: r.reconcileRegistration},
			{Condition: v1alpha1.RegionApplicationsHealthy, Run: r.reconcileApplications},
			{Condition: v1alpha1.RegionRingsJoined, Run: r.reconcileRings},
			{Condition: v1alpha1.RegionTrafficReady, Run: notRequired("profiles have no global traffic")},
		},
	}
	return r
}

// Reconcile implements reconcile.ObjectReconciler.
func (r *Reconciler) Reconcile(ctx context.Context, region *v1alpha1.Region) (reconcile.Result, error) {
	if !region.DeletionTimestamp.IsZero() {
		return r.finalize(ctx, region)
	}
	if err := finalizer.Ensure(ctx, r.Client, region, v1alpha1.RegionFinalizer); err != nil {
		return reconcile.Result{}, err
	}

	before := region.DeepCopy()
	result, err := r.pipeline.Run(ctx, region, &scope{region: region})
	recordTimes(region, r.pipeline.Steps, r.Clock.Now())
	region.Status.ObservedGeneration = region.Generation
	if patchErr := status.Patch(ctx, r.Client, region, before); patchErr != nil {
		return reconcile.Result{}, errors.Join(err, patchErr)
	}
	return result, err
}

// notRequired is the step of a condition that no profile asks for yet.
func notRequired(why string) func(context.Context, *scope) error {
	return func(context.Context, *scope) error { return step.NotRequired("%s", why) }
}

// applier returns an Applier for one pass of one step.
func (r *Reconciler) applier() *ack.Applier {
	return ack.NewApplier(r.Client, r.Clock, fieldOwner)
}
