package argocd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

// ErrUnreachable means that a region's Argo CD, which is in the region's own cluster, cannot be
// asked and told anything for now.
var ErrUnreachable = errors.New("its Argo CD cannot be reached")

// Homes finds the regions that have an Argo CD of their own.
//
// +kubebuilder:object:generate=false
type Homes struct {
	// Client reads Environments and Regions; nothing that it returns is changed.
	Client client.Reader
	// Clusters are the regional ones.
	Clusters *remote.Clusters
	// Scheme has Secrets and Argo CD's kinds.
	Scheme *runtime.Scheme
}

// home is where the Argo CD of a region is, as it is found at one time.
//
// +kubebuilder:object:generate=false
type home struct {
	// region is nil for the Argo CD of the management cluster.
	region *v1alpha1.Region
	// client and live are nil while gone is not.
	client client.Client
	live   client.Reader
	// follower is nil until the region was connected.
	follower *remote.Follower
	// gone is why nothing can be asked and told, and nothing is known but what was seen before.
	gone error
}

// Regional are the clusters that may have an Argo CD of their own; nil where none can.
func (c *Clusters) Regional() *remote.Clusters {
	if c.Homes == nil {
		return nil
	}
	return c.Homes.Clusters
}

func (h *home) regional() bool { return h.region != nil }

// home returns where the Argo CD of a Region is.
func (c *Clusters) home(ctx context.Context, region *v1alpha1.Region) (*home, error) {
	switch inside, err := c.Homes.inside(ctx, region); {
	case err != nil:
		return nil, err
	case !inside:
		return &home{client: c.Client, live: c.Live}, nil
	}
	return c.homeOf(region), nil //nolint:contextcheck // the watches live as long as the connection, not as the call
}

// homeOf returns where the Argo CD of a Region is that has one of its own.
func (c *Clusters) homeOf(region *v1alpha1.Region) *home {
	h := &home{region: region}
	connection, ok := c.Homes.Clusters.Get(client.ObjectKeyFromObject(region))
	if !ok {
		h.gone = fmt.Errorf("%w: %w", ErrUnreachable, remote.ErrNotObserved)
		return h
	}
	disconnected := connection.Connected()
	var err error
	if h.follower, err = connection.Follow(c.following()); disconnected == nil {
		disconnected = err
	}
	if disconnected != nil {
		h.gone = fmt.Errorf("%w: %w", ErrUnreachable, disconnected)
		return h
	}
	h.client, h.live = h.follower.Client(), h.follower.Live()
	return h
}

// following is what of a regional Argo CD is watched: of Secrets, only those of clusters.
func (c *Clusters) following() remote.Following {
	clusters := labels.SelectorFromSet(labels.Set{LabelSecretType: SecretTypeCluster})
	return remote.Following{
		Scheme: c.Homes.Scheme,
		Objects: cache.Options{
			DefaultTransform:  cache.TransformStripManagedFields(),
			DefaultNamespaces: map[string]cache.Config{c.Namespace: {}},
			ByObject:          map[client.Object]cache.ByObject{&corev1.Secret{}: {Label: clusters}},
		},
		Kinds: map[client.Object]remote.Change{
			&corev1.Secret{}: remote.Registration, &Application{}: remote.Applications, &ApplicationSet{}: remote.Applications,
		},
	}
}

// inside tells whether a Region has an Argo CD of its own. A nil Homes knows none. The mode of an
// Environment never changes, and is recorded in case it is gone before its Regions.
func (h *Homes) inside(ctx context.Context, region *v1alpha1.Region) (bool, error) {
	if h == nil {
		return false, nil
	}
	env := &v1alpha1.Environment{}
	key := client.ObjectKey{Namespace: region.Namespace, Name: region.Spec.EnvironmentRef.Name}
	switch err := h.Client.Get(ctx, key, env, client.UnsafeDisableDeepCopy); {
	case apierrors.IsNotFound(err):
		return region.Status.ArgoMode == v1alpha1.ArgoCDPerCluster, nil
	case err != nil:
		return false, fmt.Errorf("looking where the Argo CD of Region %s is: %w", region.Name, err)
	}
	return env.Spec.ArgoCD.Mode == v1alpha1.ArgoCDPerCluster, nil
}

