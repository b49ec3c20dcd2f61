package drift

import (
	"context"
	"slices"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

// atClusters does not ask about what was in a cluster that is gone.
func atClusters(ctx context.Context, l *look, objects []client.Object) {
	gone := map[string]bool{}
	for _, c := range of[*eks.Cluster](objects) {
		name := ptr.Deref(c.Spec.Name, "")
		compareOne(l, c, name, func() (aws.Cluster, error) {
			known, err := l.DescribeCluster(ctx, l.roleARN, l.region, name)
			gone[name] = aws.ClassOf(err) == aws.NotFound
			return known, err
		}, func(known aws.Cluster) []string { return compareCluster(c, known) })
	}
	for _, obj := range objects {
		p, ok := partOf(obj)
		switch {
		case !ok:
		case gone[p.cluster]:
			l.deleted(obj, p.id)
		default:
			p.look(ctx, l, obj)
		}
	}
}

// part is an object inside of a cluster.
type part struct {
	cluster, id string
	look        func(ctx context.Context, l *look, obj client.Object)
}

// partOf is false for what is not in a cluster, or not yet.
func partOf(obj client.Object) (part, bool) {
	var p part
	var cluster, name *string
	owned := false // names are those of the cluster only
	switch o := obj.(type) {
	case *eks.Nodegroup:
		cluster, name, p.look, owned = o.Spec.ClusterName, o.Spec.Name, atNodegroup, true
	case *eks.Addon:
		cluster, name, p.look, owned = o.Spec.ClusterName, o.Spec.Name, atAddon, true
	case *eks.AccessEntry:
		cluster, name, p.look = o.Spec.ClusterName, o.Spec.PrincipalARN, atAccessEntry
	case *eks.PodIdentityAssociation:
		cluster, name, p.look = o.Spec.ClusterName, o.Status.AssociationID, atPodIdentity
	}
	p.cluster, p.id = ptr.Deref(cluster, ""), ptr.Deref(name, "")
	complete := p.cluster != "" && p.id != ""
	if owned {
		p.id = inCluster(p.cluster, p.id)
	}
	return p, complete
}

func compareCluster(c *eks.Cluster, known aws.Cluster) []string {
	if fields, busy := changing(known.Status); busy {
		return fields
	}
	spec := c.Spec
	fields := value("version", known.Version, spec.Version)
	fields = append(fields, value("deletionProtection", known.DeletionProtection, spec.DeletionProtection)...)
	fields = append(fields, compareEndpoints(spec.ResourcesVPCConfig, known)...)
	fields = append(fields, compareLogging(spec.Logging, known.Logging)...)
	return append(fields, tags(known.Tags, pairs(spec.Tags))...)
}

// changing is true while EKS is at work, when what it answers is neither old nor new. Who
// started that is known only of a deletion: not ACK, because the object is settled.
func changing(status string) (fields []string, busy bool) {
	switch status {
	case aws.EKSDeleting:
		return []string{"status: AWS has " + status}, true
	case aws.EKSCreating, aws.EKSUpdating:
		return nil, true
	default:
		return nil, false
	}
}

// compareEndpoints compares who may use the public endpoint only while there is one.
func compareEndpoints(want eks.VPCConfig, known aws.Cluster) []string {
	fields := append(value("endpointPublicAccess", known.PublicAccess, want.EndpointPublicAccess),
		value("endpointPrivateAccess", known.PrivateAccess, want.EndpointPrivateAccess)...)
	if known.PublicAccess && len(want.PublicAccessCIDRs) > 0 {
		fields = append(fields, set("publicAccessCIDRs", lacks, blocks(known.PublicCIDRs), blocks(texts(want.PublicAccessCIDRs)))...)
	}
	return fields
}

// compareLogging compares the types of logs that the object names as on or off.
func compareLogging(want *eks.Logging, have []string) []string {
	if want == nil {
		return nil
	}
	var on, off []string
	for _, setup := range want.ClusterLogging {
		if ptr.Deref(setup.Enabled, false) {
			on = append(on, texts(setup.Types)...)
		} else {
			off = append(off, texts(setup.Types)...)
		}
	}
	named := slices.Concat(on, off)
	have = slices.DeleteFunc(slices.Clone(have), func(kind string) bool { return !slices.Contains(named, kind) })
	return set("logging", "has no", have, on)
}
