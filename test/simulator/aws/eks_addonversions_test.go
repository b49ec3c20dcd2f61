package aws

import (
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/addons"
)

func TestDescribeAddonVersions(t *testing.T) {
	newest := addons.Kubernetes()[0]
	cases := map[string]struct {
		in   eks.DescribeAddonVersionsInput
		want []string
	}{
		"of one add-on":          {in: eks.DescribeAddonVersionsInput{AddonName: new("coredns"), KubernetesVersion: &newest}, want: []string{"coredns"}},
		"of all":                 {in: eks.DescribeAddonVersionsInput{KubernetesVersion: &newest}, want: addons.Names()},
		"of an unknown add-on":   {in: eks.DescribeAddonVersionsInput{AddonName: new("coffee"), KubernetesVersion: &newest}},
		"of an unknown version":  {in: eks.DescribeAddonVersionsInput{AddonName: new("coredns"), KubernetesVersion: new("1.99")}},
		"of what is no version":  {in: eks.DescribeAddonVersionsInput{AddonName: new("coredns"), KubernetesVersion: new("new")}},
		"of one for all that is": {in: eks.DescribeAddonVersionsInput{AddonName: new("coredns")}, want: []string{"coredns"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, _ := start(t)
			out, err := eks.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeAddonVersions(t.Context(), &tc.in)
			g.Expect(err).NotTo(HaveOccurred())
			var got []string
			for _, info := range out.Addons {
				got = append(got, *info.AddonName)
				g.Expect(info.AddonVersions).NotTo(BeEmpty())
			}
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestAddonVersionsTellWithWhatTheyGo(t *testing.T) {
	g := NewWithT(t)
	s, _ := start(t)
	client := eks.NewFromConfig(sdk(t, s, BaseAccessKey))
	for _, kubernetes := range addons.Kubernetes() {
		out, err := client.DescribeAddonVersions(t.Context(), &eks.DescribeAddonVersionsInput{AddonName: new("vpc-cni"), KubernetesVersion: &kubernetes})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(out.Addons).To(HaveLen(1))
		var got []addons.Version
		for _, v := range out.Addons[0].AddonVersions {
			g.Expect(v.Compatibilities).To(HaveLen(1))
			g.Expect(*v.Compatibilities[0].ClusterVersion).To(Equal(kubernetes))
			got = append(got, addons.Version{Name: *v.AddonVersion, Default: v.Compatibilities[0].DefaultVersion})
		}
		g.Expect(got).To(Equal(addons.Versions("vpc-cni", kubernetes)))
	}
	all, err := client.DescribeAddonVersions(t.Context(), &eks.DescribeAddonVersionsInput{AddonName: new("kube-proxy")})
	g.Expect(err).NotTo(HaveOccurred())
	seen := map[string]bool{}
	for _, v := range all.Addons[0].AddonVersions {
		g.Expect(seen).NotTo(HaveKey(*v.AddonVersion), "each version is told once")
		seen[*v.AddonVersion] = true
	}
}

func TestDescribeAddonVersionsPages(t *testing.T) {
	g := NewWithT(t)
	s, _ := start(t)
	client := eks.NewFromConfig(sdk(t, s, BaseAccessKey))
	pager := eks.NewDescribeAddonVersionsPaginator(client, &eks.DescribeAddonVersionsInput{MaxResults: awssdk.Int32(2)})
	var got []string
	for pager.HasMorePages() {
		out, err := pager.NextPage(t.Context())
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(len(out.Addons)).To(BeNumerically("<=", 2))
		for _, info := range out.Addons {
			got = append(got, *info.AddonName)
		}
	}
	g.Expect(got).To(Equal(addons.Names()))
	_, err := client.DescribeAddonVersions(t.Context(), &eks.DescribeAddonVersionsInput{NextToken: new("x")})
	g.Expect(codeOf(err)).To(Equal("InvalidParameterException"))
}
