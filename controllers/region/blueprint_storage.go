package region

import (
	"maps"
	"slices"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/acm"
	"github.com/portolan-dev/portolan/controllers/internal/ack/route53"
	"github.com/portolan-dev/portolan/controllers/internal/ack/s3"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// usEast1 is where S3 refuses a location constraint.
const usEast1 = "us-east-1"

// bucket builds a private bucket, which outlives the Region unless it is asked to go. Regions of one environment that
// follow each other in one AWS region share it, so its tags do not name the Region.
func (b blueprint) bucket(wanted plan.Bucket) *s3.Bucket {
	name := wanted.Name
	bucket := &s3.Bucket{
		ObjectMeta: b.meta("bucket-" + name),
		Spec: s3.BucketSpec{
			Name: &name,
			PublicAccessBlock: &s3.PublicAccessBlock{
				BlockPublicACLs: new(true), BlockPublicPolicy: new(true), IgnorePublicACLs: new(true), RestrictPublicBuckets: new(true),
			},
			OwnershipControls: &s3.OwnershipControls{Rules: []s3.OwnershipRule{{ObjectOwnership: new("BucketOwnerEnforced")}}},
			Encryption: &s3.Encryption{Rules: []s3.EncryptionRule{{
				ApplyServerSideEncryptionByDefault: &s3.EncryptionByDefault{SSEAlgorithm: new("AES256")},
				BucketKeyEnabled:                   new(false),
			}}},
			Versioning: &s3.Versioning{Status: new("Enabled")},
			Tagging:    &s3.Tagging{},
		},
	}
	bucket.Annotations[ackv1alpha1.AnnotationDeletionPolicy] = "delete"
	if wanted.Retain {
		bucket.Annotations[ackv1alpha1.AnnotationDeletionPolicy] = "retain"
	}
	if here := string(b.region.Spec.AWSRegion); here != usEast1 {
		bucket.Spec.CreateBucketConfiguration = &s3.CreateBucketConfiguration{LocationConstraint: &here}
	}
	for _, k := range slices.Sorted(maps.Keys(b.plan.Tags)) {
		if k != v1alpha1.LabelRegion {
			bucket.Spec.Tagging.TagSet = append(bucket.Spec.Tagging.TagSet, s3.Tag{Key: k, Value: b.plan.Tags[k]})
		}
	}
	return bucket
}

func (b blueprint) certificate(c plan.Certificate) *acm.Certificate {
	certificate := &acm.Certificate{
		ObjectMeta: b.meta(c.Suffix),
		Spec: acm.CertificateSpec{
			DomainName:              new(c.Domain),
			SubjectAlternativeNames: pointers(c.Names),
			KeyAlgorithm:            new("RSA_2048"),
			Options:                 &acm.CertificateOptions{CertificateTransparencyLoggingPreference: new("ENABLED")},
		},
	}
	for _, t := range b.tags(c.Suffix) {
		certificate.Spec.Tags = append(certificate.Spec.Tags, acm.Tag(t))
	}
	return certificate
}

// validation builds the record by which ACM knows that a name is ours.
func (b blueprint) validation(suffix, zoneID string, record acm.ResourceRecord) *route53.RecordSet {
	return &route53.RecordSet{
		ObjectMeta: b.meta(suffix),
		Spec: route53.RecordSetSpec{
			HostedZoneID:    &zoneID,
			Name:            record.Name,
			RecordType:      record.Type,
			TTL:             new(int64(300)),
			ResourceRecords: []route53.ResourceRecord{{Value: record.Value}},
		},
	}
}
