package plan

import (
	"fmt"
	"slices"

	"k8s.io/utils/ptr"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// nodeGroups returns the profile's node groups with the Region's sizes.
func nodeGroups(p v1alpha1.Profile, region *v1alpha1.Region) ([]v1alpha1.NodeGroup, error) {
	groups := slices.Clone(p.NodeGroups)
	for _, size := range region.Spec.NodeGroups {
		i := slices.IndexFunc(groups, func(g v1alpha1.NodeGroup) bool { return g.Name == size.Name })
		if i < 0 {
			return nil, finding(v1alpha1.ReasonInvalidProfile, "spec.nodeGroups of Region %s has a size for %s, but profile %s has %s only",
				region.Name, size.Name, p.Name, names(groups, func(g v1alpha1.NodeGroup) string { return g.Name }))
		}
		groups[i].Min = ptr.Deref(size.Min, groups[i].Min)
		groups[i].Max = ptr.Deref(size.Max, groups[i].Max)
		if size.Desired != nil {
			groups[i].Desired = size.Desired
		}
	}
	for _, g := range groups {
		if err := checkSize(g, region); err != nil {
			return nil, err
		}
	}
	return groups, nil
}

// checkSize finds what neither the profile's nor the Region's sizes show alone.
func checkSize(g v1alpha1.NodeGroup, region *v1alpha1.Region) error {
	desired := Desired(g)
	switch {
	case g.Min > g.Max:
		return finding(v1alpha1.ReasonInvalidProfile,
			"node group %s would have min %d and max %d: set both in spec.nodeGroups of Region %s", g.Name, g.Min, g.Max, region.Name)
	case desired < g.Min || desired > g.Max:
		return finding(v1alpha1.ReasonInvalidProfile,
			"node group %s would begin with %d nodes, outside of %d to %d: set desired in spec.nodeGroups of Region %s", g.Name, desired, g.Min, g.Max, region.Name)
	}
	return nil
}

// NodeGroupName is what a node group is called in EKS: its name and a hash of what AWS does
// not change in place. Another instance type, image, disk or kind of capacity makes another
// group, which takes the place of the first.
func NodeGroupName(g v1alpha1.NodeGroup) string {
	capacity := g.CapacityType
	if capacity == "" { // the API's default
		capacity = v1alpha1.CapacityOnDemand
	}
	content := fmt.Sprintf("%q %q %d %q", g.InstanceTypes, g.AMIType, g.DiskSize, capacity)
	return g.Name + "-" + hash(content, nodeGroupHash)
}

// nodeGroupHash keeps the names, with the 40 characters of a group's, within EKS's 63.
const nodeGroupHash = 6

// Desired is the number of nodes that a group begins with.
func Desired(g v1alpha1.NodeGroup) int32 { return ptr.Deref(g.Desired, g.Min) }

func names[T any](all []T, name func(T) string) string {
	list := make([]string, 0, len(all))
	for _, a := range all {
		list = append(list, name(a))
	}
	return joined(list)
}
