package aws

import (
	"fmt"
	"net/url"
	"strings"
)

// encodedDocument is a policy in the encoding of URLs, in which IAM answers all of them:
// that of RFC 3986, where a space is no plus.
func encodedDocument(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}

type attachedPolicy struct {
	Name string `xml:"PolicyName"`
	ARN  string `xml:"PolicyArn"`
}

type attachedPolicies struct {
	Policies  []attachedPolicy `xml:"AttachedPolicies>member"`
	Truncated bool             `xml:"IsTruncated"`
	Marker    string           `xml:"Marker,omitempty"`
}

func (s *Server) listAttachedRolePolicies(c *call) (any, error) {
	r, err := s.roleOf(c)
	if err != nil {
		return nil, err
	}
	var policies []attachedPolicy
	for _, arn := range splitList(r.Data["policies"]) {
		policies = append(policies, attachedPolicy{Name: lastPart(arn), ARN: arn})
	}
	part, next, err := rolePage(c, policies)
	return attachedPolicies{Policies: part, Truncated: next != "", Marker: next}, err
}

type inlinePolicies struct {
	Names     []string `xml:"PolicyNames>member"`
	Truncated bool     `xml:"IsTruncated"`
	Marker    string   `xml:"Marker,omitempty"`
}

func (s *Server) listRolePolicies(c *call) (any, error) {
	_, documents, err := s.inlineOf(c)
	if err != nil {
		return nil, err
	}
	part, next, err := rolePage(c, sortedKeys(documents))
	return inlinePolicies{Names: part, Truncated: next != "", Marker: next}, err
}

type rolePolicy struct {
	Role     string `xml:"RoleName"`
	Name     string `xml:"PolicyName"`
	Document string `xml:"PolicyDocument"`
}

func (s *Server) getRolePolicy(c *call) (any, error) {
	role, documents, err := s.inlineOf(c)
	if err != nil {
		return nil, err
	}
	name := c.form.Get("PolicyName")
	document, ok := documents[name]
	if !ok {
		return nil, invalid("NoSuchEntity", fmt.Sprintf("The role policy with name %s cannot be found.", name))
	}
	return rolePolicy{Role: role, Name: name, Document: encodedDocument(document)}, nil
}

// inlineOf reads the fact "inlinePolicies", documents by name in JSON.
func (s *Server) inlineOf(c *call) (role string, documents map[string]string, err error) {
	r, err := s.roleOf(c)
	if err != nil {
		return "", nil, err
	}
	err = readFacts(r, map[string]any{"inlinePolicies": &documents})
	return r.ID, documents, err
}

func rolePage[T any](c *call, items []T) (part []T, next string, err error) {
	part, next, ok := page(items, c.form.Get("Marker"), sizeOf(c.form.Get("MaxItems"), iamPage))
	if !ok {
		return nil, "", invalid("ValidationError", "Invalid Marker.")
	}
	return part, next, nil
}
