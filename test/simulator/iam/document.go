package iam

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const policyVersion = "2012-10-17"

// Policy is one identity-based policy.
type Policy struct {
	// Name is the policy's own name, for messages and for telling what was used.
	Name string

	statements []statement
}

type statement struct {
	sid  string
	deny bool
	// actions are those that the statement is about, or with exceptActions all but them.
	actions       []string
	exceptActions bool
	// resources are those that the statement is about, or with exceptResources all but them.
	resources       []string
	exceptResources bool
	conditions      []condition
}

var sidPattern = regexp.MustCompile(`^[A-Za-z0-9]*$`)

// Parse reads a policy document. Everything that this package does not evaluate is an
// error, also what IAM itself would accept.
func Parse(name string, document []byte) (Policy, error) {
	p, err := parsePolicy(document)
	if err != nil {
		return Policy{}, fmt.Errorf("parsing policy %s: %w", name, err)
	}
	p.Name = name
	return p, nil
}

func parsePolicy(document []byte) (Policy, error) {
	all, err := members(document)
	if err != nil {
		return Policy{}, err
	}
	var p Policy
	var version string
	for _, m := range all {
		switch m.name {
		case "Version":
			err = json.Unmarshal(m.value, &version)
		case "Id":
		case "Statement":
			p.statements, err = parseStatements(m.value)
		default:
			err = errors.New("unknown element")
		}
		if err != nil {
			return Policy{}, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	switch {
	case version != policyVersion:
		return Policy{}, fmt.Errorf("the Version is %q instead of %q", version, policyVersion)
	case len(p.statements) == 0:
		return Policy{}, errors.New("there is no Statement")
	}
	return p, nil
}

func parseStatements(data []byte) ([]statement, error) {
	var list []json.RawMessage
	if json.Unmarshal(data, &list) != nil {
		list = []json.RawMessage{data}
	}
	var all []statement
	seen := map[string]bool{}
	for i, item := range list {
		s, err := parseStatement(item)
		if err != nil {
			return nil, fmt.Errorf("statement %d: %w", i, err)
		}
		if s.sid == "" {
			s.sid = fmt.Sprintf("Statement%d", i)
		}
		if seen[s.sid] {
			return nil, fmt.Errorf("two statements have the Sid %s", s.sid)
		}
		seen[s.sid] = true
		all = append(all, s)
	}
	return all, nil
}

func parseStatement(data []byte) (statement, error) {
	all, err := members(data)
	if err != nil {
		return statement{}, err
	}
	var s statement
	set := map[string]bool{}
	for _, m := range all {
		if err := s.set(m); err != nil {
			return statement{}, fmt.Errorf("%s: %w", m.name, err)
		}
		set[m.name] = true
	}
	switch {
	case !set["Effect"]:
		return statement{}, errors.New("there is no Effect")
	case set["Action"] == set["NotAction"]:
		return statement{}, errors.New("there has to be either Action or NotAction")
	case set["Resource"] == set["NotResource"]:
		return statement{}, errors.New("there has to be either Resource or NotResource")
	}
	return s, nil
}

func (s *statement) set(m member) error {
	var err error
	switch m.name {
	case "Sid":
		s.sid, err = parseSid(m.value)
	case "Effect":
		s.deny, err = parseEffect(m.value)
	case "Action", "NotAction":
		s.exceptActions = m.name == "NotAction"
		s.actions, err = parsePatterns(m.value, "service:Action")
	case "Resource", "NotResource":
		s.exceptResources = m.name == "NotResource"
		s.resources, err = parsePatterns(m.value, "arn:partition:service:region:account:resource")
	case "Condition":
		s.conditions, err = parseConditions(m.value)
	default:
		err = errors.New("unknown element")
	}
	return err
}

func parseSid(data []byte) (string, error) {
	var sid string
	if err := json.Unmarshal(data, &sid); err != nil || !sidPattern.MatchString(sid) {
		return "", errors.New("it may hold letters and digits only")
	}
	return sid, nil
}

func parseEffect(data []byte) (deny bool, err error) {
	switch string(data) {
	case `"Allow"`:
		return false, nil
	case `"Deny"`:
		return true, nil
	default:
		return false, fmt.Errorf("%s is neither Allow nor Deny", data)
	}
}

// parsePatterns reads patterns that are "*" or have at least the colons of the form.
func parsePatterns(data []byte, form string) ([]string, error) {
	patterns, err := oneOrMore(data)
	if err != nil {
		return nil, err
	}
	for _, pattern := range patterns {
		if err := noVariable(pattern); err != nil {
			return nil, err
		}
		if pattern != "*" && strings.Count(pattern, ":") < strings.Count(form, ":") {
			return nil, fmt.Errorf("%s is neither * nor of the form %s", pattern, form)
		}
	}
	return patterns, nil
}

// noVariable refuses what would have to be replaced: policy variables, and placeholders
// that nobody filled.
func noVariable(text string) error {
	if strings.Contains(text, "${") {
		return fmt.Errorf("%s holds a variable or a placeholder that was not filled", text)
	}
	return nil
}
