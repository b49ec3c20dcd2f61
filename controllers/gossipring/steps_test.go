package gossipring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/delivery"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

const poll = 15 * time.Second

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func passOver(members ...*member) *scope {
	s := &scope{ring: ringWith(""), environment: environmentWith(), members: members}
	s.findParts()
	return s
}

// driver is a Reconciler whose clock stands still.
func driver(clusters *argocd.Clusters) *Reconciler {
	return NewReconciler(Deps{Clock: testingclock.NewFakeClock(start), ArgoCD: clusters, Poll: poll, SlowPoll: poll, Resync: poll})
}

// deliveringTo makes the scope's ring deliver into cluster Secrets.
func (s *scope) deliveringTo(clusters *argocd.Clusters) *scope {
	s.delivery = delivery.ForClusterSecret(clusters, s.ring)
	return s
}

func TestEndpointsStep(t *testing.T) {
	pending := func(m *member) { m.endpoint, m.message = "", "its cluster is not connected" }
	for name, tc := range map[string]struct {
		scope       *scope
		wantReason  string
		wantMessage string
		wantAfter   time.Duration
		wantStalled bool
	}{
		"all have one": {
			scope: passOver(settled("a", 2), settled("b", 2)), wantReason: v1alpha1.ReasonSucceeded, wantAfter: poll,
		},
		"some have none": {
			scope:      passOver(settled("a", 2).but(pending), settled("b", 2), settled("c", 2).but(pending)),
			wantReason: v1alpha1.ReasonWaitingForEndpoints, wantAfter: poll,
			wantMessage: "no endpoint yet: a (its cluster is not connected), c (its cluster is not connected)",
		},
		"no Region": {
			scope: passOver(), wantReason: v1alpha1.ReasonNoMembers,
			wantMessage: "no Region of environment production001 is one that the ring's profiles and regionSelector select",
		},
		"no Environment": {
			scope: &scope{ring: ringWith("")}, wantReason: v1alpha1.ReasonEnvironmentNotFound,
			wantMessage: "namespace fleet has no Environment production001: create it",
		},
		"a name outside of the zones": {
			scope:      &scope{ring: ringWith("gossip.{{ .name }}.example.com"), environment: environmentWith("aws.unkey.cloud"), members: []*member{settled("a", 1)}},
			wantReason: v1alpha1.ReasonInvalidHostname, wantStalled: true,
			wantMessage: "gossip.example.example.com lies in none of the environment's zones: add its zone to spec.dns.zones",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			err := driver(nil).reconcileEndpoints(t.Context(), tc.scope)
			g.Expect(step.ReasonOf(err)).To(Equal(tc.wantReason))
			g.Expect(err).To(MatchError(tc.wantMessage))
			g.Expect(step.PollAfter(err)).To(Equal(tc.wantAfter))
			g.Expect(step.IsTerminal(err)).To(Equal(tc.wantStalled))
		})
	}
}

func TestConvergenceStep(t *testing.T) {
	unreadable := func(m *member) { m.seen = nil }
	for name, tc := range map[string]struct {
		scope       *scope
		wantReason  string
		wantMessage string
	}{
		"all see all":     {scope: passOver(settled("a", 2), settled("b", 2)), wantReason: v1alpha1.ReasonSucceeded},
		"a ring of one":   {scope: passOver(settled("a", 1)), wantReason: v1alpha1.ReasonSucceeded},
		"no Environment":  {scope: &scope{ring: ringWith("")}, wantReason: v1alpha1.ReasonBlocked, wantMessage: "waiting for EndpointsReady"},
		"nobody to count": {scope: passOver(), wantReason: v1alpha1.ReasonBlocked, wantMessage: "waiting for EndpointsReady"},
		"one sees less": {
			scope:      passOver(settled("a", 3), settled("b", 2), settled("c", 3)),
			wantReason: v1alpha1.ReasonNotConverged, wantMessage: "b sees 2 of 3",
		},
		"one is not running": {
			scope:      passOver(settled("a", 1), settled("b", 0).but(func(m *member) { m.hasPods, m.seen = false, nil })),
			wantReason: v1alpha1.ReasonNotConverged, wantMessage: "a sees 1 of 2, b is not running",
		},
		"one cannot be measured": {
			scope:      passOver(settled("a", 2), settled("b", 0).but(unreadable)),
			wantReason: v1alpha1.ReasonMembersUnknown, wantMessage: "b (its pods' membership metric cannot be read)",
		},
		"what is known to be wrong comes before what is unknown": {
			scope:      passOver(settled("a", 1), settled("b", 0).but(unreadable)),
			wantReason: v1alpha1.ReasonNotConverged, wantMessage: "a sees 1 of 2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			err := driver(nil).reconcileConvergence(t.Context(), tc.scope)
			g.Expect(step.ReasonOf(err)).To(Equal(tc.wantReason))
			if tc.wantMessage == "" {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(err).To(MatchError(tc.wantMessage))
		})
	}
}

