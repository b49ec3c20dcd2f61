package ack

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/ack/s3"
)

func TestEveryKindHasTraits(t *testing.T) {
	g := NewWithT(t)
	var kinds []string
	for _, kind := range Kinds() {
		kinds = append(kinds, describeForTest(t, kind))
	}
	var described []string
	for kind := range traitsOf {
		described = append(described, kind)
	}
	g.Expect(described).To(ConsistOf(kinds))
}

func TestNoKindIsBothInsideAndIdentifiedByAWS(t *testing.T) {
	for kind, all := range traitsOf {
		NewWithT(t).Expect(all.inside && all.id != "").To(BeFalse(), kind)
	}
}

// The view of a kind refuses a tag that stands elsewhere than its schema has it.
func TestEveryKindTakesTheTagOfItsRevivals(t *testing.T) {
	for _, kind := range Kinds() {
		name := describeForTest(t, kind)
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			content, err := contentOf(kind)
			g.Expect(err).NotTo(HaveOccurred())
			traitsOf[name].tags.tagRevivals(content, 3)
			tagged, ok := kind.DeepCopyObject().(client.Object)
			g.Expect(ok).To(BeTrue())
			g.Expect(runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(content, tagged, true)).To(Succeed())

			again, err := contentOf(tagged)
			g.Expect(err).NotTo(HaveOccurred())
			untagged, err := contentOf(kind)
			g.Expect(err).NotTo(HaveOccurred())
			if name == "RecordSet" {
				g.Expect(again).To(Equal(untagged))
			} else {
				g.Expect(again).NotTo(Equal(untagged), "the view does not know the field")
			}
		})
	}
}

func TestRevivalsAreTaggedBesideOtherTags(t *testing.T) {
	for name, tc := range map[string]struct{ obj, want client.Object }{
		"a list": {
			&ec2.VPC{Spec: ec2.VPCSpec{Tags: []ec2.Tag{{Key: "a", Value: "b"}}}},
			&ec2.VPC{Spec: ec2.VPCSpec{Tags: []ec2.Tag{{Key: "a", Value: "b"}, {Key: tagRevival, Value: "2"}}}},
		},
		"a list that is not there": {
			&iam.Role{}, &iam.Role{Spec: iam.RoleSpec{Tags: []iam.Tag{{Key: tagRevival, Value: "2"}}}},
		},
		"a map": {
			&eks.Addon{Spec: eks.AddonSpec{Tags: map[string]*string{"a": new("b")}}},
			&eks.Addon{Spec: eks.AddonSpec{Tags: map[string]*string{"a": new("b"), tagRevival: new("2")}}},
		},
		"a map that is not there": {
			&eks.Cluster{}, &eks.Cluster{Spec: eks.ClusterSpec{Tags: map[string]*string{tagRevival: new("2")}}},
		},
		"a set": {
			&s3.Bucket{Spec: s3.BucketSpec{Tagging: &s3.Tagging{TagSet: []s3.Tag{{Key: "a", Value: "b"}}}}},
			&s3.Bucket{Spec: s3.BucketSpec{Tagging: &s3.Tagging{TagSet: []s3.Tag{{Key: "a", Value: "b"}, {Key: tagRevival, Value: "2"}}}}},
		},
		"a set that is not there": {
			&s3.Bucket{}, &s3.Bucket{Spec: s3.BucketSpec{Tagging: &s3.Tagging{TagSet: []s3.Tag{{Key: tagRevival, Value: "2"}}}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			content, err := contentOf(tc.obj)
			g.Expect(err).NotTo(HaveOccurred())
			traitsOf[describeForTest(t, tc.obj)].tags.tagRevivals(content, 2)
			g.Expect(contentOf(tc.want)).To(Equal(content))
		})
	}
}
