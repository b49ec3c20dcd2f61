package gossipring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// reconcileEndpoints waits until every member has an endpoint that peers can use.
func (r *Reconciler) reconcileEndpoints(_ context.Context, s *scope) error {
	if s.environment == nil {
		return step.Wait(v1alpha1.ReasonEnvironmentNotFound, "namespace %s has no Environment %s: create it", s.ring.Namespace, s.ring.Spec.EnvironmentRef.Name)
	}
	if err := checkHostname(s.ring, s.environment); err != nil {
		return step.Terminal(v1alpha1.ReasonInvalidHostname, "%w", err)
	}
	if len(s.members) == 0 {
		return step.Wait(v1alpha1.ReasonNoMembers, "no Region of environment %s has one of the ring's profiles", s.environment.Name)
	}
	var waiting []string
	for _, m := range s.members {
		if m.endpoint == "" {
			waiting = append(waiting, m.name+" ("+m.message+")")
		}
	}
	if len(waiting) > 0 {
		return step.Poll(r.Poll, v1alpha1.ReasonWaitingForEndpoints, "no endpoint yet: %s", strings.Join(waiting, ", "))
	}
	return step.DoneUntil(r.Poll)
}

// reconcileSeeds writes the seeds whose turn it is, and waits until the pods of every
// member really run with theirs. A cluster that cannot be written does not keep the
// others from learning about a new member.
func (r *Reconciler) reconcileSeeds(ctx context.Context, s *scope) error {
	if len(s.members) == 0 {
		return step.Blocked(v1alpha1.RingEndpointsReady)
	}
	var failed []error
	for _, m := range nextWrites(s.members, max(1, int(s.ring.Spec.Rollout.MaxConcurrentRegions))) {
		if _, err := r.ArgoCD.SetSeeds(ctx, m.cluster, s.ring.Name, strings.Join(m.desired, ",")); err != nil {
			failed = append(failed, fmt.Errorf("writing the seeds of %s: %w", m.name, err))
			continue
		}
		m.written = m.desired
	}
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	var behind []string
	for _, m := range s.members {
		if !m.registered || m.rolling || !slices.Equal(m.applied, m.desired) {
			behind = append(behind, m.name)
		}
	}
	if len(behind) > 0 {
		return step.Poll(r.Poll, v1alpha1.ReasonRollingSeeds, "not yet running with its seeds: %s", strings.Join(behind, ", "))
	}
	return nil
}

// reconcileConvergence asks whether every member sees every member.
func (r *Reconciler) reconcileConvergence(_ context.Context, s *scope) error {
	if len(s.members) == 0 {
		return step.Blocked(v1alpha1.RingEndpointsReady)
	}
	var unknown, apart []string
	for _, m := range s.members {
		state, message := stateOf(m, s.members)
		switch {
		case state == v1alpha1.MemberUnknown:
			unknown = append(unknown, m.name+" ("+message+")")
		case m.seen == nil:
			apart = append(apart, m.name+" is not running")
		case int(*m.seen) < len(s.members):
			apart = append(apart, fmt.Sprintf("%s sees %d of %d", m.name, *m.seen, len(s.members)))
		}
	}
	switch {
	case len(apart) > 0:
		return step.Poll(r.Poll, v1alpha1.ReasonNotConverged, "%s", strings.Join(apart, ", "))
	case len(unknown) > 0:
		return step.Poll(r.Poll, v1alpha1.ReasonMembersUnknown, "%s", strings.Join(unknown, ", "))
	}
	return nil
}

// report writes the members into the status. A member keeps the time of its last
// transition while its state stays.
func (r *Reconciler) report(s *scope) {
	now := metav1.NewTime(r.Clock.Now())
	before := s.ring.Status.Members
	members := make([]v1alpha1.RingMember, 0, len(s.members)+len(s.leavers))
	converged := 0
	for _, m := range s.members {
		state, message := stateOf(m, s.members)
		if state == v1alpha1.MemberConverged {
			converged++
		}
		members = append(members, r.describe(m, state, message, before, now))
	}
	for _, m := range s.leavers {
		state := leaverState(m, s.members)
		members = append(members, r.describe(m, state, "", before, now))
	}
	slices.SortFunc(members, func(a, b v1alpha1.RingMember) int { return strings.Compare(a.Region, b.Region) })
	s.ring.Status.Members = members
	s.ring.Status.ConvergedMembers = fmt.Sprintf("%d/%d", converged, len(s.members))
	if whole := len(s.members) > 0 && converged == len(s.members); whole && s.ring.Status.ConvergedAt == nil {
		s.ring.Status.ConvergedAt = &now
	} else if !whole {
		s.ring.Status.ConvergedAt = nil
	}
}

func (r *Reconciler) describe(m *member, state v1alpha1.MemberState, message string, before []v1alpha1.RingMember, now metav1.Time) v1alpha1.RingMember {
	described := v1alpha1.RingMember{
		Region: m.name, State: state, Endpoint: m.endpoint, Source: m.source, MembersSeen: m.seen,
		DesiredSeeds: m.desired, AppliedSeeds: m.applied, Message: message, LastTransitionTime: now,
	}
	i := slices.IndexFunc(before, func(b v1alpha1.RingMember) bool { return b.Region == m.name })
	if i >= 0 {
		described.JoinedAt = before[i].JoinedAt
		if before[i].State == state {
			described.LastTransitionTime = before[i].LastTransitionTime
		}
	}
	if described.JoinedAt == nil && state == v1alpha1.MemberConverged {
		described.JoinedAt = &now
	}
	return described
}

// leaverState is Left once no member has the leaver among its seeds, neither written
// nor in a pod. Who cannot be seen is not waited for: its seeds were written.
func leaverState(leaver *member, members []*member) v1alpha1.MemberState {
	for _, m := range members {
		if leaver.endpoint != "" && (slices.Contains(m.written, leaver.endpoint) || m.reachable && slices.Contains(m.applied, leaver.endpoint)) {
			return v1alpha1.MemberLeaving
		}
	}
	return v1alpha1.MemberLeft
}