// registry is an Argo CD that knows the clusters of the members and refuses to write some.
func registry(t *testing.T, refused error, refusing string, members ...*member) *argocd.Clusters {
	t.Helper()
	scheme := runtime.NewScheme()
	NewWithT(t).Expect(corev1.AddToScheme(scheme)).To(Succeed())
	var objects []client.Object
	for _, m := range members {
		secret := &corev1.Secret{}
		secret.Namespace, secret.Name = "argocd", argocd.SecretName(m.cluster)
		secret.Annotations = map[string]string{v1alpha1.AnnotationWANSeedsPrefix + "api": strings.Join(m.written, ","), argocd.AnnotationOwner: "fleet/" + m.name}
		objects = append(objects, secret)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			if named, ok := obj.(interface{ GetName() *string }); ok && refusing != "" && *named.GetName() == argocd.SecretName("production001-"+refusing) {
				return refused
			}
			return c.Apply(ctx, obj, opts...)
		},
	}).Build()
	return &argocd.Clusters{Client: c, Live: c, Namespace: "argocd"}
}

func seedsIn(t *testing.T, clusters *argocd.Clusters, m *member) string {
	t.Helper()
	secret, err := clusters.Get(t.Context(), m.region)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return secret.Annotations[v1alpha1.AnnotationWANSeedsPrefix+"api"]
}

func TestSeedsStepWritesWhoseTurnItIs(t *testing.T) {
	g := NewWithT(t)
	a := settled("a", 3, "b.example").but(wants("b.example", "c.example"))
	b := settled("b", 3, "a.example").but(wants("a.example", "c.example"))
	c := settled("c", 3, "a.example", "b.example")
	clusters := registry(t, nil, "", a, b, c)
	r := driver(clusters)

	err := r.reconcileSeeds(t.Context(), passOver(a, b, c).deliveringTo(clusters))
	g.Expect(step.ReasonOf(err)).To(Equal(v1alpha1.ReasonRollingSeeds))
	g.Expect(err).To(MatchError("not yet running with its seeds: a, b"))
	g.Expect(step.PollAfter(err)).To(Equal(poll))
	g.Expect(seedsIn(t, clusters, a)).To(Equal("b.example,c.example"))
	g.Expect(seedsIn(t, clusters, b)).To(Equal("a.example"), "not its turn")

	a.applied = a.desired
	err = r.reconcileSeeds(t.Context(), passOver(a, b, c).deliveringTo(clusters))
	g.Expect(err).To(MatchError("not yet running with its seeds: b"))
	g.Expect(seedsIn(t, clusters, b)).To(Equal("a.example,c.example"))

	b.applied = b.desired
	g.Expect(r.reconcileSeeds(t.Context(), passOver(a, b, c).deliveringTo(clusters))).To(Succeed())
}

