package main

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

const west = "eu-west-1"

// story writes a journal by hand.
type story struct{ *journal }

func tell() story { return story{newJournal()} }

func (s story) see(where, kind, name string, ms int, seen sighting) story {
	if seen.region == "" {
		seen.region = west
	}
	s.journal.see(subject{where, kind, name}, seen, at(ms))
	return s
}

// object is one of ACK's that names others and can be used later.
func (s story) object(kind, name, id string, created, usable int, names ...string) story {
	s.see(management, kind, name, created, sighting{names: names})
	return s.see(management, kind, name, usable, sighting{states: map[string]string{aspectID: id, aspectUsable: yes, aspectAWS: id}})
}

func (s story) state(where, kind, name, aspect, value string, ms int) story {
	return s.see(where, kind, name, ms, sighting{states: map[string]string{aspect: value}})
}

// region is a Region that becomes Ready.
func (s story) region(name string, created, ready int) story {
	s.see(management, "Region", name, created, sighting{region: name})
	return s.see(management, "Region", name, ready, sighting{region: name, states: map[string]string{v1alpha1.ConditionReady: "True"}})
}

func ring(name, ns string) v1alpha1.GossipRing {
	return v1alpha1.GossipRing{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.GossipRingSpec{Service: v1alpha1.ServiceReference{Namespace: ns, Name: name + "-gossip"}},
	}
}

// times are when a node began and ended, in milliseconds.
type times struct {
	start, end int
	after      []string
}

func timesOf(g *graph, id string) times {
	n := g.nodes[west+" "+id]
	if n == nil {
		return times{}
	}
	since := func(t time.Time) int { return int(t.Sub(epoch).Milliseconds()) }
	var after []string
	for _, id := range n.after {
		after = append(after, general(id))
	}
	return times{start: since(n.start), end: since(n.end), after: after}
}

func TestNodes(t *testing.T) {
	const cluster = namespace + "-" + west
	cases := map[string]struct {
		story story
		node  string
		want  times
	}{
		"an object that names none begins with the Region": {
			story: tell().object("VPC", cluster, "vpc-1", 10, 30),
			node:  "VPC", want: times{10, 30, []string{"Region"}},
		},
		"one that names another comes after it": {
			story: tell().object("VPC", cluster, "vpc-1", 10, 30).object("Subnet", cluster+"-private-"+west+"a", "subnet-1", 50, 60, "vpc-1", "10.0.0.0/8"),
			node:  "Subnet private-" + west + "a", want: times{50, 60, []string{"Region", "VPC"}},
		},
		"AWS is done before ACK says so": {
			story: tell().object("Cluster", cluster, cluster, 10, 90).state(inAWS, "eks/cluster", cluster, aspectState, "ACTIVE", 70),
			node:  "Cluster in AWS", want: times{10, 70, []string{"Region"}},
		},
		"ACK's poll is a node of its own": {
			story: tell().object("Cluster", cluster, cluster, 10, 90).state(inAWS, "eks/cluster", cluster, aspectState, "ACTIVE", 70),
			node:  "Cluster", want: times{70, 90, []string{"Cluster in AWS"}},
		},
		"a certificate is requested before it is issued": {
			story: certificateStory(cluster),
			node:  "Certificate wildcard requested", want: times{10, 40, []string{"Region"}},
		},
		"its record comes after the request": {
			story: certificateStory(cluster),
			node:  "RecordSet validation in AWS", want: times{45, 80, []string{"Certificate wildcard requested", "Region"}},
		},
		"AWS issues it after the record": {
			story: certificateStory(cluster),
			node:  "Certificate wildcard in AWS", want: times{80, 120, []string{"Certificate wildcard requested", "RecordSet validation in AWS"}},
		},
		"a private route table gets its way out later": {
			story: tell().object("NATGateway", cluster+"-nat", "nat-1", 10, 50).state(inAWS, "ec2/natgateway", "nat-1", aspectState, "available", 40).
				object("RouteTable", cluster+"-private", "rtb-1", 10, 20).
				state(management, "RouteTable", cluster+"-private", aspectWants, "nat-1", 55).
				state(management, "RouteTable", cluster+"-private", aspectRoutes, "nat-1", 70),
			node: "RouteTable private route", want: times{55, 70, []string{"NATGateway nat", "RouteTable private"}},
		},
		"an add-on that nodes need waits for none": {
			story: nodesStory(cluster).object("Addon", cluster+"-vpc-cni", cluster+"/vpc-cni", 100, 130, cluster).
				state(inAWS, "eks/addon", cluster+"/vpc-cni", aspectState, "ACTIVE", 120),
			node: "Addon vpc-cni in AWS", want: times{100, 120, []string{"Cluster", "Region"}},
		},
		"another one waits for the first": {
			story: nodesStory(cluster).object("Addon", cluster+"-coredns", cluster+"/coredns", 300, 330, cluster).
				state(inAWS, "eks/addon", cluster+"/coredns", aspectState, "ACTIVE", 320),
			node: "Addon coredns in AWS", want: times{300, 320, []string{"Cluster", "Region", "first Ready node"}},
		},
		"a node boots when AWS has its group, not when ACK has seen it": {
			story: nodesStory(cluster), node: "Node second", want: times{210, 290, []string{"Nodegroup slow in AWS"}},
		},
		"the first Ready node is the one that was first": {
			story: nodesStory(cluster), node: "first Ready node", want: times{250, 250, []string{"Node first"}},
		},
		"a secret's copy": {
			story: tell().state(inAWS, typeReplica, "unkey/shared@"+west, aspectState, "InProgress", 20).
				state(inAWS, typeReplica, "unkey/shared@"+west, aspectState, "InSync", 60),
			node: "secret unkey/shared", want: times{20, 60, []string{"Region"}},
		},
		"what was not over at Ready was not waited for": {
			story: tell().object("Bucket", cluster+"-logs", "arn", 10, 5000), node: "Bucket logs",
		},
		"another region's object": {
			story: tell().see(management, "VPC", "other", 10, sighting{region: "us-west-2", states: map[string]string{aspectUsable: yes}}), node: "VPC",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			nodes := nodesOf(tc.story.region(west, 0, 1000).snapshot(), nil, west)
			g.Expect(timesOf(newGraph(nodes), tc.node)).To(Equal(tc.want))
			g.Expect(timesOf(newGraph(nodes), "Ready").end).To(Equal(1000))
		})
	}
}

