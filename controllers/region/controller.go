package region

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/bootstrap"
	"github.com/portolan-dev/portolan/controllers/internal/finalizer"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/revision"
	"github.com/portolan-dev/portolan/controllers/internal/status"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// fieldOwner owns what Regions apply.
const fieldOwner = client.FieldOwner("portolan-region")

// kind labels the metrics.
const kind = "Region"

// Deps is what a Reconciler works with.
type Deps struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads past the cache, where acting on something stale would do harm.
	Live     client.Reader
	Clock    clock.PassiveClock
	Events   events.EventRecorder
	Cloud    Cloud
	Survey   Survey
	Finder   Finder
	Traffic  Accelerator
	Secrets  SecretReplicator
	Clusters *remote.Clusters
	ArgoCD   *argocd.Clusters
	Files    Files
	Charts   *bootstrap.Source
	Installs *bootstrap.Installer
	// Revisions of profiles that regions follow.
	Revisions *revision.Records
	// Inspector finds what somebody changed in AWS.
	Inspector Inspector
	// DriftInterval is how often it looks.
	DriftInterval time.Duration
	// Poll is how often something that cannot be watched is looked at while it is expected to change.
	Poll time.Duration
	// SlowPoll is how often something is retried that somebody else has to put right.
	SlowPoll time.Duration
	// Patience multiplies how long things normally take before a deletion counts as stuck; 0 is 1.
	Patience float64
	// Resync is how often a settled Region is looked at.
	Resync time.Duration
}

// Reconciler drives Regions.
type Reconciler struct {
	Deps
	pipeline   step.Pipeline[*scope]
	observing  step.Pipeline[*scope]
	allocating sync.Mutex  // held while a block is chosen and recorded
	copying    replication // what Secrets Manager was asked to copy
	seen       recently    // what was found settled, and when
	drifted    drifted     // what has to be put right in AWS
	retries    argocd.Retries
}

// scope is what one pass has seen. It is never kept between passes.
type scope struct {
	region      *v1alpha1.Region
	observe     bool                  // managementPolicy Observe: nothing is written
	live        *v1alpha1.Environment // as it is now; set by reconcilePlan
	environment *v1alpha1.Environment // as far as it concerns the region now; set by reconcilePlan
	revision    *plan.ProfileRevision // that the region follows; set with environment
	plan        *plan.Plan            // set by reconcilePlan once everything checks out
	appliers    []*ack.Applier        // of this pass
	subnets     []string              // private ones; set by reconcileNetwork once all have IDs
	clusterRole string                // ARN; set by reconcileIdentity
	nodeRole    string                // ARN; set by reconcileIdentity
	podRoles    map[string]string     // suffix → ARN; set by reconcileIdentity
	cluster     *eks.Cluster          // set by reconcileControlPlane once EKS serves the API
	version     string                // of Kubernetes that the control plane runs; set with cluster
	remote      *remote.Cluster       // set by reconcileAccess
	identities  bool                  // every pod identity exists; set by reconcileAccess
	installed   bool                  // the bootstrap list is; set by reconcileBootstrap
	registered  bool                  // set by reconcileRegistration
	healthy     bool                  // all applications are; set by reconcileApplications
}

// NewReconciler returns a Reconciler; its steps run in the order listed here.
func NewReconciler(d Deps) *Reconciler {
	r := &Reconciler{Deps: d, seen: recently{clock: d.Clock}, copying: replication{clock: d.Clock}}
	r.pipeline = r.pipelineOf([]step.Step[*scope]{
		{Condition: v1alpha1.RegionPlanned, Run: r.reconcilePlan},
		{Condition: v1alpha1.RegionNetworkReady, Run: r.reconcileNetwork},
		{Condition: v1alpha1.RegionIdentityReady, Run: r.reconcileIdentity},
		{Condition: v1alpha1.RegionSecretsReplicated, Run: r.reconcileSecrets},
		{Condition: v1alpha1.RegionStorageReady, Run: r.reconcileStorage},
		{Condition: v1alpha1.RegionControlPlaneReady, Run: r.reconcileControlPlane},
		{Condition: v1alpha1.RegionAccessReady, Run: r.reconcileAccess},
		{Condition: v1alpha1.RegionConnected, Run: r.reconcileConnection, Informational: true},
		{Condition: v1alpha1.RegionAddonsReady, Run: r.reconcileAddons},
		{Condition: v1alpha1.RegionNodesReady, Run: r.reconcileNodes},
		{Condition: v1alpha1.RegionBootstrapped, Run: r.reconcileBootstrap},
		{Condition: v1alpha1.RegionRegistered, Run: r.reconcileRegistration},
		{Condition: v1alpha1.RegionApplicationsHealthy, Run: r.reconcileApplications},
		{Condition: v1alpha1.RegionRingsJoined, Run: r.reconcileRings},
		{Condition: v1alpha1.RegionTrafficReady, Run: r.reconcileTraffic},
		{Condition: v1alpha1.RegionInSync, Run: r.reconcileDrift, Informational: true},
	})
	r.observing = r.pipelineOf([]step.Step[*scope]{
		{Condition: v1alpha1.RegionPlanned, Run: r.reconcilePlan},
		{Condition: v1alpha1.RegionObserved, Run: r.reconcileObserved},
	})
	return r
}

