package ack

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// operation is what a controller does with a resource; each takes several AWS calls.
type operation int

const (
	find operation = iota
	read
	create
	update
	remove
)

// String returns the operation as Call names it.
func (o operation) String() string {
	return [...]string{"Read", "Read", "Create", "Update", "Delete"}[o]
}

// subject is what an operation is about.
type subject struct {
	account
	region string
	// resource is as AWS has it, or before creation as it is asked for.
	resource cloud.Resource
	// tags are those that it shall have.
	tags map[string]string
	// changed are the facts that an update changes.
	changed map[string]string
}

// ask is the part of an operation in which AWS may refuse to listen: faults that a
// test asked for, then the permissions of the controller's role. These calls are
// not in the ledger, which is about what Portolan itself asks of AWS.
func (p *pass) ask(o operation, s subject) error {
	call := Call{Kind: p.kind.name, Operation: o.String(), Region: p.region, Name: p.cr.GetName()}
	if refusal := p.faults.refuse(call); refusal != nil {
		return p.kind.answered(p.kind.mainAction(o), refusal)
	}
	s.account, s.region = p.account, p.region
	for _, needed := range permissions[p.kind.name].of(o) {
		if needed.when != nil && !needed.when(s) {
			continue
		}
		for _, object := range needed.on(s) {
			if o == create && p.kind.follows(needed) && object.arn == own(s).arn {
				object.tags = s.tags
			}
			if err := p.authorize(o, needed, object, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// follows tells whether a step of a creation finds the resource with the tags that the
// main call gave it. All steps are asked for before the first, when it does not exist.
func (k *kind) follows(step permission) bool {
	main := permissions[k.name].create[0]
	return main.tagging && !step.tagging && step.action != main.action
}

// surrounding is the API call in the course of which AWS asks for a permission. Most are
// calls of their own. The tags of what is created belong to the creation, and what
// another service is asked belongs to the call of this one.
func (k *kind) surrounding(o operation, needed permission) string {
	service, _, _ := strings.Cut(needed.action, ":")
	if service != k.service || o == create && needed.tagging {
		return k.mainAction(o)
	}
	return needed.action
}

func (p *pass) authorize(o operation, needed permission, object object, s subject) error {
	surrounding := p.kind.surrounding(o, needed)
	service, operation, _ := strings.Cut(surrounding, ":")
	call := cloud.Call{
		Service: service, Operation: operation, Action: needed.action, Region: p.region,
		Principal: p.ARN("iam", "", "role/ack-"+p.kind.service+"-controller"),
		Resources: []string{object.arn}, ResourceTags: object.tags,
	}
	if needed.tagging {
		call.RequestTags = p.requestTags(s.tags)
	}
	refusal := p.Authorize(call)
	if refusal == nil {
		return nil
	}
	return p.kind.answered(surrounding, p.kind.denied(call, refusal))
}

// requestTags are the tags as AWS gets them: ACK adds two of its own, which it
// never shows in the custom resource.
func (p *pass) requestTags(tags map[string]string) map[string]string {
	all := maps.Clone(tags)
	if all == nil {
		all = map[string]string{}
	}
	all["services.k8s.aws/controller-version"] = p.kind.service + "-v1.20.0"
	all["services.k8s.aws/namespace"] = p.cr.GetNamespace()
	return all
}

// deniedCodes are the services' words for a missing permission.
var deniedCodes = map[string]string{
	"acm": "AccessDeniedException", "ec2": "UnauthorizedOperation", "eks": "AccessDeniedException",
	"iam": "AccessDenied", "route53": "AccessDenied", "s3": "AccessDenied",
}

// denied is a refusal in the words of the service that the controller calls, which
// also speaks for those that it asks in turn, such as IAM about a role handed to EKS.
func (k *kind) denied(call cloud.Call, refusal *cloud.Error) *cloud.Error {
	message := refusal.Message
	if !strings.Contains(message, "is not authorized to perform") {
		message = fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action",
			call.Principal, call.Action, call.Resources[0], call.Action)
	}
	if k.service == "ec2" {
		message = "You are not authorized to perform this operation. " + message
	}
	return &cloud.Error{Code: deniedCodes[k.service], Message: message}
}

// mainAction is the one that an operation is named after.
func (k *kind) mainAction(o operation) string {
	needed := permissions[k.name].of(o)
	if len(needed) == 0 {
		return k.service + ":" + o.String() + k.name
	}
	return needed[0].action
}

// Actions returns, by the service of the controller, the IAM actions that the
// simulated controllers may ask for: what their roles have to allow, and no more.
func Actions() map[string][]string {
	all := map[string][]string{}
	for _, k := range kinds {
		for _, o := range []operation{find, read, create, update, remove} {
			for _, needed := range permissions[k.name].of(o) {
				all[k.service] = append(all[k.service], needed.action)
			}
		}
	}
	for service, actions := range all {
		slices.Sort(actions)
		all[service] = slices.Compact(actions)
	}
	return all
}

// permission is one AWS call that an operation takes.
type permission struct {
	action string
	// on are the resources as IAM looks at them, each by itself.
	on func(subject) []object
	// when tells whether this subject needs the call; nil for always.
	when func(subject) bool
	// tagging calls carry the tags of the resource.
	tagging bool
}

// to is a call that IAM does not tie to a resource.
func to(action string) permission { return permission{action: action, on: anything} }

func (p permission) about(on ...func(subject) object) permission {
	p.on = func(s subject) []object {
		objects := make([]object, len(on))
		for i, one := range on {
			objects[i] = one(s)
		}
		return objects
	}
	return p
}

func (p permission) onAll(on func(subject) []object) permission {
	p.on = on
	return p
}

func (p permission) tags() permission {
	p.tagging = true
	return p
}

func (p permission) onlyIf(when func(subject) bool) permission {
	p.when = when
	return p
}

// grants are the calls of each operation, the one it is named after first.
type grants struct{ find, read, create, update, remove []permission }

func (g grants) of(o operation) []permission {
	return [...][]permission{g.find, g.read, g.create, g.update, g.remove}[o]
}
