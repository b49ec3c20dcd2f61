package argocd

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Field managers of a cluster Secret. Each seed and each pin has an owner of its own,
// so that rings and promotions never take each other's keys away.
const (
	ownerRegion = client.FieldOwner("portolan-region")
	// ownerBirth writes the first value of every seed and pin, once.
	ownerBirth           = client.FieldOwner("portolan-birth")
	ownerGossipPrefix    = "portolan-gossip/"
	ownerPromotionPrefix = "portolan-promotion/"
)

// LabelSecretType makes a Secret an Argo CD cluster.
const LabelSecretType = "argocd.argoproj.io/secret-type"

// SecretTypeCluster is the value of LabelSecretType on cluster Secrets.
const SecretTypeCluster = "cluster"

// Registration is the part of a cluster Secret that follows from the Region.
//
// +kubebuilder:object:generate=false
type Registration struct {
	// Cluster is the EKS cluster's name, and the name by which Argo CD knows it.
	Cluster string
	// Server is the Kubernetes API's endpoint.
	Server string
	// CA is the PEM certificate that signs the API server's.
	CA []byte
	// RoleARN is what Argo CD assumes; empty for its own.
	RoleARN string
	// Labels and Annotations that ApplicationSets select and read.
	Labels, Annotations map[string]string
}

// SecretName is the name of a cluster's Secret.
func SecretName(cluster string) string { return "cluster-" + cluster }

// config is Argo CD's connection format (util/db/cluster.go, ClusterConfig).
//
// +kubebuilder:object:generate=false
type config struct {
	AWSAuthConfig   awsAuthConfig   `json:"awsAuthConfig"`
	TLSClientConfig tlsClientConfig `json:"tlsClientConfig"`
}

// +kubebuilder:object:generate=false
type awsAuthConfig struct {
	ClusterName string `json:"clusterName"`
	RoleARN     string `json:"roleARN,omitempty"`
}

// +kubebuilder:object:generate=false
type tlsClientConfig struct {
	Insecure bool   `json:"insecure"`
	CAData   string `json:"caData"`
}

// data renders what Argo CD needs to connect. It holds no credentials: Argo CD signs its own tokens.
func (r Registration) data() (map[string][]byte, error) {
	raw, err := json.Marshal(config{
		AWSAuthConfig:   awsAuthConfig{ClusterName: r.Cluster, RoleARN: r.RoleARN},
		TLSClientConfig: tlsClientConfig{CAData: base64.StdEncoding.EncodeToString(r.CA)},
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the connection of cluster %s: %w", r.Cluster, err)
	}
	return map[string][]byte{"name": []byte(r.Cluster), "server": []byte(r.Server), "config": raw}, nil
}

// Clusters writes the cluster Secrets of one Argo CD.
//
// +kubebuilder:object:generate=false
type Clusters struct {
	// Client reads Secrets from a cache of those that are labelled as clusters.
	Client client.Client
	// Live reads past the cache.
	Live client.Reader
	// Namespace of Argo CD.
	Namespace string
}

// Key returns the Secret's key.
func (c *Clusters) Key(cluster string) client.ObjectKey {
	return client.ObjectKey{Namespace: c.Namespace, Name: SecretName(cluster)}
}

// Get returns the Secret of a registered cluster, or nil.
func (c *Clusters) Get(ctx context.Context, cluster string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	err := c.Client.Get(ctx, c.Key(cluster), secret)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // absence is an answer
	case err != nil:
		return nil, fmt.Errorf("reading cluster Secret %s: %w", SecretName(cluster), err)
	}
	return secret, nil
}

// Foreign tells whether somebody else has a Secret of the cluster's name.
func (c *Clusters) Foreign(ctx context.Context, cluster, region string) (bool, error) {
	secret := &corev1.Secret{}
	err := c.Live.Get(ctx, c.Key(cluster), secret)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("reading cluster Secret %s: %w", SecretName(cluster), err)
	}
	return err == nil && secret.Labels[v1alpha1.LabelRegion] != region && !hasOurKeys(secret), nil
}

// hasOurKeys recognises a Secret whose birth was interrupted before its labels were written.
func hasOurKeys(s *corev1.Secret) bool {
	for k := range s.Annotations {
		if strings.HasPrefix(k, v1alpha1.AnnotationWANSeedsPrefix) || strings.HasPrefix(k, v1alpha1.AnnotationRevisionPrefix) {
			return true
		}
	}
	return false
}

// annotationRegistered is a hash of what was last registered. It tells labels that are
// no longer wanted, which server-side apply then removes.
const annotationRegistered = "portolan.dev/registered"

// Register writes the Region's part, if the Secret does not have it already.
func (c *Clusters) Register(ctx context.Context, r Registration) (changed bool, err error) {
	data, err := r.data()
	if err != nil {
		return false, err
	}
	labels, annotations := map[string]string{LabelSecretType: SecretTypeCluster}, map[string]string{}
	maps.Copy(labels, r.Labels)
	maps.Copy(annotations, r.Annotations)
	annotations[annotationRegistered] = hashOf(labels, r.Annotations)
	current, err := c.Get(ctx, r.Cluster)
	if err != nil {
		return false, err
	}
	if current != nil && holds(current.Labels, labels) && holds(current.Annotations, annotations) &&
		hasData(current.Data, data) {
		return false, nil
	}
	secret := c.secret(r.Cluster).WithType(corev1.SecretTypeOpaque).
		WithLabels(labels).WithAnnotations(annotations).WithData(data)
	return true, c.apply(ctx, secret, ownerRegion)
}

