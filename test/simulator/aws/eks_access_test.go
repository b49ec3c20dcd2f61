package aws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const argocd = "arn:aws:iam::111122223333:role/fleet/argocd"

// lockedDown is a cluster with an access entry, two associations, an add-on and a node group.
func lockedDown(t *testing.T) (*eks.Client, *cloud.Cloud) {
	t.Helper()
	s, c := start(t)
	cluster := here(typeCluster, "prod")
	create(t, c, cloud.Resource{Key: cluster, State: "ACTIVE"})
	in := func(kind, id, state string, data map[string]string) {
		create(t, c, cloud.Resource{
			Key: here(kind, "prod/"+id), State: state, Parents: []cloud.Key{cluster}, Data: data, Tags: map[string]string{"team": "a"},
		})
	}
	in(typeAccessEntry, argocd, "", map[string]string{
		"policyARN":      "arn:aws:eks::aws:cluster-access-policy/View,arn:aws:eks::aws:cluster-access-policy/Admin@namespace,arn:other@namespace",
		"accessPolicies": `[{"policyARN":"arn:aws:eks::aws:cluster-access-policy/Admin","accessScope":{"type":"namespace","namespaces":["a","b"]}}]`,
	})
	in(typePodIdentity, "a-1", "", map[string]string{"namespace": "dns", "serviceAccount": "external-dns", "roleARN": "arn:aws:iam::111122223333:role/dns"})
	in(typePodIdentity, "a-2", "DELETING", nil)
	in(typeAddon, "coredns", "ACTIVE", map[string]string{"version": "v1", "configuration": `{"replicaCount":2}`})
	in(typeNodegroup, "system", "ACTIVE", map[string]string{"labels": `{"pool":"a"}`, "taints": `[{"key":"k","value":"v","effect":"NO_SCHEDULE"}]`})
	return eks.NewFromConfig(sdk(t, s, BaseAccessKey)), c
}

func TestListAssociatedAccessPolicies(t *testing.T) {
	g := NewWithT(t)
	client, c := lockedDown(t)
	list := func(cluster, principal string) (*eks.ListAssociatedAccessPoliciesOutput, error) {
		return client.ListAssociatedAccessPolicies(t.Context(), &eks.ListAssociatedAccessPoliciesInput{ClusterName: &cluster, PrincipalArn: &principal})
	}
	out, err := list("prod", argocd)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*out.PrincipalArn).To(Equal(argocd))
	var scopes []types.AccessScope
	for _, p := range out.AssociatedAccessPolicies {
		scopes = append(scopes, *p.AccessScope)
	}
	g.Expect(*out.AssociatedAccessPolicies[1].PolicyArn).To(Equal("arn:aws:eks::aws:cluster-access-policy/Admin"))
	g.Expect(scopes).To(Equal([]types.AccessScope{
		{Type: "cluster", Namespaces: []string{}}, {Type: "namespace", Namespaces: []string{"a", "b"}}, {Type: "namespace", Namespaces: []string{}},
	}))

	for _, absent := range [][2]string{{"prod", "arn:aws:iam::111122223333:role/x"}, {"gone", argocd}} {
		_, err = list(absent[0], absent[1])
		g.Expect(codeOf(err)).To(Equal("ResourceNotFoundException"))
	}
	g.Expect(c.Calls()[0].Resources).To(Equal([]string{"arn:aws:eks:eu-west-1:111122223333:access-entry/prod/" + argocd}))
}

func TestDescribePodIdentityAssociation(t *testing.T) {
	g := NewWithT(t)
	client, _ := lockedDown(t)
	describe := func(id string) (*eks.DescribePodIdentityAssociationOutput, error) {
		return client.DescribePodIdentityAssociation(t.Context(), &eks.DescribePodIdentityAssociationInput{ClusterName: new("prod"), AssociationId: &id})
	}
	out, err := describe("a-1")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*out.Association.RoleArn).To(Equal("arn:aws:iam::111122223333:role/dns"))
	g.Expect(*out.Association.Namespace).To(Equal("dns"))
	g.Expect(*out.Association.ServiceAccount).To(Equal("external-dns"))
	g.Expect(out.Association.Tags).To(Equal(map[string]string{"team": "a"}))
	for _, absent := range []string{"a-2", "a-9"} {
		_, err = describe(absent)
		g.Expect(codeOf(err)).To(Equal("ResourceNotFoundException"), absent)
	}
}

func TestNodegroupsAndAddonsTellTheirSettings(t *testing.T) {
	g := NewWithT(t)
	client, c := lockedDown(t)
	group, err := client.DescribeNodegroup(t.Context(), &eks.DescribeNodegroupInput{ClusterName: new("prod"), NodegroupName: new("system")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(group.Nodegroup.Labels).To(Equal(map[string]string{"pool": "a"}))
	g.Expect(group.Nodegroup.Taints).To(Equal([]types.Taint{{Key: new("k"), Value: new("v"), Effect: "NO_SCHEDULE"}}))
	addon, err := client.DescribeAddon(t.Context(), &eks.DescribeAddonInput{ClusterName: new("prod"), AddonName: new("coredns")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*addon.Addon.ConfigurationValues).To(Equal(`{"replicaCount":2}`))

	g.Expect(c.Update(here(typeNodegroup, "prod/system"), func(r *cloud.Resource) { r.Data["labels"] = "no JSON" })).To(Succeed())
	_, err = client.DescribeNodegroup(t.Context(), &eks.DescribeNodegroupInput{ClusterName: new("prod"), NodegroupName: new("system")})
	g.Expect(codeOf(err)).To(Equal(codeInternal))
}