func certificateStory(cluster string) story {
	return tell().
		see(management, "Certificate", cluster+"-wildcard", 10, sighting{}).
		see(management, "Certificate", cluster+"-wildcard", 40, sighting{states: map[string]string{aspectID: "arn", aspectAWS: "c-1", aspectRecord: "_x.example."}}).
		object("RecordSet", cluster+"-validation", "", 45, 95, "_x.example.").
		state(management, "RecordSet", cluster+"-validation", aspectAWS, "_x.example", 46).
		state(inAWS, "route53/recordset", "_x.example", aspectState, "INSYNC", 80).
		state(inAWS, "acm/certificate", "c-1", aspectState, "ISSUED", 120).
		state(management, "Certificate", cluster+"-wildcard", aspectUsable, yes, 140)
}

func nodesStory(cluster string) story {
	return tell().
		object("Cluster", cluster, cluster, 10, 90).state(inAWS, "eks/cluster", cluster, aspectState, "ACTIVE", 70).
		object("Nodegroup", cluster+"-fast", cluster+"/fast", 100, 400, cluster).state(inAWS, "eks/nodegroup", cluster+"/fast", aspectState, "ACTIVE", 150).
		object("Nodegroup", cluster+"-slow", cluster+"/slow", 100, 410, cluster).state(inAWS, "eks/nodegroup", cluster+"/slow", aspectState, "ACTIVE", 200).
		state(cluster, "Node", "first", aspectUsable, "", 155).state(cluster, "Node", "first", aspectUsable, yes, 250).
		state(cluster, "Node", "second", aspectUsable, "", 210).state(cluster, "Node", "second", aspectUsable, yes, 290)
}

// deployed is a story from the cluster Secret on: one application, one ring, one accelerator.
func deployed(cluster string) story {
	lb := func(s story, name, dns string, created, named int) story {
		s.see(cluster, "Service", name, created, sighting{states: map[string]string{aspectDNS: dns}})
		return s.state(cluster, "Service", name, aspectHost, "lb-"+name, named)
	}
	s := nodesStory(cluster).
		object("AccessEntry", cluster+"-portolan", "arn", 95, 110, cluster).
		see(management, "Secret", "cluster-"+cluster, 120, sighting{states: map[string]string{aspectSeeds + "api": "="}}).
		see(management, "Application", "api-"+west, 130, sighting{}).
		state(cluster, "Deployment", "api/api", aspectRunning, "", 150).
		state(cluster, "Deployment", "api/api", aspectRunning, "=", 300)
	s = lb(s, "api/api-gossip", "api.example", 160, 400)
	s = lb(s, "api/api", "", 165, 450)
	return s.
		state(inDNS, "Name", "api.example", aspectUsable, yes, 480).
		state(cluster, "Member", "api", aspectMembers, "1", 310).
		state(management, "Application", "api-"+west, aspectState, healthyApplication, 470).
		see(inAWS, typeEndpointGroup, "g", 500, sighting{states: map[string]string{"dial": "0"}}).
		see(inAWS, typeEndpointGroup, "g", 501, sighting{states: map[string]string{"attached": yes}}).
		state(inAWS, typeAccelerator, "a", aspectState, "IN_PROGRESS", 502).
		see(inAWS, typeEndpointGroup, "g", 560, sighting{states: map[string]string{"checked": yes}}).
		state(inAWS, typeAccelerator, "a", aspectState, "DEPLOYED", 600).
		see(inAWS, typeEndpointGroup, "g", 620, sighting{states: map[string]string{"dial": "25"}}).
		state(inAWS, typeAccelerator, "a", aspectState, "IN_PROGRESS", 621).
		state(inAWS, typeAccelerator, "a", aspectState, "DEPLOYED", 700).
		see(inAWS, typeEndpointGroup, "g", 710, sighting{states: map[string]string{"dial": "100"}}).
		state(inAWS, typeAccelerator, "a", aspectState, "IN_PROGRESS", 711)
}