func TestNobodyIsGivenWhatOthersReadAsOneBogusHost(t *testing.T) {
	const a, b, c, d = "a.example", "b.example", "c.example", "d.example"
	misread := func(m *member) { m.malformed, m.applied = errors.New("read as one host"), nil }
	for name, tc := range map[string]struct {
		b, c *member
		want []string
	}{
		"nobody's matter":                  {b: settled("b", 3, a, c), c: settled("c", 3, a, b).but(wants(a, b, d)), want: []string{"c"}},
		"one that is connected":            {b: settled("b", 3, a, c).but(misread), c: settled("c", 3, a, b).but(wants(a, b, d))},
		"one that has lost others":         {b: settled("b", 1, a, c).but(misread), c: settled("c", 2, a).but(wants(a, b))},
		"one that reads another form well": {b: settled("b", 3, a, c).but(misread), c: settled("c", 3, a, b).but(reformed)},
		"one that does not, for its own is another": {
			b: settled("b", 3, a, c).but(misread), c: settled("c", 1, a, b).but(reformed), want: []string{"c"},
		},
		"one that is out of sight": {
			b: settled("b", 3, a, c).but(misread), c: settled("c", 0, a, b).but(reformed).but(func(m *member) { m.seen, m.reachable, m.hasPods = nil, false, false }),
		},
		"a newcomer that does not run yet": {
			b: settled("b", 3, a, c).but(misread), want: []string{"c"},
			c: settled("c", 0).but(wants(a, b)).but(func(m *member) { m.seen, m.hasPods, m.vacant, m.joined = nil, false, true, false }),
		},
		"one whose seeds did not get to where pods start": {
			b: settled("b", 3, a, c).but(misread), want: []string{"c"},
			c: settled("c", 0, a).but(func(m *member) { m.seen, m.unfinished = nil, true }),
		},
		"one that has its seeds from another place until it is written": {
			b: settled("b", 3).but(misread).but(wants(a, c)), c: settled("c", 3, a, b).but(wants(a, b, d)), want: []string{"b", "c"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			members := []*member{settled("a", 3, b, c), tc.b, tc.c}
			clusters := registry(t, nil, "", members...)
			s := passOver(members...).deliveringTo(clusters)
			s.ring.Spec.Rollout.MaxConcurrentRegions = 3
			r := driver(clusters)
			g.Expect(names(r.whoseTurn(s))).To(Equal(tc.want))
			if tc.b.malformed != nil {
				g.Expect(step.ReasonOf(r.reconcileSeeds(t.Context(), s))).To(Equal(v1alpha1.ReasonSeedsMalformed))
			}
		})
	}
}

func reformed(m *member) { m.reform = true }

func TestHubsHaveToBeMembers(t *testing.T) {
	g := NewWithT(t)
	a, b := settled("a", 2, "b.example"), settled("b", 2, "a.example")
	clusters := registry(t, nil, "", a, b)
	s := passOver(a, b).deliveringTo(clusters)
	s.ring.Spec.Seeds.Topology.Hubs = []string{"a", "gone"}
	err := driver(clusters).reconcileSeeds(t.Context(), s)
	g.Expect(step.ReasonOf(err)).To(Equal(v1alpha1.ReasonInvalidSeeds))
	g.Expect(err).To(MatchError("spec.seeds.topology.hubs: gone: no Region of the ring has that name"))
	s.ring.Spec.Seeds.Topology.Hubs = []string{"a", "b"}
	g.Expect(driver(clusters).reconcileSeeds(t.Context(), s)).To(Succeed())
}

func TestSeedsStepWithoutMembers(t *testing.T) {
	g := NewWithT(t)
	g.Expect(step.ReasonOf(driver(nil).reconcileSeeds(t.Context(), passOver()))).To(Equal(v1alpha1.ReasonBlocked))
}

func TestSeedsOfOthersAreWrittenThoughOneCannotBe(t *testing.T) {
	g := NewWithT(t)
	refused := errors.New("refused")
	a := settled("a", 3, "b.example").but(wants("b.example", "c.example"))
	b := settled("b", 3, "a.example").but(wants("a.example", "c.example"))
	clusters := registry(t, refused, "a", a, b)
	s := passOver(a, b).deliveringTo(clusters)
	s.ring.Spec.Rollout.MaxConcurrentRegions = 2
	err := driver(clusters).reconcileSeeds(t.Context(), s)
	g.Expect(err).To(MatchError(refused))
	g.Expect(err).To(MatchError(HavePrefix("writing the seeds of a: ")))
	g.Expect(seedsIn(t, clusters, b)).To(Equal("a.example,c.example"))
}

// What refuses one after the other is no moment's failure.
func TestWhoFailsAfterOthersIsReportedAtOnce(t *testing.T) {
	g := NewWithT(t)
	a := settled("a", 3, "b.example").but(wants("b.example", "c.example"))
	b := settled("b", 3, "a.example").but(wants("a.example", "c.example"))
	clusters := registry(t, errors.New("refused"), "b", a, b)
	r := driver(clusters)
	ring := client.ObjectKeyFromObject(ringWith(""))
	r.failures.note(ring, "a", errors.New("refused"), start, defaultConvergeTimeout)
	err := r.reconcileSeeds(t.Context(), passOver(a, b).deliveringTo(clusters))
	g.Expect(step.ReasonOf(err)).To(Equal(v1alpha1.ReasonSeedsNotDelivered))
	g.Expect(err).To(MatchError(HavePrefix("the seeds of b: ")))

	a.written = a.desired
	g.Expect(step.ReasonOf(r.reconcileSeeds(t.Context(), passOver(a).deliveringTo(clusters)))).NotTo(Equal(v1alpha1.ReasonSeedsNotDelivered))
	_, failing := r.failures.of(ring, "a")
	g.Expect(failing).To(BeFalse(), "somebody else has written it")
}

