package fake

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/plan"
)

func TestRemainsGoOneByOne(t *testing.T) {
	g := NewWithT(t)
	f := New()
	ctx := t.Context()
	g.Expect(f.Holders(ctx, "", "eu-west-1", "vpc-0")).To(BeEmpty())
	g.Expect(f.Orphans(ctx, "", "eu-west-1", "vpc-0", "prod")).To(BeEmpty())

	balancer := aws.Orphan{Kind: aws.KindLoadBalancer, ID: "api", ARN: "arn:api"}
	group := aws.Orphan{Kind: aws.KindSecurityGroup, ID: "sg-1"}
	f.SetOrphans("eu-west-1", "vpc-0", "prod", balancer, group)
	f.SetHolders("eu-west-1", "vpc-0",
		aws.Holder{Kind: aws.KindLoadBalancer, ID: "api", In: []string{"vpc-0"}},
		aws.Holder{Kind: aws.KindNetworkInterface, ID: "eni-1", Owner: "Global Accelerator"})
	f.SetHolders("eu-west-2", "vpc-0", aws.Holder{Kind: aws.KindLoadBalancer, ID: "api"})
	g.Expect(f.Orphans(ctx, "", "eu-west-1", "vpc-0", "prod")).To(Equal([]aws.Orphan{balancer, group}))
	g.Expect(f.Orphans(ctx, "", "eu-west-1", "vpc-0", "other")).To(BeEmpty())

	holders, err := f.Holders(ctx, "", "eu-west-1", "vpc-0")
	g.Expect(err).NotTo(HaveOccurred())
	holders[0].In[0] = "changed by the caller"
	g.Expect(f.Holders(ctx, "", "eu-west-1", "vpc-0")).To(HaveExactElements(HaveField("In", HaveExactElements("vpc-0")), HaveField("ID", "eni-1")))

	for range 2 {
		g.Expect(f.DeleteOrphan(ctx, "", "eu-west-1", balancer)).To(Succeed())
	}
	g.Expect(f.Orphans(ctx, "", "eu-west-1", "vpc-0", "prod")).To(Equal([]aws.Orphan{group}))
	g.Expect(f.Holders(ctx, "", "eu-west-1", "vpc-0")).To(HaveExactElements(HaveField("ID", "eni-1")))
	g.Expect(f.Holders(ctx, "", "eu-west-2", "vpc-0")).To(HaveLen(1), "another region's")
}

func TestReleasesAreWhatTheTestSaysTheyAre(t *testing.T) {
	g := NewWithT(t)
	f := New()
	ctx := t.Context()
	some := []plan.AddonVersion{{Version: DefaultAddonVersion, Default: true}}
	g.Expect(f.AddonVersions(ctx, "", "eu-west-1", "1.34", "coredns")).To(Equal(map[string][]plan.AddonVersion{"coredns": some}))
	f.SetAddonVersions("1.34", "coredns", plan.AddonVersion{Version: "v2"}, plan.AddonVersion{Version: "v1", Default: true})
	f.SetAddonVersions("1.34", "coffee")
	g.Expect(f.AddonVersions(ctx, "", "eu-west-1", "1.34", "coredns", "coffee", "vpc-cni")).To(Equal(map[string][]plan.AddonVersion{
		"coredns": {{Version: "v2"}, {Version: "v1", Default: true}}, "coffee": nil, "vpc-cni": some,
	}))
	g.Expect(f.AddonVersions(ctx, "", "eu-west-1", "1.33", "coredns")).To(HaveKeyWithValue("coredns", some))

	_, err := f.ClusterVersion(ctx, "", "eu-west-1", "prod")
	g.Expect(aws.ClassOf(err)).To(Equal(aws.NotFound))
	f.SetClusterVersion("eu-west-1", "prod", "1.34")
	g.Expect(f.ClusterVersion(ctx, "", "eu-west-1", "prod")).To(Equal("1.34"))
	f.SetClusterVersion("eu-west-1", "prod", "")
	_, err = f.ClusterVersion(ctx, "", "eu-west-1", "prod")
	g.Expect(aws.ClassOf(err)).To(Equal(aws.NotFound))
}

func TestCertificatesAreFoundByTheirTags(t *testing.T) {
	f := New()
	f.SetCertificate("eu-west-1", "example.com", "arn:2", map[string]string{"object": "prod", "x": "y"})
	f.SetCertificate("eu-west-1", "example.com", "arn:1", map[string]string{"object": "test"})
	f.SetCertificate("eu-west-1", "example.com", "arn:0", map[string]string{"object": "prod"})
	f.SetCertificate("eu-west-1", "example.com", "arn:0", nil)
	cases := map[string]struct {
		region, domain string
		tags           map[string]string
		want           string
	}{
		"by one tag":       {"eu-west-1", "example.com", map[string]string{"object": "prod"}, "arn:2"},
		"the first of any": {"eu-west-1", "example.com", nil, "arn:1"},
		"another value":    {"eu-west-1", "example.com", map[string]string{"object": "prod", "x": "z"}, ""},
		"another domain":   {"eu-west-1", "example.org", nil, ""},
		"another region":   {"eu-west-2", "example.com", nil, ""},
		"an empty tag":     {"eu-west-1", "example.com", map[string]string{"absent": ""}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			found, err := f.CertificateARN(t.Context(), "", tc.region, tc.domain, tc.tags)
			g.Expect(found).To(Equal(tc.want))
			if tc.want == "" {
				g.Expect(aws.ClassOf(err)).To(Equal(aws.NotFound))
			}
		})
	}
}

func TestWeightsAndGroupsOfAllRegions(t *testing.T) {
	g := NewWithT(t)
	f := New()
	ctx := t.Context()
	g.Expect(f.EndpointGroups(ctx, "", listener)).To(BeEmpty())
	for _, region := range []string{"us-east-1", "eu-west-1"} {
		_, err := f.CreateEndpointGroup(ctx, "", listener, region, 443)
		g.Expect(err).NotTo(HaveOccurred())
	}
	_, err := f.CreateEndpointGroup(ctx, "", listener+"2", "eu-west-1", 443)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.EndpointGroups(ctx, "", listener)).To(HaveExactElements(
		HaveField("Region", "eu-west-1"), And(HaveField("Region", "us-east-1"), HaveField("ARN", listener+"/endpoint-group/us-east-1"))))

	g.Expect(aws.ClassOf(f.Weigh(ctx, "", group, "arn:lb", 1))).To(Equal(aws.NotFound))
	g.Expect(aws.ClassOf(f.Weigh(ctx, "", "no group", "arn:lb", 1))).To(Equal(aws.NotFound))
	g.Expect(f.AddEndpoint(ctx, "", group, "arn:lb", 128)).To(Succeed())
	g.Expect(f.AddEndpoint(ctx, "", group, "arn:new", 0)).To(Succeed())
	g.Expect(f.Weigh(ctx, "", group, "arn:new", 64)).To(Succeed())
	f.SetEndpointHealth("arn:new", aws.EndpointHealthy, "")
	g.Expect(f.EndpointGroup(ctx, "", listener, "eu-west-1")).To(HaveField("Endpoints", HaveExactElements(
		aws.Endpoint{ID: "arn:lb", Health: aws.EndpointInitial, Weight: 128}, aws.Endpoint{ID: "arn:new", Health: aws.EndpointHealthy, Weight: 64})))

	f.SetListener(listener, false)
	_, err = f.EndpointGroups(ctx, "", listener)
	g.Expect(aws.ClassOf(err)).To(Equal(aws.NotFound))
}