func TestNodesAfterTheClusterSecret(t *testing.T) {
	const cluster = namespace + "-" + west
	rings := []v1alpha1.GossipRing{ring("api", "api")}
	cases := map[string]struct {
		node string
		want times
	}{
		"Argo CD renders": {"Application api generated", times{120, 130, []string{"AccessEntry portolan", "Cluster", "Region"}}},
		"Argo CD applies": {"Application api applied", times{130, 165, []string{"Application api generated"}}},
		"load balancer":   {"load balancer of api/api", times{165, 450, []string{"Application api applied"}}},
		"pods":            {"pods of api", times{250, 300, []string{"Application api applied", "first Ready node"}}},
		"healthy": {"Application api healthy", times{450, 470, []string{
			"Application api applied", "Application api generated", "load balancer of api/api", "load balancer of api/api-gossip", "pods of api",
		}}},
		"member":               {"member of api", times{480, 480, []string{"DNS api.example", "pods of api"}}},
		"endpoint":             {"accelerator takes the endpoint", times{501, 600, []string{"Region", "load balancer of api/api"}}},
		"health check":         {"accelerator's health check", times{501, 560, []string{"Region", "load balancer of api/api"}}},
		"first step":           {"dial to 25 %", times{620, 700, []string{"Application api healthy", "accelerator takes the endpoint", "accelerator's health check"}}},
		"last step, unawaited": {"dial to 100 %", times{710, 710, []string{"dial to 25 %"}}},
	}
	g := newGraph(nodesOf(deployed(cluster).region(west, 0, 1000).snapshot(), rings, west))
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { NewWithT(t).Expect(timesOf(g, tc.node)).To(Equal(tc.want)) })
	}
}

func TestRollouts(t *testing.T) {
	const (
		east      = "us-west-2"
		cluster   = namespace + "-" + west
		neighbour = namespace + "-" + east
	)
	seeds := func(s story, region, value string, ms int) story {
		return s.see(management, "Secret", "cluster-"+clusterOf(region), ms, sighting{region: region, states: map[string]string{aspectSeeds + "api": "=" + value}})
	}
	running := func(s story, region, value string, ms int) story {
		return s.see(clusterOf(region), "Deployment", "api/api", ms, sighting{region: region, states: map[string]string{aspectRunning: value}})
	}
	s := seeds(deployed(cluster), east, "", 120)
	s = running(s, east, "=", 300)
	s = seeds(s, west, "us.example", 510)
	s = running(running(s, west, "", 515), west, "=us.example", 600)
	s = seeds(s, east, "api.example", 610)
	s = running(running(s, east, "", 615), east, "=api.example", 690)
	s = seeds(s, east, "never", 800)
	s.state(cluster, "Member", "api", aspectMembers, "2", 695).
		state(management, "Application", "api-"+west, aspectState, "Synced and Progressing", 512).
		state(management, "Application", "api-"+west, aspectState, healthyApplication, 630)
	all := s.region(west, 0, 1000).snapshot()
	rings := []v1alpha1.GossipRing{ring("api", "api")}

	g := NewWithT(t)
	found := rolloutsOf(all, &rings[0])
	g.Expect(found).To(HaveLen(2), "what never ended is none")
	g.Expect(found[0].id).To(Equal(west + " rollout 1 of api"))
	g.Expect(found[1].after).To(ConsistOf("DNS api.example", found[0].id), "one region at a time")
	g.Expect([]time.Time{found[1].start, found[1].end}).To(Equal([]time.Time{at(610), at(690)}))

	built := newGraph(nodesOf(all, rings, west))
	g.Expect(timesOf(built, "member of api")).To(Equal(times{690, 695, []string{"DNS api.example", "pods of api", "rollout 1 of api", "rollout 1 of api"}}))
	g.Expect(timesOf(built, "Application api healthy after rollout 1 of api")).To(Equal(times{600, 630, []string{"Application api healthy", "rollout 1 of api"}}))
}

func TestRegionThatIsNotReady(t *testing.T) {
	g := NewWithT(t)
	g.Expect(nodesOf(tell().snapshot(), nil, west)).To(BeEmpty())
	lost := tell().region(west, 0, 10).state(management, "Region", west, v1alpha1.ConditionReady, "Joining", 20)
	g.Expect(nodesOf(lost.snapshot(), nil, west)).To(BeEmpty())
	back := lost.state(management, "Region", west, v1alpha1.ConditionReady, "True", 30)
	g.Expect(back.snapshot()[subject{management, "Region", west}].readyAt()).To(Equal(at(30)))
}

func TestNodeIsReady(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	g := NewWithT(t)
	_, states := lookAtNode(node)
	g.Expect(states).To(Equal(map[string]string{aspectUsable: ""}))
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	_, states = lookAtNode(node)
	g.Expect(states).To(Equal(map[string]string{aspectUsable: yes}))
}
