package gossipring

import (
	"errors"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// settled is a member that runs with its seeds and sees as many members as given.
func settled(name string, sees int32, seeds ...string) *member {
	slices.Sort(seeds)
	region := &v1alpha1.Region{}
	region.Namespace, region.Name, region.Spec.AWSRegion = "fleet", name, v1alpha1.AWSRegion(name)
	region.Spec.EnvironmentRef.Name = "production001"
	return &member{
		region: region, name: name, cluster: "production001-" + name, endpoint: name + ".example", source: v1alpha1.EndpointFromHostname,
		deliverable: true, written: seeds, desired: seeds, targets: &targetSight{healthy: 1, known: true},
		reachable: true, hasPods: true, applied: seeds, seen: new(sees), joined: true,
	}
}

// but changes a member.
func (m *member) but(change func(*member)) *member {
	change(m)
	return m
}

func unheard(m *member) { m.unheard, m.failing, m.writtenAt = true, true, new(metav1.NewTime(start)) }

func failed(ago time.Duration) func(*member) {
	return func(m *member) { m.failing, m.triedAt = true, start.Add(-ago) }
}

// dark members ran with their seeds when they were last seen.
func dark(m *member) {
	m.reachable, m.hasPods, m.seen, m.applied = false, false, nil, nil
	m.before.AppliedSeedsHash, m.before.WrittenSeedsHash = "same", "same"
}

func wants(seeds ...string) func(*member) {
	slices.Sort(seeds)
	return func(m *member) { m.desired = seeds }
}

func names(members []*member) []string {
	var all []string
	for _, m := range members {
		all = append(all, m.name)
	}
	return all
}

// awaited are members that have no endpoint yet, none of them for too long.
func awaited(m *member) bool {
	return (&Reconciler{Deps: Deps{Clock: testingclock.NewFakeClock(start)}}).awaited(passOver())(m)
}

func TestWhoIsAwaited(t *testing.T) {
	newcomer := func(m *member) {
		m.joined, m.before.State, m.before.LastTransitionTime = false, v1alpha1.MemberSeeded, metav1.NewTime(start.Add(-time.Minute))
	}
	long := func(m *member) { m.before.LastTransitionTime = metav1.NewTime(start.Add(-time.Hour)) }
	pending := func(m *member) { m.before.State = v1alpha1.MemberPending }
	gone := func(m *member) { m.hasPods, m.seen = false, nil }
	registration := func(status metav1.ConditionStatus, reason string, ago time.Duration) func(*member) {
		return func(m *member) {
			m.region.Status.Conditions = []metav1.Condition{{
				Type: v1alpha1.RegionRegistered, Status: status, Reason: reason, LastTransitionTime: metav1.NewTime(start.Add(-ago)),
			}}
		}
	}
	registering := registration(metav1.ConditionFalse, v1alpha1.ReasonSyncing, time.Hour)
	registered := registration(metav1.ConditionTrue, v1alpha1.ReasonSucceeded, time.Minute)
	registeredLong := registration(metav1.ConditionTrue, v1alpha1.ReasonSucceeded, time.Hour)
	unregistered := registration(metav1.ConditionFalse, v1alpha1.ReasonNoPin, time.Minute)
	unserved := func(m *member) { newcomer(m); pending(m); long(m); m.endpoint = "" }
	for name, tc := range map[string]struct {
		member *member
		want   bool
	}{
		"one without an endpoint":               {settled("b", 0).but(newcomer).but(func(m *member) { m.endpoint = "" }), true},
		"but not for ever":                      {settled("b", 0).but(unserved), false},
		"from when it is being registered":      {settled("b", 0).but(unserved).but(registering), true},
		"from when it was registered":           {settled("b", 0).but(unserved).but(registered), true},
		"nor for ever then":                     {settled("b", 0).but(unserved).but(registeredLong), false},
		"nor while it cannot be registered":     {settled("b", 0).but(unserved).but(unregistered), false},
		"one that is not connected yet":         {settled("b", 1).but(newcomer), true},
		"one that cannot be measured yet":       {settled("b", 1).but(newcomer).but(func(m *member) { m.seen = nil }), true},
		"one that has its endpoint just now":    {settled("b", 1).but(newcomer).but(pending).but(long), true},
		"not one that takes too long":           {settled("b", 1).but(newcomer).but(long), false},
		"nor one that is connected":             {settled("b", 2).but(newcomer), false},
		"nor one that was":                      {settled("b", 1).but(newcomer).but(func(m *member) { m.joined = true }), false},
		"one whose pods are still to come":      {settled("b", 1).but(newcomer).but(gone), true},
		"but not for ever either":               {settled("b", 1).but(newcomer).but(pending).but(long).but(gone), false},
		"nor one that ran":                      {settled("b", 1).but(newcomer).but(gone).but(func(m *member) { m.joined = true }), false},
		"nor one that nothing can be said of":   {settled("b", 1).but(newcomer).but(func(m *member) { m.reachable = false }), false},
		"one that does not answer just now":     {settled("b", 1).but(newcomer).but(registered).but(func(m *member) { m.reachable = false }), true},
		"not one that comes up again and again": {settled("b", 1).but(newcomer).but(registeredLong), false},
		"but not if it had its time":            {settled("b", 1).but(newcomer).but(long).but(registeredLong).but(func(m *member) { m.reachable = false }), false},
		"one that could not be looked into":     {settled("b", 0).but(newcomer).but(func(m *member) { m.deliverable, m.undelivered, m.endpoint = false, errors.New("git"), "" }), true},
		"nor one that is not registered":        {settled("b", 0).but(newcomer).but(func(m *member) { m.deliverable, m.endpoint = false, "" }), false},
		"one whose place was only just made":    {settled("b", 1).but(newcomer).but(func(m *member) { m.deliverable = false }), true},
	} {
		t.Run(name, func(t *testing.T) {
			s := passOver(settled("a", 2, "b.example"), tc.member)
			NewWithT(t).Expect(driver(nil).awaited(s)(tc.member)).To(Equal(tc.want))
		})
	}
}

func TestNextWrites(t *testing.T) {
	const a, b, c, d = "a.example", "b.example", "c.example", "d.example"
	unregistered := func(m *member) { m.deliverable = false }
	empty := func(m *member) { m.vacant = true }
	deploying := func(m *member) {
		m.endpoint, m.hasPods, m.seen, m.applied, m.joined = "", false, nil, nil, false
	}
	for name, tc := range map[string]struct {
		members       []*member
		maxConcurrent int
		want          []string
	}{
		"nothing to write": {
			members: []*member{settled("a", 2, b), settled("b", 2, a)}, maxConcurrent: 8,
		},
		"everybody learns about a new member, one at a time": {
			members:       []*member{settled("a", 3, b).but(wants(b, c)), settled("b", 3, a).but(wants(a, c)), settled("c", 3, a, b)},
			maxConcurrent: 1, want: []string{"a"},
		},
		"or two at a time": {
			members:       []*member{settled("a", 3, b).but(wants(b, c)), settled("b", 3, a).but(wants(a, c)), settled("c", 3, a, b)},
			maxConcurrent: 2, want: []string{"a", "b"},
		},
		"the next waits while pods have not picked up what was written": {
			members: []*member{
				settled("a", 3, b, c).but(func(m *member) { m.applied = []string{b} }),
				settled("b", 3, a).but(wants(a, c)), settled("c", 3, a, b),
			},
			maxConcurrent: 1,
		},
		"the next waits while pods restart": {
			members: []*member{
				settled("a", 3, b, c).but(func(m *member) { m.rolling, m.applied = true, nil }),
				settled("b", 3, a).but(wants(a, c)), settled("c", 3, a, b),
			},
			maxConcurrent: 1,
		},
		"the next waits while the one before has not come back": {
			members: []*member{
				settled("a", 1, b, c),
				settled("b", 3, a).but(wants(a, c)), settled("c", 3, a, b),
			},
			maxConcurrent: 1,
		},
		"the next waits while the one before cannot be measured": {
			members: []*member{
				settled("a", 0, b, c).but(func(m *member) { m.seen = nil }),
				settled("b", 2, a).but(wants(a, c)), settled("c", 2, a, b),
			},
			maxConcurrent: 1,
		},
		"one that changes takes one place of two": {
			members: []*member{
				settled("a", 4, b, c, d).but(func(m *member) { m.rolling = true }),
				settled("b", 4, a).but(wants(a, c)), settled("c", 4, a).but(wants(a, b)), settled("d", 4, a, b, c),
			},
			maxConcurrent: 2, want: []string{"b"},
		},
		"more that change than may": {
			members: []*member{
				settled("a", 3, b, c).but(func(m *member) { m.rolling = true }),
				settled("b", 3, a, c).but(func(m *member) { m.rolling = true }),
				settled("c", 3, a).but(wants(a, b)),
			},
			maxConcurrent: 1,
		},
		"one that never joined cannot be made worse by others": {
			members: []*member{
				settled("a", 1, b).but(func(m *member) { m.joined = false }),
				settled("b", 3, a).but(wants(a, c)), settled("c", 3, a, b),
			},
			maxConcurrent: 1, want: []string{"b"},
		},
		"a region that Argo CD does not know is not written": {
			members:       []*member{settled("a", 2, b).but(wants(b, c)).but(unregistered), settled("b", 2, a)},
			maxConcurrent: 1,
		},
		"connected members wait for a region that is about to get its endpoint": {
			members: []*member{
				settled("a", 3, b).but(wants(b, c)), settled("b", 3, a).but(wants(a, c)), settled("c", 3, a, b),
				settled("d", 0, a, b).but(wants(a, b)).but(deploying),
			},
			maxConcurrent: 1,
		},
		"but not for one whose API server does not answer": {
			members: []*member{
				settled("a", 3, b).but(wants(b, c)), settled("b", 3, a, c), settled("c", 3, a, b),
				settled("d", 0, a, b).but(wants(a, b)).but(deploying).but(func(m *member) { m.reachable = false }),
			},
			maxConcurrent: 1, want: []string{"a"},
		},
		"nor for one that Argo CD does not know": {
			members: []*member{
				settled("a", 3, b).but(wants(b, c)), settled("b", 3, a, c), settled("c", 3, a, b),
				settled("d", 0).but(deploying).but(unregistered),
			},
			maxConcurrent: 1, want: []string{"a"},
		},
		"a member that is not connected does not wait": {
			members: []*member{
				settled("a", 1).but(wants(b)).but(func(m *member) { m.joined = false }),
				settled("b", 1).but(wants(a)).but(func(m *member) { m.joined = false }),
				settled("d", 0).but(deploying),
			},
			maxConcurrent: 1, want: []string{"a"},
		},
		"dialing somebody who has gone does not wait": {
			members: []*member{
				settled("a", 2, b, c).but(wants(b)), settled("b", 2, a),
				settled("d", 0).but(deploying),
			},
			maxConcurrent: 1, want: []string{"a"},
		},
		"one that has lost others is given its cure": {
			members: []*member{
				settled("a", 1, b, "old.example").but(wants(b, c)), settled("b", 2, a, c), settled("c", 2, a, b),
			},
			maxConcurrent: 1, want: []string{"a"},
		},
		"and nobody else is, until it is back": {
			members: []*member{
				settled("a", 1, b, "old.example").but(wants(b, c)), settled("b", 2, a).but(wants(a, c)), settled("c", 2, a, b),
			},
			maxConcurrent: 1, want: []string{"a"},
		},
		"who misses one that restarts waits until it is back": {
			members: []*member{
				settled("a", 1, b, c, d).but(func(m *member) { m.rolling, m.applied = true, nil }),
				settled("b", 2, a, c).but(wants(a, c, d)), settled("c", 2, a, b).but(wants(a, b, d)), settled("d", 4, a, b, c),
			},
			maxConcurrent: 1,
		},
		"unless there is a place for it as well": {
			members: []*member{
				settled("a", 1, b, c, d).but(func(m *member) { m.rolling, m.applied = true, nil }),
				settled("b", 2, a, c).but(wants(a, c, d)), settled("c", 2, a, b).but(wants(a, b, d)), settled("d", 4, a, b, c),
			},
			maxConcurrent: 2, want: []string{"b"},
		},
		"of those that have lost others one at a time is given its cure": {
			members: []*member{
				settled("a", 4, b, c, d), settled("d", 4, a, b, c),
				settled("b", 2, a, c).but(wants(a, c, d)), settled("c", 2, a, b).but(wants(a, b, d)),
			},
			maxConcurrent: 1, want: []string{"b"},
		},
		"one that nothing runs in needs no place, also while another is stuck": {
			members: []*member{
				settled("a", 1, b).but(func(m *member) { m.rolling = true }), settled("b", 2, a).but(wants(a, c)),
				settled("c", 0).but(wants(a, b)).but(deploying).but(empty), settled("d", 0).but(wants(a, b)).but(deploying).but(empty),
			},
			maxConcurrent: 1, want: []string{"c", "d"},
		},
		"unless it is not known whether anything runs there": {
			members: []*member{
				settled("a", 1, b).but(func(m *member) { m.rolling = true }), settled("b", 2, a), settled("c", 0).but(wants(a, b)).but(deploying),
			},
			maxConcurrent: 1,
		},
		"or it was connected before": {
			members: []*member{
				settled("a", 1, b).but(func(m *member) { m.rolling = true }), settled("b", 2, a),
				settled("c", 0).but(wants(a, b)).but(deploying).but(empty).but(func(m *member) { m.joined = true }),
			},
			maxConcurrent: 1,
		},
		"who was never connected is written while one that has lost nobody else waits for it": {
			members:       []*member{settled("a", 1, b), settled("b", 1).but(wants(a)).but(func(m *member) { m.joined = false })},
			maxConcurrent: 1, want: []string{"b"},
		},
		"but not while that one restarts": {
			members: []*member{
				settled("a", 1, b).but(func(m *member) { m.rolling, m.applied = true, nil }),
				settled("b", 1).but(wants(a)).but(func(m *member) { m.joined = false }),
			},
			maxConcurrent: 1,
		},
		"and one after the other": {
			members: []*member{
				settled("a", 1, b), settled("b", 1).but(wants(a)).but(func(m *member) { m.joined = false }),
				settled("c", 1).but(wants(a, b)).but(func(m *member) { m.joined = false }),
			},
			maxConcurrent: 1, want: []string{"b"},
		},
		"newcomers that have found only each other are written in the end": {
			members: []*member{
				settled("a", 2, b, c), settled("d", 2, a),
				settled("b", 2, c).but(wants(a, c, d)).but(func(m *member) { m.joined, m.stranded = false, true }),
				settled("c", 2, b).but(wants(a, b, d)).but(func(m *member) { m.joined, m.stranded = false, true }),
			},
			maxConcurrent: 1, want: []string{"b"},
		},
		"but not before they have had their time": {
			members: []*member{
				settled("a", 2, b, c), settled("d", 2, a),
				settled("b", 2, c).but(wants(a, c, d)).but(func(m *member) { m.joined = false }),
				settled("c", 2, b).but(wants(a, b, d)).but(func(m *member) { m.joined = false }),
			},
			maxConcurrent: 1,
		},
		"a turn does not end because a ConfigMap cannot be read": {
			members: []*member{
				settled("a", 1, b, c).but(func(m *member) {
					m.deliverable, m.hidden, m.concealed, m.written, m.applied = false, true, true, nil, nil
					m.before.ChangingSince, m.before.AppliedSeedsHash, m.before.WrittenSeedsHash = new(metav1.NewTime(start)), "x", "x"
				}),
				settled("b", 2, c), settled("c", 2, b).but(wants(a, b)),
			},
			maxConcurrent: 1,
		},
		"who is turned away takes no place": {
			members: []*member{
				settled("a", 2, b), settled("b", 2, a).but(wants(a, c)).but(func(m *member) { m.written = []string{a, "gone.example"}; m.applied = m.written }),
				settled("c", 1).but(wants(a, b)).but(func(m *member) { m.joined = false }), settled("d", 1, "e.example"), settled("e", 1, "d.example"),
			},
			maxConcurrent: 1, want: []string{"c"},
		},
		"regions of a living ring that was only just made restart one after the other": {
			members: []*member{
				settled("a", 2).but(wants(b)).but(func(m *member) { m.joined = false }), settled("b", 2).but(wants(a)).but(func(m *member) { m.joined = false }),
			},
			maxConcurrent: 1, want: []string{"a"},
		},
		"a write whose answer was lost is repeated first, because it may have landed": {
			members: []*member{
				settled("a", 3, b, c), settled("b", 3, a).but(wants(a, c)), settled("c", 3, a).but(wants(a, b)).but(unheard),
			},
			maxConcurrent: 1, want: []string{"c"},
		},
		"and before one that has lost others": {
			members: []*member{
				settled("a", 1, b).but(wants(b, c)), settled("b", 3, a), settled("c", 3, a).but(wants(a, b)).but(unheard),
			},
			maxConcurrent: 1, want: []string{"c"},
		},
		"also while a newcomer is expected": {
			members: []*member{
				settled("a", 3, b).but(wants(b, c)), settled("b", 3, a).but(wants(a, c)).but(unheard), settled("c", 3, a, b),
				settled("d", 1).but(func(m *member) { m.joined, m.endpoint, m.hasPods, m.seen = false, "", false, nil }),
			},
			maxConcurrent: 1, want: []string{"b"},
		},
		"one out of sight that may have what nobody has seen to land takes the place of another one": {
			members: []*member{
				settled("a", 3, b).but(wants(c)).but(dark).but(unheard).but(func(m *member) { m.before.State = v1alpha1.MemberUnknown }),
				settled("b", 3, a).but(wants(c)).but(dark), settled("c", 3, a, b),
			},
			maxConcurrent: 1, want: []string{"a"},
		},
		"of those that fail, the one that was tried first": {
			members: []*member{
				settled("a", 3, b).but(wants(b, c)).but(failed(time.Minute)), settled("b", 3, a).but(wants(a, c)).but(failed(time.Hour)), settled("c", 3, a, b),
			},
			maxConcurrent: 1, want: []string{"b"},
		},
		"whose last write has failed comes last": {
			members: []*member{
				settled("a", 1).but(wants(b, c)).but(func(m *member) { m.failing = true }), settled("b", 3, a).but(wants(a, c)), settled("c", 3, a, b),
			},
			maxConcurrent: 1, want: []string{"b"},
		},
		"seeds in another form are written anew": {
			members:       []*member{settled("a", 2, b).but(func(m *member) { m.reform = true }), settled("b", 2, a)},
			maxConcurrent: 1, want: []string{"a"},
		},
		"what was half delivered is delivered, one region at a time": {
			members: []*member{
				settled("a", 2, b).but(func(m *member) { m.unfinished, m.applied, m.written = true, nil, nil }),
				settled("b", 2, a).but(func(m *member) { m.unfinished, m.applied, m.written = true, nil, nil }),
			},
			maxConcurrent: 1, want: []string{"a"},
		},
		"also while its pods start, which may be waiting for it": {
			members: []*member{
				settled("a", 2, b).but(func(m *member) { m.unfinished, m.rolling, m.applied, m.seen = true, true, nil, nil }), settled("b", 2, a),
			},
			maxConcurrent: 1, want: []string{"a"},
		},
		"and one that runs as well, because a pod may be waiting there, but nobody else": {
			members: []*member{
				settled("a", 2, b).but(func(m *member) { m.unfinished, m.rolling = true, true }), settled("b", 2, a).but(wants(a, c)),
			},
			maxConcurrent: 1, want: []string{"a"},
		},
		"who dials somebody who has gone comes first": {
			members: []*member{
				settled("a", 3, b).but(wants(b, c)), settled("b", 3, a, d).but(wants(a, c)), settled("c", 3, a, b),
			},
			maxConcurrent: 1, want: []string{"b"},
		},
		"who is not connected comes first": {
			members: []*member{
				settled("a", 2, b).but(wants(b, c)), settled("b", 2, a),
				settled("c", 1).but(wants(a, b)).but(func(m *member) { m.joined = false }),
			},
			maxConcurrent: 2, want: []string{"a", "c"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(names(nextWrites(tc.members, tc.maxConcurrent, awaited))).To(ConsistOf(anyOf(tc.want)...))
		})
	}
}

func TestOrderOfWrites(t *testing.T) {
	g := NewWithT(t)
	stale := func(m *member) { m.written, m.applied = []string{"gone.example"}, []string{"gone.example"} }
	members := []*member{
		settled("a", 4).but(wants("b.example")), settled("b", 4, "a.example").but(stale),
		settled("c", 4).but(wants("b.example")), settled("d", 4, "a.example").but(stale),
	}
	g.Expect(names(nextWrites(members, 4, awaited))).To(Equal([]string{"b", "d", "a", "c"}), "urgent ones first, each by name")
	g.Expect(nextWrites(nil, 4, awaited)).To(BeEmpty())
}

func anyOf(all []string) []any {
	converted := make([]any, 0, len(all))
	for _, s := range all {
		converted = append(converted, s)
	}
	return converted
}

func TestStateOf(t *testing.T) {
	const a, b, c = "a.example", "b.example", "c.example"
	for name, tc := range map[string]struct {
		change      func(*member)
		peers       []*member // of member a; by default b and c, who see all
		want        v1alpha1.MemberState
		wantMessage string
	}{
		"runs with its seeds and sees all": {want: v1alpha1.MemberConverged},
		"sees more than there are, for a moment": {
			change: func(m *member) { m.seen = ptr.To[int32](4) }, want: v1alpha1.MemberConverged,
		},
		"no endpoint": {
			change: func(m *member) { m.endpoint, m.message = "", "the load balancer has no name" },
			want:   v1alpha1.MemberPending, wantMessage: "the load balancer has no name",
		},
		"never seen": {
			change: func(m *member) { m.endpoint, m.reachable, m.message = "", false, "its cluster is not connected" },
			want:   v1alpha1.MemberPending, wantMessage: "its cluster is not connected",
		},
		"cannot be observed any more": {
			change: func(m *member) { m.reachable, m.hasPods, m.applied, m.seen = false, false, nil, nil },
			want:   v1alpha1.MemberUnknown, wantMessage: "its API server does not answer; what is known of it is kept",
		},
		"no pods": {
			change: func(m *member) { m.hasPods, m.applied, m.seen = false, nil, nil },
			want:   v1alpha1.MemberPending, wantMessage: "it has no member pods",
		},
		"connected, though it is not its turn to get new seeds": {
			change: func(m *member) { m.written, m.applied = []string{b}, []string{b} }, want: v1alpha1.MemberConverged,
		},
		"connected, though its pods restart": {
			change: func(m *member) { m.rolling, m.applied = true, nil }, want: v1alpha1.MemberConverged,
		},
		"not its turn": {
			change: func(m *member) { m.written, m.applied, m.seen = []string{b}, []string{b}, ptr.To[int32](2) },
			want:   v1alpha1.MemberEndpointReady, wantMessage: "its turn to get new seeds has not come",
		},
		"pods with the seeds before": {
			change: func(m *member) { m.applied, m.seen = []string{b}, ptr.To[int32](2) },
			want:   v1alpha1.MemberEndpointReady, wantMessage: "its pods are restarting with new seeds",
		},
		"pods that restart": {
			change: func(m *member) { m.rolling, m.seen = true, ptr.To[int32](0) },
			want:   v1alpha1.MemberEndpointReady, wantMessage: "its pods are restarting with new seeds",
		},
		"no metric": {
			change: func(m *member) { m.seen = nil },
			want:   v1alpha1.MemberUnknown, wantMessage: "its pods' membership metric cannot be read",
		},
		"sees only itself": {
			change: func(m *member) { m.seen = ptr.To[int32](1) },
			want:   v1alpha1.MemberIsolated, wantMessage: "it sees nobody but itself: check port and key",
		},
		"sees not even itself": {
			change: func(m *member) { m.seen = ptr.To[int32](0) },
			want:   v1alpha1.MemberIsolated, wantMessage: "it sees nobody but itself: check port and key",
		},
		"sees some": {
			change: func(m *member) { m.seen = ptr.To[int32](2) },
			want:   v1alpha1.MemberSeeded, wantMessage: "it does not see every member",
		},
		"one that only just joins is not held against it": {
			change: func(m *member) { m.seen = ptr.To[int32](2) },
			peers:  []*member{settled("b", 2, a, c), settled("c", 1, a, b).but(func(m *member) { m.joined = false })},
			want:   v1alpha1.MemberConverged,
		},
		"joining, it has to see all": {
			change: func(m *member) { m.seen, m.joined = ptr.To[int32](2), false },
			want:   v1alpha1.MemberSeeded, wantMessage: "it does not see every member",
		},
		"one that is down is not held against it": {
			change: func(m *member) { m.seen = ptr.To[int32](2) },
			peers:  []*member{settled("b", 2, a, c), settled("c", 0, a, b).but(func(m *member) { m.seen = nil })},
			want:   v1alpha1.MemberConverged,
		},
		"alone": {
			change: func(m *member) {
				m.seen, m.joined, m.written, m.desired, m.applied = ptr.To[int32](1), false, nil, nil, nil
			},
			peers: []*member{},
			want:  v1alpha1.MemberConverged,
		},
		"alone, and not even it takes part": {
			change: func(m *member) {
				m.seen, m.joined, m.written, m.desired, m.applied = ptr.To[int32](0), false, nil, nil, nil
			},
			peers: []*member{},
			want:  v1alpha1.MemberIsolated, wantMessage: "it sees nobody but itself: check port and key",
		},
		"alone, while nobody of those who formed the ring can be looked at": {
			change: func(m *member) { m.seen, m.joined = ptr.To[int32](1), false },
			peers:  []*member{settled("b", 0, a, c).but(unseen)},
			want:   v1alpha1.MemberIsolated, wantMessage: "it sees nobody but itself: check port and key",
		},
		"nobody takes part": {
			change: func(m *member) { m.seen, m.joined = ptr.To[int32](0), false },
			peers:  []*member{settled("b", 0, a, c), settled("c", 0, a, b)},
			want:   v1alpha1.MemberIsolated, wantMessage: "it sees nobody but itself: check port and key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			m := settled("a", 3, b, c)
			if tc.change != nil {
				tc.change(m)
			}
			peers := tc.peers
			if peers == nil {
				peers = []*member{settled("b", 3, a, c), settled("c", 3, a, b)}
			}
			state, message := stateOf(m, append(peers, m))
			g.Expect(state).To(Equal(tc.want))
			g.Expect(message).To(Equal(tc.wantMessage))
		})
	}
}