// Ready returns nil when the Argo CD of a Region can be asked and told everything. Where it is in
// its cluster itself, it may not be installed yet, which meta.IsNoMatchError tells, or be
// ErrUnreachable.
func (c *Clusters) Ready(ctx context.Context, region *v1alpha1.Region) error {
	h, err := c.home(ctx, region)
	if err != nil || !h.regional() {
		return err
	}
	for _, kind := range []client.Object{&corev1.Secret{}, &Application{}} {
		if err := h.observed(kind); err != nil {
			return err
		}
	}
	return nil
}

// observed returns nil when the kind can be read without waiting for anybody.
func (h *home) observed(kind client.Object) error {
	switch {
	case !h.regional():
		return nil
	case h.gone != nil:
		return h.gone
	}
	switch err := h.follower.Observed(kind); {
	case err == nil, meta.IsNoMatchError(err):
		return err
	case errors.Is(err, remote.ErrNotObserved):
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	default:
		return fmt.Errorf("%w: %s", ErrUnreachable, remote.Explain(err))
	}
}

// Rival names another Secret that stands for the cluster, or has its name, if there is one: of two,
// Argo CD takes either, and ApplicationSets mix them up.
func (c *Clusters) Rival(ctx context.Context, r Registration) (string, error) {
	h, err := c.home(ctx, r.Region)
	if err != nil {
		return "", err
	}
	data, err := r.data()
	if err != nil {
		return "", err
	}
	list := &corev1.SecretList{}
	if err := h.read(ctx, &corev1.Secret{}, func(ctx context.Context, from client.Reader) error {
		return from.List(ctx, list, client.InNamespace(c.Namespace), client.MatchingLabels{LabelSecretType: SecretTypeCluster}, client.UnsafeDisableDeepCopy)
	}); err != nil {
		return "", fmt.Errorf("listing the cluster Secrets beside %s: %w", nameOf(r.Region), err)
	}
	for i := range list.Items {
		s := &list.Items[i]
		if s.Name != nameOf(r.Region) && (string(s.Data["name"]) == string(data["name"]) || serverOf(s.Data) == serverOf(data)) {
			return s.Name, nil
		}
	}
	return "", nil
}

// serverOf is a cluster's server as Argo CD compares it.
func serverOf(data map[string][]byte) string { return strings.TrimRight(string(data["server"]), "/") }

// catchUp bounds how long a read waits until the region's watch shows what was just written: a
// connection that was lost meanwhile would hold up all other regions.
const catchUp = 5 * time.Second

// read gives f the cache of the kind, or ErrUnreachable or a NoMatch.
func (h *home) read(ctx context.Context, kind client.Object, f func(context.Context, client.Reader) error) error {
	if !h.regional() {
		return f(ctx, h.client)
	}
	if err := h.observed(kind); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	err := f(bounded, h.client)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		h.gone = fmt.Errorf("%w: what was written there is not seen yet", ErrUnreachable)
		return h.gone
	}
	return err
}

// remembered gives f what was seen before the region went out of reach, and tells whether anything
// was.
func (h *home) remembered(ctx context.Context, kind client.Object, f func(context.Context, client.Reader) error) bool {
	return h.follower != nil && h.follower.Observed(kind) == nil && f(ctx, h.follower.Seen()) == nil
}

// wasRegistered tells whether the region ever was, so that what cannot be seen now may be there.
func (h *home) wasRegistered() bool {
	i := slices.IndexFunc(h.region.Status.Steps, func(t v1alpha1.StepTimes) bool { return t.Name == v1alpha1.RegionRegistered })
	return i >= 0 && h.region.Status.Steps[i].FinishedAt != nil
}
