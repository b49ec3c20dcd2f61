package gossipring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/delivery"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// reconcileEndpoints waits until every member has an endpoint that peers can use.
func (r *Reconciler) reconcileEndpoints(_ context.Context, s *scope) error {
	if err := r.possible(s); err != nil {
		return err
	}
	var waiting, astray []string
	for _, m := range s.members {
		switch {
		case m.endpoint == "":
			waiting = append(waiting, m.name+" ("+m.message+")")
		case m.astray:
			astray = append(astray, m.name+" ("+m.message+")")
		}
	}
	switch {
	case len(waiting) > 0:
		return step.Poll(r.Poll, v1alpha1.ReasonWaitingForEndpoints, "no endpoint yet: %s", strings.Join(waiting, ", "))
	case len(astray) > 0:
		return step.Poll(r.Poll, v1alpha1.ReasonEndpointMismatch, "peers keep using the last known endpoint of %s", strings.Join(astray, ", "))
	}
	targets := r.targetsHealthy(s)
	if step.ReasonOf(targets) == v1alpha1.ReasonNoHealthyTarget {
		return targets // nobody gets an answer there
	}
	if pairs := r.lastingPairs(s); len(pairs) > 0 {
		return step.Stuck(r.Poll, v1alpha1.ReasonEndpointUnreachable, "%s", describeUnreachable(pairs, s.port()))
	}
	if targets != nil {
		return targets
	}
	return step.DoneUntil(r.Poll)
}

// possible tells whether the ring can be connected at all.
func (r *Reconciler) possible(s *scope) error {
	switch {
	case s.rival != nil:
		return step.Stuck(r.Poll, v1alpha1.ReasonServiceShared,
			"ring %s has Service %s/%s in the same regions: delete one of the rings, or give them profiles or a regionSelector that exclude each other",
			s.rival.Name, s.ring.Spec.Service.Namespace, s.ring.Spec.Service.Name)
	case s.environment == nil:
		return step.Wait(v1alpha1.ReasonEnvironmentNotFound, "namespace %s has no Environment %s: create it", s.ring.Namespace, s.ring.Spec.EnvironmentRef.Name)
	}
	if _, err := metav1.LabelSelectorAsSelector(s.ring.Spec.RegionSelector); err != nil {
		return step.Terminal(v1alpha1.ReasonInvalidSelector, "spec.regionSelector: %w", err)
	}
	if unknown := s.unknownProfiles(); len(unknown) > 0 {
		return step.Stuck(r.Resync, v1alpha1.ReasonUnknownProfile, "spec.profiles: environment %s has no profile %s; the members stay as they were",
			s.environment.Name, strings.Join(unknown, ", "))
	}
	if err := checkHostname(s.ring, s.environment); err != nil {
		return step.Terminal(v1alpha1.ReasonInvalidHostname, "%w", err)
	}
	if len(s.members) == 0 {
		return step.Wait(v1alpha1.ReasonNoMembers, "no Region of environment %s is one that the ring's profiles and regionSelector select", s.environment.Name)
	}
	return nil
}

// targetsHealthy asks whether a newcomer that dials an endpoint would find somebody behind it.
func (r *Reconciler) targetsHealthy(s *scope) error {
	var without, unknown []string
	for _, m := range s.members {
		switch {
		case !s.expectsTargets() || m.targets != nil && s.targetsSuffice(*m.targets):
		case m.targets == nil:
			unknown = append(unknown, m.name)
		case !m.targets.known:
			unknown = append(unknown, m.name+" ("+m.targets.note+")")
		default:
			note := fmt.Sprintf("%s has %d of %d", m.name, m.targets.healthy, s.expectedTargets())
			if m.targets.note != "" {
				note += " (" + m.targets.note + ")"
			}
			without = append(without, note)
		}
	}
	switch {
	case len(without) > 0:
		return step.Poll(r.Poll, v1alpha1.ReasonNoHealthyTarget,
			"healthy targets of load balancers: %s: look whether a pod listens at port %d and its security group lets the load balancer through",
			strings.Join(without, ", "), s.port())
	case len(unknown) > 0:
		return step.Poll(r.Poll, v1alpha1.ReasonTargetsUnknown, "the targets of load balancers are not known: %s", strings.Join(unknown, ", "))
	}
	return nil
}

