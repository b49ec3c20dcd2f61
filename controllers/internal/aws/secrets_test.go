package aws

import (
	"net/http"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

const conflictReason = "Replication failed: Secret name simple conflict with an existing secret in this region."

func replicated(states string) http.HandlerFunc {
	return reply(200, `{"ARN":"arn:aws:secretsmanager:us-east-1:111122223333:secret:db-AbCdEf","Name":"db","ReplicationStatus":[`+states+`]}`)
}

func TestReplicaStatesTellsEveryRegionAtOnce(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeSecret, replicated(`{"Region":"eu-west-1","Status":"InSync"},{"Region":"ap-south-1","Status":"InProgress"},
		{"Region":"eu-north-1","Status":"Failed","StatusMessage":"`+conflictReason+` (Request ID: `+requestID+`)"}`))

	states, err := s.ReplicaStates(t.Context(), "", "us-east-1", "db")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(states).To(Equal(map[string]ReplicaState{
		"eu-west-1":  {Status: ReplicaInSync},
		"ap-south-1": {Status: ReplicaInProgress},
		"eu-north-1": {Status: ReplicaFailed, Message: conflictReason},
	}))
	g.Expect(w.requests(describeSecret)[0].region).To(Equal("us-east-1"))
	g.Expect(w.requests(describeSecret)[0].body).To(MatchJSON(`{"SecretId":"db"}`))
}

func TestReplicaStatesAreRememberedBriefly(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, clk := newSessions(t, w.url, WithReplicaTTL(30*time.Second, time.Hour))
	w.on(describeSecret, replicated(`{"Region":"eu-west-1","Status":"InProgress"}`))
	ask := func() map[string]ReplicaState {
		states, err := s.ReplicaStates(t.Context(), "", "us-east-1", "db")
		g.Expect(err).NotTo(HaveOccurred())
		return states
	}

	ask()["eu-west-1"] = ReplicaState{Status: "changed by the caller"}
	w.on(describeSecret, replicated(`{"Region":"eu-west-1","Status":"InSync"}`))
	clk.Step(29 * time.Second)
	g.Expect(ask()).To(HaveKeyWithValue("eu-west-1", ReplicaState{Status: ReplicaInProgress}))
	clk.Step(time.Second)
	g.Expect(ask()).To(HaveKeyWithValue("eu-west-1", ReplicaState{Status: ReplicaInSync}))
	clk.Step(time.Hour - time.Second)
	ask()
	g.Expect(w.requests(describeSecret)).To(HaveLen(2), "copies in sync are checked for drift only")
	clk.Step(time.Second)
	ask()
	g.Expect(w.requests(describeSecret)).To(HaveLen(3))
}

func TestReplicaStatesDoesNotRememberFailures(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeSecret, refuse(describeSecret, 400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret."))
	_, err := s.ReplicaStates(t.Context(), "", "us-east-1", "db")
	g.Expect(ClassOf(err)).To(Equal(NotFound))

	w.on(describeSecret, replicated(""))
	states, err := s.ReplicaStates(t.Context(), "", "us-east-1", "db")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(states).To(BeEmpty())
}

func TestConcurrentReplicaStatesShareOneCall(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	asked, release := make(chan struct{}, 100), make(chan struct{})
	w.on(describeSecret, func(rw http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-release
		replicated(`{"Region":"eu-west-1","Status":"InSync"}`)(rw, r)
	})

	var callers sync.WaitGroup
	failures := make(chan error, 20)
	for range cap(failures) {
		callers.Go(func() {
			_, err := s.ReplicaStates(t.Context(), "", "us-east-1", "db")
			failures <- err
		})
	}
	g.Eventually(asked).Should(Receive())
	close(release)
	callers.Wait()
	for range cap(failures) {
		g.Expect(<-failures).NotTo(HaveOccurred())
	}
	g.Expect(w.requests(describeSecret)).To(HaveLen(1))
}

func TestChangesForgetTheReplicaStates(t *testing.T) {
	cases := map[string]struct {
		action   string
		wantBody string
	}{
		"replicating": {replicateTo, `{"SecretId":"db","AddReplicaRegions":[{"Region":"eu-west-1"}]}`},
		"stopping":    {stopIn, `{"SecretId":"db","RemoveReplicaRegions":["eu-west-1"]}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeSecret, replicated(""))
			w.on(tc.action, reply(200, `{}`))

			g.Expect(call(t.Context(), s, describeSecret)).To(Succeed())
			g.Expect(call(t.Context(), s, tc.action)).To(Succeed())
			g.Expect(call(t.Context(), s, describeSecret)).To(Succeed())

			g.Expect(w.requests(describeSecret)).To(HaveLen(2))
			g.Expect(w.requests(tc.action)).To(HaveLen(1))
			g.Expect(w.requests(tc.action)[0].body).To(MatchJSON(tc.wantBody))
		})
	}
}

func TestReplicateSendsAllRegionsAndTheKeyInOneCall(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(replicateTo, reply(200, `{}`))

	g.Expect(s.Replicate(t.Context(), "", "us-east-1", "db", "alias/secrets", "eu-west-1", "eu-west-2")).To(Succeed())
	g.Expect(s.Replicate(t.Context(), "", "us-east-1", "db", "alias/secrets")).To(Succeed())

	g.Expect(w.requests(replicateTo)).To(HaveLen(1), "no regions, no call")
	g.Expect(w.requests(replicateTo)[0].body).To(MatchJSON(`{"SecretId":"db","AddReplicaRegions":[
		{"Region":"eu-west-1","KmsKeyId":"alias/secrets"},{"Region":"eu-west-2","KmsKeyId":"alias/secrets"}]}`))
}

func TestStopReplicationOfAMissingSecretIsDone(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(stopIn, refuse(stopIn, 400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret."))
	g.Expect(call(t.Context(), s, stopIn)).To(Succeed())
	g.Expect(s.StopReplication(t.Context(), "", "us-east-1", "db")).To(Succeed())

	w.on(stopIn, refuse(stopIn, 400, "AccessDeniedException", "No."))
	g.Expect(ClassOf(call(t.Context(), s, stopIn))).To(Equal(AccessDenied))
}
