package addons_test

import (
	"fmt"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/portolan-dev/portolan/test/simulator/addons"
)

func TestVersionsAreNewestFirstWithOneDefault(t *testing.T) {
	for _, addon := range addons.Names() {
		for _, kubernetes := range addons.Kubernetes() {
			t.Run(addon+" "+kubernetes, func(t *testing.T) {
				g := NewWithT(t)
				offered := addons.Versions(addon, kubernetes)
				g.Expect(offered).NotTo(BeEmpty())
				g.Expect(slices.IsSortedFunc(offered, func(a, b addons.Version) int { return compare(b.Name, a.Name) })).To(BeTrue(), fmt.Sprint(offered))
				defaults := slices.DeleteFunc(slices.Clone(offered), func(v addons.Version) bool { return !v.Default })
				g.Expect(defaults).To(HaveLen(1))
				version, ok := addons.Default(addon, kubernetes)
				g.Expect(ok).To(BeTrue())
				g.Expect(version).To(Equal(defaults[0].Name))
			})
		}
	}
}

func TestVersions(t *testing.T) {
	cases := map[string]struct {
		addon, kubernetes string
		want              []addons.Version
	}{
		"kube-proxy follows Kubernetes and may be two minors behind": {
			addon: "kube-proxy", kubernetes: "1.34",
			want: []addons.Version{
				{Name: "v1.34.1-eksbuild.2"}, {Name: "v1.34.0-eksbuild.2", Default: true},
				{Name: "v1.33.1-eksbuild.2"}, {Name: "v1.33.0-eksbuild.2"},
				{Name: "v1.32.1-eksbuild.2"}, {Name: "v1.32.0-eksbuild.2"},
			},
		},
		"an old release is not offered for a new Kubernetes": {
			addon: "coredns", kubernetes: "1.36",
			want: []addons.Version{{Name: "v1.13.1-eksbuild.1", Default: true}, {Name: "v1.12.4-eksbuild.1"}},
		},
		"a new release is not offered for an old Kubernetes": {
			addon: "coredns", kubernetes: "1.32",
			want: []addons.Version{{Name: "v1.11.4-eksbuild.24", Default: true}, {Name: "v1.11.3-eksbuild.1"}},
		},
		"an unknown add-on has none":                    {addon: "nginx", kubernetes: "1.34"},
		"a Kubernetes before the table has none":        {addon: "coredns", kubernetes: "1.30"},
		"a Kubernetes after the table has none":         {addon: "coredns", kubernetes: "1.38"},
		"a Kubernetes with a patch version has none":    {addon: "coredns", kubernetes: "1.34.1"},
		"a Kubernetes with a leading zero has none":     {addon: "coredns", kubernetes: "1.034"},
		"no version of Kubernetes has none":             {addon: "kube-proxy"},
		"another major version of Kubernetes has none":  {addon: "kube-proxy", kubernetes: "2.34"},
		"the generic versions are those of snapshotter": {addon: "snapshot-controller", kubernetes: "1.31", want: addons.Versions("aws-efs-csi-driver", "1.37")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(addons.Versions(tc.addon, tc.kubernetes)).To(Equal(tc.want))
		})
	}
}

func TestEveryAddonHasAVersionForTwoMinorsInARow(t *testing.T) {
	for _, addon := range addons.Names() {
		for minor := 31; minor < 37; minor++ {
			t.Run(fmt.Sprint(addon, " ", minor), func(t *testing.T) {
				g := NewWithT(t)
				here, next := fmt.Sprintf("1.%d", minor), fmt.Sprintf("1.%d", minor+1)
				// Without one, no order of updates would lead across.
				g.Expect(addons.Versions(addon, here)).To(ContainElement(Satisfy(func(v addons.Version) bool { return addons.Offered(addon, v.Name, next) })))
			})
		}
	}
}

func TestOffered(t *testing.T) {
	g := NewWithT(t)
	g.Expect(addons.Offered("kube-proxy", "v1.32.1-eksbuild.2", "1.34")).To(BeTrue())
	g.Expect(addons.Offered("kube-proxy", "v1.31.1-eksbuild.2", "1.34")).To(BeFalse())
	g.Expect(addons.Offered("kube-proxy", "v1.35.0-eksbuild.2", "1.34")).To(BeFalse())
	_, ok := addons.Default("nginx", "1.34")
	g.Expect(ok).To(BeFalse())
	g.Expect(addons.Kubernetes()).To(HaveLen(7))
	g.Expect(addons.Kubernetes()[0]).To(Equal("1.37"))
}

func compare(a, b string) int {
	order, err := version.MustParseSemantic(a).Compare(b)
	if err != nil {
		panic(err)
	}
	return order
}
