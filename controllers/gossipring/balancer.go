package gossipring

import (
	"cmp"
	"context"
	"fmt"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

// balancerSight is what was seen of a load balancer whose name is to become an endpoint.
type balancerSight struct {
	serves bool
	note   string // why it does not
}

// waits is what a member waits for whose load balancer does not serve.
func (b balancerSight) waits() string {
	return cmp.Or(b.note, "AWS is being asked whether its load balancer is active")
}

// dialBalancer has peers use the load balancer's own name, once it serves. An older one is used
// until then.
func (m *member) dialBalancer(seen balancerSight) {
	if !seen.serves && m.endpoint != m.balancer {
		m.message, m.astray = seen.waits(), seen.note != ""
		return
	}
	m.endpoint, m.source, m.addresses = m.balancer, v1alpha1.EndpointFromLoadBalancer, nil
}

// asksForBalancer tells whether a load balancer is about to be used that nobody has seen serving.
func (s *scope) asksForBalancer(m *member) bool {
	known := m.endpoint != "" && (m.endpoint == m.balancer || m.endpoint == friendlyName(s.ring, m.region))
	return m.reachable && m.balancer != "" && s.environment != nil && !known
}

// lookAtBalancer asks AWS whether the load balancer serves, which has named it minutes before its
// name answers (source: Elastic Load Balancing API reference, LoadBalancerState). Where AWS does not
// know or does not tell, the name itself is asked for.
func (r *Reconciler) lookAtBalancer(ctx context.Context, role, awsRegion, balancer string) balancerSight {
	found, err := r.Cloud.LoadBalancer(ctx, role, awsRegion, balancer)
	switch {
	case err == nil && (found.State == aws.LoadBalancerActive || found.State == aws.LoadBalancerActiveImpaired):
		return balancerSight{serves: true}
	case err == nil:
		return balancerSight{note: fmt.Sprintf("its load balancer %s is %s: AWS says active when its name answers", balancer, found.State)}
	}
	if addresses, lookupErr := r.System.LookupNetIP(ctx, "ip", balancer); lookupErr == nil && len(addresses) > 0 {
		return balancerSight{serves: true}
	}
	return balancerSight{note: fmt.Sprintf("its load balancer %s does not resolve, and AWS does not say whether it is active: %s", balancer, err)}
}
