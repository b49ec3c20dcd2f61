package gossipring

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/probe"
)

const (
	ok       = v1alpha1.ProbeOK
	silent   = v1alpha1.ProbeUnreachable
	rejected = v1alpha1.ProbeKeyRejected
	unnamed  = v1alpha1.ProbeUnresolved
)

// probes gives a member the rows of its probe.
func probes(rows ...probe.Row) func(*member) {
	return func(m *member) { m.findings, m.probing = findingsOf(client.ObjectKey{}, m.name, rows), true }
}

func row(to string, tcp, udp v1alpha1.ProbeResult) probe.Row {
	return probe.Row{To: to, TCP: tcp, UDP: udp}
}

func keyed(name, version string) *member {
	return settled(name, 3).but(func(m *member) { m.key = version })
}

func TestKeysStep(t *testing.T) {
	key := &v1alpha1.RingKey{SecretName: "unkey/shared"}
	for name, tc := range map[string]struct {
		key         *v1alpha1.RingKey
		probe       *v1alpha1.RingProbe
		members     []*member
		wantReason  string
		wantMessage string
	}{
		"nothing to compare": {
			members: []*member{keyed("a", "")}, wantReason: v1alpha1.ReasonNotRequired, wantMessage: "the ring names neither its key nor a probe",
		},
		"nobody": {key: key, wantReason: v1alpha1.ReasonBlocked, wantMessage: "waiting for EndpointsReady"},
		"all the same": {
			key: key, members: []*member{keyed("a", "1"), keyed("b", "1")}, wantReason: v1alpha1.ReasonSucceeded,
		},
		"one has another version": {
			key: key, members: []*member{keyed("a", "1"), keyed("b", "2"), keyed("c", "1")}, wantReason: v1alpha1.ReasonKeyMismatch,
			wantMessage: "b: another version of secret unkey/shared than the other regions have: look at its replication there, then restart the pods",
		},
		"of two, both": {
			key: key, members: []*member{keyed("a", "1"), keyed("b", "2")}, wantReason: v1alpha1.ReasonKeyMismatch,
			wantMessage: "a, b: another version of secret unkey/shared than the other regions have: look at its replication there, then restart the pods",
		},
		"one cannot be read": {
			key: key, members: []*member{keyed("a", "1"), keyed("b", "").but(func(m *member) { m.keyNote = "no such secret" }), keyed("c", "")},
			wantReason: v1alpha1.ReasonKeysUnknown, wantMessage: "the version of secret unkey/shared is not known: b (no such secret), c",
		},
		"what is known to be wrong comes before what is unknown": {
			key: key, members: []*member{keyed("a", "1"), keyed("b", ""), keyed("c", "2"), keyed("d", "1")}, wantReason: v1alpha1.ReasonKeyMismatch,
			wantMessage: "c: another version of secret unkey/shared than the other regions have: look at its replication there, then restart the pods",
		},
		"probes find the one with another key": {
			probe: &v1alpha1.RingProbe{},
			members: []*member{
				keyed("a", "").but(probes(row("b", ok, ok), row("c", rejected, rejected))),
				keyed("b", "").but(probes(row("a", ok, ok), row("c", rejected, rejected))),
				keyed("c", "").but(probes(row("a", rejected, rejected), row("b", rejected, rejected))),
			},
			wantReason: v1alpha1.ReasonKeyMismatch,
			wantMessage: "c: encrypting with another key than the others, as probes see it: compare the regions' copies of the secret, " +
				"refresh the ExternalSecret and restart the pods",
		},
		"probes get on": {
			probe: &v1alpha1.RingProbe{}, members: []*member{keyed("a", "").but(probes(row("b", ok, silent))), keyed("b", "")},
			wantReason: v1alpha1.ReasonSucceeded,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := passOver(tc.members...)
			s.ring.Spec.Key, s.ring.Spec.Probe = tc.key, tc.probe
			err := driver(nil).reconcileKeys(t.Context(), s)
			g.Expect(step.ReasonOf(err)).To(Equal(tc.wantReason))
			if tc.wantMessage == "" {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(err).To(MatchError(tc.wantMessage))
		})
	}
}