// With an Argo CD in each region, those that are out of reach cannot be written: healthy ones must not wait
// until each of them has failed.
func TestWhoCannotBeReachedComesLastWhereArgoCDIsThere(t *testing.T) {
	g := NewWithT(t)
	a := settled("a", 3, "b.example").but(wants("b.example", "c.example")).but(func(m *member) { m.seen, m.reachable, m.hasPods = nil, false, false })
	b := settled("b", 3, "a.example").but(wants("a.example", "c.example"))
	clusters := registry(t, argocd.ErrUnreachable, "a", a, b)
	s := passOver(a, b).deliveringTo(clusters)
	s.environment.Spec.ArgoCD.Mode = v1alpha1.ArgoCDPerCluster
	g.Expect(step.ReasonOf(driver(clusters).reconcileSeeds(t.Context(), s))).To(Equal(v1alpha1.ReasonRollingSeeds))
	g.Expect(seedsIn(t, clusters, b)).To(Equal("a.example,c.example"))
}

func TestOneThatCannotBeWrittenDoesNotKeepTheTurn(t *testing.T) {
	for name, tc := range map[string]struct {
		failure   error
		wantFirst string
	}{
		"nobody knows what became of it, and nothing restarts": {failure: errors.New("unexpected EOF"), wantFirst: v1alpha1.ReasonRetrying},
		"its write is refused": {
			failure: apierrors.NewForbidden(corev1.Resource("secrets"), "a", errors.New("denied by a webhook")), wantFirst: v1alpha1.ReasonRetrying,
		},
		"its Argo CD cannot be reached": {failure: argocd.ErrUnreachable, wantFirst: v1alpha1.ReasonSeedsNotDelivered},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			unseen := func(m *member) { m.seen, m.reachable, m.hasPods, m.joined = nil, false, false, false }
			a := settled("a", 3, "b.example").but(wants("b.example", "c.example")).but(unseen)
			b := settled("b", 3, "a.example").but(wants("a.example", "c.example"))
			c := settled("c", 3, "a.example").but(wants("a.example", "b.example"))
			clusters := registry(t, tc.failure, "a", a, b, c)
			r := driver(clusters)
			pass := func() error {
				for _, m := range []*member{a, b, c} {
					m.undelivered = nil
					if m.applied = m.written; !m.reachable {
						m.applied = nil
					}
				}
				return r.reconcileSeeds(t.Context(), passOver(a, b, c).deliveringTo(clusters))
			}
			err := pass()
			g.Expect(err).To(MatchError(ContainSubstring(tc.failure.Error())))
			g.Expect(step.ReasonOf(err)).To(Equal(tc.wantFirst))
			g.Expect(step.IsTerminal(err)).To(BeFalse())
			g.Expect(seedsIn(t, clusters, b)).To(Equal("a.example"))
			g.Expect(step.ReasonOf(pass())).To(Equal(v1alpha1.ReasonRollingSeeds))
			g.Expect(seedsIn(t, clusters, b)).To(Equal("a.example,c.example"))
			g.Expect(seedsIn(t, clusters, c)).To(Equal("a.example"), "one at a time")
			g.Expect(step.ReasonOf(pass())).To(Equal(v1alpha1.ReasonRollingSeeds))
			g.Expect(seedsIn(t, clusters, c)).To(Equal("a.example,b.example"))
			for range 2 {
				err = pass()
				g.Expect(err).To(MatchError(And(HavePrefix("the seeds of a: "), ContainSubstring(tc.failure.Error()))), "it is tried again")
				g.Expect(step.ReasonOf(err)).To(Equal(v1alpha1.ReasonSeedsNotDelivered))
				g.Expect(step.IsTerminal(err)).To(BeFalse())
				g.Expect(step.PollAfter(err)).To(Equal(poll), "the others are looked at as ever")
			}
			r.ArgoCD, clusters = registry(t, nil, "", a, b, c), nil
			clusters = r.ArgoCD
			g.Expect(step.ReasonOf(pass())).To(Equal(v1alpha1.ReasonRollingSeeds))
			g.Expect(a.written).To(Equal(a.desired))
			g.Expect(r.failures.by[client.ObjectKeyFromObject(ringWith(""))]).To(BeEmpty())
		})
	}
}