func (r *Reconciler) pipelineOf(steps []step.Step[*scope]) step.Pipeline[*scope] {
	return step.Pipeline[*scope]{Kind: kind, Clock: r.Clock, Events: r.Events, Resync: r.Resync, Steps: steps}
}

// Reconcile implements reconcile.ObjectReconciler.
func (r *Reconciler) Reconcile(ctx context.Context, region *v1alpha1.Region) (reconcile.Result, error) {
	if !region.DeletionTimestamp.IsZero() {
		return r.finalize(ctx, region)
	}
	if region.Spec.Paused {
		return reconcile.Result{}, r.pause(ctx, region)
	}
	s := &scope{region: region, observe: region.Spec.ManagementPolicy == v1alpha1.ManagementObserve}
	pipeline := &r.pipeline
	if s.observe {
		pipeline = &r.observing
	} else if err := finalizer.Ensure(ctx, r.Client, region, v1alpha1.RegionFinalizer); err != nil {
		return reconcile.Result{}, err
	}

	before := region.DeepCopy()
	forget(region, s.observe)
	result, err := pipeline.Run(ctx, region, s)
	err = errors.Join(err, r.recordRevision(ctx, s))
	recordTimes(region, pipeline.Steps, r.Clock.Now())
	region.Status.ObservedGeneration = region.Generation
	if patchErr := status.Patch(ctx, r.Client, region, before); patchErr != nil {
		return reconcile.Result{}, errors.Join(err, patchErr)
	}
	return result, err
}

// forget removes what was reported under another policy.
func forget(region *v1alpha1.Region, observe bool) {
	meta.RemoveStatusCondition(&region.Status.Conditions, v1alpha1.RegionPaused)
	if !observe {
		meta.RemoveStatusCondition(&region.Status.Conditions, v1alpha1.RegionObserved)
		if meta.FindStatusCondition(region.Status.Conditions, v1alpha1.RegionInSync) == nil {
			region.Status.Drift = nil // what Observe reported
		}
	} else {
		meta.RemoveStatusCondition(&region.Status.Conditions, v1alpha1.RegionInSync)
	}
}

// pause reports that nothing is done, and leaves everything else as it was seen last.
func (r *Reconciler) pause(ctx context.Context, region *v1alpha1.Region) error {
	before := region.DeepCopy()
	meta.SetStatusCondition(&region.Status.Conditions, metav1.Condition{
		Type: v1alpha1.RegionPaused, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonPaused,
		Message:            "nothing is changed and nothing is looked at until spec.paused is false",
		ObservedGeneration: region.Generation, LastTransitionTime: metav1.NewTime(r.Clock.Now()),
	})
	region.Status.ObservedGeneration = region.Generation
	return status.Patch(ctx, r.Client, region, before)
}

// applier returns an Applier for one pass of one step.
func (r *Reconciler) applier(s *scope) *ack.Applier {
	a := ack.NewApplier(ack.Config{
		Client: r.Client, Clock: r.Clock, Owner: fieldOwner,
		Existing: r.existing(s), Account: s.environment.Spec.AWS.AccountID,
		RetryAfter: r.SlowPoll, Observe: s.observe,
		Drifted: func(object string) (ack.Drifted, bool) { return r.drifted.take(s.region.UID, object) },
	})
	s.appliers = append(s.appliers, a)
	return a
}
