package region

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/acm"
	"github.com/portolan-dev/portolan/controllers/internal/ack/route53"
	"github.com/portolan-dev/portolan/controllers/internal/ack/s3"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// reconcileStorage declares buckets and certificates with the records that validate them.
func (r *Reconciler) reconcileStorage(ctx context.Context, s *scope) error {
	switch {
	case s.plan == nil:
		return step.Blocked(v1alpha1.RegionPlanned)
	case len(s.plan.Buckets) == 0 && len(s.plan.Certificates) == 0:
		s.region.Status.Certificates = nil
		if err := r.pruneStorage(ctx, s); err != nil {
			return err
		}
		return step.NotRequired("the profile lists no buckets and no certificates")
	}
	a := r.applier(s)
	b := s.blueprint()
	for _, bucket := range s.plan.Buckets {
		ack.Ensure(ctx, a, b.bucket(bucket))
	}
	statuses := make([]v1alpha1.CertificateStatus, 0, len(s.plan.Certificates))
	for _, c := range s.plan.Certificates {
		observed, _ := ack.Ensure(ctx, a, b.certificate(c), issued)
		statuses = append(statuses, certificateStatus(c, observed))
		if err := r.validate(ctx, s, a, c, observed); err != nil {
			return r.fromAWS(err)
		}
	}
	s.region.Status.Certificates = statuses
	err := a.Outcome()
	if meta.IsNoMatchError(err) {
		return step.Stuck(r.SlowPoll, v1alpha1.ReasonACKNotInstalled,
			"the management cluster lacks an ACK controller that the profile needs: %w; install it with its CRDs", err)
	}
	if err != nil {
		return err
	}
	return r.pruneStorage(ctx, s)
}

// pruneStorage lets go of what the profile does not list any more, but for what other
// Regions share.
func (r *Reconciler) pruneStorage(ctx context.Context, s *scope) error {
	if s.observe {
		return nil
	}
	for _, kind := range []client.Object{&acm.Certificate{}, &route53.RecordSet{}, &s3.Bucket{}} {
		surplus, err := r.surplus(ctx, s, kind)
		if err != nil {
			return err
		}
		if err := r.keepShared(ctx, s.region, surplus); err != nil {
			return err
		}
	}
	return r.prune(ctx, s, &acm.Certificate{}, &route53.RecordSet{}, &s3.Bucket{})
}

func certificateStatus(c plan.Certificate, observed *acm.Certificate) v1alpha1.CertificateStatus {
	status := v1alpha1.CertificateStatus{Domain: c.Domain, State: deref(observed.Status.Status)}
	if m := observed.Status.ACKResourceMetadata; m != nil && m.ARN != nil {
		status.ARN = string(*m.ARN)
	}
	return status
}

// issued asks for ACM's own state: ACK counts a certificate as synced as soon as it was requested.
func issued(c *acm.Certificate) error {
	switch state := deref(c.Status.Status); state {
	case "ISSUED":
		return nil
	case "FAILED", "VALIDATION_TIMED_OUT", "REVOKED", "EXPIRED":
		return ack.Broken("ACM reports Certificate %s as %s: %s", c.Name, state, deref(c.Status.FailureReason))
	default:
		return step.Wait(v1alpha1.ReasonValidating, "ACM has not yet validated %s", deref(c.Spec.DomainName))
	}
}

// validate publishes the records that ACM asks for, as soon as it does. A wildcard and
// its parent ask for the same one.
func (r *Reconciler) validate(ctx context.Context, s *scope, a *ack.Applier, c plan.Certificate, observed *acm.Certificate) error {
	for _, suffix := range slices.Sorted(maps.Keys(c.Validations)) {
		record, ok := recordFor(observed, c.Validations[suffix])
		if !ok {
			continue
		}
		zone, err := r.zoneFor(ctx, s, suffix, c.Validations[suffix])
		if err != nil {
			return err
		}
		ack.Ensure(ctx, a, s.blueprint().validation(suffix, zone, record))
	}
	return nil
}

func recordFor(c *acm.Certificate, name string) (acm.ResourceRecord, bool) {
	for _, v := range c.Status.DomainValidations {
		if strings.TrimPrefix(deref(v.DomainName), "*.") == name && v.ResourceRecord != nil && v.ResourceRecord.Name != nil {
			return *v.ResourceRecord, true
		}
	}
	return acm.ResourceRecord{}, false
}

// zoneFor returns the ID of the hosted zone that holds a name. A record that exists
// knows it, so that AWS is asked once only.
func (r *Reconciler) zoneFor(ctx context.Context, s *scope, suffix, name string) (string, error) {
	record := &route53.RecordSet{}
	key := client.ObjectKey{Namespace: s.region.Namespace, Name: s.plan.Name(suffix)}
	if err := r.Client.Get(ctx, key, record); client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("reading RecordSet %s: %w", key.Name, err)
	}
	if id := deref(record.Spec.HostedZoneID); id != "" {
		return id, nil
	}
	declared, _ := plan.Zone(s.environment, name)
	zones, err := r.Survey.HostedZones(ctx, s.environment.Spec.AWS.RoleARN, declared.Name)
	if err != nil {
		return "", fmt.Errorf("looking for the hosted zone of %s: %w", name, err)
	}
	zone, ok := zones[declared.Name]
	if !ok {
		return "", step.Stuck(r.SlowPoll, v1alpha1.ReasonHostedZoneMissing,
			"the account has no public hosted zone %s, which %s lies in: create it", declared.Name, name)
	}
	return zone.ID, nil
}
