package gossipring

import (
	"context"
	"errors"
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

var wanMembers = v1alpha1.MembershipMetric{Metric: "unkey_gossip_members_count", Labels: map[string]string{"pool": "wan"}}

var perPeer = v1alpha1.MembershipMetric{Metric: "unkey_gossip_members_count", Labels: map[string]string{"pool": "wan"}, PeerLabel: "region"}

func TestMembersIn(t *testing.T) {
	const header = "# HELP unkey_gossip_members_count Members.\n# TYPE unkey_gossip_members_count gauge\n"
	for name, tc := range map[string]struct {
		exposition string
		metric     v1alpha1.MembershipMetric
		want       int32
		wantPeers  []string
		wantErr    types.GomegaMatcher
	}{
		"a sample for each": {
			exposition: header + `unkey_gossip_members_count{pool="wan",region="b"} 1` + "\n" + `unkey_gossip_members_count{pool="wan",region="a"} 1` + "\n" +
				`unkey_gossip_members_count{pool="wan",region="gone"} 0` + "\n" + `unkey_gossip_members_count{pool="lan",region="c"} 1` + "\n",
			metric: perPeer, want: 2, wantPeers: []string{"a", "b"},
		},
		"nobody is seen": {
			exposition: header + `unkey_gossip_members_count{pool="wan",region="gone"} 0` + "\n", metric: perPeer,
		},
		"two members of one region": {
			exposition: header + `unkey_gossip_members_count{pool="wan",region="a",pod="1"} 1` + "\n" + `unkey_gossip_members_count{pool="wan",region="a",pod="2"} 1` + "\n",
			metric:     perPeer, want: 2, wantPeers: []string{"a"},
		},
		"the sample with the labels": {
			exposition: header + `unkey_gossip_members_count{pool="lan"} 9` + "\n" + `unkey_gossip_members_count{pool="wan",region="x"} 3` + "\n",
			metric:     wanMembers, want: 3,
		},
		"no labels asked for": {
			exposition: header + `unkey_gossip_members_count{pool="wan"} 3` + "\n",
			metric:     v1alpha1.MembershipMetric{Metric: "unkey_gossip_members_count"}, want: 3,
		},
		"no labels there": {exposition: header + "unkey_gossip_members_count 3\n", metric: wanMembers, wantErr: MatchError(ContainSubstring("no gauge unkey_gossip_members_count"))},
		"nobody":          {exposition: header + `unkey_gossip_members_count{pool="wan"} 0` + "\n", metric: wanMembers, want: 0},
		"other metrics":   {exposition: "# TYPE up gauge\nup 1\n", metric: wanMembers, wantErr: MatchError(ContainSubstring("no gauge"))},
		"no metrics":      {metric: wanMembers, wantErr: MatchError(ContainSubstring("no gauge"))},
		"no gauge": {
			exposition: "# TYPE unkey_gossip_members_count counter\n" + `unkey_gossip_members_count{pool="wan"} 3` + "\n",
			metric:     wanMembers, wantErr: MatchError(ContainSubstring("no gauge")),
		},
		"no exposition": {exposition: "<html>404</html>", metric: wanMembers, wantErr: MatchError(ContainSubstring("does not answer in Prometheus' text format"))},
		"not a number":  {exposition: header + `unkey_gossip_members_count{pool="wan"} NaN` + "\n", metric: wanMembers, wantErr: MatchError(ContainSubstring("NaN, which is no count"))},
		"infinite":      {exposition: header + `unkey_gossip_members_count{pool="wan"} +Inf` + "\n", metric: wanMembers, wantErr: MatchError(ContainSubstring("no count"))},
		"negative":      {exposition: header + `unkey_gossip_members_count{pool="wan"} -1` + "\n", metric: wanMembers, wantErr: MatchError(ContainSubstring("no count"))},
		"too many":      {exposition: header + `unkey_gossip_members_count{pool="wan"} 1e300` + "\n", metric: wanMembers, wantErr: MatchError(ContainSubstring("no count"))},
		"a half":        {exposition: header + `unkey_gossip_members_count{pool="wan"} 2.5` + "\n", metric: wanMembers, wantErr: MatchError(ContainSubstring("no count"))},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got, peers, err := membersIn([]byte(tc.exposition), tc.metric)
			if tc.wantErr != nil {
				g.Expect(err).To(tc.wantErr)
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got).To(Equal(tc.want))
			g.Expect(peers).To(HaveExactElements(tc.wantPeers))
		})
	}
}