func TestReport(t *testing.T) {
	g := NewWithT(t)
	r := driver(nil)
	clk := r.Clock.(*testingclock.FakeClock)
	earlier := metav1.NewTime(start.Add(-time.Hour))
	before := func(m *member) {
		m.before = v1alpha1.RingMember{Region: m.name, State: v1alpha1.MemberConverged, JoinedAt: &earlier, LastTransitionTime: earlier}
	}
	s := passOver(
		settled("c", 3, "a.example", "b.example").but(func(m *member) { m.joined = false }),
		settled("a", 3, "b.example", "c.example").but(before),
		settled("b", 1, "a.example", "c.example").but(before),
	)
	s.leavers = []*member{settled("aa", 1)}
	s.ring.Status.ConvergedAt, s.ring.Status.ConvergedMembers = &earlier, "3/3"
	r.report(s)

	type brief struct {
		region      string
		state       v1alpha1.MemberState
		joined, was time.Time
	}
	var got []brief
	for _, m := range s.ring.Status.Members {
		got = append(got, brief{m.Region, m.State, ptr.Deref(m.JoinedAt, metav1.Time{}).Time, m.LastTransitionTime.Time})
	}
	g.Expect(got).To(Equal([]brief{
		{"a", v1alpha1.MemberConverged, earlier.Time, earlier.Time},
		{"aa", v1alpha1.MemberLeft, time.Time{}, start},
		{"b", v1alpha1.MemberIsolated, earlier.Time, start},
		{"c", v1alpha1.MemberConverged, start, start},
	}))
	g.Expect(s.ring.Status.ConvergedMembers).To(Equal("2/3"))
	g.Expect(s.ring.Status.ConvergedAt).To(HaveValue(Equal(earlier)), "when it last was")
	g.Expect(s.ring.Status.Isolated).To(HaveExactElements("b"))

	s.members[2].seen = ptr.To[int32](3)
	clk.SetTime(start.Add(time.Minute))
	s.asReported()
	r.report(s)
	g.Expect(s.ring.Status.ConvergedMembers).To(Equal("3/3"))
	g.Expect(s.ring.Status.ConvergedAt.Time).To(Equal(start.Add(time.Minute)))

	whole := s.ring.DeepCopy()
	clk.SetTime(start.Add(time.Hour))
	s.asReported()
	r.report(s)
	g.Expect(s.ring).To(Equal(whole), "a second pass changes nothing")
}

func TestAnEvictionIsForgottenWhenAllAreTogetherAgain(t *testing.T) {
	away := func(m *member) { m.hasPods, m.seen, m.applied = false, nil, nil }
	newcomer := func(m *member) { m.joined = false }
	for name, tc := range map[string]struct {
		c, d      *member
		newcomers bool
		ago       time.Duration
		want      bool
	}{
		"who was evicted is not back":              {c: settled("c", 0).but(away), want: true},
		"somebody stays away":                      {c: settled("c", 0).but(away), ago: time.Hour},
		"it is still alone":                        {c: settled("c", 1, "a.example"), ago: time.Hour, want: true},
		"it is alone again":                        {c: settled("c", 1, "a.example"), want: true},
		"it is back":                               {c: settled("c", 3)},
		"a newcomer is still to come":              {c: settled("c", 3), d: settled("d", 0).but(away).but(newcomer)},
		"it was never connected, and is not back":  {newcomers: true, c: settled("c", 0).but(away).but(newcomer), want: true},
		"it was never connected, and still is not": {newcomers: true, c: settled("c", 1, "a.example").but(newcomer), ago: time.Hour, want: true},
		"it was never connected, and stays away":   {newcomers: true, c: settled("c", 0).but(away).but(newcomer), ago: time.Hour},
		"it is connected for the first time":       {newcomers: true, c: settled("c", 3).but(newcomer)},
	} {
		t.Run(name, func(t *testing.T) {
			s := passOver(settled("a", 2), settled("b", 2), tc.c)
			if tc.c.live() && *tc.c.seen == 3 {
				s = passOver(settled("a", 3), settled("b", 3), tc.c)
			}
			if tc.d != nil {
				s.members = append(s.members, tc.d)
			}
			record := &s.ring.Status.Rejoin
			if tc.newcomers {
				record = &s.ring.Status.RejoinNewcomers
			}
			*record = &v1alpha1.RingRejoin{Region: "c", Attempts: 1, InVain: 1, At: metav1.NewTime(start.Add(-tc.ago))}
			driver(nil).report(s)
			NewWithT(t).Expect(*record != nil).To(Equal(tc.want))
		})
	}
}

