package gossipring

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/probe"
)

// reconcileKeys asks whether all regions have the same key: a wrong one isolates a region
// while its pods look healthy. Values are never read: versions are compared, and probes tell
// whom a member refuses.
func (r *Reconciler) reconcileKeys(_ context.Context, s *scope) error {
	key := s.ring.Spec.Key
	switch {
	case key == nil && s.ring.Spec.Probe == nil:
		return step.NotRequired("the ring names neither its key nor a probe")
	case len(s.members) == 0:
		return step.Blocked(v1alpha1.RingEndpointsReady)
	}
	if odd := rejecting(s.members); len(odd) > 0 {
		return step.Stuck(r.Poll, v1alpha1.ReasonKeyMismatch,
			"%s: encrypting with another key than the others, as probes see it: compare the regions' copies of the secret, refresh the ExternalSecret and restart the pods",
			strings.Join(odd, ", "))
	}
	if key == nil {
		return nil
	}
	odd, unknown := oddVersions(s.members)
	switch {
	case len(odd) > 0:
		return step.Stuck(r.Poll, v1alpha1.ReasonKeyMismatch,
			"%s: another version of secret %s than the other regions have: look at its replication there, then restart the pods", strings.Join(odd, ", "), key.SecretName)
	case len(unknown) > 0:
		return step.Poll(r.Poll, v1alpha1.ReasonKeysUnknown, "the version of secret %s is not known: %s", key.SecretName, strings.Join(unknown, ", "))
	}
	return nil
}

// oddVersions returns the regions that do not have the version that most have, and those
// whose version is not known. Of two versions that equally many have, both are odd.
func oddVersions(members []*member) (odd, unknown []string) {
	byVersion := map[string][]string{}
	for _, m := range members {
		if m.key == "" {
			unknown = append(unknown, strings.TrimSuffix(m.name+" ("+m.keyNote, " (")+closing(m.keyNote))
			continue
		}
		byVersion[m.key] = append(byVersion[m.key], m.name)
	}
	if len(byVersion) < 2 {
		return nil, unknown
	}
	most := 0
	for _, names := range byVersion {
		most = max(most, len(names))
	}
	leading := slices.DeleteFunc(slices.Collect(maps.Keys(byVersion)), func(v string) bool { return len(byVersion[v]) < most })
	for version, names := range byVersion {
		if len(leading) > 1 || version != leading[0] {
			odd = append(odd, names...)
		}
	}
	slices.Sort(odd)
	return odd, unknown
}

func closing(note string) string {
	if note == "" {
		return ""
	}
	return ")"
}

// rejecting returns the regions whose key more than half of the others do not get on with,
// as probes on either side see it.
func rejecting(members []*member) []string {
	disagree := map[string]map[string]bool{}
	note := func(a, b string) {
		if disagree[a] == nil {
			disagree[a] = map[string]bool{}
		}
		disagree[a][b] = true
	}
	for _, m := range members {
		for _, other := range m.rejected {
			note(m.name, other)
			note(other, m.name)
		}
	}
	var odd []string
	for _, m := range members {
		if 2*len(disagree[m.name]) > len(members)-1 {
			odd = append(odd, m.name)
		}
	}
	return odd
}

// unreachablePairs are the endpoints that probes cannot talk to though members listen there, as many as a status holds.
// A key that is rejected is no matter of reachability.
func unreachablePairs(members []*member) []v1alpha1.UnreachableEndpoint {
	live := liveMembers(members)
	var pairs []v1alpha1.UnreachableEndpoint
	for _, m := range members {
		for _, row := range m.closed {
			to := live.members[row.To]
			if to == nil || to.rolling {
				continue
			}
			if len(pairs) == mostUnreachable {
				return pairs
			}
			pairs = append(pairs, v1alpha1.UnreachableEndpoint{From: m.name, To: row.To, TCP: row.TCP, UDP: row.UDP})
		}
	}
	return pairs
}

// lastingPairs are those that were seen before, and by a later round of the probes: after a restart, they
// still tell for a while that nobody was there.
func (r *Reconciler) lastingPairs(s *scope) []v1alpha1.UnreachableEndpoint {
	before := s.ring.Status.Unreachable
	return slices.DeleteFunc(unreachablePairs(s.members), func(p v1alpha1.UnreachableEndpoint) bool {
		return !slices.ContainsFunc(before, func(b v1alpha1.UnreachableEndpoint) bool {
			return b.From == p.From && b.To == p.To && r.Clock.Since(b.Since.Time) > probe.Round(len(s.members))+r.Poll
		})
	})
}

// describeUnreachable says which door is closed, by region.
func describeUnreachable(pairs []v1alpha1.UnreachableEndpoint, port int32) string {
	from := map[string][]string{}
	for _, p := range pairs {
		what := p.To + ": " + closedDoor(probe.Row{TCP: p.TCP, UDP: p.UDP}, port)
		from[what] = append(from[what], p.From)
	}
	var all []string
	for _, what := range slices.Sorted(maps.Keys(from)) {
		all = append(all, fmt.Sprintf("%s (seen from %s)", what, strings.Join(from[what], ", ")))
	}
	return strings.Join(all, "; ")
}

func closedDoor(row probe.Row, port int32) string {
	const remedy = "open it in the security group of its load balancer, and for its pods"
	switch {
	case row.TCP == v1alpha1.ProbeUnresolved:
		return "its name does not resolve there"
	case bad(row.TCP) && bad(row.UDP):
		return fmt.Sprintf("no answer at port %d, neither over TCP nor over UDP: %s", port, remedy)
	case bad(row.TCP):
		return fmt.Sprintf("TCP %d is blocked: %s", port, remedy)
	default:
		return fmt.Sprintf("UDP %d is blocked: %s", port, remedy)
	}
}
