package gossipring

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/delivery"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/plan"
	"github.com/portolan-dev/portolan/controllers/probe"
)

// scope is what one pass has seen. It is never kept between passes.
type scope struct {
	ring        *v1alpha1.GossipRing
	environment *v1alpha1.Environment
	rival       *v1alpha1.GossipRing // an older ring that has the Service
	placed      *v1alpha1.GossipRing // an older ring that delivers to where this one would
	members     []*member            // by name
	leavers     []*member            // by name; being deleted, or former members
	departing   []string             // of those, who may be restarting
	delivery    delivery.Delivery    // nil when the spec asks for one that cannot be
	undelivered error                // why
	refusing    bool                 // somebody's last write has failed
	split       plan.Partitioning
	newcomers   bool       // its parts are also those who were never connected
	blueprint   *blueprint // of the probes; nil when the ring asks for none
	memo        memo
}

// observe looks at every member: first at what the caches have, then at what they have
// not. A region that cannot be seen is marked so and keeps what was known of it; it never
// makes the pass fail.
func (r *Reconciler) observe(ctx context.Context, ring *v1alpha1.GossipRing) (*scope, error) {
	env, err := r.environmentOf(ctx, ring)
	if err != nil {
		return nil, err
	}
	key := client.ObjectKeyFromObject(ring)
	s := &scope{ring: ring, environment: env, memo: r.memos.of(ring)}
	regions := &v1alpha1.RegionList{}
	if err := r.Client.List(ctx, regions, client.InNamespace(ring.Namespace)); err != nil {
		return nil, fmt.Errorf("listing Regions: %w", err)
	}
	if err := r.observeRivals(ctx, s, regions.Items); err != nil {
		return nil, err
	}
	s.delivery, s.undelivered = r.deliveryFor(ctx, s)
	slices.SortFunc(regions.Items, func(a, b v1alpha1.Region) int { return strings.Compare(a.Name, b.Name) })
	for i := range regions.Items {
		if region := &regions.Items[i]; s.selects(region) && region.DeletionTimestamp.IsZero() {
			m := known(ring, region)
			r.glance(ctx, s, m)
			s.members = append(s.members, m)
		}
	}
	s.takeLeave(regions.Items)
	r.depart(s)
	r.lookAtAll(ctx, s)
	now, timeout := r.Clock.Now(), s.convergeTimeout()
	for _, m := range s.members {
		m.away, m.lost, m.stranded = m.wentAway(now, timeout), m.vanished(now, timeout), m.staysOutside(now, timeout)
	}
	r.forgetOthers(s)
	seedAll(s)
	s.blueprint = s.memo.probes(func() *blueprint { return s.blueprintFor(r.ProbeImage) })
	r.memos.keep(key, s.memo)
	s.findParts()
	return s, nil
}

// selects tells whether a Region is a member. While spec.profiles names one that the environment does
// not have, members stay as they were: it may be the one that they have, misspelt.
func (s *scope) selects(region *v1alpha1.Region) bool {
	if plan.Selects(s.ring, region) || len(s.unknownProfiles()) == 0 {
		return plan.Selects(s.ring, region)
	}
	all := *s.ring
	all.Spec.Profiles = nil
	return plan.Selects(&all, region) && plan.WasMember(s.ring, region)
}

// unknownProfiles are those of the ring that its environment does not have.
func (s *scope) unknownProfiles() []string {
	if s.environment == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.ring.Spec.Profiles), func(name string) bool {
		return slices.ContainsFunc(s.environment.Spec.Profiles, func(p v1alpha1.Profile) bool { return p.Name == name })
	})
}

// environmentOf returns the ring's Environment, or nil when there is none. Who is a
// member does not depend on it, only which names can be looked up.
func (r *Reconciler) environmentOf(ctx context.Context, ring *v1alpha1.GossipRing) (*v1alpha1.Environment, error) {
	env := &v1alpha1.Environment{}
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: ring.Namespace, Name: ring.Spec.EnvironmentRef.Name}, env)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // absence is an answer
	case err != nil:
		return nil, fmt.Errorf("reading Environment %s: %w", ring.Spec.EnvironmentRef.Name, err)
	}
	return env, nil
}

// known starts from what the last pass reported.
func known(ring *v1alpha1.GossipRing, region *v1alpha1.Region) *member {
	m := &member{region: region, name: region.Name, cluster: plan.ClusterName(region)}
	for i := range ring.Status.Members {
		if before := &ring.Status.Members[i]; isOf(ring, *before, region) {
			m.before = *before
			m.endpoint, m.source, m.addresses = before.Endpoint, before.Source, before.Addresses
			m.joined, m.writtenAt = before.JoinedAt != nil, before.SeedsWrittenAt
		}
	}
	return m
}

