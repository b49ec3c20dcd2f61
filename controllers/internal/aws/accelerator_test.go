package aws

import (
	"net/http"
	"testing"

	. "github.com/onsi/gomega"
)

const (
	accelerator  = "arn:aws:globalaccelerator::111122223333:accelerator/1234abcd"
	listener     = accelerator + "/listener/0123vxyz"
	group        = listener + "/endpoint-group/098765zyxwvu"
	loadBalancer = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/net/api/0123456789abcdef"
)

func TestListenerExists(t *testing.T) {
	cases := map[string]struct {
		answer    http.HandlerFunc
		want      bool
		wantClass Class
		wantErr   bool
	}{
		"there":     {answer: reply(200, `{"Listener":{"ListenerArn":"`+listener+`"}}`), want: true, wantClass: Unknown},
		"gone":      {answer: refuse(describeListener, 400, "ListenerNotFoundException", "No."), wantClass: Unknown},
		"a proxy":   {answer: reply(404, "<html>no route</html>"), wantClass: Unknown, wantErr: true},
		"malformed": {answer: refuse(describeListener, 400, "InvalidArgumentException", "No."), wantClass: Invalid, wantErr: true},
		"forbidden": {answer: refuse(describeListener, 400, "AccessDeniedException", "No."), wantClass: AccessDenied, wantErr: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeListener, tc.answer)
			exists, err := s.ListenerExists(t.Context(), "", listener)
			g.Expect(exists).To(Equal(tc.want))
			g.Expect(ClassOf(err)).To(Equal(tc.wantClass))
			g.Expect(err != nil).To(Equal(tc.wantErr))
			g.Expect(w.requests(describeListener)[0].body).To(MatchJSON(`{"ListenerArn":"` + listener + `"}`))
		})
	}
}

func TestAcceleratorDeployed(t *testing.T) {
	for status, want := range map[string]bool{"DEPLOYED": true, "IN_PROGRESS": false} {
		t.Run(status, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeAcc, reply(200, `{"Accelerator":{"AcceleratorArn":"`+accelerator+`","Status":"`+status+`"}}`))
			g.Expect(s.AcceleratorDeployed(t.Context(), "", listener)).To(Equal(want))
			g.Expect(w.requests(describeAcc)[0].body).To(MatchJSON(`{"AcceleratorArn":"` + accelerator + `"}`))
		})
	}
}

func TestAcceleratorDeployedNeedsAListener(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	_, err := s.AcceleratorDeployed(t.Context(), "", accelerator)
	g.Expect(err).To(MatchError(ContainSubstring("is not the ARN of a Global Accelerator listener")))
	g.Expect(w.requests(describeAcc)).To(BeEmpty())
}

func TestEndpointGroupIsTheOneOfTheRegion(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(listGroups, inTurn(
		reply(200, `{"NextToken":"more","EndpointGroups":[{"EndpointGroupArn":"other","EndpointGroupRegion":"us-east-1"}]}`),
		reply(200, `{"EndpointGroups":[{"EndpointGroupArn":"`+group+`","EndpointGroupRegion":"eu-west-1","TrafficDialPercentage":12.0,
			"EndpointDescriptions":[{"EndpointId":"`+loadBalancer+`","Weight":0,"HealthState":"UNHEALTHY","HealthReason":"Timeout (Request ID: `+requestID+`)"},
				{"EndpointId":"another","HealthState":"HEALTHY"}]}]}`)))

	found, err := s.EndpointGroup(t.Context(), "", listener, "eu-west-1")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found).To(Equal(&EndpointGroup{ARN: group, Region: "eu-west-1", Dial: 12, Endpoints: []Endpoint{
		{ID: loadBalancer, Health: EndpointUnhealthy, Reason: "Timeout"},
		{ID: "another", Health: EndpointHealthy, Weight: DefaultWeight},
	}}))
	asked := w.requests(listGroups)
	g.Expect(asked).To(HaveLen(2))
	g.Expect(asked[0].body).To(MatchJSON(`{"ListenerArn":"` + listener + `"}`))
	g.Expect(asked[1].body).To(MatchJSON(`{"ListenerArn":"` + listener + `","NextToken":"more"}`))
}

func TestEndpointGroupOfARegionWithout(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(listGroups, reply(200, `{"EndpointGroups":[{"EndpointGroupArn":"other","EndpointGroupRegion":"us-east-1"}]}`))
	found, err := s.EndpointGroup(t.Context(), "", listener, "eu-west-1")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found).To(BeNil())
}

func TestADialThatAWSDoesNotTellIsOpen(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(listGroups, reply(200, `{"EndpointGroups":[{"EndpointGroupArn":"`+group+`","EndpointGroupRegion":"eu-west-1"}]}`))
	found, err := s.EndpointGroup(t.Context(), "", listener, "eu-west-1")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found.Dial).To(BeEquivalentTo(100))
}

