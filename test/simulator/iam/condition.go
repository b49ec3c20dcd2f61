package iam

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// condition is one operator on one key. All conditions of a statement have to hold.
type condition struct {
	operator string
	// key is in lower case: the names of keys, and those of tags in them, have no case.
	key    string
	values []string
}

// operators tell whether a condition with the given values holds for what the request has
// under the key: nothing at all when the key is absent.
var operators = map[string]func(values, has []string) bool{
	"StringEquals":    anyOf(equal),
	"StringNotEquals": func(values, has []string) bool { return !anyOf(equal)(values, has) },
	"StringEqualsIfExists": func(values, has []string) bool {
		return len(has) == 0 || anyOf(equal)(values, has)
	},
	"StringLike":                anyOf(matches),
	"ArnLike":                   anyOf(matchesARN),
	"Bool":                      anyOf(strings.EqualFold),
	"Null":                      func(values, has []string) bool { return (values[0] == "true") == (len(has) == 0) },
	"ForAnyValue:StringEquals":  anyOf(equal),
	"ForAnyValue:StringLike":    anyOf(matches),
	"ForAllValues:StringEquals": allOf(equal),
	"ForAllValues:StringLike":   allOf(matches),
}

func equal(value, has string) bool { return value == has }

// anyOf holds when one thing that the request has fits one of the values; never when it has nothing.
func anyOf(fits func(value, has string) bool) func(values, has []string) bool {
	return func(values, has []string) bool {
		return slices.ContainsFunc(has, func(h string) bool { return matchesAny(fits, values, h) })
	}
}

// allOf holds when everything that the request has fits one of the values; also when it has nothing.
func allOf(fits func(value, has string) bool) func(values, has []string) bool {
	return func(values, has []string) bool {
		return !slices.ContainsFunc(has, func(h string) bool { return !matchesAny(fits, values, h) })
	}
}

// Condition keys in lower case.
const (
	keyAWSServiceName  = "iam:awsservicename"
	keyCreateAction    = "ec2:createaction"
	keyPassedToService = "iam:passedtoservice"
	keyRequestedRegion = "aws:requestedregion"
	keyRequestTag      = "aws:requesttag/"
	keyResourceTag     = "aws:resourcetag/"
	keyTagKeys         = "aws:tagkeys"

	keyRecordActions = "route53:changeresourcerecordsetsactions"
	keyRecordNames   = "route53:changeresourcerecordsetsnormalizedrecordnames"
	keyRecordTypes   = "route53:changeresourcerecordsetsrecordtypes"
)

// knownKeys tells of each key whether it holds many values. A key that is not here is never
// in a request, so a condition on it would test nothing.
//
// Simulated calls do not carry the route53 keys. AWS always fills them, and the set
// operators that they need hold when the request has none.
var knownKeys = map[string]bool{
	keyAWSServiceName: false, keyCreateAction: false, keyPassedToService: false, keyRequestedRegion: false,
	keyTagKeys: true, keyRecordActions: true, keyRecordNames: true, keyRecordTypes: true,
}

func known(key string) (many, ok bool) {
	for _, prefix := range []string{keyRequestTag, keyResourceTag} {
		if tag, isTag := strings.CutPrefix(key, prefix); isTag {
			return false, tag != ""
		}
	}
	many, ok = knownKeys[key]
	return many, ok
}

func parseConditions(data []byte) ([]condition, error) {
	blocks, err := members(data)
	if err != nil {
		return nil, err
	}
	var all []condition
	for _, block := range blocks {
		if operators[block.name] == nil {
			return nil, fmt.Errorf("operator %s is not supported", block.name)
		}
		keys, err := members(block.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", block.name, err)
		}
		for _, m := range keys {
			c, err := parseCondition(block.name, m)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", block.name, m.name, err)
			}
			all = append(all, c)
		}
	}
	return all, nil
}

func parseCondition(operator string, m member) (condition, error) {
	c := condition{operator: operator, key: strings.ToLower(m.name)}
	many, ok := known(c.key)
	if !ok {
		return condition{}, errors.New("the key is not supported")
	}
	if many && !strings.HasPrefix(operator, "For") && operator != "Null" {
		return condition{}, errors.New("a key with many values needs ForAnyValue or ForAllValues")
	}
	var err error
	if c.values, err = oneOrMore(m.value); err != nil {
		return condition{}, err
	}
	return c, c.checkValues()
}

func (c condition) checkValues() error {
	truth := c.operator == "Null" || c.operator == "Bool"
	for _, value := range c.values {
		if err := noVariable(value); err != nil {
			return err
		}
		if truth && value != "true" && value != "false" {
			return fmt.Errorf("%s is neither true nor false", value)
		}
	}
	if c.operator == "Null" && len(c.values) != 1 {
		return errors.New("it takes one value")
	}
	return nil
}

func (c condition) holds(r request) bool {
	return operators[c.operator](c.values, r.keys[c.key])
}
