package region

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/watch"
)

// concurrency is how many Regions are worked on at once. A pass waits for nothing but
// API calls, so a few are enough for hundreds of Regions.
const concurrency = 8

// Objects are applied, which the API server checks as patch and, when they are new, as create.
//
// +kubebuilder:rbac:groups=portolan.dev,resources=regions,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=portolan.dev,resources=environments,verbs=get;list;watch
// +kubebuilder:rbac:groups=portolan.dev,resources=gossiprings;promotions,verbs=list;watch
// +kubebuilder:rbac:groups=portolan.dev,resources=regions/status;environments/status,verbs=patch
// +kubebuilder:rbac:groups=ec2.services.k8s.aws,resources=vpcs;subnets;internetgateways;routetables;elasticipaddresses;natgateways;securitygroups,verbs=list;watch;create;patch;delete
// +kubebuilder:rbac:groups=iam.services.k8s.aws,resources=roles,verbs=list;watch;create;patch;delete
// +kubebuilder:rbac:groups=eks.services.k8s.aws,resources=nodegroups;addons;accessentries;podidentityassociations,verbs=list;watch;create;patch;delete
// +kubebuilder:rbac:groups=eks.services.k8s.aws,resources=clusters,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=s3.services.k8s.aws,resources=buckets,verbs=list;watch;create;patch;delete
// +kubebuilder:rbac:groups=acm.services.k8s.aws,resources=certificates,verbs=list;watch;create;patch;delete
// +kubebuilder:rbac:groups=route53.services.k8s.aws,resources=recordsets,verbs=list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=namespaces;configmaps,verbs=get
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;patch;delete,namespace=argocd
// +kubebuilder:rbac:groups=argoproj.io,resources=applications,verbs=list;watch;patch;delete,namespace=argocd
// +kubebuilder:rbac:groups=argoproj.io,resources=applicationsets,verbs=list;watch;patch,namespace=argocd
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// SetupWithManager registers the controller and everything that wakes it.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, clk clock.WithTicker) error {
	toRegion := handler.EnqueueRequestsFromMapFunc(watch.ToRegion(r.Client))
	sameEnvironment := handler.EnqueueRequestsFromMapFunc(watch.InNamespace(r.Client,
		func() client.ObjectList { return &v1alpha1.RegionList{} }, concerns))

	b := ctrl.NewControllerManagedBy(mgr).
		Named("region").
		For(&v1alpha1.Region{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Region{}, sameEnvironment, builder.WithPredicates(addressesChanged())).
		Watches(&v1alpha1.Environment{}, sameEnvironment, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, recordsMatter()))).
		Watches(&v1alpha1.Promotion{}, sameEnvironment, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.GossipRing{}, r.ringChanges()).
		Watches(&corev1.Secret{}, toRegion).
		WatchesRawSource(watch.Remote(r.Clusters, func(_ context.Context, key client.ObjectKey) []reconcile.Request {
			return []reconcile.Request{{NamespacedName: key}}
		}, remote.Topology, remote.Identities, remote.Draining, remote.Registration, remote.Applications)).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency, RateLimiter: watch.Retries(r.SlowPoll)})
	for _, k := range ack.Kinds() {
		if !ack.Optional(k) {
			b = b.Watches(k, toRegion, builder.WithPredicates(ack.Substantial()))
		}
	}
	c, err := b.Build(reconcile.AsReconciler(r.Client, r))
	if err != nil {
		return fmt.Errorf("building the Region controller: %w", err)
	}
	for _, k := range ack.Kinds() {
		if !ack.Optional(k) {
			continue
		}
		if err := watch.WhenInstalled(mgr, clk, c, k, source.Kind(mgr.GetCache(), k, toRegion, ack.Substantial())); err != nil {
			return err
		}
	}
	applications := source.Kind(mgr.GetCache(), client.Object(&argocd.Application{}), watch.Gathered(watch.ToRegion(r.Client)))
	return watch.WhenInstalled(mgr, clk, c, &argocd.Application{}, applications)
}

// concerns tells whether an Environment, or an object that names one, is the Region's.
func concerns(trigger, region client.Object) bool {
	r, ok := region.(*v1alpha1.Region)
	if !ok {
		return false
	}
	switch t := trigger.(type) {
	case *v1alpha1.Environment:
		return t.Name == r.Spec.EnvironmentRef.Name
	case *v1alpha1.Region:
		return t.Name != r.Name && t.Spec.EnvironmentRef == r.Spec.EnvironmentRef
	case *v1alpha1.Promotion:
		return t.Spec.EnvironmentRef == r.Spec.EnvironmentRef
	case *v1alpha1.GossipRing:
		return t.Spec.EnvironmentRef == r.Spec.EnvironmentRef
	default:
		return false
	}
}

// addressesChanged lets through what others let in by their security groups: a Region's addresses,
// when they change and when it is gone.
func addressesChanged() predicate.Predicate {
	changed := watch.Changed(func(r *v1alpha1.Region) any { return natAddresses(r) })
	changed.CreateFunc = func(event.CreateEvent) bool { return false }
	return changed
}

// recordsMatter lets an Environment's update through when a Region gave its block back, which
// another one may be waiting for, and when a region was given a revision.
func recordsMatter() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*v1alpha1.Environment)
			after, ok2 := e.ObjectNew.(*v1alpha1.Environment)
			return ok && ok2 && (len(after.Status.Allocations) < len(before.Status.Allocations) ||
				!maps.Equal(revisionsOf(before), revisionsOf(after)))
		},
	}
}

func revisionsOf(env *v1alpha1.Environment) map[string]string {
	revisions := map[string]string{}
	for _, r := range env.Status.Revisions {
		revisions[r.Region] = r.Revision
	}
	return revisions
}