func TestCreateEndpointGroupStartsWithoutTraffic(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(createGroup, reply(200, `{"EndpointGroup":{"EndpointGroupArn":"`+group+`","EndpointGroupRegion":"eu-west-1","TrafficDialPercentage":0}}`))
	for _, region := range []string{"eu-west-1", "eu-west-1", "eu-west-2"} {
		created, err := s.CreateEndpointGroup(t.Context(), "", listener, region, 8443)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(created).To(Equal(&EndpointGroup{ARN: group, Region: "eu-west-1", Endpoints: []Endpoint{}}))
	}
	token := groupToken(listener, "eu-west-1")
	g.Expect(len(token)).To(BeNumerically("<=", 255))
	made := w.requests(createGroup)
	g.Expect(made[0].body).To(MatchJSON(`{"ListenerArn":"` + listener + `","EndpointGroupRegion":"eu-west-1","TrafficDialPercentage":0,
		"HealthCheckProtocol":"TCP","HealthCheckPort":8443,"IdempotencyToken":"` + token + `"}`))
	g.Expect(made[1].body).To(Equal(made[0].body), "a repeated create has the same token")
	g.Expect(groupToken(listener, "eu-west-2")).NotTo(Equal(token))
	g.Expect(made[2].body).To(ContainSubstring(groupToken(listener, "eu-west-2")))
}

func TestCreateEndpointGroupThatExists(t *testing.T) {
	exists := refuse(createGroup, 400, "EndpointGroupAlreadyExistsException", "It exists.")
	cases := map[string]struct {
		create, list http.HandlerFunc
		want         *EndpointGroup
		wantClass    Class
		wantLooks    int
	}{
		"is returned as it is": {
			create: exists,
			list: reply(200, `{"EndpointGroups":[{"EndpointGroupArn":"`+group+`","EndpointGroupRegion":"eu-west-1","TrafficDialPercentage":50,
				"EndpointDescriptions":[{"EndpointId":"x","HealthState":"INITIAL"}]}]}`),
			want:      &EndpointGroup{ARN: group, Region: "eu-west-1", Dial: 50, Endpoints: []Endpoint{{ID: "x", Health: EndpointInitial, Weight: DefaultWeight}}},
			wantClass: Unknown, wantLooks: 1,
		},
		"but is not listed yet":     {create: exists, list: reply(200, `{"EndpointGroups":[]}`), wantClass: Conflict, wantLooks: 1},
		"but must not be listed":    {create: exists, list: refuse(listGroups, 400, "AccessDeniedException", "No."), wantClass: AccessDenied, wantLooks: 1},
		"while a change is running": {create: refuse(createGroup, 400, "ConflictException", "Wait."), wantClass: Conflict},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(createGroup, tc.create)
			w.on(listGroups, tc.list)
			found, err := s.CreateEndpointGroup(t.Context(), "", listener, "eu-west-1", 443)
			g.Expect(found).To(Equal(tc.want))
			g.Expect(ClassOf(err)).To(Equal(tc.wantClass))
			g.Expect(err == nil).To(Equal(tc.want != nil))
			g.Expect(w.requests(listGroups)).To(HaveLen(tc.wantLooks))
		})
	}
}

func TestChangesOfAnEndpointGroupSayNoMoreThanTheyMean(t *testing.T) {
	cases := map[string]string{
		addEndpoints:    `{"EndpointGroupArn":"` + group + `","EndpointConfigurations":[{"EndpointId":"` + loadBalancer + `","ClientIPPreservationEnabled":true,"Weight":128}]}`,
		removeEndpoints: `{"EndpointGroupArn":"` + group + `","EndpointIdentifiers":[{"EndpointId":"` + loadBalancer + `"}]}`,
		updateGroup:     `{"EndpointGroupArn":"` + group + `","TrafficDialPercentage":25}`,
		deleteGroup:     `{"EndpointGroupArn":"` + group + `"}`,
	}
	for action, want := range cases {
		t.Run(action, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(action, reply(200, `{}`))
			g.Expect(call(t.Context(), s, action)).To(Succeed())
			g.Expect(w.requests(action)).To(HaveLen(1))
			g.Expect(w.requests(action)[0].body).To(MatchJSON(want))
		})
	}
}

func TestWhatIsDoneAlreadySucceeds(t *testing.T) {
	cases := map[string]struct {
		action, code string
		want         Class
	}{
		"adding what is there":           {addEndpoints, "EndpointAlreadyExistsException", ""},
		"adding to no group":             {addEndpoints, "EndpointGroupNotFoundException", NotFound},
		"removing what is not there":     {removeEndpoints, "EndpointNotFoundException", ""},
		"removing from no group":         {removeEndpoints, "EndpointGroupNotFoundException", ""},
		"removing during a change":       {removeEndpoints, "TransactionInProgressException", Conflict},
		"deleting what is not there":     {deleteGroup, "EndpointGroupNotFoundException", ""},
		"deleting without permission":    {deleteGroup, "AccessDeniedException", AccessDenied},
		"dialling what is not there":     {updateGroup, "EndpointGroupNotFoundException", NotFound},
		"adding without a load balancer": {addEndpoints, "InvalidArgumentException", Invalid},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(tc.action, refuse(tc.action, 400, tc.code, "No."))
			err := call(t.Context(), s, tc.action)
			if tc.want == "" {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(ClassOf(err)).To(Equal(tc.want))
		})
	}
}

func TestGlobalAcceleratorIsAlwaysCalledInOregon(t *testing.T) {
	for _, action := range []string{describeListener, describeAcc, listGroups, createGroup, updateGroup, deleteGroup, addEndpoints, removeEndpoints} {
		t.Run(action, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(action, refuse(action, 400, "AccessDeniedException", "No."))
			g.Expect(call(t.Context(), s, action)).NotTo(Succeed())
			g.Expect(w.requests(action)[0].region).To(Equal("us-west-2"))
		})
	}
}
