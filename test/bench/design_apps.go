package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// applications follow the cluster Secret: Argo CD renders an Application, applies it, and
// calls it healthy when its load balancers have names and its pods run.
func (b *bringUp) applications() {
	secret := b.records[subject{management, "Secret", "cluster-" + b.cluster()}]
	if secret == nil {
		return
	}
	registered := b.registrable()
	for _, s := range b.records.of(management, "Application", b.region) {
		r := b.records[s]
		app := strings.TrimSuffix(s.name, "-"+b.region)
		generated := b.id("Application " + app + " generated")
		b.add(node{id: generated, start: secret.created, end: r.created, after: registered})
		healthy := r.states[aspectState].until(b.until)
		done := node{id: b.healthyID(app), end: healthy.first(is(healthyApplication)), follows: true, after: []string{generated}}
		done.after = append(done.after, b.deployed(app, generated, r)...)
		b.add(done)
	}
}

func (b *bringUp) healthyID(app string) string { return b.id("Application " + app + " healthy") }

// registrable is what the cluster Secret has to wait for: an API server that lets Argo CD and
// Portolan in, pod identities, and what its annotations name.
func (b *bringUp) registrable() []string {
	needs := []string{b.root()}
	for _, kind := range []string{"Cluster", "AccessEntry", "PodIdentityAssociation", "SecurityGroup"} {
		for _, s := range b.records.of(management, kind, b.region) {
			needs = append(needs, b.objectID(s))
		}
	}
	for _, s := range b.records.of(management, "Certificate", b.region) {
		needs = append(needs, requestedID(b.objectID(s)))
	}
	return needs
}

// deployed are the nodes of what an Application has in the regional cluster. Here an
// application, its namespace or its Deployment are told by their names.
func (b *bringUp) deployed(app, generated string, r *record) []string {
	var last []string
	sync := node{id: b.id("Application " + app + " applied"), start: r.created, after: []string{generated}}
	for _, s := range b.records.of(b.cluster(), "Service", b.region) {
		if !belongs(s.name, app) {
			continue
		}
		sync.end = latestOf(sync.end, b.records[s].created)
		last = append(last, b.balancer(s, sync.id))
	}
	for _, s := range b.records.of(b.cluster(), "Deployment", b.region) {
		if !belongs(s.name, app) {
			continue
		}
		d := b.records[s]
		sync.end = latestOf(sync.end, d.created)
		b.add(node{
			id: b.podsID(app), end: d.states[aspectRunning].first(notEmpty), follows: true,
			after: []string{sync.id, b.firstNode()},
		})
		last = append(last, b.podsID(app))
	}
	b.add(sync)
	return append(last, sync.id)
}

// belongs tells whether <namespace>/<name> is an application's: its objects begin with its name.
func belongs(name, app string) bool {
	_, object, _ := strings.Cut(name, "/")
	return object == app || strings.HasPrefix(object, app+"-")
}

func (b *bringUp) podsID(app string) string { return b.id("pods of " + app) }

func (b *bringUp) balancerID(service string) string { return b.id("load balancer of " + service) }

// balancer adds a Service's load balancer and the name that ExternalDNS gives it.
func (b *bringUp) balancer(s subject, applied string) string {
	r := b.records[s]
	id := b.balancerID(s.name)
	named := r.states[aspectHost].first(notEmpty)
	b.add(node{id: id, start: r.created, end: named, after: []string{applied}})
	if name := r.states[aspectDNS].last(); name != "" {
		if answer := b.records[subject{inDNS, "Name", name}]; answer != nil {
			b.add(node{id: dnsID(name), end: answer.created, after: []string{id}, follows: true})
		}
	}
	return id
}

func dnsID(name string) string { return "DNS " + name }

// gossip is how the region becomes a member of each ring. Seeds that change later restart its
// pods, or a peer's; one region of a ring at a time, by design.
func (b *bringUp) gossip() {
	for i := range b.rings {
		ring := &b.rings[i]
		member := b.records[subject{b.cluster(), "Member", ring.Name}]
		if member == nil {
			continue
		}
		seen := member.states[aspectMembers].until(b.until)
		if len(seen) == 0 {
			continue
		}
		joined := node{id: b.id("member of " + ring.Name), end: seen[len(seen)-1].at, follows: true}
		joined.after = []string{b.podsID(ring.Name), dnsID(b.nameIn(ring))}
		for _, r := range rolloutsOf(b.records, ring) {
			b.add(node{id: r.id, start: r.start, end: r.end, after: r.after}) // also a peer's: it may be what connects
			if r.region == b.region {
				b.healthyAgain(ring.Name, r)
			}
			if !r.end.After(joined.end) {
				joined.after = append(joined.after, r.id)
			}
		}
		b.add(joined)
	}
}

func (b *bringUp) nameIn(ring *v1alpha1.GossipRing) string {
	return b.records.nameOf(b.cluster(), ring)
}

