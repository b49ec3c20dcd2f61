package plan

import (
	"maps"
	"slices"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Suffixes of names that follow from nothing in the plan.
const (
	suffixPortolan = "portolan"
	suffixArgoCD   = "argocd"
)

// Objects returns the name of every ACK object of the region by kind, the kinds in the order
// in which the region is built.
func (p *Plan) Objects(_ *v1alpha1.Region, env *v1alpha1.Environment) []v1alpha1.PlannedObjects {
	all := []v1alpha1.PlannedObjects{
		p.objects("VPC", ""),
		p.objects("InternetGateway", ""),
		p.objects("RouteTable", p.routeTables()...),
		p.objects("Subnet", p.subnetSuffixes()...),
		p.objects("ElasticIPAddress", prefixed("nat-", p.NATZones)...),
		p.objects("NATGateway", prefixed("nat-", p.NATZones)...),
		p.objects("SecurityGroup", p.securityGroups()...),
		p.objects("Role", append([]string{"cluster", "node"}, p.podSuffixes()...)...),
		p.objects("Bucket", suffixes(p.Buckets, func(b Bucket) string { return "bucket-" + b.Name })...),
		p.objects("Certificate", suffixes(p.Certificates, func(c Certificate) string { return c.Suffix })...),
		p.objects("RecordSet", p.records()...),
		p.objects("Cluster", ""),
		p.objects("AccessEntry", accessEntries(env)...),
		p.objects("PodIdentityAssociation", p.podSuffixes()...),
		p.objects("Addon", suffixes(p.Addons, func(a Addon) string { return a.Name })...),
		p.objects("Nodegroup", suffixes(p.NodeGroups, NodeGroupName)...),
	}
	return slices.DeleteFunc(all, func(o v1alpha1.PlannedObjects) bool { return len(o.Names) == 0 })
}

func (p *Plan) objects(kind string, suffixes ...string) v1alpha1.PlannedObjects {
	objects := v1alpha1.PlannedObjects{Kind: kind}
	for _, s := range suffixes {
		objects.Names = append(objects.Names, p.Name(s))
	}
	slices.Sort(objects.Names)
	objects.Names = slices.Compact(objects.Names) // certificates share the record of a name
	return objects
}

func (p *Plan) routeTables() []string {
	return append([]string{"public"}, prefixed("private-", p.zones())...)
}

func (p *Plan) subnetSuffixes() []string {
	return append(prefixed("private-", p.zones()), prefixed("public-", p.zones())...)
}

func (p *Plan) securityGroups() []string {
	if p.Gossip == nil {
		return nil
	}
	return []string{"gossip"}
}

func (p *Plan) podSuffixes() []string {
	return suffixes(p.PodRoles, func(r PodRole) string { return r.Suffix })
}

func (p *Plan) records() []string {
	var all []string
	for _, c := range p.Certificates {
		all = append(all, slices.Collect(maps.Keys(c.Validations))...)
	}
	return all
}

// accessEntries leaves out Argo CD where it acts as Portolan's role, which has an entry.
func accessEntries(env *v1alpha1.Environment) []string {
	if argocd := env.Spec.ArgoCD.RoleARN; argocd == "" || argocd == env.Spec.AWS.RoleARN {
		return []string{suffixPortolan}
	}
	return []string{suffixPortolan, suffixArgoCD}
}

// zones are those of the plan, in order.
func (p *Plan) zones() []string {
	var all []string
	for _, s := range p.Subnets {
		if !s.Public {
			all = append(all, s.Zone)
		}
	}
	return all
}

func prefixed(prefix string, values []string) []string {
	return suffixes(values, func(v string) string { return prefix + v })
}

func suffixes[T any](all []T, suffix func(T) string) []string {
	list := make([]string, 0, len(all))
	for _, a := range all {
		list = append(list, suffix(a))
	}
	return list
}
