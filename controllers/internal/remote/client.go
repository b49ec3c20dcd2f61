package remote

import (
	"fmt"
	"net/http"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Client reads and writes in the regional cluster without a cache. It discovers kinds as
// they are asked for, also those whose CRDs are installed later. What the access entry does
// not allow is refused by the API server, and its error is returned as it is.
func (c *Cluster) Client() client.Client { return c.writes }

// Endpoint of the Kubernetes API, which tells one cluster from another of the same name.
func (c *Cluster) Endpoint() string { return c.target.Endpoint }

func newClientset(config *rest.Config) (clientset, error) {
	watches, err := kubernetes.NewForConfig(config)
	if err != nil {
		return clientset{}, fmt.Errorf("configuring watches: %w", err)
	}
	endless := config
	config = rest.CopyConfig(config)
	config.Timeout = requestTimeout
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return brief{next} })
	requests, err := kubernetes.NewForConfig(config)
	if err != nil {
		return clientset{}, fmt.Errorf("configuring requests: %w", err)
	}
	writes, err := newClient(config)
	if err != nil {
		return clientset{}, err
	}
	return clientset{config: endless, watches: watches, requests: requests, writes: writes}, nil
}

// newClient makes no request: the API server may not exist yet.
func newClient(config *rest.Config) (client.Client, error) {
	config = rest.CopyConfig(config)
	// One limit for all kinds: the client would otherwise have one for each.
	config.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(config.QPS, config.Burst)
	transport, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("configuring the transport: %w", err)
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, transport)
	if err != nil {
		return nil, fmt.Errorf("configuring discovery: %w", err)
	}
	c, err := client.New(config, client.Options{HTTPClient: transport, Mapper: mapper, Scheme: scheme.Scheme})
	if err != nil {
		return nil, fmt.Errorf("configuring the client: %w", err)
	}
	return c, nil
}
