package aws

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
)

const twoEndpoints = `{"EndpointGroup":{"EndpointGroupArn":"` + group + `","EndpointGroupRegion":"eu-west-1","EndpointDescriptions":[
	{"EndpointId":"old","Weight":200,"ClientIPPreservationEnabled":false,"HealthState":"HEALTHY"},
	{"EndpointId":"new","ClientIPPreservationEnabled":true,"HealthState":"INITIAL"}]}}`

func TestWeighKeepsTheOtherEndpointsAsTheyAre(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeGroup, reply(200, twoEndpoints))
	w.on(updateGroup, reply(200, `{}`))
	g.Expect(s.Weigh(t.Context(), "", group, "old", 0)).To(Succeed())
	g.Expect(s.Weigh(t.Context(), "", group, "new", 64)).To(Succeed())
	made := w.requests(updateGroup)
	g.Expect(made).To(HaveLen(2))
	g.Expect(made[0].body).To(MatchJSON(`{"EndpointGroupArn":"` + group + `","EndpointConfigurations":[
		{"EndpointId":"old","Weight":0,"ClientIPPreservationEnabled":false},{"EndpointId":"new","Weight":128,"ClientIPPreservationEnabled":true}]}`))
	g.Expect(made[1].body).To(MatchJSON(`{"EndpointGroupArn":"` + group + `","EndpointConfigurations":[
		{"EndpointId":"old","Weight":200,"ClientIPPreservationEnabled":false},{"EndpointId":"new","Weight":64,"ClientIPPreservationEnabled":true}]}`))
	g.Expect(made[0].region).To(Equal("us-west-2"))
}

func TestWeighChangesNothingThatIsSo(t *testing.T) {
	for endpoint, weight := range map[string]int32{"old": 200, "new": DefaultWeight} {
		t.Run(endpoint, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeGroup, reply(200, twoEndpoints))
			g.Expect(s.Weigh(t.Context(), "", group, endpoint, weight)).To(Succeed())
			g.Expect(w.requests(updateGroup)).To(BeEmpty())
		})
	}
}

func TestWeighFailures(t *testing.T) {
	cases := map[string]struct {
		describe, update http.HandlerFunc
		endpoint         string
		want             Class
	}{
		"no such endpoint": {describe: reply(200, twoEndpoints), endpoint: "third", want: NotFound},
		"no such group":    {describe: refuse(describeGroup, 400, "EndpointGroupNotFoundException", "No."), endpoint: "old", want: NotFound},
		"no permission":    {describe: reply(200, twoEndpoints), update: refuse(updateGroup, 400, "AccessDeniedException", "No."), endpoint: "old", want: AccessDenied},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeGroup, tc.describe)
			w.on(updateGroup, tc.update)
			g.Expect(ClassOf(s.Weigh(t.Context(), "", group, tc.endpoint, 1))).To(Equal(tc.want))
		})
	}
}

// listOf is an endpoint group that forgets what an update does not say, as the real one does.
type listOf struct {
	mu        sync.Mutex
	endpoints []map[string]any
}

func (l *listOf) describe(rw http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text, err := json.Marshal(map[string]any{"EndpointGroup": map[string]any{"EndpointDescriptions": l.endpoints}})
	if err != nil {
		reply(500, err.Error())(rw, r)
		return
	}
	reply(200, string(text))(rw, r)
}

func (l *listOf) change(replace bool) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		var in struct{ EndpointConfigurations []map[string]any }
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &in)
		l.mu.Lock()
		defer l.mu.Unlock()
		if replace {
			l.endpoints = nil
		}
		l.endpoints = append(l.endpoints, in.EndpointConfigurations...)
		reply(200, `{}`)(rw, r)
	}
}

func TestWeighLosesNoOtherChangeOfTheGroup(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	list := &listOf{endpoints: []map[string]any{{"EndpointId": "a", "Weight": 1}, {"EndpointId": "b", "Weight": 1}}}
	w.on(describeGroup, list.describe)
	w.on(updateGroup, list.change(true))
	w.on(addEndpoints, list.change(false))
	changes := []func() error{
		func() error { return s.Weigh(t.Context(), "", group, "a", 10) },
		func() error { return s.Weigh(t.Context(), "", group, "b", 20) },
		func() error { return s.AddEndpoint(t.Context(), "", group, "c", 30) },
		func() error { return s.AddEndpoint(t.Context(), "", group, "d", 40) },
	}
	var wg sync.WaitGroup
	for _, change := range changes {
		wg.Go(func() {
			if err := change(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	weights := map[any]any{}
	for _, e := range list.endpoints {
		weights[e["EndpointId"]] = e["Weight"]
	}
	g.Expect(weights).To(Equal(map[any]any{"a": 10.0, "b": 20.0, "c": 30.0, "d": 40.0}))
	g.Expect(s.endpoints.byKey).To(BeEmpty(), "nobody waits any more")
}

func TestTurnsOfOneKeyDoNotOverlap(t *testing.T) {
	g := NewWithT(t)
	all := newTurns()
	inside, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = all.take(t.Context(), "group", func() error { close(inside); <-leave; return nil })
	})
	<-inside
	g.Expect(all.take(t.Context(), "another", func() error { return nil })).To(Succeed(), "other keys do not wait")
	ended, end := context.WithCancel(t.Context())
	end()
	acted := false
	g.Expect(all.take(ended, "group", func() error { acted = true; return nil })).To(MatchError(context.Canceled))
	g.Expect(acted).To(BeFalse())
	close(leave)
	g.Expect(all.take(t.Context(), "group", func() error { acted = true; return nil })).To(Succeed())
	g.Expect(acted).To(BeTrue())
	wg.Wait()
	g.Expect(all.byKey).To(BeEmpty())
}

func TestEndpointGroupsOfAllRegions(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(listGroups, inTurn(
		reply(200, `{"NextToken":"more","EndpointGroups":[{"EndpointGroupArn":"b","EndpointGroupRegion":"us-east-1","TrafficDialPercentage":0}]}`),
		reply(200, `{"EndpointGroups":[{"EndpointGroupArn":"a","EndpointGroupRegion":"eu-west-1","EndpointDescriptions":[{"EndpointId":"x","Weight":7}]}]}`)))
	g.Expect(s.EndpointGroups(t.Context(), "", listener)).To(Equal([]EndpointGroup{
		{ARN: "a", Region: "eu-west-1", Dial: 100, Endpoints: []Endpoint{{ID: "x", Weight: 7}}},
		{ARN: "b", Region: "us-east-1", Endpoints: []Endpoint{}},
	}))
	w.on(listGroups, refuse(listGroups, 400, "ListenerNotFoundException", "No."))
	_, err := s.EndpointGroups(t.Context(), "", listener)
	g.Expect(ClassOf(err)).To(Equal(NotFound))
}
