package aws

import (
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// estate has the cluster "staging" with a node group and an addon.
func estate(t *testing.T) *eks.Client {
	t.Helper()
	s, c := start(t)
	here := func(kind, id string) cloud.Key { return cloud.Key{Type: kind, Region: region, ID: id} }
	create(t, c, cloud.Resource{Key: here(typeVPC, "vpc-1")})
	create(t, c, cloud.Resource{Key: here(typeSubnet, "subnet-1"), Parents: []cloud.Key{here(typeVPC, "vpc-1")}})
	create(t, c, cloud.Resource{
		Key: here(typeCluster, "staging"), State: "ACTIVE", Tags: map[string]string{"team": "a"},
		Parents: []cloud.Key{here(typeSubnet, "subnet-1")},
		Data:    map[string]string{"endpoint": "https://127.0.0.1:1", "ca": "Q0E=", "version": "1.34"},
	})
	parents := []cloud.Key{here(typeCluster, "staging")}
	create(t, c, cloud.Resource{Key: here(typeNodegroup, "staging/system"), State: "DELETING", Parents: parents, Data: map[string]string{"desired": "3"}})
	create(t, c, cloud.Resource{Key: here(typeAddon, "staging/coredns"), State: "CREATING", Parents: parents, Data: map[string]string{"version": "v1"}})
	return eks.NewFromConfig(sdk(t, s, BaseAccessKey))
}

func TestDescribeCluster(t *testing.T) {
	g := NewWithT(t)
	out, err := estate(t).DescribeCluster(t.Context(), &eks.DescribeClusterInput{Name: awssdk.String("staging")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.Cluster.Status).To(Equal(types.ClusterStatusActive))
	g.Expect(*out.Cluster.Arn).To(Equal("arn:aws:eks:eu-west-1:111122223333:cluster/staging"))
	g.Expect(*out.Cluster.Endpoint).To(Equal("https://127.0.0.1:1"))
	g.Expect(*out.Cluster.CertificateAuthority.Data).To(Equal("Q0E="))
	g.Expect(*out.Cluster.ResourcesVpcConfig.VpcId).To(Equal("vpc-1"))
	g.Expect(out.Cluster.ResourcesVpcConfig.SubnetIds).To(Equal([]string{"subnet-1"}))
	g.Expect(out.Cluster.Tags).To(HaveKeyWithValue("team", "a"))
	g.Expect(out.Cluster.CreatedAt).NotTo(BeNil())
}

func TestDescribeNodegroup(t *testing.T) {
	g := NewWithT(t)
	out, err := estate(t).DescribeNodegroup(t.Context(), &eks.DescribeNodegroupInput{
		ClusterName: awssdk.String("staging"), NodegroupName: awssdk.String("system"),
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.Nodegroup.Status).To(Equal(types.NodegroupStatusDeleting))
	g.Expect(*out.Nodegroup.NodegroupName).To(Equal("system"))
	g.Expect(*out.Nodegroup.ScalingConfig.DesiredSize).To(BeEquivalentTo(3))
}

func TestDescribeAddon(t *testing.T) {
	g := NewWithT(t)
	out, err := estate(t).DescribeAddon(t.Context(), &eks.DescribeAddonInput{
		ClusterName: awssdk.String("staging"), AddonName: awssdk.String("coredns"),
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.Addon.Status).To(Equal(types.AddonStatusCreating))
	g.Expect(*out.Addon.AddonVersion).To(Equal("v1"))
}

func TestEKSNotFound(t *testing.T) {
	cases := map[string]struct {
		do   func(*testing.T, *eks.Client) error
		want string
	}{
		"cluster": {want: "No cluster found for name: gone.", do: func(t *testing.T, c *eks.Client) error {
			_, err := c.DescribeCluster(t.Context(), &eks.DescribeClusterInput{Name: awssdk.String("gone")})
			return err
		}},
		"node group": {want: "found in cluster: staging", do: func(t *testing.T, c *eks.Client) error {
			_, err := c.DescribeNodegroup(t.Context(), &eks.DescribeNodegroupInput{ClusterName: awssdk.String("staging"), NodegroupName: awssdk.String("gone")})
			return err
		}},
		"node group of no cluster": {want: "No cluster found", do: func(t *testing.T, c *eks.Client) error {
			_, err := c.DescribeNodegroup(t.Context(), &eks.DescribeNodegroupInput{ClusterName: awssdk.String("gone"), NodegroupName: awssdk.String("system")})
			return err
		}},
		"addon with a slash": {want: "eks/addon a/b", do: func(t *testing.T, c *eks.Client) error {
			_, err := c.DescribeAddon(t.Context(), &eks.DescribeAddonInput{ClusterName: awssdk.String("staging"), AddonName: awssdk.String("a/b")})
			return err
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			err := tc.do(t, estate(t))
			g.Expect(codeOf(err)).To(Equal("ResourceNotFoundException"))
			g.Expect(err).To(MatchError(ContainSubstring(tc.want)))
		})
	}
}
