package aws

import (
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

var inProgress = ReplicaState{Status: ReplicaInProgress}

func TestCopiesThatWereAskedForAreInProgressBeforeAWSListsThem(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, clk := newSessions(t, w.url)
	w.on(describeSecret, replicated(`{"Region":"us-west-2","Status":"InSync"}`))
	w.on(replicateTo, reply(200, `{}`))
	ask := func(secret string) map[string]ReplicaState {
		states, err := s.ReplicaStates(t.Context(), "", "us-east-1", secret)
		g.Expect(err).NotTo(HaveOccurred())
		return states
	}
	g.Expect(s.Replicate(t.Context(), "", "us-east-1", "db", "", "eu-west-1", "eu-west-2")).To(Succeed())
	g.Expect(ask("db")).To(Equal(map[string]ReplicaState{
		"us-west-2": {Status: ReplicaInSync}, "eu-west-1": inProgress, "eu-west-2": inProgress,
	}))
	g.Expect(ask("other")).To(HaveLen(1))

	failed := ReplicaState{Status: ReplicaFailed, Message: "name conflict"}
	w.on(describeSecret, replicated(`{"Region":"eu-west-2","Status":"Failed","StatusMessage":"name conflict"}`))
	clk.Step(defaultReplicaTTL)
	g.Expect(ask("db")).To(Equal(map[string]ReplicaState{"eu-west-1": inProgress, "eu-west-2": failed}), "what AWS lists is as AWS says")
	clk.Step(requestedFor - defaultReplicaTTL - time.Second)
	g.Expect(ask("db")).To(HaveKey("eu-west-1"))
	clk.Step(defaultReplicaTTL)
	g.Expect(ask("db")).To(Equal(map[string]ReplicaState{"eu-west-2": failed}), "after a minute it was lost")
}

// An answer without a copy that is being made would be remembered like one that is
// complete, for ten minutes, and the copy be asked for again all that time.
func TestCopiesThatAreNotListedYetAreSoonLookedForAgain(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, clk := newSessions(t, w.url)
	w.on(replicateTo, reply(200, `{}`))
	w.on(describeSecret, replicated(`{"Region":"us-west-2","Status":"InSync"}`))
	g.Expect(call(t.Context(), s, replicateTo)).To(Succeed())
	g.Expect(call(t.Context(), s, describeSecret)).To(Succeed())
	clk.Step(defaultReplicaTTL)
	g.Expect(call(t.Context(), s, describeSecret)).To(Succeed())
	g.Expect(w.requests(describeSecret)).To(HaveLen(2))
}

func TestWhoLooksWhileACopyIsBeingAskedForSeesIt(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeSecret, replicated(""))
	asked, release := make(chan struct{}), make(chan struct{})
	w.on(replicateTo, func(rw http.ResponseWriter, r *http.Request) {
		close(asked)
		<-release
		reply(200, `{}`)(rw, r)
	})
	done := make(chan error, 1)
	go func() { done <- call(t.Context(), s, replicateTo) }()
	<-asked
	states, err := s.ReplicaStates(t.Context(), "", "us-east-1", "db")
	close(release)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(states).To(Equal(map[string]ReplicaState{"eu-west-1": inProgress}))
	g.Expect(<-done).To(Succeed())
}

func TestCopiesThatWereRefusedOrStoppedAreNotInProgress(t *testing.T) {
	cases := map[string]func(*WithT, *wire, *Sessions){
		"refused": func(g *WithT, w *wire, s *Sessions) {
			w.on(replicateTo, refuse(replicateTo, 400, "AccessDeniedException", "No."))
			g.Expect(s.Replicate(t.Context(), "", "us-east-1", "db", "", "eu-west-1")).NotTo(Succeed())
		},
		"stopped": func(g *WithT, w *wire, s *Sessions) {
			w.on(replicateTo, reply(200, `{}`))
			w.on(stopIn, reply(200, `{}`))
			g.Expect(s.Replicate(t.Context(), "", "us-east-1", "db", "", "eu-west-1")).To(Succeed())
			g.Expect(s.StopReplication(t.Context(), "", "us-east-1", "db", "eu-west-1")).To(Succeed())
		},
	}
	for name, prepare := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeSecret, replicated(""))
			prepare(g, w, s)
			g.Expect(s.ReplicaStates(t.Context(), "", "us-east-1", "db")).To(BeEmpty())
		})
	}
}

func TestARefusedRequestDoesNotUndoAnEarlierOne(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeSecret, replicated(""))
	w.on(replicateTo, inTurn(reply(200, `{}`), refuse(replicateTo, 400, "InvalidRequestException", "Already replicating.")))
	g.Expect(s.Replicate(t.Context(), "", "us-east-1", "db", "", "eu-west-1")).To(Succeed())
	g.Expect(s.Replicate(t.Context(), "", "us-east-1", "db", "", "eu-west-1", "eu-west-2")).NotTo(Succeed())
	g.Expect(s.ReplicaStates(t.Context(), "", "us-east-1", "db")).To(Equal(map[string]ReplicaState{"eu-west-1": inProgress}))
}
