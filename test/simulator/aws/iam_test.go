package aws

import (
	"fmt"
	"net/url"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func TestGetRole(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	trust := `{"Version": "2012-10-17"}`
	create(t, c, cloud.Resource{Key: cloud.Key{Type: typeRole, ID: "nodes"}, ARN: "arn:aws:iam::111122223333:role/fleet/nodes",
		Tags: map[string]string{"portolan.dev/region": "one"}, Data: map[string]string{"path": "/fleet/", "trust": trust, "roleID": "AROA1"}})
	client := iam.NewFromConfig(sdk(t, s, BaseAccessKey))
	out, err := client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: awssdk.String("nodes")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*out.Role.Arn).To(Equal("arn:aws:iam::111122223333:role/fleet/nodes"))
	g.Expect(*out.Role.Path).To(Equal("/fleet/"))
	g.Expect(*out.Role.RoleId).To(Equal("AROA1"))
	g.Expect(*out.Role.Tags[0].Key).To(Equal("portolan.dev/region"))
	g.Expect(*out.Role.Tags[0].Value).To(Equal("one"))
	g.Expect(out.Role.CreateDate).NotTo(BeNil())
	g.Expect(url.QueryUnescape(*out.Role.AssumeRolePolicyDocument)).To(Equal(trust))

	_, err = client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: awssdk.String("gone")})
	g.Expect(codeOf(err)).To(Equal("NoSuchEntity"))
	g.Expect(err).To(MatchError(ContainSubstring("StatusCode: 404")))
}

func TestListRoleTags(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	tags := map[string]string{}
	for i := range 5 {
		tags[fmt.Sprintf("key-%d", i)] = "v"
	}
	create(t, c, cloud.Resource{Key: cloud.Key{Type: typeRole, ID: "nodes"}, Tags: tags})
	client := iam.NewFromConfig(sdk(t, s, BaseAccessKey))
	pager := iam.NewListRoleTagsPaginator(client, &iam.ListRoleTagsInput{RoleName: awssdk.String("nodes"), MaxItems: awssdk.Int32(2)})
	var got []string
	for pager.HasMorePages() {
		out, err := pager.NextPage(t.Context())
		g.Expect(err).NotTo(HaveOccurred())
		for _, tag := range out.Tags {
			got = append(got, *tag.Key)
		}
	}
	g.Expect(got).To(Equal([]string{"key-0", "key-1", "key-2", "key-3", "key-4"}))
	_, err := client.ListRoleTags(t.Context(), &iam.ListRoleTagsInput{RoleName: awssdk.String("gone")})
	g.Expect(codeOf(err)).To(Equal("NoSuchEntity"))
}
