package iam

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// Policies are the policies of an account's roles. It is safe for concurrent use.
type Policies struct {
	exempt []string

	mu     sync.Mutex
	byRole map[string][]Policy
	used   map[use]bool
}

// use is one action of one statement as it is written there. Policies of one name are one
// file that was filled more than once.
type use struct{ policy, sid, action string }

// Load reads the policy of each role from the file that files names, after filling the
// placeholders with values (see [Read]). Roles whose name fits an entry of exempt, which may
// hold * and ?, may do everything without a policy; all other roles may do nothing.
func Load(files, values map[string]string, exempt ...string) (*Policies, error) {
	byRole := map[string]Policy{}
	for _, role := range slices.Sorted(maps.Keys(files)) {
		policy, err := Read(role, files[role], values)
		if err != nil {
			return nil, err
		}
		byRole[role] = policy
	}
	return New(byRole, exempt...), nil
}

// New is [Load] for policies that have been read already.
func New(byRole map[string]Policy, exempt ...string) *Policies {
	p := &Policies{exempt: exempt, byRole: map[string][]Policy{}, used: map[use]bool{}}
	for role, policy := range byRole {
		p.Attach(role, policy)
	}
	return p
}

// Attach adds a policy to those of the role. A role may do what any of its policies
// allows and none denies.
func (p *Policies) Attach(role string, policy Policy) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byRole[role] = append(p.byRole[role], policy)
}

// Read reads a policy from a file, after filling the placeholders with values (see [Fill]).
func Read(name, path string, values map[string]string) (Policy, error) {
	document, err := os.ReadFile(path)
	if err != nil {
		return Policy{}, fmt.Errorf("reading policy %s: %w", name, err)
	}
	return Parse(name, Fill(document, values))
}

var placeholderPattern = regexp.MustCompile(`\$\{[A-Z_]+\}`)

// Fill puts values in the place of placeholders such as ${ACCOUNT_ID}, as envsubst does.
// Placeholders without a value stay, and [Parse] refuses them.
func Fill(document []byte, values map[string]string) []byte {
	return placeholderPattern.ReplaceAllFunc(document, func(placeholder []byte) []byte {
		if value, ok := values[strings.Trim(string(placeholder), "${}")]; ok {
			return []byte(value)
		}
		return placeholder
	})
}

// Guard decides about calls by the policies. What it refuses has the code AccessDenied,
// which the wire puts into the service's own word.
func (p *Policies) Guard() cloud.Guard { return p.decide }

func (p *Policies) decide(call cloud.Call) *cloud.Error {
	if actionOf(call) == actionGetCallerIdentity {
		return nil
	}
	role := roleOf(call.Principal)
	p.mu.Lock()
	defer p.mu.Unlock()
	policies, ok := p.byRole[role]
	if !ok && matchesAny(matches, p.exempt, role) {
		return nil
	}
	var uses []use
	for _, r := range requests(call) {
		verdict := evaluate(policies, r)
		switch {
		case verdict.denied:
			return refusal(call, r, "with an explicit deny in an identity-based policy")
		case len(verdict.allowedBy) == 0:
			return refusal(call, r, "because no identity-based policy allows the "+r.action+" action")
		}
		uses = append(uses, verdict.allowedBy...)
	}
	for _, u := range uses {
		p.used[u] = true
	}
	return nil
}

func refusal(call cloud.Call, r request, why string) *cloud.Error {
	return &cloud.Error{
		Code:    "AccessDenied",
		Message: fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", call.Principal, r.action, r.resource, why),
	}
}

// Unused lists "policy: Sid action" for every action of every Allow statement that no allowed
// call has used so far, sorted. Of policies of one name it is enough that one was used. What
// is left after the whole suite is more than is needed.
func (p *Policies) Unused() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var unused []string
	for _, policies := range p.byRole {
		for _, policy := range policies {
			for _, s := range policy.statements {
				for _, action := range s.grants() {
					if !p.used[use{policy: policy.Name, sid: s.sid, action: action}] {
						unused = append(unused, fmt.Sprintf("%s: %s %s", policy.Name, s.sid, action))
					}
				}
			}
		}
	}
	slices.Sort(unused)
	return slices.Compact(unused)
}
