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

func TestClusterSettings(t *testing.T) {
	all := []types.LogType{"api", "audit", "authenticator", "controllerManager", "scheduler"}
	cases := map[string]struct {
		data                            map[string]string
		wantOn, wantOff                 []types.LogType
		wantPublic, wantPrivate, wantDP bool
	}{
		"what EKS does by itself": {wantOff: all, wantPublic: true},
		"a list of logs":          {data: map[string]string{"logging": "audit,api"}, wantOn: all[:2], wantOff: all[2:], wantPublic: true},
		"logs as specified": {
			data:   map[string]string{"logging": `{"clusterLogging":[{"enabled":true,"types":["audit","api","authenticator","controllerManager","scheduler"]}]}`},
			wantOn: all, wantPublic: true,
		},
		"logs as a list of entries": {
			data:   map[string]string{"logging": `[{"enabled":true,"types":["api"]},{"enabled":false,"types":["audit"]}]`},
			wantOn: all[:1], wantOff: all[1:], wantPublic: true,
		},
		"private": {data: map[string]string{"endpointPublicAccess": "false", "endpointPrivateAccess": "true"}, wantOff: all, wantPrivate: true},
		"kept":    {data: map[string]string{"deletionProtection": "true"}, wantOff: all, wantPublic: true, wantDP: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, c := start(t)
			create(t, c, cloud.Resource{Key: here(typeCluster, "x"), State: "ACTIVE", Data: tc.data})
			out, err := eks.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeCluster(t.Context(), &eks.DescribeClusterInput{Name: awssdk.String("x")})
			g.Expect(err).NotTo(HaveOccurred())
			var on, off []types.LogType
			for _, setup := range out.Cluster.Logging.ClusterLogging {
				if *setup.Enabled {
					on = append(on, setup.Types...)
				} else {
					off = append(off, setup.Types...)
				}
			}
			g.Expect(on).To(Equal(tc.wantOn))
			g.Expect(off).To(Equal(tc.wantOff))
			g.Expect(out.Cluster.ResourcesVpcConfig.EndpointPublicAccess).To(Equal(tc.wantPublic))
			g.Expect(out.Cluster.ResourcesVpcConfig.EndpointPrivateAccess).To(Equal(tc.wantPrivate))
			g.Expect(*out.Cluster.DeletionProtection).To(Equal(tc.wantDP))
		})
	}
}

func TestHealthOfNodegroup(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	create(t, c, cloud.Resource{Key: here(typeCluster, "x")})
	create(t, c, cloud.Resource{Key: here(typeNodegroup, "x/system"), State: "CREATE_FAILED", Data: map[string]string{
		"failureCode": "AsgInstanceLaunchFailures", "failureMessage": "no capacity", "min": "1", "max": "4", "instanceTypes": "c7a.large,c7i.large",
	}})
	out, err := eks.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeNodegroup(t.Context(), &eks.DescribeNodegroupInput{
		ClusterName: awssdk.String("x"), NodegroupName: awssdk.String("system"),
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.Nodegroup.Health.Issues).To(HaveLen(1))
	g.Expect(out.Nodegroup.Health.Issues[0].Code).To(Equal(types.NodegroupIssueCodeAsgInstanceLaunchFailures))
	g.Expect(*out.Nodegroup.Health.Issues[0].Message).To(Equal("no capacity"))
	g.Expect(out.Nodegroup.Health.Issues[0].ResourceIds).To(Equal([]string{"system"}))
	g.Expect(*out.Nodegroup.ScalingConfig.MinSize).To(BeEquivalentTo(1))
	g.Expect(*out.Nodegroup.ScalingConfig.MaxSize).To(BeEquivalentTo(4))
	g.Expect(out.Nodegroup.InstanceTypes).To(Equal([]string{"c7a.large", "c7i.large"}))
}

func TestListClusters(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	for _, name := range []string{"a", "b", "c"} {
		create(t, c, cloud.Resource{Key: here(typeCluster, name)})
	}
	create(t, c, cloud.Resource{Key: cloud.Key{Type: typeCluster, Region: "us-east-1", ID: "d"}})
	client := eks.NewFromConfig(sdk(t, s, BaseAccessKey))
	pager := eks.NewListClustersPaginator(client, &eks.ListClustersInput{MaxResults: awssdk.Int32(2)})
	var pages [][]string
	for pager.HasMorePages() {
		out, err := pager.NextPage(t.Context())
		g.Expect(err).NotTo(HaveOccurred())
		pages = append(pages, out.Clusters)
	}
	g.Expect(pages).To(Equal([][]string{{"a", "b"}, {"c"}}))
	_, err := client.ListClusters(t.Context(), &eks.ListClustersInput{NextToken: awssdk.String("x")})
	g.Expect(codeOf(err)).To(Equal("InvalidParameterException"))
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