// Bear writes the first value of every seed and pin. The Secret is no cluster in
// Argo CD's eyes until Register adds the labels, so that no ApplicationSet ever sees
// it without its keys: one render error would freeze an application in all regions.
func (c *Clusters) Bear(ctx context.Context, cluster string, annotations map[string]string) error {
	// Without its labels the Secret is in no cache that could catch up with the write.
	return c.apply(ctx, c.secret(cluster).WithAnnotations(annotations), ownerBirth, client.DisableReadYourWritesConsistency)
}

// SetSeeds writes a ring's seeds, if the Secret does not have them already.
func (c *Clusters) SetSeeds(ctx context.Context, cluster, ring, seeds string) (changed bool, err error) {
	return c.annotate(ctx, cluster, client.FieldOwner(ownerGossipPrefix+ring), v1alpha1.AnnotationWANSeedsPrefix+ring, seeds)
}

// SetPin writes an application's revision, if the Secret does not have it already.
func (c *Clusters) SetPin(ctx context.Context, cluster, application, revision string) (changed bool, err error) {
	return c.annotate(ctx, cluster, client.FieldOwner(ownerPromotionPrefix+application), v1alpha1.AnnotationRevisionPrefix+application, revision)
}

// PinOwner names the field manager that last wrote an application's revision.
func (c *Clusters) PinOwner(ctx context.Context, cluster, application string) (string, error) {
	owner, last := "somebody", time.Time{}
	secret := &corev1.Secret{}
	if err := c.Live.Get(ctx, c.Key(cluster), secret); err != nil { // caches leave the managers out
		return owner, client.IgnoreNotFound(fmt.Errorf("reading who wrote cluster Secret %s: %w", SecretName(cluster), err))
	}
	for _, f := range secret.ManagedFields {
		owns := f.FieldsV1 != nil && strings.Contains(f.FieldsV1.GetRawString(), `"f:`+v1alpha1.AnnotationRevisionPrefix+application+`"`)
		if owns && (f.Time == nil || !f.Time.Time.Before(last)) {
			owner = f.Manager
			if f.Time != nil {
				last = f.Time.Time
			}
		}
	}
	return owner, nil
}

func (c *Clusters) annotate(ctx context.Context, cluster string, owner client.FieldOwner, key, value string) (changed bool, err error) {
	current, err := c.Get(ctx, cluster)
	if err != nil {
		return false, err
	}
	if current == nil || holds(current.Annotations, map[string]string{key: value}) {
		return false, nil
	}
	// With the UID: applying would make a Secret that was deleted a moment ago once more, without
	// anything but this key.
	return true, c.apply(ctx, c.secret(cluster).WithUID(current.UID).WithAnnotations(map[string]string{key: value}), owner)
}

// Deselect makes ApplicationSets leave a registered cluster alone, so that they delete
// its Applications and make no new ones.
func (c *Clusters) Deselect(ctx context.Context, cluster string) error {
	current, err := c.Get(ctx, cluster)
	if err != nil || current == nil || current.Labels[v1alpha1.LabelManaged] != "true" {
		return err
	}
	patch := []byte(`{"metadata":{"labels":{"` + v1alpha1.LabelManaged + `":"false"}}}`)
	if err := c.Client.Patch(ctx, current.DeepCopy(), client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("deselecting cluster Secret %s: %w", current.Name, err)
	}
	return nil
}

// Delete removes the Secret, if there is one.
func (c *Clusters) Delete(ctx context.Context, cluster string) error {
	secret := &corev1.Secret{}
	if err := c.Live.Get(ctx, c.Key(cluster), secret); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil
		}
		return fmt.Errorf("reading cluster Secret %s: %w", SecretName(cluster), err)
	}
	if err := client.IgnoreNotFound(c.Client.Delete(ctx, secret)); err != nil {
		return fmt.Errorf("deleting cluster Secret %s: %w", secret.Name, err)
	}
	return nil
}

func (c *Clusters) secret(cluster string) *applycorev1.SecretApplyConfiguration {
	return applycorev1.Secret(SecretName(cluster), c.Namespace)
}

func (c *Clusters) apply(ctx context.Context, secret *applycorev1.SecretApplyConfiguration, owner client.FieldOwner, more ...client.ApplyOption) error {
	options := append([]client.ApplyOption{owner, client.ForceOwnership}, more...)
	if err := c.Client.Apply(ctx, secret, options...); err != nil {
		return fmt.Errorf("applying cluster Secret %s as %s: %w", *secret.Name, owner, err)
	}
	return nil
}

// hasData ignores what others add, for example a shard.
func hasData(have, want map[string][]byte) bool {
	for k, v := range want {
		if !slices.Equal(have[k], v) {
			return false
		}
	}
	return true
}

func hashOf(parts ...map[string]string) string {
	h := sha256.New()
	for _, part := range parts {
		for _, k := range slices.Sorted(maps.Keys(part)) {
			fmt.Fprintf(h, "%q=%q\n", k, part[k])
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func holds(have, want map[string]string) bool {
	for k, v := range want {
		if got, ok := have[k]; !ok || got != v {
			return false
		}
	}
	return true
}
