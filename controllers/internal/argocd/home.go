package argocd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/plan"
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

// home returns where the Argo CD of a cluster is.
func (c *Clusters) home(ctx context.Context, cluster string) (*home, error) {
	region, err := c.Homes.regionOf(ctx, cluster)
	switch {
	case err != nil:
		return nil, err
	case region == nil:
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

// regionOf returns the Region of a cluster that has an Argo CD of its own, or nil. A nil Homes
// knows none.
func (h *Homes) regionOf(ctx context.Context, cluster string) (*v1alpha1.Region, error) {
	environments, err := h.environments(ctx)
	if err != nil {
		return nil, err
	}
	for _, env := range environments {
		name, ok := strings.CutPrefix(cluster, env.Name+"-")
		if !ok {
			continue
		}
		region := &v1alpha1.Region{}
		err := h.Client.Get(ctx, client.ObjectKey{Namespace: env.Namespace, Name: name}, region, client.UnsafeDisableDeepCopy)
		switch {
		case client.IgnoreNotFound(err) != nil:
			return nil, fmt.Errorf("looking where the Argo CD of cluster %s is: %w", cluster, err)
		case err == nil && region.Spec.EnvironmentRef.Name == env.Name && plan.ClusterName(region) == cluster:
			return region, nil
		}
	}
	return nil, nil //nolint:nilnil // it is in the management cluster
}

// environments are those whose regions have an Argo CD each.
func (h *Homes) environments(ctx context.Context) ([]*v1alpha1.Environment, error) {
	if h == nil {
		return nil, nil
	}
	list := &v1alpha1.EnvironmentList{}
	if err := h.Client.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing Environments: %w", err)
	}
	var found []*v1alpha1.Environment
	for i := range list.Items {
		if list.Items[i].Spec.ArgoCD.Mode == v1alpha1.ArgoCDPerCluster {
			found = append(found, &list.Items[i])
		}
	}
	return found, nil
}

// regions are those of an Environment.
func (h *Homes) regions(ctx context.Context, env *v1alpha1.Environment) ([]*v1alpha1.Region, error) {
	list := &v1alpha1.RegionList{}
	if err := h.Client.List(ctx, list, client.InNamespace(env.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing Regions: %w", err)
	}
	var found []*v1alpha1.Region
	for i := range list.Items {
		if list.Items[i].Spec.EnvironmentRef.Name == env.Name {
			found = append(found, &list.Items[i])
		}
	}
	return found, nil
}

// Ready returns nil when the Argo CD of a cluster can be asked and told everything. Where it is in
// the cluster itself, it may not be installed yet, which meta.IsNoMatchError tells, or be
// ErrUnreachable.
func (c *Clusters) Ready(ctx context.Context, cluster string) error {
	h, err := c.home(ctx, cluster)
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

// Rival names another Secret that stands for the cluster which its Argo CD runs in, if there is
// one: of two, Argo CD takes either.
func (c *Clusters) Rival(ctx context.Context, cluster string) (string, error) {
	h, err := c.home(ctx, cluster)
	if err != nil || !h.regional() {
		return "", err
	}
	list := &corev1.SecretList{}
	if err := h.read(ctx, &corev1.Secret{}, func(ctx context.Context, from client.Reader) error {
		return from.List(ctx, list, client.InNamespace(c.Namespace))
	}); err != nil {
		return "", fmt.Errorf("listing the cluster Secrets in cluster %s: %w", cluster, err)
	}
	for i := range list.Items {
		if s := &list.Items[i]; s.Name != SecretName(cluster) && strings.TrimRight(string(s.Data["server"]), "/") == inClusterServer {
			return s.Name, nil
		}
	}
	return "", nil
}

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