func TestLeaverState(t *testing.T) {
	const a, b, gone = "a.example", "b.example", "gone.example"
	for name, tc := range map[string]struct {
		leaver  *member
		members []*member
		want    v1alpha1.MemberState
		// stillCounted tells that no seed names it any more.
		stillCounted bool
	}{
		"a peer still counts it": {
			members: []*member{settled("a", 3, b), settled("b", 2, a)}, want: v1alpha1.MemberLeaving, stillCounted: true,
		},
		"a peer's seeds still name it": {
			members: []*member{settled("a", 2, b), settled("b", 2, a, gone)}, want: v1alpha1.MemberLeaving,
		},
		"a peer's pods still have it": {
			members: []*member{settled("a", 2, b).but(func(m *member) { m.applied = []string{b, gone} })}, want: v1alpha1.MemberLeaving,
		},
		"no peer has it": {
			members: []*member{settled("a", 2, b), settled("b", 2, a)}, want: v1alpha1.MemberLeft,
		},
		"who cannot be seen is not waited for once its seeds were written": {
			members: []*member{settled("a", 2, b).but(func(m *member) { m.reachable, m.applied = false, []string{b, gone} })}, want: v1alpha1.MemberLeft,
		},
		"who cannot be seen is waited for until its seeds are written": {
			members: []*member{settled("a", 2, b, gone).but(func(m *member) { m.reachable = false })}, want: v1alpha1.MemberLeaving,
		},
		"the last one leaves": {want: v1alpha1.MemberLeft},
		"it never had an endpoint": {
			leaver:  settled("gone", 1).but(func(m *member) { m.endpoint = "" }),
			members: []*member{settled("a", 1, "")}, want: v1alpha1.MemberLeft,
		},
	} {
		t.Run(name, func(t *testing.T) {
			leaver := tc.leaver
			if leaver == nil {
				leaver = settled("gone", 1, a, b)
			}
			state, dropped := leaverState(leaver, tc.members)
			NewWithT(t).Expect(state).To(Equal(tc.want))
			NewWithT(t).Expect(dropped).To(Equal(tc.want == v1alpha1.MemberLeft || tc.stillCounted))
		})
	}
}
