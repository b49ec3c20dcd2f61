package main

import (
	"slices"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// bringUp is one Region from its creation to Ready, as the journal has it.
type bringUp struct {
	records records
	rings   []v1alpha1.GossipRing
	region  string // of the Region and of AWS: they are called alike here
	until   time.Time
	nodes   []node
	byName  map[string]string // the node that provides what specs name
}

// ready is the node that all the others lead to.
func ready(region string) string { return region + " Ready" }

// nodesOf turns what was seen of a region into the nodes of the design: what has to be there
// before what, and how long each took. Portolan's own work is in no node.
//
// An object of ACK's comes after those whose IDs its spec names, since that is what Portolan
// has to wait for. What AWS is still working on when ACK has made its call has two nodes: the
// first ends when AWS is done, the second when ACK, which polls, says so.
func nodesOf(all records, rings []v1alpha1.GossipRing, region string) []node {
	object := all[subject{management, kindRegion, region}]
	if object == nil {
		return nil
	}
	b := &bringUp{records: all, rings: rings, region: region, byName: map[string]string{}}
	if b.until = object.readyAt(); b.until.IsZero() {
		return nil
	}
	b.add(node{id: b.root(), start: object.created, end: object.created})
	b.ack()
	b.secrets()
	b.clusterNodes()
	b.applications()
	b.gossip()
	b.traffic()
	sink := node{id: ready(region), start: b.until, end: b.until}
	for _, n := range b.nodes {
		sink.after = append(sink.after, n.id)
	}
	b.add(sink)
	return b.nodes
}

// readyAt is when a Region became Ready for good: a peer's seed may restart its pods and take
// that away for a moment.
func (r *record) readyAt() time.Time {
	h := r.states[v1alpha1.ConditionReady]
	if h.last() != conditionTrue {
		return time.Time{}
	}
	return h[len(h)-1].at
}

func (b *bringUp) id(what string) string { return b.region + " " + what }

func (b *bringUp) root() string { return b.id(kindRegion) }

// add leaves out what was not over when the Region became Ready: it was not waited for.
func (b *bringUp) add(n node) {
	if n.end.IsZero() || n.end.After(b.until) {
		return
	}
	b.nodes = append(b.nodes, n)
}

func (b *bringUp) cluster() string { return clusterOf(b.region) }

// objectID names the node of an object of ACK's when it can be used.
func (b *bringUp) objectID(s subject) string {
	suffix := strings.TrimPrefix(strings.TrimPrefix(s.name, b.cluster()), "-")
	return b.id(strings.TrimSpace(s.kind + " " + suffix))
}

// inAWS names the node that ends when AWS is done.
func awsID(id string) string { return id + " in AWS" }

const routed = " route"

func requestedID(id string) string { return id + " requested" }

func (b *bringUp) ack() {
	for _, k := range ackKinds {
		for _, s := range b.records.of(management, k.kind, b.region) {
			r := b.records[s]
			if name := r.states[aspectID].last(); name != "" {
				b.byName[name] = b.objectID(s)
			}
			if name := r.states[aspectRecord].last(); name != "" {
				b.byName[name] = requestedID(b.objectID(s))
			}
		}
	}
	for _, k := range ackKinds {
		for _, s := range b.records.of(management, k.kind, b.region) {
			b.object(k, s)
		}
	}
}

// needs are the nodes that provide what an object's spec names.
func (b *bringUp) needs(s subject) []string {
	needs := []string{b.root()}
	for _, name := range b.records[s].names {
		if id, ok := b.byName[name]; ok && id != b.objectID(s) {
			needs = append(needs, id)
		}
	}
	if s.kind == "Addon" && !slices.ContainsFunc(withoutNodes, func(name string) bool { return strings.HasSuffix(s.name, "-"+name) }) {
		needs = append(needs, b.firstNode())
	}
	return needs
}

// withoutNodes are the add-ons that nodes need; all others need nodes.
var withoutNodes = []string{"vpc-cni", "kube-proxy", "eks-pod-identity-agent"}

func (b *bringUp) object(k ackKind, s subject) {
	r, id := b.records[s], b.objectID(s)
	usable := r.states[aspectUsable].first(is(yes))
	switch {
	case k.kind == "Certificate":
		b.certificate(k, s)
	case k.aws == "":
		b.add(node{id: id, start: r.created, end: usable, after: b.needs(s)})
	default:
		done := b.doneInAWS(k, r)
		b.add(node{id: awsID(id), start: r.created, end: done, after: b.needs(s)})
		b.add(node{id: id, end: usable, after: []string{awsID(id)}, follows: true})
	}
	if k.kind == "RouteTable" {
		b.route(s)
	}
}

func (b *bringUp) doneInAWS(k ackKind, r *record) time.Time {
	resource := b.records[subject{inAWS, k.aws, r.states[aspectAWS].last()}]
	if resource == nil {
		return time.Time{}
	}
	return resource.states[aspectState].first(is(k.usable))
}

// certificate is issued some time after its record is in DNS, which Portolan publishes once
// ACK reports it.
func (b *bringUp) certificate(k ackKind, s subject) {
	r, id := b.records[s], b.objectID(s)
	b.add(node{id: requestedID(id), start: r.created, end: r.states[aspectRecord].first(notEmpty), after: b.needs(s)})
	published := []string{requestedID(id)}
	for _, record := range b.records.of(management, "RecordSet", b.region) {
		if slices.Contains(b.needs(record), requestedID(id)) {
			published = append(published, awsID(b.objectID(record)))
		}
	}
	b.add(node{id: awsID(id), end: b.doneInAWS(k, r), after: published, follows: true})
	b.add(node{id: id, end: r.states[aspectUsable].first(is(yes)), after: []string{awsID(id)}, follows: true})
}

// route is the way out that a private route table gets later than its subnets.
func (b *bringUp) route(s subject) {
	r, id := b.records[s], b.objectID(s)
	gateway := r.states[aspectWants].last()
	if gateway == "" {
		return
	}
	b.add(node{
		id: id + routed, start: r.states[aspectWants].first(notEmpty), end: r.states[aspectRoutes].first(is(gateway)),
		after: []string{id, b.byName[gateway]},
	})
}

func (b *bringUp) secrets() {
	for _, s := range b.records.of(inAWS, typeReplica, b.region) {
		r := b.records[s]
		name, _, _ := strings.Cut(s.name, "@")
		b.add(node{id: b.id("secret " + name), start: r.created, end: r.states[aspectState].first(is("InSync")), after: []string{b.root()}})
	}
}

// clusterNodes boot as soon as AWS has the group, which ACK may not have seen yet.
func (b *bringUp) clusterNodes() {
	var groups []string
	for _, s := range b.records.of(management, "Nodegroup", b.region) {
		groups = append(groups, awsID(b.objectID(s)))
	}
	for _, s := range b.records.of(b.cluster(), "Node", b.region) {
		r := b.records[s]
		b.add(node{id: b.id("Node " + s.name), start: r.created, end: r.states[aspectUsable].first(is(yes)), after: b.groupOf(r, groups)})
	}
	b.add(node{id: b.firstNode(), end: b.firstReady(), after: b.earliestNode(), follows: true})
}

func (b *bringUp) firstNode() string { return b.id("first Ready node") }

// groupOf is the group that was done last before the node was there.
func (b *bringUp) groupOf(r *record, groups []string) []string {
	var last *node
	for i, n := range b.nodes {
		if slices.Contains(groups, n.id) && !n.end.After(r.created) && (last == nil || n.end.After(last.end)) {
			last = &b.nodes[i]
		}
	}
	if last == nil {
		return groups
	}
	return []string{last.id}
}

func (b *bringUp) firstReady() time.Time {
	var first time.Time
	for _, s := range b.records.of(b.cluster(), "Node", b.region) {
		at := b.records[s].states[aspectUsable].first(is(yes))
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

func (b *bringUp) earliestNode() []string {
	first := b.firstReady()
	for _, s := range b.records.of(b.cluster(), "Node", b.region) {
		if b.records[s].states[aspectUsable].first(is(yes)).Equal(first) {
			return []string{b.id("Node " + s.name)}
		}
	}
	return nil
}
