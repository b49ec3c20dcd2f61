package drift_test

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/ack/s3"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
)

func TestDriftOfBuckets(t *testing.T) {
	f := mirror(others())
	fake.Edit(f, "logs", func(b *aws.PublicAccessBlock) { *b = aws.PublicAccessBlock{BlockPublicACLs: true} })
	NewWithT(t).Expect(fields(t, find(t, f, others()))).To(Equal([]string{
		"publicAccessBlock.blockPublicPolicy: AWS has false, wanted true",
		"publicAccessBlock.ignorePublicACLs: AWS has false, wanted true",
		"publicAccessBlock.restrictPublicBuckets: AWS has false, wanted true",
	}))
}

func TestABucketThatLeavesTheBlockToAWS(t *testing.T) {
	objects := []client.Object{&s3.Bucket{
		ObjectMeta: named("bucket"), Status: s3.BucketStatus{Conditions: settled().Conditions}, Spec: s3.BucketSpec{Name: new("logs")},
	}}
	f := mirror(objects)
	fake.Edit(f, "logs", func(b *aws.PublicAccessBlock) { b.BlockPublicACLs = true })
	NewWithT(t).Expect(find(t, f, objects)).To(BeEmpty())
}

func TestDriftOfRoles(t *testing.T) {
	cases := map[string]struct {
		edit func(f *fake.AWS)
		want []string
	}{
		"reordered": {edit: func(f *fake.AWS) { fake.Edit(f, "prod-node", func(p *[]string) { slices.Reverse(*p) }) }},
		"the trust policy in other words": {edit: role(func(r *aws.Role) {
			r.Trust = `{ "Statement" : [{"Action":["sts:AssumeRole"],"Effect":"Allow","Principal":{"Service":["eks.amazonaws.com"]}}], "Version":"2012-10-17"}`
		})},
		"another trust policy": {
			edit: role(func(r *aws.Role) { r.Trust = `{"Version":"2012-10-17","Statement":[]}` }),
			want: []string{"assumeRolePolicyDocument: AWS has another"},
		},
		"a tag is gone": {edit: role(func(r *aws.Role) { delete(r.Tags, "Team") }), want: []string{"tags: AWS lacks Team=core"}},
		"a policy is gone": {
			edit: func(f *fake.AWS) { fake.Edit(f, "prod-node", func(p *[]string) { *p = (*p)[1:] }) },
			want: []string{"policies: AWS lacks " + readARN},
		},
		"a policy besides": {
			edit: func(f *fake.AWS) {
				fake.Edit(f, "prod-node", func(p *[]string) { *p = append(*p, "arn:aws:iam::aws:policy/AdministratorAccess") })
			},
			want: []string{"policies: AWS has arn:aws:iam::aws:policy/AdministratorAccess besides"},
		},
		"inline policies": {
			edit: func(f *fake.AWS) {
				fake.Edit(f, "prod-node", func(documents *map[string]string) {
					*documents = map[string]string{"own": `{"Statement":[{"Effect":"Allow"}]}`, "more": "{}"}
				})
			},
			want: []string{"inlinePolicies: AWS has another own", "inlinePolicies: AWS has more besides", "inlinePolicies: AWS lacks extra"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := mirror(others())
			tc.edit(f)
			NewWithT(t).Expect(fields(t, find(t, f, others()))).To(Equal(tc.want))
		})
	}
}

func role(edit func(*aws.Role)) func(*fake.AWS) {
	return func(f *fake.AWS) { fake.Edit(f, "prod-node", edit) }
}
