package aws

import (
	"errors"
	"fmt"
	"slices"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// ec2Named is what a call names by its identifier, which is also the end of its ARN.
func ec2Named(kind, name, parameter string) target {
	return func(s *Server, c *call) subject {
		key := cloud.Key{Type: kind, Region: c.region, ID: c.form.Get(parameter)}
		r, _ := s.cloud.Get(key)
		return subjectOf(s.cloud.ARN("ec2", c.region, name+"/"+key.ID), r)
	}
}

// deleteSecurityGroup refuses to delete what the rules of another group name, or what is used.
func (s *Server) deleteSecurityGroup(c *call) (any, error) {
	id := c.form.Get("GroupId")
	groups := s.securityGroupsIn(c, nil)
	if missing := firstMissing([]string{id}, groups); missing != "" {
		return nil, noGroup(id)
	}
	for _, other := range groups {
		switch {
		case other.ID == id && other.Data["name"] == defaultGroupName:
			return nil, invalid("CannotDelete", fmt.Sprintf("the specified group: %q name: \"default\" cannot be deleted by a user", id))
		case other.ID != id && slices.Contains(groupsNamed(slices.Concat(permissionsOf(other, dataIngress), permissionsOf(other, dataEgress))), id):
			return nil, dependent(id)
		}
	}
	return s.deleteEC2(cloud.Key{Type: typeSecurityGroup, Region: c.region, ID: id}, dependent(id))
}

func dependent(id string) error {
	return invalid(cloud.CodeDependencyViolation, fmt.Sprintf("resource %s has a dependent object", id))
}

func (s *Server) deleteNetworkInterface(c *call) (any, error) {
	key := cloud.Key{Type: typeInterface, Region: c.region, ID: c.form.Get("NetworkInterfaceId")}
	r, ok := s.cloud.Get(key)
	if !ok {
		return nil, noInterface(key.ID)
	}
	inUse := invalid("InvalidParameterValue", fmt.Sprintf("Network interface '%s' is currently in use.", key.ID))
	if r.State != "available" {
		return nil, inUse
	}
	return s.deleteEC2(key, inUse)
}

// deleteEC2 answers with the refusal as long as anything hangs on it. What is no resource of
// its own, such as the group of a cluster, is always used.
func (s *Server) deleteEC2(key cloud.Key, refusal error) (any, error) {
	err := s.cloud.Delete(key)
	if _, refused := errors.AsType[*cloud.Error](err); refused {
		return nil, refusal
	}
	return nil, err
}
