package bootstrap

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Options of a Source; each has a default.
type Options struct {
	// Transport of all requests. Default: http.DefaultTransport.
	Transport http.RoundTripper
	// Timeout of fetching one chart or file, its repository's index included. Default: 30 s.
	Timeout time.Duration
	// MaxBytes of one file. Default: 20 MiB.
	MaxBytes int64
	// CacheBytes bounds what is kept of the fetched files. Default: 64 MiB.
	CacheBytes int64
	// CacheEntries bounds how many files are kept. Default: 64.
	CacheEntries int
}

// Source fetches and renders bootstrap items. It is safe for concurrent use, keeps what it
// fetched in memory, and writes no files: regions that come up together fetch a chart once.
type Source struct {
	http     *http.Client
	maxBytes int64
	cache    *cache
}

// NewSource returns a Source with nothing fetched.
func NewSource(o Options) *Source {
	transport := o.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	return &Source{
		http:     &http.Client{Transport: transport},
		maxBytes: cmp.Or(o.MaxBytes, 20<<20),
		cache: newCache(cacheLimits{
			timeout: cmp.Or(o.Timeout, 30*time.Second),
			bytes:   cmp.Or(o.CacheBytes, 64<<20),
			entries: cmp.Or(o.CacheEntries, 64),
		}),
	}
}

// Variables are what the values of a chart may refer to. One that is empty is unknown:
// values that use it are refused, because a controller that is told of no VPC guesses one.
type Variables struct {
	// Environment, Region, Account and Cluster by name, the AWS ones as AWS writes them.
	Environment, Region, Account, Cluster string
	// VPCID and GossipSecurityGroupID as AWS assigned them.
	VPCID, GossipSecurityGroupID string
	// KubernetesVersion that charts are rendered for. It cannot be referred to.
	KubernetesVersion string
}

// Rendered is everything that an item brings.
type Rendered struct {
	// Hash tells whether anything has to be applied again. It covers what is rendered from,
	// not the text: a chart that makes up a certificate gives another text each time, and
	// the certificate would be replaced with each pass.
	Hash string
	// Objects in the order in which they are applied: CRDs, Namespaces, then the rest in
	// Helm's order of installation. They are not to be changed.
	Objects []*unstructured.Unstructured

	// namespace of the objects that name none.
	namespace string
}

// Render returns the objects of an item. configMap is the data of the ConfigMap that
// manifests.configMapRef names, and nil for other items.
func (s *Source) Render(ctx context.Context, item v1alpha1.BootstrapItem, configMap map[string]string, v Variables) (*Rendered, error) {
	switch {
	case item.Helm != nil:
		return s.renderChart(ctx, item.Name, item.Helm, v)
	case item.Manifests != nil:
		return s.renderManifests(ctx, item.Manifests, configMap)
	default:
		return nil, fmt.Errorf("bootstrap item %s is empty: set helm or manifests", item.Name)
	}
}

// hashVersion changes when the same input gives other objects, which are then applied again.
const hashVersion = 1

func hash(input any) (string, error) {
	raw, err := json.Marshal([]any{hashVersion, input})
	if err != nil {
		return "", fmt.Errorf("hashing: %w", err)
	}
	return digest(raw), nil
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
