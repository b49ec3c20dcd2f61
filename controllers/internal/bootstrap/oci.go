package bootstrap

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/registry"
)

// pull returns a chart of an OCI registry, at a tag unless the reference has one.
func (s *Source) pull(ctx context.Context, address, version string) ([]byte, error) {
	reference := strings.TrimPrefix(address, registry.OCIScheme+"://")
	client, err := s.registry(ctx, reference)
	if err != nil {
		return nil, err
	}
	tagged := reference
	if version != "" {
		tagged += ":" + version
	}
	result, err := client.Pull(tagged)
	if err != nil {
		return nil, s.explainPull(ctx, client, reference, version, err)
	}
	return result.Chart.Data, nil
}

// explainPull names the versions that there are, if the registry tells them.
func (s *Source) explainPull(ctx context.Context, client *registry.Client, reference, version string, err error) error {
	if version != "" && ctx.Err() == nil {
		tags, tagsErr := client.Tags(reference)
		if tagsErr == nil && len(tags) > 0 && !slices.Contains(tags, version) {
			return noSuchVersion(registry.OCIScheme+"://"+path.Dir(reference), path.Base(reference), version, tags[:min(len(tags), newestNamed)])
		}
	}
	return unreachable(registry.OCIScheme+"://"+reference, err)
}

// registry returns a client for one pull. Helm's has no contexts, so that ctx and the
// limit of a file's size are applied to each of its requests.
func (s *Source) registry(ctx context.Context, reference string) (*registry.Client, error) {
	bounded := roundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := s.http.Transport.RoundTrip(request.WithContext(ctx))
		if err != nil {
			return nil, err //nolint:wrapcheck // the client wraps it
		}
		response.Body = limit(response.Body, s.maxBytes)
		return response, nil
	})
	options := []registry.ClientOption{registry.ClientOptHTTPClient(&http.Client{Transport: bounded})}
	if onLoopback(reference) {
		options = append(options, registry.ClientOptPlainHTTP())
	}
	client, err := registry.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("configuring the registry's client: %w", err)
	}
	return client, nil
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

// onLoopback tells which registries are spoken to without TLS, as Docker does.
func onLoopback(reference string) bool {
	host, _, _ := strings.Cut(reference, "/")
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