// reconcileSeeds writes the seeds whose turn it is, and waits until the pods of every
// member really run with theirs. A cluster that cannot be written does not keep the
// others from learning about a new member: it is tried again after them.
func (r *Reconciler) reconcileSeeds(ctx context.Context, s *scope) error {
	switch {
	case len(s.members) == 0 || s.rival != nil:
		return step.Blocked(v1alpha1.RingEndpointsReady)
	case s.undelivered != nil:
		return s.undelivered
	}
	if s.placed != nil {
		return step.Stuck(r.Poll, v1alpha1.ReasonInvalidSeeds,
			"spec.seeds.delivery: ring %s delivers to the same place: give each ring a key or a path of its own", nameFrom(s.ring.Namespace, s.placed))
	}
	if err := s.collision(); err != nil {
		return err
	}
	if err := r.write(ctx, s, r.whoseTurn(s)); err != nil {
		return err
	}
	if err := r.wellFormed(s); err != nil {
		return err
	}
	if late := r.overdue(s); late != "" {
		return step.Stuck(r.Poll, v1alpha1.ReasonRolloutStalled,
			"not connected again %s: look at its pods; it keeps its place among those of spec.rollout.maxConcurrentRegions (%d) until it is back", late, s.maxConcurrent())
	}
	if err := r.seeded(s); err != nil {
		return err
	}
	return r.hubsAreMembers(s)
}

// hubsAreMembers tells of hubs that nobody is seeded with.
func (r *Reconciler) hubsAreMembers(s *scope) error {
	var strangers []string
	for _, hub := range s.ring.Spec.Seeds.Topology.Hubs {
		if !slices.ContainsFunc(s.members, func(m *member) bool { return m.name == hub }) {
			strangers = append(strangers, hub)
		}
	}
	if len(strangers) > 0 {
		return step.Stuck(r.Poll, v1alpha1.ReasonInvalidSeeds, "spec.seeds.topology.hubs: %s: no Region of the ring has that name", strings.Join(strangers, ", "))
	}
	return nil
}

// seeded waits until the pods of every member run with their seeds.
func (r *Reconciler) seeded(s *scope) error {
	var behind []string
	for _, m := range s.members {
		switch {
		case m.deliverable && !m.rolling && !m.foreign && slices.Equal(m.applied, m.desired):
		case m.undelivered != nil:
			behind = append(behind, m.name+" ("+m.undelivered.Error()+")")
		default:
			behind = append(behind, m.name)
		}
	}
	if err := r.notDelivered(s, s.members); err != nil {
		return err
	}
	if len(behind) > 0 {
		return step.Poll(r.Poll, v1alpha1.ReasonRollingSeeds, "not yet running with its seeds: %s%s", strings.Join(behind, ", "), s.turns())
	}
	return nil
}

// wellFormed stops at pods that would read their seeds as one bogus host: that is a fault of
// what renders them, and every region that gets new seeds would fall out of the ring.
func (r *Reconciler) wellFormed(s *scope) error {
	var malformed []string
	for _, m := range s.members {
		if m.malformed != nil {
			malformed = append(malformed, m.name+" ("+m.malformed.Error()+")")
		}
	}
	if len(malformed) == 0 {
		return nil
	}
	return step.Stuck(r.Poll, v1alpha1.ReasonSeedsMalformed, "%s", strings.Join(malformed, ", "))
}

// write delivers seeds. What was written counts from now on, whenever it is seen.
func (r *Reconciler) write(ctx context.Context, s *scope, members []*member) error {
	if len(members) == 0 {
		return nil
	}
	writes := make([]delivery.Write, 0, len(members))
	for _, m := range members {
		writes = append(writes, delivery.Write{Target: s.target(m), Text: s.render(m.desired)})
	}
	ring, now := client.ObjectKeyFromObject(s.ring), metav1.NewTime(r.Clock.Now())
	var failed []error
	for i, err := range s.delivery.Write(ctx, writes) {
		m := members[i]
		r.sights.expire(s.lookKey(m))
		last := r.failures.note(ring, m.name, err, now.Time, s.convergeTimeout())
		m.mayHave(last.lost, now.Time, s.convergeTimeout())
		if err == nil {
			m.text, m.written, m.writtenAt = writes[i].Text, m.desired, &now
			m.reform, m.unfinished, m.foreign = false, false, false
			continue
		}
		m.undelivered = err
		if s.isFirst(m) {
			failed = append(failed, fmt.Errorf("writing the seeds of %s: %w", m.name, err))
		}
	}
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	return r.notDelivered(s, members)
}

// reconcileConvergence asks whether every member sees every member.
func (r *Reconciler) reconcileConvergence(ctx context.Context, s *scope) error {
	if len(s.members) == 0 || s.rival != nil {
		return step.Blocked(v1alpha1.RingEndpointsReady)
	}
	if r.lasting(s) {
		done := r.rejoin(ctx, s)
		return step.Stuck(r.Poll, v1alpha1.ReasonPartitioned, "%s", strings.TrimSuffix(s.describeSplit()+"; "+done, "; "))
	}
	total := weightOfAll(s.members)
	var unknown, apart []string
	for _, m := range s.members {
		state, message := stateOf(m, s.members)
		switch {
		case state == v1alpha1.MemberUnknown:
			unknown = append(unknown, m.name+" ("+message+")")
		case m.seen == nil:
			apart = append(apart, m.name+" is not running")
		case *m.seen < total:
			apart = append(apart, fmt.Sprintf("%s sees %d of %d", m.name, *m.seen, total))
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
