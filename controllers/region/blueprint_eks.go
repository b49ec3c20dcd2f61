package region

import (
	"slices"

	"k8s.io/utils/ptr"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/plan"
)

func (b blueprint) cluster(roleARN string, subnetIDs []string, version string) *eks.Cluster {
	cluster := &eks.Cluster{
		ObjectMeta: b.meta(""),
		Spec: eks.ClusterSpec{
			Name:    new(b.plan.Cluster),
			Version: &version,
			RoleARN: &roleARN,
			AccessConfig: &eks.AccessConfig{
				AuthenticationMode:                      new("API"),
				BootstrapClusterCreatorAdminPermissions: new(false),
			},
			BootstrapSelfManagedAddons: new(false),
			DeletionProtection:         new(false), // left out, ACK's late initialisation never ends
			ResourcesVPCConfig: eks.VPCConfig{
				EndpointPrivateAccess: new(true),
				EndpointPublicAccess:  new(true),
				SubnetIDs:             pointers(subnetIDs),
			},
			UpgradePolicy: &eks.UpgradePolicy{SupportType: new("STANDARD")},
			Tags:          b.eksTags(),
		},
	}
	if wanted := b.plan.Profile.ControlPlane; wanted != nil {
		applyControlPlane(&cluster.Spec, wanted)
	}
	return cluster
}

func applyControlPlane(spec *eks.ClusterSpec, wanted *v1alpha1.ControlPlane) {
	spec.DeletionProtection = new(wanted.DeletionProtection)
	if access := wanted.EndpointAccess; access != nil {
		spec.ResourcesVPCConfig.EndpointPublicAccess = new(ptr.Deref(access.Public, true))
		spec.ResourcesVPCConfig.EndpointPrivateAccess = new(ptr.Deref(access.Private, true))
		for _, from := range access.PublicCIDRs {
			spec.ResourcesVPCConfig.PublicAccessCIDRs = append(spec.ResourcesVPCConfig.PublicAccessCIDRs, new(string(from)))
		}
	}
	spec.Logging = logging(wanted.Logging)
}

// logTypes are all logs of a control plane.
var logTypes = []v1alpha1.LogType{"api", "audit", "authenticator", "controllerManager", "scheduler"}

// logging names every type, because EKS answers with all of them and ACK compares.
func logging(wanted []v1alpha1.LogType) *eks.Logging {
	var on, off []*string
	for _, t := range logTypes {
		if slices.Contains(wanted, t) {
			on = append(on, new(string(t)))
		} else {
			off = append(off, new(string(t)))
		}
	}
	logging := &eks.Logging{}
	if len(on) > 0 {
		logging.ClusterLogging = append(logging.ClusterLogging, eks.LogSetup{Enabled: new(true), Types: on})
	}
	if len(off) > 0 {
		logging.ClusterLogging = append(logging.ClusterLogging, eks.LogSetup{Enabled: new(false), Types: off})
	}
	return logging
}

func (b blueprint) accessEntry(suffix, principalARN string, policies ...eks.AccessPolicy) *eks.AccessEntry {
	return &eks.AccessEntry{
		ObjectMeta: b.meta(suffix),
		Spec: eks.AccessEntrySpec{
			ClusterName:    new(b.plan.Cluster),
			PrincipalARN:   &principalARN,
			Type:           new("STANDARD"),
			AccessPolicies: policies,
			Tags:           b.eksTags(),
		},
	}
}

// accessPolicy is one of EKS's policies, in the whole cluster or in some namespaces.
func (b blueprint) accessPolicy(name string, namespaces ...string) eks.AccessPolicy {
	scope := &eks.AccessScope{Type: new("cluster")}
	if len(namespaces) > 0 {
		scope = &eks.AccessScope{Type: new("namespace"), Namespaces: pointers(namespaces)}
	}
	return eks.AccessPolicy{
		PolicyARN:   new("arn:" + plan.Partition(b.region.Spec.AWSRegion) + ":eks::aws:cluster-access-policy/" + name),
		AccessScope: scope,
	}
}

