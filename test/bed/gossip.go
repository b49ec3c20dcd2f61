package bed

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/portolan-dev/portolan/test/simulator/dns"
	"github.com/portolan-dev/portolan/test/simulator/gossip"
)

const (
	// GossipKeySecret is where SetGossipKey writes a ring's key, in base64.
	GossipKeySecret = "gossip-key"
	// GossipKeyKey is the key of the Secret's data.
	GossipKeyKey = "key"

	replacementPoll = 100 * time.Millisecond
)

// gossipNamespaces are where the samples' gossip workloads run.
var gossipNamespaces = []string{"api", "frontline"}

// SetGossipKey gives a region's cluster a ring's key, as External Secrets would. The region is
// an AWS region, the name of a cluster, or EveryRegion, which includes the clusters that start
// later. Pods read it when they start, those of the charts if the value gossip.keySecret is
// GossipKeySecret.
func (b *Bed) SetGossipKey(ctx context.Context, region string, key []byte) error {
	if region == EveryRegion {
		b.planes.rememberKey(key)
	}
	clusters := b.planes.in(region)
	if len(clusters) == 0 && region != EveryRegion {
		return fmt.Errorf("setting the gossip key of %s: no cluster runs there", region)
	}
	for name, config := range clusters {
		if err := writeGossipKey(ctx, config, key); err != nil {
			return fmt.Errorf("setting the gossip key of %s: %w", name, err)
		}
	}
	return nil
}

func (p *planes) rememberKey(key []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gossipKey = slices.Clone(key)
}

// giveKey gives a new cluster what SetGossipKey has told for every one.
func (p *planes) giveKey(config *rest.Config) error {
	p.mu.Lock()
	key := p.gossipKey
	p.mu.Unlock()
	if key == nil {
		return nil
	}
	return writeGossipKey(p.lifetime, config, key)
}

func writeGossipKey(ctx context.Context, config *rest.Config, key []byte) error {
	c, err := newClient(config)
	if err != nil {
		return err
	}
	return ensureGossipKey(ctx, c, key)
}

func ensureGossipKey(ctx context.Context, c client.Client, key []byte) error {
	text := []byte(base64.StdEncoding.EncodeToString(key))
	for _, name := range gossipNamespaces {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := c.Create(ctx, namespace); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("creating namespace %s: %w", name, err)
		}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: GossipKeySecret}}
		_, err := controllerutil.CreateOrUpdate(ctx, c, secret, func() error {
			secret.Data = map[string][]byte{GossipKeyKey: text}
			return nil
		})
		if err != nil {
			return fmt.Errorf("writing secret %s/%s: %w", name, GossipKeySecret, err)
		}
	}
	return nil
}

// ReplaceLoadBalancer deletes a Service and sees to it that there is one like it again: its
// load balancer has another name and another address. It returns when the new Service is
// there, which has no load balancer yet.
func (b *Bed) ReplaceLoadBalancer(ctx context.Context, region, namespace, service string) error {
	key := types.NamespacedName{Namespace: namespace, Name: service}
	for name, config := range b.planes.in(region) {
		c, err := newClient(config)
		if err != nil {
			return err
		}
		switch err := replaceService(ctx, c, key); {
		case err == nil:
			return nil
		case !apierrors.IsNotFound(err):
			return fmt.Errorf("replacing the load balancer of %s in %s: %w", key, name, err)
		}
	}
	return fmt.Errorf("replacing the load balancer of %s: no such Service in %s", key, region)
}

// replaceService returns when somebody has made the Service anew: usually Argo CD is not as quick.
func replaceService(ctx context.Context, c client.Client, key types.NamespacedName) error {
	old := &corev1.Service{}
	if err := c.Get(ctx, key, old); err != nil {
		return err
	}
	if err := c.Delete(ctx, old); err != nil {
		return err
	}
	return wait.PollUntilContextCancel(ctx, replacementPoll, true, func(ctx context.Context) (bool, error) {
		now := &corev1.Service{}
		err := c.Get(ctx, key, now)
		switch {
		case apierrors.IsNotFound(err):
			err = c.Create(ctx, likeService(old))
			return err == nil, client.IgnoreAlreadyExists(err)
		case err != nil:
			return false, err
		default:
			return now.UID != old.UID, nil
		}
	})
}

// likeService leaves out what the API server and the load balancer controller gave a Service.
func likeService(old *corev1.Service) *corev1.Service {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: old.Namespace, Name: old.Name, Labels: old.Labels, Annotations: old.Annotations},
		Spec:       *old.Spec.DeepCopy(),
	}
	service.Spec.ClusterIP, service.Spec.ClusterIPs, service.Spec.HealthCheckNodePort = "", nil, 0
	for i := range service.Spec.Ports {
		service.Spec.Ports[i].NodePort = 0
	}
	return service
}

// resolver is whom the pods of a new cluster ask for names: nil means the name server itself.
// The lives of answers are those that the name server gives.
func (b *Bed) resolver() gossip.Resolver {
	if !b.options.CachingResolver {
		return nil
	}
	return dns.NewCache(b.DNS, clock.RealClock{}, b.Cloud.Scale(dns.NegativeLife), b.Cloud.Scale(dns.PositiveLife))
}
