package gossipring

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/dns"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// nameSight is what was seen of an endpoint's name.
type nameSight struct {
	addresses []string
	// leads tells that it leads to the load balancer; astray, that it was found not to.
	leads, astray bool
	note          string
}

// glanceAtService reads the load balancer's own name.
func glanceAtService(ref v1alpha1.ServiceReference, m *member) {
	service, err := m.remote.Service(ref.Namespace, ref.Name)
	m.balancer = loadBalancer(service)
	switch {
	case err != nil:
		m.message = err.Error()
	case service == nil:
		m.astray, m.message = true, fmt.Sprintf("Service %s/%s does not exist", ref.Namespace, ref.Name)
	case m.balancer == "":
		m.astray, m.message = true, fmt.Sprintf("the load balancer of Service %s/%s has no name: kubectl -n %s describe service %s in the region says why",
			ref.Namespace, ref.Name, ref.Namespace, ref.Name)
	}
}

func loadBalancer(service *corev1.Service) string {
	if service == nil || len(service.Status.LoadBalancer.Ingress) == 0 {
		return ""
	}
	return service.Status.LoadBalancer.Ingress[0].Hostname
}

// settleEndpoint decides on the name that peers use. A hostname that was once seen to work is
// replaced only by another name that works: a failed lookup never removes a seed. What leads to a
// load balancer becomes an endpoint only once that one serves: a member resolves its seeds when it
// starts, and never again.
func settleEndpoint(s *scope, m *member, name nameSight, looked bool, balancer balancerSight) {
	switch {
	case m.balancer == "":
		return
	case s.environment == nil:
		m.message = "there is no Environment that says which zones to ask"
		return
	case s.ring.Spec.Endpoint == nil:
		m.dialBalancer(balancer)
		return
	case !looked:
		m.message = "its name is being looked up"
		return
	}
	friendly := friendlyName(s.ring, m.region)
	switch {
	case name.leads && (balancer.serves || m.endpoint == friendly || m.endpoint == m.balancer):
		m.endpoint, m.source, m.addresses = friendly, v1alpha1.EndpointFromHostname, name.addresses
	case name.leads:
		m.message = balancer.waits()
	case s.ring.Spec.Endpoint.Fallback == v1alpha1.FallbackLoadBalancer && m.source != v1alpha1.EndpointFromHostname:
		m.message = name.note
		m.dialBalancer(balancer)
	default:
		m.message, m.astray, m.addresses = name.note, name.astray, name.addresses
	}
}

// lookAtName finds out whether the endpoint's name is registered and leads to the load
// balancer, by alias or by address. The responsible servers are asked: a caching resolver
// would remember for minutes that the name did not exist.
func (r *Reconciler) lookAtName(ctx context.Context, env *v1alpha1.Environment, name, balancer string) nameSight {
	answer, err := r.DNS.Resolve(ctx, zonesOf(env), name)
	switch {
	case errors.Is(err, dns.ErrNotRegistered) && len(answer.CNAMEs) > 0:
		return nameSight{astray: !leadsTo(answer, balancer), leads: leadsTo(answer, balancer),
			note: fmt.Sprintf("%s leads to %s, which does not exist", name, answer.CNAMEs[len(answer.CNAMEs)-1])}
	case errors.Is(err, dns.ErrNotRegistered):
		return nameSight{astray: true, note: name + " is not registered: ExternalDNS has not written it, or has removed it; its logs in the region say why"}
	case err != nil:
		return nameSight{note: fmt.Sprintf("asking for %s: %s", name, err)}
	}
	sight := nameSight{addresses: texts(answer.Addresses), leads: leadsTo(answer, balancer)}
	if sight.leads {
		return sight
	}
	same, err := r.sharesAddress(ctx, answer, balancer)
	switch {
	case err != nil:
		sight.note = fmt.Sprintf("%s has addresses and the load balancer %s does not resolve", name, balancer)
	case same:
		sight.leads = true
	default:
		sight.astray = true
		sight.note = fmt.Sprintf("%s leads to %s and not to the load balancer %s: ExternalDNS has not followed, or another record is in the way",
			name, target(answer), balancer)
	}
	return sight
}

