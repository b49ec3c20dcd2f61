// Package controllers assembles Portolan's controllers.
package controllers

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/environment"
	"github.com/portolan-dev/portolan/controllers/gossipring"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/bootstrap"
	"github.com/portolan-dev/portolan/controllers/internal/dns"
	"github.com/portolan-dev/portolan/controllers/internal/gates"
	"github.com/portolan-dev/portolan/controllers/internal/github"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/revision"
	"github.com/portolan-dev/portolan/controllers/promotion"
	"github.com/portolan-dev/portolan/controllers/region"
)

// Options are the operator's settings.
type Options struct {
	// ArgoCDNamespace is where Argo CD runs and keeps its cluster Secrets.
	ArgoCDNamespace string
	// Poll is how often something that cannot be watched is looked at while it is
	// expected to change: secret replicas, DNS names, members' metrics, API servers.
	Poll time.Duration
	// SlowPoll is how often something is retried that somebody else has to put right.
	SlowPoll time.Duration
	// Drift is how often a region's objects are compared with AWS.
	Drift time.Duration
	// Patience multiplies how long things normally take before a deletion counts as stuck. A
	// rehearsal in which AWS is faster than it is sets it.
	Patience float64
	// Resync is how often a settled object is looked at.
	Resync time.Duration
	// ProbeImage is what the probes of gossip rings run: the operator's own image.
	ProbeImage string
}

// NewScheme returns a scheme with every kind that the controllers know.
func NewScheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, v1alpha1.AddToScheme, ack.AddToScheme, argocd.AddToScheme} {
		if err := add(s); err != nil {
			return nil, fmt.Errorf("building the scheme: %w", err)
		}
	}
	return s, nil
}

// CacheOptions keep out of memory what nobody looks at. Of Secrets, only those that
// are Argo CD clusters are read at all.
func (o Options) CacheOptions() cache.Options {
	clusters := labels.SelectorFromSet(labels.Set{argocd.LabelSecretType: argocd.SecretTypeCluster})
	ofEnvironments := labels.NewSelector()
	if required, err := labels.NewRequirement(v1alpha1.LabelEnvironment, selection.Exists, nil); err == nil { // the key is valid
		ofEnvironments = ofEnvironments.Add(*required)
	}
	inArgoCD := map[string]cache.Config{o.ArgoCDNamespace: {}}
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Secret{}:             {Namespaces: inArgoCD, Label: clusters},
			&argocd.Application{}:        {Namespaces: inArgoCD},
			&argocd.ApplicationSet{}:     {Namespaces: inArgoCD},
			&appsv1.ControllerRevision{}: {Label: ofEnvironments}, // StatefulSets and DaemonSets have many
		},
	}
}

// ClientOptions make the cached client wait for its own writes: what a pass wrote is
// what the next one decides from.
func (o Options) ClientOptions() client.Options {
	return client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: new(true)}}
}

// establishing is how soon CRDs of a bootstrap list are looked at again: the API server
// serves them within a second or two, and the items behind them wait.
const establishing = 2 * time.Second

// Setup adds every controller to the manager.
func Setup(ctx context.Context, mgr ctrl.Manager, o Options) error {
	clk := clock.RealClock{}
	cloud, err := aws.New(ctx, clk, aws.WithReplicaTTL(o.Poll, o.Resync))
	if err != nil {
		return fmt.Errorf("configuring AWS: %w", err)
	}
	clusters := remote.New(cloud, clk, o.Poll)
	if err := mgr.Add(clusters); err != nil {
		return fmt.Errorf("adding the regional clusters: %w", err)
	}
	registry := &argocd.Clusters{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Namespace: o.ArgoCDNamespace,
		Homes: &argocd.Homes{Client: mgr.GetCache(), Clusters: clusters, Scheme: mgr.GetScheme()},
	}

	files, editor := gitrepo.New(clk), gitrepo.NewEditor(clk)

	if err := environment.NewReconciler(environment.Deps{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: clk,
		Events: mgr.GetEventRecorder("portolan-environment"), Resync: o.Resync,
	}).SetupWithManager(mgr); err != nil {
		return err
	}
	if err := region.NewReconciler(region.Deps{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: clk,
		Events: mgr.GetEventRecorder("portolan-region"),
		Cloud:  cloud, Survey: cloud, Finder: cloud, Traffic: cloud, Secrets: cloud,
		Inspector: region.Inspection{Reader: cloud}, DriftInterval: o.Drift, Patience: o.Patience,
		Revisions: &revision.Records{Client: mgr.GetClient(), Clock: clk},
		Clusters:  clusters, ArgoCD: registry, Files: files,
		Charts: bootstrap.NewSource(bootstrap.Options{}), Installs: &bootstrap.Installer{Poll: min(o.Poll, establishing)},
		Poll: o.Poll, SlowPoll: o.SlowPoll, Resync: o.Resync,
	}).SetupWithManager(mgr, clk); err != nil {
		return err
	}
	if err := gossipring.NewReconciler(gossipring.Deps{
		Client: mgr.GetClient(), Clock: clk, Events: mgr.GetEventRecorder("portolan-gossipring"),
		DNS: dns.New(), System: net.DefaultResolver, Cloud: cloud, Clusters: clusters, ArgoCD: registry,
		Git: editor, ProbeImage: o.ProbeImage, Poll: o.Poll, SlowPoll: o.SlowPoll, Resync: o.Resync,
	}).SetupWithManager(mgr); err != nil {
		return err
	}
	return promotion.NewReconciler(promotion.Deps{
		Client: mgr.GetClient(), Clock: clk, Events: mgr.GetEventRecorder("portolan-promotion"),
		ArgoCD: registry, Files: files, Commits: gitrepo.NewHistory(clk), Git: editor,
		PullRequests: github.New(http.DefaultClient, clk), Queries: &gates.Prometheus{},
		Jobs: &gates.Jobs{Client: mgr.GetClient(), Live: mgr.GetAPIReader()}, Poll: o.Poll, SlowPoll: o.SlowPoll, Resync: o.Resync,
	}).SetupWithManager(mgr, clk)
}