func FuzzMembersIn(f *testing.F) {
	f.Add([]byte("# TYPE unkey_gossip_members_count gauge\nunkey_gossip_members_count{pool=\"wan\"} 3\n"))
	f.Add([]byte("# TYPE unkey_gossip_members_count gauge\nunkey_gossip_members_count{pool=\"wan\"} -Inf\n"))
	f.Add([]byte("# TYPE unkey_gossip_members_count histogram\nunkey_gossip_members_count_bucket{le=\"1\",pool=\"wan\"} 3\n"))
	f.Add([]byte("\x00"))
	f.Fuzz(func(t *testing.T, exposition []byte) {
		got, _, err := membersIn(exposition, wanMembers)
		if got < 0 || (err != nil && got != 0) {
			t.Errorf("%d members, %v", got, err)
		}
	})
}

// pods answer with their counts; those that have none do not answer.
type pods map[string]int32

func (p pods) Scrape(_ context.Context, pod *corev1.Pod, _ int32, _, _ string) ([]byte, error) {
	count, ok := p[pod.Name]
	if !ok {
		return nil, errors.New("no answer")
	}
	return fmt.Appendf(nil, "# TYPE unkey_gossip_members_count gauge\nunkey_gossip_members_count{pool=\"wan\"} %d\n", count), nil
}

func TestHalfAViewIsNotTheWhole(t *testing.T) {
	for name, tc := range map[string]struct {
		answers   pods
		aggregate v1alpha1.ViewAggregate
		starting  bool // the pod that does not answer is not Ready
		want      *int32
	}{
		"all answer":                           {answers: pods{"p": 1, "q": 3}, want: new(int32(3))},
		"the elected one answers":              {answers: pods{"q": 3}, want: new(int32(3))},
		"the elected one does not":             {answers: pods{"p": 1}},
		"one that is only starting does not":   {answers: pods{"p": 1}, starting: true, want: new(int32(1))},
		"nobody answers":                       {answers: pods{}},
		"every one counts, and one is missing": {answers: pods{"p": 3}, aggregate: v1alpha1.AggregateMin},
		"and one is known to miss others":      {answers: pods{"p": 1}, aggregate: v1alpha1.AggregateMin, want: new(int32(1))},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			m, metric := settled("a", 0), wanMembers
			metric.Aggregate = tc.aggregate
			for _, name := range []string{"p", "q"} {
				pod := &corev1.Pod{}
				pod.Name = name
				if _, answers := tc.answers[name]; answers || !tc.starting {
					pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
				}
				m.pods = append(m.pods, pod)
			}
			s := passOver(m, settled("b", 3), settled("c", 3))
			s.ring.Spec.Membership = metric
			m.take(s, sight{view: viewOf(t.Context(), tc.answers, m.pods, metric)})
			s.doubtHalfViews()
			g.Expect(m.seen).To(Equal(tc.want))
			if tc.want == nil {
				state, message := stateOf(m, s.members)
				g.Expect(state).To(Equal(v1alpha1.MemberUnknown))
				g.Expect(message).To(ContainSubstring("metric cannot be read: "))
			}
		})
	}
}

// Who has pods that answer is alive, also where the one that would tell most does not.
func TestHalfAViewExcusesNobodyElse(t *testing.T) {
	for name, tc := range map[string]struct {
		others []*member
		want   v1alpha1.MemberState
	}{
		"of two":   {others: []*member{settled("b", 1, "a.example")}, want: v1alpha1.MemberIsolated},
		"of three": {others: []*member{settled("b", 2, "a.example", "c.example"), settled("c", 1)}, want: v1alpha1.MemberSeeded},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			m := settled("a", 1).but(func(m *member) { m.half = true })
			s := passOver(append([]*member{m}, tc.others...)...)
			s.doubtHalfViews()
			g.Expect(m.seen).To(BeNil())
			state, _ := stateOf(tc.others[0], s.members)
			g.Expect(state).To(Equal(tc.want))
		})
	}
}
