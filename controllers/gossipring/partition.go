package gossipring

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// findParts finds out into which parts the ring has fallen: those who were connected, and when they are
// together, also who has never been.
func (s *scope) findParts() {
	if s.split = splitOf(s); !s.isSplit() {
		s.newcomers = true
		s.split = splitOf(s)
	}
}

// takesPart tells whether a member may be a part of a split: it was connected, or runs with its seeds and
// has missed the others when it started, and would never look for them again.
func (s *scope) takesPart(m *member) bool {
	return m.joined || s.newcomers && m.stranded && slices.Equal(m.applied, m.desired)
}

// splitOf finds the parts by the views. Members that restart are in none.
func splitOf(s *scope) plan.Partitioning {
	names := map[string][]string{} // the Regions of each AWS region
	for _, m := range s.members {
		here := string(m.region.Spec.AWSRegion)
		names[here] = append(names[here], m.name)
	}
	// Members of one AWS region cannot be told apart by it.
	exact := s.ring.Spec.Membership.PeerLabel != "" && len(names) == len(s.members)
	var views []plan.RingView
	for _, m := range s.members {
		if m.rolling || !m.live() || !s.takesPart(m) {
			continue
		}
		v := plan.RingView{Region: m.name, Seen: m.seen, Weight: m.weightOf()}
		if exact {
			v.Peers = []string{}
			for _, peer := range m.peers {
				v.Peers = append(v.Peers, names[peer]...)
			}
		}
		views = append(views, v)
	}
	return plan.PartitionRing(views, weightOfAll(s.members))
}

// staysOutside tells whether one that was never connected runs and has not seen all others for longer
// than anybody waits.
func (m *member) staysOutside(now time.Time, timeout time.Duration) bool {
	switch m.before.State {
	case v1alpha1.MemberIsolated, v1alpha1.MemberSeeded, v1alpha1.MemberEndpointReady:
		return !m.joined && now.Sub(m.before.LastTransitionTime.Time) >= timeout
	default:
		return false
	}
}

// isSplit tells whether the views prove that there are parts that do not see each other.
func (s *scope) isSplit() bool { return s.split.AtLeast > 1 }

// lasting tells whether the ring has been split from one look to the next. Members that lose
// each other for a moment find each other again by themselves.
func (r *Reconciler) lasting(s *scope) bool {
	apart := ""
	switch {
	case s.isSplit() && s.newcomers:
		apart = "newcomers"
	case s.isSplit():
		apart = "split"
	}
	return r.splits.since(client.ObjectKeyFromObject(s.ring), apart, r.Clock) >= r.Poll && s.isSplit()
}

// describeSplit names the parts, as far as they are known.
func (s *scope) describeSplit() string {
	var parts []string
	for _, p := range s.split.Partitions {
		parts = append(parts, strings.Join(p, ", "))
	}
	switch known := strings.Join(parts, " | "); {
	case len(parts) >= s.split.AtLeast:
		return "the ring has split: " + known
	case len(parts) > 0 && len(parts) == s.split.AtLeast-1:
		return "the ring has split: " + known + " | the others"
	case len(parts) > 0:
		return fmt.Sprintf("the ring has split into at least %d parts, of which are known: %s", s.split.AtLeast, known)
	default:
		return fmt.Sprintf("the ring has split into at least %d parts (counts do not tell more; spec.membership.peerLabel does)", s.split.AtLeast)
	}
}

// isolation says why a member sees nobody, as far as anybody can tell.
func isolation(m *member, members []*member) string {
	for _, row := range m.rows {
		switch {
		case row.TCP == v1alpha1.ProbeKeyRejected && keyRejectedBy(m, members) > 1:
			return "it sees nobody but itself: it has another key than the others; compare its copy of the secret, then restart its pods"
		case row.TCP == v1alpha1.ProbeUnreachable && row.UDP == v1alpha1.ProbeUnreachable:
			return "it sees nobody but itself, and its probe gets no answer: check the security groups of the load balancers and its NAT gateways"
		}
	}
	if len(m.applied) == 0 && len(members) > 1 {
		return "it sees nobody but itself, and its pods have no seeds"
	}
	return "it sees nobody but itself: check port and key"
}

// keyRejectedBy is how many members' probes and the member's own do not get on with its key.
func keyRejectedBy(m *member, members []*member) int {
	var odd int
	for _, other := range members {
		if other != m && slices.Contains(other.rejected, m.name) {
			odd++
		}
	}
	if len(m.rejected) > 0 {
		odd++
	}
	return odd
}
