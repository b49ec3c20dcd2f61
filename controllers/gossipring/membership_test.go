package gossipring

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

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
