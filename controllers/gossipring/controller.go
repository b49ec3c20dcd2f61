package gossipring

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/delivery"
	"github.com/portolan-dev/portolan/controllers/internal/dns"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/status"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// kind labels the metrics.
const kind = "GossipRing"

// Resolver asks the servers that are responsible for a zone.
type Resolver interface {
	// Resolve follows a name; the error is dns.ErrNotRegistered when it does not exist.
	Resolve(ctx context.Context, zones []dns.Zone, name string) (dns.Answer, error)
}

// System resolves names as the operator's own machine does.
type System interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Cloud is what a ring asks AWS.
type Cloud interface {
	// TargetHealth tells how many targets of a load balancer are healthy.
	TargetHealth(ctx context.Context, roleARN, region, dnsName string) (aws.TargetHealth, error)
	// LoadBalancer tells whether a load balancer is active.
	LoadBalancer(ctx context.Context, roleARN, region, dnsName string) (aws.LoadBalancer, error)
	// SecretVersion tells which version of a secret a region has; never its value.
	SecretVersion(ctx context.Context, roleARN, region, secret string) (string, error)
}

// Deps is what a Reconciler works with.
type Deps struct {
	Client   client.Client
	Clock    clock.Clock
	Events   events.EventRecorder
	DNS      Resolver
	System   System
	Cloud    Cloud
	Clusters *remote.Clusters
	ArgoCD   *argocd.Clusters
	Git      delivery.GitEditor
	// ProbeImage is what probes run: the operator's own image. Empty where it is not known.
	ProbeImage string
	// Poll is how often members are asked for their view and names are resolved.
	Poll time.Duration
	// SlowPoll is how often what costs calls to AWS is looked at while all is well.
	SlowPoll time.Duration
	// Resync is how often a ring without members is looked at.
	Resync time.Duration
}

// Reconciler drives GossipRings.
type Reconciler struct {
	Deps
	pipeline   step.Pipeline[*scope]
	sights     *looks[sight]
	names      *looks[nameSight]
	balancers  *looks[balancerSight]
	slowSights *looks[slowSight]
	installs   *looks[installSight]
	changes    *changes // of the world of each ring
	splits     *changes // of whether it is in parts
	memos      *memos
	failures   *failures
	route      *remote.Route
}

// NewReconciler returns a Reconciler; its steps run in the order listed here.
func NewReconciler(d Deps) *Reconciler {
	r := &Reconciler{
		Deps: d, changes: newChanges(), splits: newChanges(), memos: newMemos(), failures: newFailures(), route: remote.NewRoute(),
		sights: newLooks[sight](d.Clock), names: newLooks[nameSight](d.Clock), balancers: newLooks[balancerSight](d.Clock),
		slowSights: newLooks[slowSight](d.Clock), installs: newVisits[installSight](d.Clock),
	}
	r.pipeline = step.Pipeline[*scope]{
		Kind:   kind,
		Clock:  d.Clock,
		Events: d.Events,
		Resync: d.Resync,
		Steps: []step.Step[*scope]{
			{Condition: v1alpha1.RingEndpointsReady, Run: r.reconcileEndpoints},
			{Condition: v1alpha1.RingKeysMatch, Run: r.reconcileKeys},
			{Condition: v1alpha1.RingSeedsPropagated, Run: r.reconcileSeeds},
			{Condition: v1alpha1.RingConverged, Run: r.reconcileConvergence},
			{Condition: v1alpha1.RingProbed, Run: r.reconcileProbes, Informational: true},
		},
	}
	return r
}

// Reconcile implements reconcile.ObjectReconciler.
func (r *Reconciler) Reconcile(ctx context.Context, ring *v1alpha1.GossipRing) (reconcile.Result, error) {
	if !ring.DeletionTimestamp.IsZero() {
		return r.finalize(ctx, ring)
	}
	if r.memos.areOfAnother(ring) {
		r.forgetRing(client.ObjectKeyFromObject(ring))
	}
	if err := r.holdForProbes(ctx, ring); err != nil {
		return reconcile.Result{}, err
	}
	before := ring.DeepCopy()
	s, err := r.observe(ctx, ring)
	if err != nil {
		return reconcile.Result{}, err
	}
	result, err := r.pipeline.Run(ctx, ring, s)
	r.report(s)
	ring.Status.ObservedGeneration = ring.Generation
	if patchErr := status.Patch(ctx, r.Client, ring, before); patchErr != nil {
		return reconcile.Result{}, errors.Join(err, patchErr)
	}
	if next := r.lookInterval(s); len(s.members) > 0 && result.RequeueAfter > next {
		result.RequeueAfter = next
	}
	return result, err
}
