package plan

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func TestSizesOfARegion(t *testing.T) {
	profile := completeProfile("base")
	profile.NodeGroups = []v1alpha1.NodeGroup{{Name: "unkey", Min: 2, Max: 10, Desired: new(int32(4))}, {Name: "spare", Min: 1, Max: 2}}
	for name, tc := range map[string]struct {
		sizes       []v1alpha1.NodeGroupSize
		want        []v1alpha1.NodeGroup
		wantMessage types.GomegaMatcher
	}{
		"the profile's": {want: profile.NodeGroups},
		"one of them": {
			sizes: []v1alpha1.NodeGroupSize{{Name: "unkey", Min: new(int32(3))}},
			want:  []v1alpha1.NodeGroup{{Name: "unkey", Min: 3, Max: 10, Desired: new(int32(4))}, profile.NodeGroups[1]},
		},
		"all of them": {
			sizes: []v1alpha1.NodeGroupSize{{Name: "spare", Min: new(int32(0)), Max: new(int32(5)), Desired: new(int32(5))}},
			want:  []v1alpha1.NodeGroup{profile.NodeGroups[0], {Name: "spare", Min: 0, Max: 5, Desired: new(int32(5))}},
		},
		"without a desired size the smallest": {
			sizes: []v1alpha1.NodeGroupSize{{Name: "spare", Min: new(int32(2))}},
			want:  []v1alpha1.NodeGroup{profile.NodeGroups[0], {Name: "spare", Min: 2, Max: 2}},
		},
		"an unknown group": {
			sizes:       []v1alpha1.NodeGroupSize{{Name: "edge", Min: new(int32(3))}},
			wantMessage: Equal("spec.nodeGroups of Region dublin has a size for edge, but profile base has unkey, spare only"),
		},
		"min above the profile's max": {
			sizes:       []v1alpha1.NodeGroupSize{{Name: "spare", Min: new(int32(3))}},
			wantMessage: Equal("node group spare would have min 3 and max 2: set both in spec.nodeGroups of Region dublin"),
		},
		"min above the profile's desired": {
			sizes:       []v1alpha1.NodeGroupSize{{Name: "unkey", Min: new(int32(5))}},
			wantMessage: Equal("node group unkey would begin with 4 nodes, outside of 5 to 10: set desired in spec.nodeGroups of Region dublin"),
		},
		"max below the profile's desired": {
			sizes:       []v1alpha1.NodeGroupSize{{Name: "unkey", Max: new(int32(3))}},
			wantMessage: ContainSubstring("begin with 4 nodes, outside of 2 to 3"),
		},
		"desired outside": {
			sizes:       []v1alpha1.NodeGroupSize{{Name: "spare", Desired: new(int32(9))}},
			wantMessage: ContainSubstring("begin with 9 nodes, outside of 1 to 2"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			region := baseRegion("dublin")
			region.Spec.NodeGroups = tc.sizes
			groups, err := nodeGroups(profile, region)
			if tc.wantMessage != nil {
				g.Expect(err).To(beFinding(v1alpha1.ReasonInvalidProfile, tc.wantMessage))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(groups).To(Equal(tc.want))
			g.Expect(profile.NodeGroups[0].Min).To(Equal(int32(2)), "the profile is every Region's")
		})
	}
}

func TestNodeGroupsAreNamedByWhatAWSNeverChanges(t *testing.T) {
	base := v1alpha1.NodeGroup{Name: "unkey", InstanceTypes: []string{"c7a.xlarge"}, Min: 1, Max: 2, CapacityType: v1alpha1.CapacityOnDemand}
	for name, tc := range map[string]struct {
		change   func(*v1alpha1.NodeGroup)
		wantSame bool
	}{
		"sizes":              {change: func(g *v1alpha1.NodeGroup) { g.Min, g.Max, g.Desired = 3, 9, new(int32(4)) }, wantSame: true},
		"labels":             {change: func(g *v1alpha1.NodeGroup) { g.Labels = map[string]string{"a": "b"} }, wantSame: true},
		"taints":             {change: func(g *v1alpha1.NodeGroup) { g.Taints = []v1alpha1.Taint{{Key: "a", Effect: "NoSchedule"}} }, wantSame: true},
		"the default said":   {change: func(g *v1alpha1.NodeGroup) { g.CapacityType = "" }, wantSame: true},
		"instance types":     {change: func(g *v1alpha1.NodeGroup) { g.InstanceTypes = []string{"m7a.xlarge"} }},
		"their order":        {change: func(g *v1alpha1.NodeGroup) { g.InstanceTypes = []string{"m7a.xlarge", "c7a.xlarge"} }},
		"the image":          {change: func(g *v1alpha1.NodeGroup) { g.AMIType = "BOTTLEROCKET_x86_64" }},
		"the disk":           {change: func(g *v1alpha1.NodeGroup) { g.DiskSize = 100 }},
		"the capacity":       {change: func(g *v1alpha1.NodeGroup) { g.CapacityType = v1alpha1.CapacitySpot }},
		"the name of course": {change: func(g *v1alpha1.NodeGroup) { g.Name = "other" }},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			changed := *base.DeepCopy()
			tc.change(&changed)
			g.Expect(NodeGroupName(changed) == NodeGroupName(base)).To(Equal(tc.wantSame)) //nolint:ginkgolinter // both are values under test
			g.Expect(NodeGroupName(changed)).To(MatchRegexp("^" + changed.Name + "-[0-9a-f]{6}$"))
		})
	}
	NewWithT(t).Expect(NodeGroupName(base)).To(Equal("unkey-fb4453"), "it stands in AWS: it must never change from one release of Portolan to the next")
}
