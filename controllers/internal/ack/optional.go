package ack

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/ack/acm"
	"github.com/portolan-dev/portolan/controllers/internal/ack/route53"
	"github.com/portolan-dev/portolan/controllers/internal/ack/s3"
)

// Optional tells whether a kind belongs to a controller that only some profiles need, so
// that its CRDs may be missing.
func Optional(kind client.Object) bool {
	switch kind.(type) {
	case *s3.Bucket, *acm.Certificate, *route53.RecordSet:
		return true
	default:
		return false
	}
}