// nameOf is the name in DNS of a cluster's member.
func (r records) nameOf(cluster string, ring *v1alpha1.GossipRing) string {
	s := subject{cluster, "Service", ring.Spec.Service.Namespace + "/" + ring.Spec.Service.Name}
	if service := r[s]; service != nil {
		return service.states[aspectDNS].last()
	}
	return ""
}

// healthyAgain is Argo CD's word after a rollout, which the Region needs as well.
func (b *bringUp) healthyAgain(app string, r rollout) {
	s := b.records[subject{management, "Application", app + "-" + b.region}]
	if s == nil {
		return
	}
	at := s.states[aspectState].until(b.until).since(r.end, healthyApplication)
	b.add(node{id: b.healthyID(app) + " after " + r.name, end: at, after: []string{r.id, b.healthyID(app)}, follows: true})
}

// rollout is one change of a member's seeds, until all its pods run with them.
type rollout struct {
	id, name, region string
	start, end       time.Time
	after            []string
}

// rolloutsOf returns the rollouts of a ring in the order in which they began. The seeds that
// a cluster Secret is born with need none.
func rolloutsOf(all records, ring *v1alpha1.GossipRing) []rollout {
	var found []rollout
	for _, s := range all.of(management, "Secret", "") {
		r := all[s]
		seeds := r.states[aspectSeeds+ring.Name]
		for i := 1; i < len(seeds); i++ {
			found = append(found, all.rolloutOf(ring, r.region, i, seeds[i]))
		}
	}
	slices.SortFunc(found, func(a, b rollout) int { return cmp.Or(a.start.Compare(b.start), strings.Compare(a.id, b.id)) })
	for i := range found {
		if i > 0 && !found[i-1].end.IsZero() {
			found[i].after = append(found[i].after, found[i-1].id)
		}
	}
	return slices.DeleteFunc(found, func(r rollout) bool { return r.end.IsZero() })
}

func (r records) rolloutOf(ring *v1alpha1.GossipRing, region string, i int, seeds change) rollout {
	name := fmt.Sprintf("rollout %d of %s", i, ring.Name)
	done := rollout{id: region + " " + name, name: name, region: region, start: seeds.at}
	for seed := range strings.SplitSeq(strings.TrimPrefix(seeds.state, "="), ",") {
		done.after = append(done.after, dnsID(seed))
	}
	for _, s := range r.of(clusterOf(region), "Deployment", region) {
		if namespace, _, _ := strings.Cut(s.name, "/"); namespace == ring.Spec.Service.Namespace && belongs(s.name, ring.Name) {
			done.end = r[s].states[aspectRunning].since(seeds.at, seeds.state)
		}
	}
	return done
}

// traffic is Global Accelerator: the endpoint, its health, and the dial in steps, each of
// which waits until the one before is in effect. The last step is not waited for.
func (b *bringUp) traffic() {
	for _, s := range b.records.of(inAWS, typeEndpointGroup, b.region) {
		r := b.records[s]
		attached := r.states["attached"].first(is(yes))
		if attached.IsZero() {
			continue
		}
		needs := []string{b.root()}
		for _, service := range b.records.of(b.cluster(), "Service", b.region) {
			needs = append(needs, b.balancerID(service.name))
		}
		needs = b.attachedService(needs)
		endpoint, health := b.id("accelerator takes the endpoint"), b.id("accelerator's health check")
		b.add(node{id: endpoint, start: attached, end: b.atRest(attached), after: needs})
		b.add(node{id: health, start: attached, end: r.states["checked"].first(is(yes)), after: needs})
		b.dials(r.states["dial"].until(b.until), endpoint, health)
	}
}

// attachedService leaves of the load balancers the one without a name of its own: the
// accelerator's is reached through the accelerator.
func (b *bringUp) attachedService(needs []string) []string {
	return slices.DeleteFunc(needs, func(id string) bool {
		for _, s := range b.records.of(b.cluster(), "Service", b.region) {
			if id == b.balancerID(s.name) && b.records[s].states[aspectDNS].last() != "" {
				return true
			}
		}
		return false
	})
}

// atRest is when the accelerator is next at rest after a change.
func (b *bringUp) atRest(from time.Time) time.Time {
	for _, s := range b.records.of(inAWS, typeAccelerator, "") {
		if h := b.records[s].states[aspectState]; len(h) > 0 {
			return h.next(from, "DEPLOYED")
		}
	}
	return time.Time{}
}

func (b *bringUp) dials(steps history, endpoint, health string) {
	after := []string{endpoint, health}
	for _, s := range b.records.of(management, "Application", b.region) {
		after = append(after, b.healthyID(strings.TrimSuffix(s.name, "-"+b.region)))
	}
	for i, step := range steps {
		if step.state == "0" {
			continue
		}
		n := node{id: b.id("dial to " + step.state + " %"), start: step.at, end: step.at, after: after}
		if i < len(steps)-1 {
			n.end = b.atRest(step.at)
		}
		b.add(n)
		after = []string{n.id}
	}
}
