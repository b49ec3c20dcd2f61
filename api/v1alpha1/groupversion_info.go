// Package v1alpha1 holds Portolan's API: environments, their regions, the gossip
// rings that connect the regions and the promotions that move revisions through them.
//
// +kubebuilder:object:generate=true
// +groupName=portolan.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "portolan.dev", Version: "v1alpha1"}

// AddToScheme registers the kinds of this package.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&Environment{}, &EnvironmentList{},
		&Region{}, &RegionList{},
		&GossipRing{}, &GossipRingList{},
		&Promotion{}, &PromotionList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