func (b blueprint) podIdentity(p plan.PodRole, roleARN string) *eks.PodIdentityAssociation {
	return &eks.PodIdentityAssociation{
		ObjectMeta: b.meta(p.Suffix),
		Spec: eks.PodIdentityAssociationSpec{
			ClusterName:    new(b.plan.Cluster),
			Namespace:      new(p.Namespace),
			ServiceAccount: new(p.ServiceAccount),
			RoleARN:        &roleARN,
			Tags:           b.eksTags(),
		},
	}
}

func (b blueprint) addon(a plan.Addon) *eks.Addon {
	addon := &eks.Addon{
		ObjectMeta: b.meta(a.Name),
		Spec: eks.AddonSpec{
			Name:             new(a.Name),
			ClusterName:      new(b.plan.Cluster),
			ResolveConflicts: new("OVERWRITE"),
			Tags:             b.eksTags(),
		},
	}
	if a.Version != "" {
		addon.Spec.AddonVersion = new(a.Version)
	}
	if a.Configuration != "" {
		addon.Spec.ConfigurationValues = new(a.Configuration)
	}
	return addon
}

// annotationDesiredSize makes ACK leave the desired size alone after the creation of a
// node group (eks-controller, apis/v1alpha1/annotation.go).
const annotationDesiredSize = "eks.services.k8s.aws/desired-size-managed-by"

// labelNodeGroup carries the name that a node group has in its profile.
const labelNodeGroup = "portolan.dev/node-group"

// eksEffects translates taint effects to EKS's spelling.
var eksEffects = map[string]string{
	"NoSchedule": "NO_SCHEDULE", "NoExecute": "NO_EXECUTE", "PreferNoSchedule": "PREFER_NO_SCHEDULE",
}

func (b blueprint) nodegroup(g v1alpha1.NodeGroup, roleARN string, subnetIDs []string, version string) *eks.Nodegroup {
	name := plan.NodeGroupName(g)
	group := &eks.Nodegroup{
		ObjectMeta: b.meta(name),
		Spec: eks.NodegroupSpec{
			Name:          &name,
			Version:       &version,
			ClusterName:   new(b.plan.Cluster),
			NodeRole:      &roleARN,
			Subnets:       pointers(subnetIDs),
			InstanceTypes: pointers(g.InstanceTypes),
			ScalingConfig: &eks.ScalingConfig{
				MinSize:     new(int64(g.Min)),
				MaxSize:     new(int64(g.Max)),
				DesiredSize: new(int64(ptr.Deref(g.Desired, g.Min))),
			},
			Tags: b.eksTags(),
		},
	}
	group.Labels[labelNodeGroup] = g.Name
	group.Annotations[annotationDesiredSize] = "external-autoscaler"
	describeNodes(&group.Spec, g)
	return group
}

// capacityTypes are EKS's words.
var capacityTypes = map[v1alpha1.CapacityType]string{
	v1alpha1.CapacityOnDemand: "ON_DEMAND", v1alpha1.CapacitySpot: "SPOT",
}

func describeNodes(spec *eks.NodegroupSpec, g v1alpha1.NodeGroup) {
	if g.CapacityType != "" {
		spec.CapacityType = new(capacityTypes[g.CapacityType])
	}
	if g.AMIType != "" {
		spec.AMIType = new(g.AMIType)
	}
	if g.DiskSize != 0 {
		spec.DiskSize = new(int64(g.DiskSize))
	}
	if len(g.Labels) > 0 {
		spec.Labels = map[string]*string{}
		for k, v := range g.Labels {
			spec.Labels[k] = new(v)
		}
	}
	for _, t := range g.Taints {
		spec.Taints = append(spec.Taints, eks.Taint{
			Key: new(t.Key), Value: new(t.Value), Effect: new(eksEffects[t.Effect]),
		})
	}
}

func pointers(values []string) []*string {
	all := make([]*string, 0, len(values))
	for _, v := range values {
		all = append(all, new(v))
	}
	return all
}
