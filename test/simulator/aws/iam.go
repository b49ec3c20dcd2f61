package aws

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	typeRole = "iam/role"

	// iamPage is the most tags that a call answers:
	// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoleTags.html.
	iamPage = 100
)

var iamOperations = map[string]action{
	"GetRole":                  {handle: (*Server).getRole, on: roleNamed},
	"GetRolePolicy":            {handle: (*Server).getRolePolicy, on: roleNamed},
	"ListAttachedRolePolicies": {handle: (*Server).listAttachedRolePolicies, on: roleNamed},
	"ListRolePolicies":         {handle: (*Server).listRolePolicies, on: roleNamed},
	"ListRoleTags":             {handle: (*Server).listRoleTags, on: roleNamed},
}

func roleNamed(s *Server, c *call) subject {
	name := c.form.Get("RoleName")
	role, _ := s.cloud.Get(cloud.Key{Type: typeRole, ID: name})
	return subjectOf(cmp.Or(role.ARN, s.cloud.ARN("iam", "", "role/"+name)), role)
}

type iamRole struct {
	Path        string     `xml:"Role>Path"`
	Name        string     `xml:"Role>RoleName"`
	ID          string     `xml:"Role>RoleId"`
	ARN         string     `xml:"Role>Arn"`
	CreateDate  string     `xml:"Role>CreateDate"`
	Trust       string     `xml:"Role>AssumeRolePolicyDocument"`
	Description string     `xml:"Role>Description,omitempty"`
	MaxSession  int        `xml:"Role>MaxSessionDuration"`
	Tags        []queryTag `xml:"Role>Tags>member"`
}

func (s *Server) getRole(c *call) (any, error) {
	r, err := s.roleOf(c)
	if err != nil {
		return nil, err
	}
	return iamRole{
		Path: cmp.Or(r.Data["path"], "/"), Name: r.ID, ID: cmp.Or(r.Data["roleID"], "AROA"+strings.ToUpper(r.ID)),
		ARN: cmp.Or(r.ARN, s.cloud.ARN("iam", "", "role/"+r.ID)), CreateDate: r.CreatedAt.UTC().Format(time.RFC3339),
		Trust: encodedDocument(r.Data["trust"]), Description: r.Data["description"],
		MaxSession: defaultSessionSeconds, Tags: queryTags(r),
	}, nil
}

func (s *Server) roleOf(c *call) (cloud.Resource, error) {
	name := c.form.Get("RoleName")
	r, ok := s.cloud.Get(cloud.Key{Type: typeRole, ID: name})
	if !ok {
		return r, invalid("NoSuchEntity", fmt.Sprintf("The role with name %s cannot be found.", name))
	}
	return r, nil
}

type roleTags struct {
	Tags      []queryTag `xml:"Tags>member"`
	Truncated bool       `xml:"IsTruncated"`
	Marker    string     `xml:"Marker,omitempty"`
}

func (s *Server) listRoleTags(c *call) (any, error) {
	r, err := s.roleOf(c)
	if err != nil {
		return nil, err
	}
	part, next, ok := page(queryTags(r), c.form.Get("Marker"), sizeOf(c.form.Get("MaxItems"), iamPage))
	if !ok {
		return nil, invalid("ValidationError", "Invalid Marker.")
	}
	return roleTags{Tags: part, Truncated: next != "", Marker: next}, nil
}
