package region

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// SecretReplicator is what a Region needs of AWS Secrets Manager. No method reads a
// secret's value.
type SecretReplicator interface {
	// ReplicaStates returns the state of every copy of the secret, by AWS region.
	ReplicaStates(ctx context.Context, roleARN, primaryRegion, secret string) (map[string]aws.ReplicaState, error)
	// Replicate starts copying the secret to the regions.
	Replicate(ctx context.Context, roleARN, primaryRegion, secret, kmsKeyID string, regions ...string) error
	// StopReplication deletes the secret's copies in the regions.
	StopReplication(ctx context.Context, roleARN, primaryRegion, secret string, regions ...string) error
}

// States of a secret that AWS has no word for.
const (
	secretPrimary = "Primary"
	secretMissing = "Missing"
	// secretKept is no longer in the profile; its copy goes with the Region.
	secretKept = "Kept"
)

// reconcileSecrets keeps every secret of the profile replicated into the region.
func (r *Reconciler) reconcileSecrets(ctx context.Context, s *scope) error {
	if s.plan == nil {
		return step.Blocked(v1alpha1.RegionPlanned)
	}
	if len(s.plan.Profile.Secrets) == 0 {
		s.region.Status.Secrets = kept(s.region.Status.Secrets, nil)
		return step.NotRequired("the profile lists no secrets")
	}
	var errs []error
	states := make([]v1alpha1.SecretStatus, 0, len(s.plan.Profile.Secrets))
	for _, name := range s.plan.Profile.Secrets {
		state, err := r.replicate(ctx, s, name)
		if err != nil {
			errs = append(errs, err)
			states = append(states, lastKnown(s.region, name)...)
			continue
		}
		states = append(states, state)
	}
	s.region.Status.Secrets = append(states, kept(s.region.Status.Secrets, s.plan.Profile.Secrets)...)
	if len(errs) > 0 {
		return r.fromAWS(errors.Join(errs...))
	}
	return r.secretsOutcome(states)
}

// lastKnown returns what was last seen of the secret, if anything: the region's
// deletion goes by the status, so a failed look must not forget a copy.
func lastKnown(region *v1alpha1.Region, name string) []v1alpha1.SecretStatus {
	i := slices.IndexFunc(region.Status.Secrets, func(s v1alpha1.SecretStatus) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return region.Status.Secrets[i : i+1]
}

// kept returns what was replicated before and is not wanted any more.
func kept(recorded []v1alpha1.SecretStatus, wanted []string) []v1alpha1.SecretStatus {
	var all []v1alpha1.SecretStatus
	for _, s := range recorded {
		if !slices.Contains(wanted, s.Name) && s.State != secretPrimary && s.State != secretMissing {
			s.State, s.Message = secretKept, ""
			all = append(all, s)
		}
	}
	return all
}

// replicate looks at one secret and starts copying it if it has no copy here.
func (r *Reconciler) replicate(ctx context.Context, s *scope, name string) (v1alpha1.SecretStatus, error) {
	source := s.environment.Spec.Secrets
	role, here := s.environment.Spec.AWS.RoleARN, s.region.Spec.AWSRegion
	status := v1alpha1.SecretStatus{Name: name, PrimaryRegion: source.PrimaryRegion}

	replicas, err := r.Secrets.ReplicaStates(ctx, role, string(source.PrimaryRegion), name)
	switch {
	case aws.ClassOf(err) == aws.NotFound:
		status.State = secretMissing
		return status, nil
	case err != nil:
		return status, err
	case here == source.PrimaryRegion:
		status.State = secretPrimary
		return status, nil
	}
	if replica, ok := replicas[string(here)]; ok {
		status.State, status.Message = replica.Status, replica.Message
		return status, nil
	}
	status.State = aws.ReplicaInProgress
	return status, r.copy(ctx, s, name, replicas)
}

func (r *Reconciler) secretsOutcome(states []v1alpha1.SecretStatus) error {
	var missing, failed, copying []string
	for _, s := range states {
		switch s.State {
		case secretMissing:
			missing = append(missing, s.Name)
		case aws.ReplicaFailed:
			failed = append(failed, s.Name+" ("+s.Message+")")
		case aws.ReplicaInProgress:
			copying = append(copying, s.Name)
		}
	}
	switch {
	case len(missing) > 0:
		return step.Poll(r.SlowPoll, v1alpha1.ReasonSecretMissing,
			"no secret %s in %s: create it, or take it out of the profile", strings.Join(missing, ", "), states[0].PrimaryRegion)
	case len(failed) > 0:
		return step.Poll(r.SlowPoll, v1alpha1.ReasonReplicationFailed,
			"AWS cannot copy %s: delete what stands in the way in this region, then the failed replica", strings.Join(failed, ", "))
	case len(copying) > 0:
		return step.Poll(r.Poll, v1alpha1.ReasonReplicating, "copying %s", strings.Join(copying, ", "))
	}
	return nil
}
