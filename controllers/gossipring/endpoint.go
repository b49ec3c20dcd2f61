package gossipring

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/dns"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// lookAtEndpoint finds the name that peers can use. An endpoint that was once seen to
// work is replaced only by another that works: a failed lookup never removes a seed.
func (r *Reconciler) lookAtEndpoint(ctx context.Context, s *scope, region *v1alpha1.Region, cluster *remote.Cluster, m *member) {
	ref := s.ring.Spec.Service
	service, err := cluster.Service(ref.Namespace, ref.Name)
	balancer := loadBalancer(service)
	switch {
	case err != nil:
		m.message = err.Error()
		return
	case service == nil:
		m.message = fmt.Sprintf("Service %s/%s does not exist", ref.Namespace, ref.Name)
		return
	case balancer == "":
		m.message = fmt.Sprintf("the load balancer of Service %s/%s has no name", ref.Namespace, ref.Name)
		return
	case s.environment == nil:
		m.message = "there is no Environment that says which zones to ask"
		return
	case s.ring.Spec.Endpoint == nil:
		m.endpoint, m.source = balancer, v1alpha1.EndpointFromLoadBalancer
		return
	}
	name, err := hostname(s.ring, region)
	if err != nil {
		m.message = err.Error()
		return
	}
	if err := r.leadsTo(ctx, s.environment, name, balancer); err != nil {
		m.message = err.Error()
		if s.ring.Spec.Endpoint.Fallback == v1alpha1.FallbackLoadBalancer && m.source != v1alpha1.EndpointFromHostname {
			m.endpoint, m.source = balancer, v1alpha1.EndpointFromLoadBalancer
		}
		return
	}
	m.endpoint, m.source = name, v1alpha1.EndpointFromHostname
}

func loadBalancer(service *corev1.Service) string {
	if service == nil || len(service.Status.LoadBalancer.Ingress) == 0 {
		return ""
	}
	return service.Status.LoadBalancer.Ingress[0].Hostname
}

// leadsTo checks that a name is registered and leads to the load balancer, by alias
// or by address. The responsible servers are asked: a caching resolver would remember
// for minutes that the name did not exist.
func (r *Reconciler) leadsTo(ctx context.Context, env *v1alpha1.Environment, name, balancer string) error {
	answer, err := r.DNS.Resolve(ctx, zonesOf(env), name)
	switch {
	case errors.Is(err, dns.ErrNotRegistered):
		return fmt.Errorf("%s is not registered: ExternalDNS has not written it yet", name)
	case err != nil:
		return fmt.Errorf("asking for %s: %w", name, err)
	case slices.ContainsFunc(answer.CNAMEs, func(c string) bool { return strings.EqualFold(c, balancer) }):
		return nil
	}
	// An alias record of Route 53 answers with the load balancer's addresses.
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", balancer)
	if err != nil {
		return fmt.Errorf("%s has addresses and the load balancer %s does not resolve", name, balancer)
	}
	for _, a := range addresses {
		if slices.Contains(answer.Addresses, a.Unmap()) {
			return nil
		}
	}
	return fmt.Errorf("%s leads somewhere else than to the load balancer %s", name, balancer)
}

func zonesOf(env *v1alpha1.Environment) []dns.Zone {
	zones := make([]dns.Zone, 0, len(env.Spec.DNS.Zones))
	for _, z := range env.Spec.DNS.Zones {
		zones = append(zones, dns.Zone{Name: z.Name, NameServers: z.NameServers})
	}
	return zones
}

// hostname renders the endpoint's template for one Region.
func hostname(ring *v1alpha1.GossipRing, region *v1alpha1.Region) (string, error) {
	name, err := plan.Expand(ring.Spec.Endpoint.Hostname, plan.Variables{
		"environment": region.Spec.EnvironmentRef.Name,
		"region":      string(region.Spec.AWSRegion),
		"name":        region.Name,
	})
	if err != nil {
		return "", fmt.Errorf("spec.endpoint.hostname: %w", err)
	}
	return name, nil
}

// checkHostname finds out with an example what is wrong with the template.
func checkHostname(ring *v1alpha1.GossipRing, env *v1alpha1.Environment) error {
	if ring.Spec.Endpoint == nil {
		return nil
	}
	example := &v1alpha1.Region{}
	example.Name = "example"
	example.Spec.AWSRegion = "us-east-1"
	example.Spec.EnvironmentRef.Name = env.Name
	name, err := hostname(ring, example)
	if err != nil {
		return err
	}
	for _, z := range env.Spec.DNS.Zones {
		if strings.HasSuffix(name, "."+z.Name) {
			return nil
		}
	}
	return fmt.Errorf("%s lies in none of the environment's zones: add its zone to spec.dns.zones", name)
}
