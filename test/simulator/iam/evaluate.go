package iam

import "slices"

// everythingElse stands for what a statement with NotAction grants: it names no action.
const everythingElse = "NotAction"

// verdict is what policies say about a request. Neither denied nor allowed means refused.
type verdict struct {
	denied bool
	// allowedBy are the statements and their actions that allow the request.
	allowedBy []use
}

// evaluate asks all policies of a role at once.
func evaluate(policies []Policy, r request) verdict {
	var v verdict
	for _, policy := range policies {
		for _, s := range policy.statements {
			actions, applies := s.applies(r)
			switch {
			case !applies:
			case s.deny:
				return verdict{denied: true}
			default:
				for _, action := range actions {
					v.allowedBy = append(v.allowedBy, use{policy: policy.Name, sid: s.sid, action: action})
				}
			}
		}
	}
	return v
}

// applies tells whether the statement is about the request, and through which of its actions.
func (s statement) applies(r request) (actions []string, ok bool) {
	if matchesAny(matches, s.resources, r.resource) == s.exceptResources {
		return nil, false
	}
	if slices.ContainsFunc(s.conditions, func(c condition) bool { return !c.holds(r) }) {
		return nil, false
	}
	if s.exceptActions {
		return []string{everythingElse}, !matchesAny(matchesFold, s.actions, r.action)
	}
	for _, pattern := range s.actions {
		if matchesFold(pattern, r.action) {
			actions = append(actions, pattern)
		}
	}
	return actions, len(actions) > 0
}

// grants are the actions of an Allow statement as they are written.
func (s statement) grants() []string {
	switch {
	case s.deny:
		return nil
	case s.exceptActions:
		return []string{everythingElse}
	default:
		return s.actions
	}
}