// sharesAddress is for alias records of Route 53, which answer with the load balancer's
// addresses. What leads out of the zones by a CNAME has none, and there is nothing to compare.
func (r *Reconciler) sharesAddress(ctx context.Context, answer dns.Answer, balancer string) (bool, error) {
	if len(answer.Addresses) == 0 {
		return false, nil
	}
	addresses, err := r.System.LookupNetIP(ctx, "ip4", balancer)
	return slices.ContainsFunc(addresses, func(a netip.Addr) bool { return slices.Contains(answer.Addresses, a.Unmap()) }), err
}

func leadsTo(answer dns.Answer, balancer string) bool {
	return slices.ContainsFunc(answer.CNAMEs, func(c string) bool { return strings.EqualFold(c, balancer) })
}

// target is where a name leads, for a message that does not churn.
func target(answer dns.Answer) string {
	if n := len(answer.CNAMEs); n > 0 {
		return answer.CNAMEs[n-1]
	}
	return strings.Join(texts(answer.Addresses), ", ")
}

// mostAddresses is what status holds of each member.
const mostAddresses = 8

func texts(addresses []netip.Addr) []string {
	var all []string
	for _, a := range addresses[:min(len(addresses), mostAddresses)] {
		all = append(all, a.String())
	}
	return all
}

func zonesOf(env *v1alpha1.Environment) []dns.Zone {
	zones := make([]dns.Zone, 0, len(env.Spec.DNS.Zones))
	for _, z := range env.Spec.DNS.Zones {
		zones = append(zones, dns.Zone{Name: z.Name, NameServers: z.NameServers})
	}
	return zones
}

// friendlyName is the endpoint's template for one Region, or empty when it does not render,
// which checkHostname reports.
func friendlyName(ring *v1alpha1.GossipRing, region *v1alpha1.Region) string {
	if ring.Spec.Endpoint == nil {
		return ""
	}
	name, err := hostname(ring, region)
	if err != nil {
		return ""
	}
	return name
}

func hostname(ring *v1alpha1.GossipRing, region *v1alpha1.Region) (string, error) {
	name, err := plan.Expand(ring.Spec.Endpoint.Hostname, variables(region))
	if err != nil {
		return "", fmt.Errorf("spec.endpoint.hostname: %w", err)
	}
	return name, nil
}

// variables are what templates of a ring may hold.
func variables(region *v1alpha1.Region) plan.Variables {
	return plan.Variables{
		"environment": region.Spec.EnvironmentRef.Name,
		"region":      string(region.Spec.AWSRegion),
		"name":        region.Name,
	}
}

// checkHostname finds out with examples what is wrong with the template.
func checkHostname(ring *v1alpha1.GossipRing, env *v1alpha1.Environment) error {
	if ring.Spec.Endpoint == nil {
		return nil
	}
	example := func(name, awsRegion string) *v1alpha1.Region {
		region := &v1alpha1.Region{}
		region.Name, region.Spec.AWSRegion, region.Spec.EnvironmentRef.Name = name, v1alpha1.AWSRegion(awsRegion), env.Name
		return region
	}
	name, err := hostname(ring, example("example", "us-east-1"))
	if err != nil {
		return err
	}
	if name == friendlyName(ring, example("another", "eu-west-1")) {
		return fmt.Errorf("%s would be the name of every region: spec.endpoint.hostname has to hold {{ .region }} or {{ .name }}", name)
	}
	for _, z := range env.Spec.DNS.Zones {
		if strings.HasSuffix(name, "."+z.Name) {
			return nil
		}
	}
	return fmt.Errorf("%s lies in none of the environment's zones: add its zone to spec.dns.zones", name)
}