// glance reads what the caches have of a member.
func (r *Reconciler) glance(ctx context.Context, s *scope, m *member) {
	cluster, ok := r.Clusters.Get(client.ObjectKeyFromObject(m.region))
	m.reachable, m.hidden = ok && cluster.Connected() == nil, true
	m.unmet = !ok || !m.reachable && !cluster.Failed()
	if m.reachable {
		m.remote = cluster
		glanceAtService(s.ring.Spec.Service, m)
		glanceAtPods(s, m)
	} else {
		m.message = "its cluster is not connected"
	}
	if s.delivery != nil && s.fromCache() {
		m.found(s, s.delivery.Read(ctx, []delivery.Target{s.target(m)})[0])
	}
}

// wentAway tells whether a member's pods, or what was written for them, were lost from sight with
// its restart not known to be over. Nobody waits for it longer than for one that can be seen, nor for
// one that was written to while it was Unknown already: an API server that has stopped answering still
// counts as connected for a while, and nobody can tell when that region will restart.
func (m *member) wentAway(now time.Time, timeout time.Duration) bool {
	if !m.joined || m.hasPods && m.deliverable || m.landed() || m.writtenAt == nil || now.Sub(m.writtenAt.Time) > timeout {
		return false
	}
	return m.writtenInSight()
}

// writtenInSight tells whether a member was not Unknown yet when it was last written to.
func (m *member) writtenInSight() bool {
	return m.before.State != v1alpha1.MemberUnknown || m.writtenAt == nil || !m.writtenAt.After(m.before.LastTransitionTime.Time)
}

func (s *scope) target(m *member) delivery.Target {
	return delivery.Target{Region: m.region, Remote: m.remote}
}

// found takes down the seeds that are written for the member.
func (m *member) found(s *scope, f delivery.Found) {
	m.deliverable, m.unfinished, m.undelivered, m.hidden = f.Known, f.Unfinished, f.Err, f.Err != nil
	if !f.Known {
		return
	}
	seeds, err := s.parse(f.Text)
	if err != nil {
		seeds, m.reform = plan.SeedsIn(f.Text), true
	}
	m.text, m.written = f.Text, seeds
}

func (s *scope) parse(text string) ([]string, error) {
	return s.memo.parse(text, func(text string) ([]string, error) {
		return plan.ParseSeeds(text, s.ring.Spec.Seeds, s.port())
	})
}

func (s *scope) render(seeds []string) string {
	return plan.RenderSeeds(seeds, s.ring.Spec.Seeds, s.port())
}

// defaultPort is the API's default, for rings that were stored before it had one.
const defaultPort = 7947

func (s *scope) port() int32 { return cmp.Or(s.ring.Spec.Port, defaultPort) }

// glanceAtPods reads the seeds that the pods run with.
func glanceAtPods(s *scope, m *member) {
	namespace := s.ring.Spec.Service.Namespace
	if s.ring.Spec.Probe != nil {
		m.probes, _ = m.remote.Pods(namespace, probe.Labels(s.ring.Name))
	}
	pods, err := m.remote.Pods(namespace, s.ring.Spec.Workload.MatchLabels)
	if err != nil || len(pods) == 0 {
		m.vacant = err == nil
		return
	}
	m.pods, m.hasPods, m.weight = pods, true, 1
	if s.ring.Spec.Membership.Expected == v1alpha1.ExpectPods {
		m.weight = int32(len(pods))
	}
	m.rolling = slices.ContainsFunc(pods, func(p *corev1.Pod) bool { return !remote.PodReady(p) })
}

// forgetOthers drops what was seen of regions that are no members any more.
func (r *Reconciler) forgetOthers(s *scope) {
	regions := map[client.ObjectKey]bool{}
	for _, m := range s.members {
		regions[client.ObjectKeyFromObject(m.region)] = true
	}
	r.forget(client.ObjectKeyFromObject(s.ring), regions)
}

func (r *Reconciler) forget(ring client.ObjectKey, but map[client.ObjectKey]bool) {
	r.sights.keep(ring, but)
	r.names.keep(ring, but)
	r.balancers.keep(ring, but)
	r.slowSights.keep(ring, but)
}

// wasWhole tells whether the last pass saw everybody connected and seeded.
func (s *scope) wasWhole() bool {
	return meta.IsStatusConditionTrue(s.ring.Status.Conditions, v1alpha1.ConditionReady)
}

func hasReason(ring *v1alpha1.GossipRing, condition, reason string) bool {
	c := meta.FindStatusCondition(ring.Status.Conditions, condition)
	return c != nil && c.Reason == reason
}

// sinceReason is since when a condition has had its status, if it has the reason.
func sinceReason(ring *v1alpha1.GossipRing, condition, reason string) (metav1.Time, bool) {
	c := meta.FindStatusCondition(ring.Status.Conditions, condition)
	if c == nil || c.Reason != reason {
		return metav1.Time{}, false
	}
	return c.LastTransitionTime, true
}
