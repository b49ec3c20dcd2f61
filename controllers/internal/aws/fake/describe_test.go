package fake

import (
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

func TestMirrorShowsWhatTheObjectsSayNow(t *testing.T) {
	g := NewWithT(t)
	f := New()
	g.Expect(f.DescribeVPCs(t.Context(), "", "eu-west-1", []string{"vpc-1"})).To(BeEmpty())

	vpc := &ec2.VPC{Status: ec2.VPCStatus{VPCID: new("vpc-1")}}
	f.Mirror(func() []client.Object { return []client.Object{vpc} })
	g.Expect(f.DescribeVPCs(t.Context(), "", "eu-west-1", []string{"vpc-1", "vpc-2"})).To(Equal(map[string]aws.VPC{"vpc-1": {Tags: map[string]string{}}}))
	vpc.Spec.Tags = []ec2.Tag{{Key: "Team", Value: "core"}}
	g.Expect(f.DescribeVPCs(t.Context(), "", "eu-west-1", []string{"vpc-1"})).To(Equal(map[string]aws.VPC{"vpc-1": {Tags: map[string]string{"Team": "core"}}}))
	g.Expect(f.DescribeVPCs(t.Context(), "", "eu-west-1", []string{"vpc-2"})).To(BeEmpty())
	g.Expect(f.Calls(DescribeVPCs)).To(Equal(4))
}

func TestWhatIsEditedAndRemovedBehindACKsBack(t *testing.T) {
	g := NewWithT(t)
	f := New()
	f.Mirror(func() []client.Object {
		return []client.Object{&iam.Role{Spec: iam.RoleSpec{Name: new("nodes"), AssumeRolePolicyDocument: new("{}"), Policies: []*string{new("arn:1")}}}}
	})
	Edit(f, "nodes", func(r *aws.Role) { r.Trust = "[]" })
	Edit(f, "nodes", func(r *aws.Role) { r.Trust += "]" })
	role, err := f.DescribeRole(t.Context(), "", "nodes")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(role.Trust).To(Equal("[]]"))
	g.Expect(f.AttachedPolicies(t.Context(), "", "nodes")).To(Equal([]string{"arn:1"}), "an edit is about one answer")

	f.Remove("nodes")
	_, err = f.DescribeRole(t.Context(), "", "nodes")
	g.Expect(aws.ClassOf(err)).To(Equal(aws.NotFound))
}

func TestDescribingFails(t *testing.T) {
	g := NewWithT(t)
	f := New()
	failure := errors.New("no")
	f.Fail(DescribeRole, failure)
	_, err := f.DescribeRole(t.Context(), "", "nodes")
	g.Expect(err).To(MatchError(failure))
}
