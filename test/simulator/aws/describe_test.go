package aws

import (
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const ownPolicy = `{"Statement": [{"Sid": "a+b c"}]}`

func TestPoliciesOfRoles(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	create(t, c, cloud.Resource{Key: cloud.Key{Type: typeRole, ID: "nodes"}, Data: map[string]string{
		"policies":       "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy,arn:aws:iam::aws:policy/ReadOnlyAccess",
		"inlinePolicies": `{"own":"{\"Statement\": [{\"Sid\": \"a+b c\"}]}","more":"{}"}`,
	}})
	client := iam.NewFromConfig(sdk(t, s, BaseAccessKey))
	var attached []types.AttachedPolicy
	pages := iam.NewListAttachedRolePoliciesPaginator(client, &iam.ListAttachedRolePoliciesInput{RoleName: new("nodes"), MaxItems: new(int32(1))})
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		g.Expect(err).NotTo(HaveOccurred())
		attached = append(attached, out.AttachedPolicies...)
	}
	g.Expect(attached).To(Equal([]types.AttachedPolicy{
		{PolicyName: new("AmazonEKSWorkerNodePolicy"), PolicyArn: new("arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy")},
		{PolicyName: new("ReadOnlyAccess"), PolicyArn: new("arn:aws:iam::aws:policy/ReadOnlyAccess")},
	}))
	inline, err := client.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: new("nodes")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(inline.PolicyNames).To(Equal([]string{"more", "own"}))
	policy, err := client.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: new("nodes"), PolicyName: new("own")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*policy.PolicyDocument).NotTo(ContainSubstring("+"), "a space is %20 to IAM")
	g.Expect(url.PathUnescape(*policy.PolicyDocument)).To(Equal(ownPolicy))
}

func TestPoliciesThatAreNotThere(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	create(t, c, cloud.Resource{Key: cloud.Key{Type: typeRole, ID: "nodes"}})
	client := iam.NewFromConfig(sdk(t, s, BaseAccessKey))
	_, err := client.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: new("nodes"), PolicyName: new("own")})
	g.Expect(codeOf(err)).To(Equal("NoSuchEntity"))
	_, err = client.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: new("gone"), PolicyName: new("own")})
	g.Expect(codeOf(err)).To(Equal("NoSuchEntity"))
	_, err = client.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: new("gone")})
	g.Expect(codeOf(err)).To(Equal("NoSuchEntity"))
	_, err = client.ListAttachedRolePolicies(t.Context(), &iam.ListAttachedRolePoliciesInput{RoleName: new("gone")})
	g.Expect(codeOf(err)).To(Equal("NoSuchEntity"))
	_, err = client.ListAttachedRolePolicies(t.Context(), &iam.ListAttachedRolePoliciesInput{RoleName: new("nodes"), Marker: new("x")})
	g.Expect(codeOf(err)).To(Equal("ValidationError"))
	none, err := client.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: new("nodes")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(none.PolicyNames).To(BeEmpty())
}

func TestGetPublicAccessBlock(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	create(t, c, cloud.Resource{Key: here(typeBucket, "private"), Data: map[string]string{
		"publicAccessBlock": `{"blockPublicACLs":true,"ignorePublicACLs":true,"blockPublicPolicy":true}`,
	}})
	create(t, c, cloud.Resource{Key: here(typeBucket, "open")})
	client := s3.NewFromConfig(sdk(t, s, BaseAccessKey), func(o *s3.Options) { o.UsePathStyle = true })
	out, err := client.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: new("private")})
	g.Expect(err).NotTo(HaveOccurred())
	block := out.PublicAccessBlockConfiguration
	g.Expect([]bool{*block.BlockPublicAcls, *block.IgnorePublicAcls, *block.BlockPublicPolicy, *block.RestrictPublicBuckets}).To(
		Equal([]bool{true, true, true, false}))
	for bucket, wantErr := range map[string]string{"open": noAccessBlock, "absent": "NoSuchBucket"} {
		_, err = client.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: &bucket})
		g.Expect(codeOf(err)).To(Equal(wantErr))
		g.Expect(err).To(MatchError(ContainSubstring("StatusCode: 404")))
	}
}

func TestDescribeCertificate(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	arn := "arn:aws:acm:eu-west-1:111122223333:certificate/1"
	create(t, c, cloud.Resource{Key: here(typeCertificate, "1"), ARN: arn, State: "ISSUED", Data: map[string]string{
		"domainName": "example.com", "names": "example.com,*.example.com", "keyAlgorithm": "RSA_2048",
	}})
	client := acm.NewFromConfig(sdk(t, s, BaseAccessKey))
	out, err := client.DescribeCertificate(t.Context(), &acm.DescribeCertificateInput{CertificateArn: &arn})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*out.Certificate.CertificateArn).To(Equal(arn))
	g.Expect(string(out.Certificate.Status)).To(Equal("ISSUED"))
	g.Expect(out.Certificate.SubjectAlternativeNames).To(Equal([]string{"example.com", "*.example.com"}))
	_, err = client.DescribeCertificate(t.Context(), &acm.DescribeCertificateInput{CertificateArn: new(arn + "9")})
	g.Expect(codeOf(err)).To(Equal("ResourceNotFoundException"))
}
