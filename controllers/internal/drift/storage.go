package drift

import (
	"context"
	"slices"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/ack/acm"
	"github.com/portolan-dev/portolan/controllers/internal/ack/s3"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

func atStorage(ctx context.Context, l *look, objects []client.Object) {
	for _, bucket := range of[*s3.Bucket](objects) {
		name := ptr.Deref(bucket.Spec.Name, "")
		compareOne(l, bucket, name,
			func() (aws.PublicAccessBlock, error) { return l.PublicAccessBlock(ctx, l.roleARN, l.region, name) },
			func(known aws.PublicAccessBlock) []string { return compareBucket(bucket, known) })
	}
	for _, certificate := range of[*acm.Certificate](objects) {
		l.atCertificate(ctx, certificate)
	}
}

// compareBucket leaves buckets alone whose objects do not say who is to be kept out.
func compareBucket(b *s3.Bucket, known aws.PublicAccessBlock) []string {
	want := b.Spec.PublicAccessBlock
	if want == nil {
		return nil
	}
	return slices.Concat(
		value("publicAccessBlock.blockPublicACLs", known.BlockPublicACLs, want.BlockPublicACLs),
		value("publicAccessBlock.blockPublicPolicy", known.BlockPublicPolicy, want.BlockPublicPolicy),
		value("publicAccessBlock.ignorePublicACLs", known.IgnorePublicACLs, want.IgnorePublicACLs),
		value("publicAccessBlock.restrictPublicBuckets", known.RestrictPublicBuckets, want.RestrictPublicBuckets))
}

// atCertificate looks only whether a certificate is there: nothing about one can be edited
// but its tags and whether it is logged.
func (l *look) atCertificate(ctx context.Context, c *acm.Certificate) {
	if l.halted || c.Status.ACKResourceMetadata == nil || c.Status.ACKResourceMetadata.ARN == nil {
		return
	}
	arn := string(*c.Status.ACKResourceMetadata.ARN)
	exists, err := l.CertificateExists(ctx, l.roleARN, l.region, arn)
	if !l.failed(err) && !exists {
		l.deleted(c, arn)
	}
}