func TestUnreachableEndpoints(t *testing.T) {
	down := func(m *member) { m.seen = nil }
	for name, tc := range map[string]struct {
		members []*member
		want    string
	}{
		"all answer": {members: []*member{settled("a", 2).but(probes(row("b", ok, ok))), settled("b", 2)}},
		"UDP is blocked": {
			members: []*member{settled("a", 3).but(probes(row("c", ok, silent))), settled("b", 3).but(probes(row("c", ok, silent))), settled("c", 3)},
			want:    "c: UDP 7947 is blocked: open it in the security group of its load balancer, and for its pods (seen from a, b)",
		},
		"TCP is blocked": {
			members: []*member{settled("a", 2).but(probes(row("b", silent, ok))), settled("b", 2)},
			want:    "b: TCP 7947 is blocked: open it in the security group of its load balancer, and for its pods (seen from a)",
		},
		"both are": {
			members: []*member{settled("a", 2).but(probes(row("b", silent, silent))), settled("b", 2)},
			want:    "b: no answer at port 7947, neither over TCP nor over UDP: open it in the security group of its load balancer, and for its pods (seen from a)",
		},
		"the name does not resolve there": {
			members: []*member{settled("a", 2).but(probes(row("b", unnamed, unnamed))), settled("b", 2)},
			want:    "b: its name does not resolve there (seen from a)",
		},
		"nobody is there":           {members: []*member{settled("a", 1).but(probes(row("b", silent, silent))), settled("b", 0).but(down)}},
		"it restarts":               {members: []*member{settled("a", 1).but(probes(row("b", silent, silent))), settled("b", 1).but(func(m *member) { m.rolling = true })}},
		"a key is another matter":   {members: []*member{settled("a", 1).but(probes(row("b", rejected, rejected))), settled("b", 1)}},
		"it is no member any more":  {members: []*member{settled("a", 1).but(probes(row("gone", silent, silent)))}},
		"not looked at all the way": {members: []*member{settled("a", 2).but(probes(row("b", v1alpha1.ProbeUnknown, v1alpha1.ProbeUnknown))), settled("b", 2)}},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(describeUnreachable(unreachablePairs(tc.members), 7947)).To(Equal(tc.want))
		})
	}
}

func TestPairsKeepTheirTime(t *testing.T) {
	g := NewWithT(t)
	earlier, now := metav1.NewTime(start.Add(-poll)), metav1.NewTime(start)
	pair := func(from string) v1alpha1.UnreachableEndpoint {
		return v1alpha1.UnreachableEndpoint{From: from, To: "c"}
	}
	before := pair("a")
	before.Since = earlier
	kept := keepSince([]v1alpha1.UnreachableEndpoint{pair("a"), pair("b")}, []v1alpha1.UnreachableEndpoint{before}, now)
	g.Expect(kept).To(HaveExactElements(HaveField("Since", earlier), HaveField("Since", now)))
	var many []probe.Row
	for range 40 {
		many = append(many, row("b", silent, silent))
	}
	g.Expect(unreachablePairs([]*member{settled("a", 2).but(probes(many...)), settled("b", 2)})).To(HaveLen(mostUnreachable))
}

func TestProbesAreBelievedWhenTheyLast(t *testing.T) {
	untargeted := func(m *member) { m.targets = &targetSight{known: true} }
	unasked := func(m *member) { m.targets = nil }
	for name, tc := range map[string]struct {
		since *metav1.Time
		b     *member
		want  string
	}{
		"for the first time":            {b: settled("b", 2), want: v1alpha1.ReasonSucceeded},
		"after a restart":               {since: ago(poll), b: settled("b", 2), want: v1alpha1.ReasonSucceeded},
		"a round later":                 {since: ago(time.Minute), b: settled("b", 2), want: v1alpha1.ReasonEndpointUnreachable},
		"while no target is healthy":    {since: ago(time.Minute), b: settled("b", 2).but(untargeted), want: v1alpha1.ReasonNoHealthyTarget},
		"while nobody knows of targets": {since: ago(time.Minute), b: settled("b", 2).but(unasked), want: v1alpha1.ReasonEndpointUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := passOver(settled("a", 2).but(probes(row("b", silent, silent))), tc.b)
			if tc.since != nil {
				s.ring.Status.Unreachable = []v1alpha1.UnreachableEndpoint{{From: "a", To: "b", Since: *tc.since}}
			}
			r := driver(nil)
			g.Expect(step.ReasonOf(r.reconcileEndpoints(t.Context(), s))).To(Equal(tc.want))
			r.report(s)
			g.Expect(s.ring.Status.Unreachable).To(HaveLen(1), "it is told at once where somebody looks for it")
		})
	}
}
