package plan

import (
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Holders returns which Region has the name of each cluster, of all Regions in all namespaces: AWS and
// Argo CD know a region by nothing else. What was built keeps its name; among the others, and
// among those that were, the oldest has it that does not only observe.
func Holders(all []v1alpha1.Region) map[string]*v1alpha1.Region {
	holders := make(map[string]*v1alpha1.Region, len(all))
	for i := range all {
		name := ClusterName(&all[i])
		if holder := holders[name]; holder == nil || precedes(&all[i], holder) {
			holders[name] = &all[i]
		}
	}
	return holders
}

func precedes(a, b *v1alpha1.Region) bool {
	if Built(a) != Built(b) {
		return Built(a)
	}
	if observes(a) != observes(b) {
		return observes(b)
	}
	if older := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); older != 0 {
		return older < 0
	}
	return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name) < 0
}

// observes tells whether a Region never makes anything, and so needs no name.
func observes(region *v1alpha1.Region) bool {
	return region.Spec.ManagementPolicy == v1alpha1.ManagementObserve
}

// Built tells whether a region came as far as having a network or a cluster.
func Built(region *v1alpha1.Region) bool {
	n, c := region.Status.Network, region.Status.Cluster
	return n != nil && n.VPCID != "" || c != nil
}
