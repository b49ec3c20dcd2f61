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

	corev1 "k8s.io/api/core/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// Registration is the part of a cluster Secret that follows from the Region.
//
// +kubebuilder:object:generate=false
type Registration struct {
	// Region that is registered. Argo CD knows it by the name of its EKS cluster.
	Region *v1alpha1.Region
	// Mode is where Argo CD is, which says how the Secret names the cluster.
	Mode v1alpha1.ArgoCDMode
	// Server is the Kubernetes API's endpoint.
	Server string
	// ARN of the EKS cluster.
	ARN string
	// CA is the PEM certificate that signs the API server's.
	CA []byte
	// RoleARN is what Argo CD assumes; empty for its own.
	RoleARN string
	// Labels and Annotations that ApplicationSets select and read.
	Labels, Annotations map[string]string
}

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

// How Argo CD names the cluster that it runs in itself (util/db/cluster.go): a Secret with this
// server stands for it, and gives it labels and annotations.
const (
	inClusterName   = "in-cluster"
	inClusterServer = "https://kubernetes.default.svc"
)

// capabilityProject is the AppProject in the Secrets that the EKS capability documents
// (EKS User Guide, "Register target clusters").
const capabilityProject = "default"

// data renders what Argo CD needs to connect. It holds no credentials: Argo CD signs its own
// tokens, the EKS capability knows clusters by their ARN, and in its own cluster Argo CD uses its
// service accounts.
func (r Registration) data() (map[string][]byte, error) {
	cluster := plan.ClusterName(r.Region)
	switch r.Mode {
	case v1alpha1.ArgoCDEKSCapability:
		return map[string][]byte{"name": []byte(cluster), "server": []byte(r.ARN), "project": []byte(capabilityProject)}, nil
	case v1alpha1.ArgoCDPerCluster:
		return map[string][]byte{"name": []byte(inClusterName), "server": []byte(inClusterServer)}, nil
	case v1alpha1.ArgoCDHub:
	}
	raw, err := json.Marshal(config{
		AWSAuthConfig:   awsAuthConfig{ClusterName: cluster, RoleARN: r.RoleARN},
		TLSClientConfig: tlsClientConfig{CAData: base64.StdEncoding.EncodeToString(r.CA)},
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the connection of cluster %s: %w", cluster, err)
	}
	return map[string][]byte{"name": []byte(cluster), "server": []byte(r.Server), "config": raw}, nil
}

// annotationRegistered is a hash of what was last registered. It tells labels that are
// no longer wanted, which server-side apply then removes.
const annotationRegistered = "portolan.dev/registered"

// Register writes the Region's part, if the Secret does not have it already.
func (c *Clusters) Register(ctx context.Context, r Registration) (changed bool, err error) {
	want, err := c.registered(r)
	if err != nil {
		return false, err
	}
	h, current, err := c.current(ctx, r.Region)
	if err != nil {
		return false, err
	}
	if current != nil && holds(current.Labels, want.Labels) && holds(current.Annotations, want.Annotations) &&
		hasData(current.Data, want.Data) {
		return false, nil
	}
	return true, c.apply(ctx, h, want, ownerRegion)
}

// registered is the Region's part of its Secret.
func (c *Clusters) registered(r Registration) (*applycorev1.SecretApplyConfiguration, error) {
	data, err := r.data()
	if err != nil {
		return nil, err
	}
	labels, annotations := map[string]string{LabelSecretType: SecretTypeCluster}, map[string]string{}
	maps.Copy(labels, r.Labels)
	maps.Copy(annotations, r.Annotations)
	annotations[annotationRegistered] = hashOf(labels, r.Annotations)
	annotations[AnnotationOwner] = ownerName(r.Region)
	return c.secret(r.Region).WithType(corev1.SecretTypeOpaque).
		WithLabels(labels).WithAnnotations(annotations).WithData(data), nil
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
