package gossipring

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/delivery"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/probe"
)

// sight is what one look at a region shows that nothing announces.
type sight struct {
	view    view
	probing bool
	findings
	// found are the seeds as they are written, where no cache has them; nil if nobody could look.
	found *delivery.Found
}

// slowSight is what changes rarely and costs calls to AWS.
type slowSight struct {
	targets targetSight
	key     string
	keyNote string
}

// targetSight is what a load balancer says of its targets.
type targetSight struct {
	healthy int32
	note    string
	known   bool
}

// staleAfter is how many intervals an answer may be old before the member counts as Unknown.
const staleAfter = 3

// lookAtAll takes the looks at the members that are due, and hands every member what is
// known of it.
func (r *Reconciler) lookAtAll(ctx context.Context, s *scope) {
	every := r.lookInterval(s)
	jobs, slow := make([]job[sight], 0, len(s.members)), make([]job[slowSight], 0, len(s.members))
	var names []job[nameSight]
	var balancers []job[balancerSight]
	for _, m := range s.members {
		if m.reachable {
			jobs = append(jobs, job[sight]{key: s.lookKey(m), question: s.question(m), every: every, ask: r.look(s, m)})
		}
		if name := friendlyName(s.ring, m.region); m.reachable && name != "" && m.balancer != "" && s.environment != nil {
			names = append(names, job[nameSight]{key: s.lookKey(m), question: s.nameQuestion(m), every: every, ask: r.lookForName(s, m, name)})
		}
		if s.asksForBalancer(m) {
			balancers = append(balancers, job[balancerSight]{key: s.lookKey(m), question: s.nameQuestion(m), every: every, ask: r.lookForBalancer(s, m)})
		}
		if s.asksAWS(m) {
			slow = append(slow, job[slowSight]{key: s.lookKey(m), question: s.slowQuestion(m), every: r.slowInterval(s, m), ask: r.lookSlowly(s, m)})
		}
	}
	var looking sync.WaitGroup
	looking.Go(func() { r.sights.refresh(ctx, jobs) })
	looking.Go(func() { r.names.refresh(ctx, names) })
	looking.Go(func() { r.balancers.refresh(ctx, balancers) })
	r.slowSights.refresh(ctx, slow)
	looking.Wait()
	for _, m := range s.members {
		r.recall(s, m)
	}
	s.doubtHalfViews()
}

// recall hands a member what was last seen of it.
func (r *Reconciler) recall(s *scope, m *member) {
	if m.reachable {
		name, looked := r.names.last(s.lookKey(m), s.nameQuestion(m), staleAfter*r.Poll)
		balancer, _ := r.balancers.last(s.lookKey(m), s.nameQuestion(m), staleAfter*r.Poll)
		settleEndpoint(s, m, name, looked, balancer)
		if seen, looked := r.sights.last(s.lookKey(m), s.question(m), staleAfter*r.Poll); looked {
			m.take(s, seen)
		}
	}
	if rare, ok := r.slowSights.last(s.lookKey(m), s.slowQuestion(m), staleAfter*r.SlowPoll); ok {
		m.key, m.keyNote = rare.key, rare.keyNote
		if rare.targets.known || rare.targets.note != "" {
			m.targets = &rare.targets
		}
	}
}

// asksAWS tells whether there is anything about a member that only AWS knows.
func (s *scope) asksAWS(m *member) bool {
	return s.environment != nil && (s.expectsTargets() && m.balancer != "" || s.ring.Spec.Key != nil)
}

// take fills in what a look has shown.
func (m *member) take(s *scope, seen sight) {
	m.seen, m.peers, m.unread, m.half = seen.view.seen, seen.view.peers, seen.view.unread, seen.view.half
	m.findings, m.probing = seen.findings, seen.probing
	for _, pod := range m.pods {
		if pod.Name == seen.view.bridge {
			m.bridge = pod
		}
	}
	if seen.found != nil {
		m.found(s, *seen.found)
	}
}

// question is what a look at a member depends on: with another one, what was seen before is
// not worth anything.
func (s *scope) question(m *member) string {
	parts := []string{fmt.Sprint(s.ring.Generation), m.balancer}
	if s.environment != nil {
		parts = append(parts, fmt.Sprint(s.environment.Generation))
	}
	for _, pod := range m.pods {
		parts = append(parts, string(pod.UID), pod.Status.PodIP, fmt.Sprint(remote.PodReady(pod)))
	}
	for _, pod := range m.probes {
		parts = append(parts, string(pod.UID), fmt.Sprint(remote.PodReady(pod)))
	}
	return strings.Join(parts, " ")
}

// nameQuestion does not change with the pods: name servers need not be asked again.
func (s *scope) nameQuestion(m *member) string {
	var generation int64
	if s.environment != nil {
		generation = s.environment.Generation
	}
	return fmt.Sprint(s.ring.Generation, " ", generation, " ", m.balancer)
}

func (s *scope) slowQuestion(m *member) string {
	return fmt.Sprint(s.ring.Generation, " ", m.balancer)
}

// quickest is the share of the interval that looks are apart right after something changed.
const quickest = 15