func TestALeaverStaysUntilItsPeersAreBack(t *testing.T) {
	g := NewWithT(t)
	now := metav1.NewTime(start)
	written := metav1.NewTime(start.Add(-time.Minute))
	back := settled("a", 2, "b.example").but(func(m *member) { m.writtenAt = &written })
	away := settled("b", 1, "a.example").but(func(m *member) { m.writtenAt = &written })
	g.Expect(passOver(back, away).describeLeaver(settled("gone", 3), now)).To(And(
		HaveField("State", v1alpha1.MemberLeaving), HaveField("DroppedAt", BeNil())))

	away.seen = new(int32(2))
	g.Expect(passOver(back, away).describeLeaver(settled("gone", 3), now)).To(HaveField("DroppedAt", Not(BeNil())))
	away.seen = new(int32(1))
	late := metav1.NewTime(start.Add(time.Hour))
	g.Expect(passOver(back, away).describeLeaver(settled("gone", 3), late)).To(HaveField("DroppedAt", Not(BeNil())), "nobody waits for ever")
}

func TestARingThatBecameSmallerListsNoMoreSeedsThanItsStatusHolds(t *testing.T) {
	g := NewWithT(t)
	var all []string
	for i := range 19 {
		all = append(all, fmt.Sprintf("%02d.example", i))
	}
	m := settled("x", 20, all...).but(wants(all[:9]...))
	members := []*member{m}
	for _, endpoint := range all[:9] {
		members = append(members, settled(strings.TrimSuffix(endpoint, ".example"), 20))
	}
	described := passOver(members...).describe(m, v1alpha1.MemberConverged, "", metav1.NewTime(start))
	g.Expect(described.DesiredSeeds).To(HaveLen(9), "these fit")
	g.Expect(described.AppliedSeeds).To(BeEmpty(), "the API server would refuse the whole status")
	g.Expect(described.AppliedSeedsHash).To(Equal(hashOf(all)))
	g.Expect(described.UnexpectedSeeds).To(HaveLen(mostDifferences))

	m.but(wants(all[:17]...))
	g.Expect(passOver(members...).describe(m, v1alpha1.MemberConverged, "", metav1.NewTime(start)).DesiredSeeds).To(BeEmpty(),
		"those of members whose endpoints are not known are kept")
}

func TestARingOfMembersThatAreNotThereIsNotWhole(t *testing.T) {
	g := NewWithT(t)
	fresh := func(m *member) { m.joined = false }
	s := passOver(settled("a", 0, "b.example").but(fresh), settled("b", 0, "a.example").but(fresh))
	r := driver(nil)
	r.report(s)
	g.Expect(s.ring.Status.ConvergedMembers).To(Equal("0/2"))
	g.Expect(s.ring.Status.Members[0].JoinedAt).To(BeNil())
	g.Expect(step.ReasonOf(r.reconcileConvergence(t.Context(), s))).To(Equal(v1alpha1.ReasonNotConverged), "status and condition agree")
}

// asReported makes the members those of the next pass, which starts from the last report.
func (s *scope) asReported() {
	for _, m := range slices.Concat(s.members, s.leavers) {
		m.before = known(s.ring, m.region).before
	}
}

func TestKnownStartsFromTheLastReport(t *testing.T) {
	g := NewWithT(t)
	region := &v1alpha1.Region{}
	region.Name, region.Spec.EnvironmentRef.Name = "dublin", "production001"
	ring := ringWith("")
	g.Expect(known(ring, region)).To(Equal(&member{region: region, name: "dublin", cluster: plan.ClusterName(region)}))

	written := &metav1.Time{Time: start}
	last := v1alpha1.RingMember{
		Region: "dublin", Endpoint: "d.example", Source: v1alpha1.EndpointFromLoadBalancer, State: v1alpha1.MemberUnknown,
		JoinedAt: &metav1.Time{Time: start}, SeedsWrittenAt: written, Addresses: []string{"192.0.2.1"},
	}
	ring.Status.Members = []v1alpha1.RingMember{{Region: "paris", Endpoint: "p.example"}, last}
	g.Expect(known(ring, region)).To(Equal(&member{
		region: region, name: "dublin", cluster: "production001-dublin", before: last, endpoint: "d.example",
		source: v1alpha1.EndpointFromLoadBalancer, joined: true, writtenAt: written, addresses: []string{"192.0.2.1"},
	}))
}