// lookInterval is how old a look may become. While a ring is not whole and something has
// happened a moment ago, more is about to happen: looks begin close together and become rarer.
func (r *Reconciler) lookInterval(s *scope) time.Duration {
	since := r.changes.since(client.ObjectKeyFromObject(s.ring), s.world(), r.Clock)
	if s.wasWhole() || !slices.ContainsFunc(s.members, func(m *member) bool { return m.reachable }) {
		return r.Poll
	}
	return min(r.Poll, max(r.Poll/quickest, since/2))
}

// slowInterval is short while what was seen is not what should be.
func (r *Reconciler) slowInterval(s *scope, m *member) time.Duration {
	before, ok := r.slowSights.last(s.lookKey(m), s.slowQuestion(m), staleAfter*r.SlowPoll)
	if ok && s.targetsSuffice(before.targets) && (s.ring.Spec.Key == nil || before.key != "") && !s.keysDiffered() {
		return r.SlowPoll
	}
	return r.Poll
}

// look reads everything at once: what does not answer takes all the time there is, and must not take
// that of the rest.
func (r *Reconciler) look(s *scope, m *member) func(context.Context) sight {
	key, pods, probes := s.lookKey(m), m.pods, m.probes
	metrics, membership := r.scraperOf(s.ring, m.remote), *s.ring.Spec.Membership.DeepCopy()
	target, way := s.target(m), s.delivery
	if s.fromCache() {
		way = nil
	}
	// The pass may be over before the look is: it must not touch the pass's objects.
	return func(ctx context.Context) sight {
		var seen sight
		var reading sync.WaitGroup
		reading.Go(func() { seen.view = viewOf(ctx, metrics, pods, membership) })
		reading.Go(func() {
			rows, answers := rowsOf(ctx, metrics, probes)
			seen.findings, seen.probing = findingsOf(key.ring, key.region.Name, rows), answers
		})
		if way != nil {
			seen.found = &way.Read(ctx, []delivery.Target{target})[0]
		}
		reading.Wait()
		return seen
	}
}

// lookForName is a look of its own: name servers that do not answer are waited for one after the
// other, and nothing else has to.
func (r *Reconciler) lookForName(s *scope, m *member, name string) func(context.Context) nameSight {
	env, balancer := s.environment, m.balancer
	return func(ctx context.Context) nameSight { return r.lookAtName(ctx, env, name, balancer) }
}

func (r *Reconciler) lookForBalancer(s *scope, m *member) func(context.Context) balancerSight {
	role, here, balancer := s.environment.Spec.AWS.RoleARN, string(m.region.Spec.AWSRegion), m.balancer
	return func(ctx context.Context) balancerSight { return r.lookAtBalancer(ctx, role, here, balancer) }
}

// rowsOf reads what a region's probe has found.
func rowsOf(ctx context.Context, metrics scraper, probes []*corev1.Pod) (rows []probe.Row, ok bool) {
	for _, pod := range probes {
		raw, err := metrics.Scrape(ctx, pod, probe.MetricsPort, probe.MetricsPath, probe.MetricsPrefix)
		if err != nil {
			continue
		}
		if rows, err = probe.Rows(raw); err == nil {
			return rows, true
		}
	}
	return nil, false
}

func (r *Reconciler) lookSlowly(s *scope, m *member) func(context.Context) slowSight {
	role, here, balancer := s.environment.Spec.AWS.RoleARN, string(m.region.Spec.AWSRegion), m.balancer
	key, expects := s.ring.Spec.Key, s.expectsTargets()
	return func(ctx context.Context) slowSight {
		var seen slowSight
		if expects && balancer != "" {
			seen.targets = r.lookAtTargets(ctx, role, here, balancer)
		}
		if key != nil {
			version, err := r.Cloud.SecretVersion(ctx, role, here, key.SecretName)
			seen.key = version
			if err != nil {
				seen.keyNote = err.Error()
			}
		}
		return seen
	}
}

func (r *Reconciler) lookAtTargets(ctx context.Context, role, awsRegion, balancer string) targetSight {
	health, err := r.Cloud.TargetHealth(ctx, role, awsRegion, balancer)
	switch {
	case aws.ClassOf(err) == aws.NotFound:
		return targetSight{note: "AWS has no load balancer " + balancer}
	case err != nil:
		return targetSight{note: err.Error()}
	}
	return targetSight{healthy: health.Healthy, note: health.Reason, known: true}
}

// expectsTargets tells whether the load balancers' targets count.
func (s *scope) expectsTargets() bool { return s.expectedTargets() > 0 }

func (s *scope) expectedTargets() int32 {
	if expected := s.ring.Spec.Health.ExpectedHealthyTargets; expected != nil {
		return *expected
	}
	return 1
}

func (s *scope) targetsSuffice(t targetSight) bool {
	return !s.expectsTargets() || t.known && t.healthy >= s.expectedTargets()
}

// keysDiffered tells whether the last report was about different keys.
func (s *scope) keysDiffered() bool {
	return hasReason(s.ring, v1alpha1.RingKeysMatch, v1alpha1.ReasonKeyMismatch)
}
