package aws

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// groupPage is how many endpoint groups are answered to callers that name no size:
// https://docs.aws.amazon.com/global-accelerator/latest/api/API_ListEndpointGroups.html.
const groupPage = 10

// Facts of an endpoint group.
const (
	dataGroupRegion = "region"
	dataEndpoints   = "endpoints"
	dataToken       = "idempotencyToken"
	dataDial        = "trafficDialPercentage"
	dataCheckPort   = "healthCheckPort"
	dataCheckPath   = "healthCheckPath"
	dataProtocol    = "healthCheckProtocol"
	dataInterval    = "healthCheckIntervalSeconds"
	dataThreshold   = "thresholdCount"
)

// groupInput has the parameters of creating and updating a group; nil ones were not given.
type groupInput struct {
	EndpointGroupRegion        string
	EndpointConfigurations     *[]endpointInput
	TrafficDialPercentage      *float64
	HealthCheckPort            *int
	HealthCheckProtocol        string
	HealthCheckPath            string
	HealthCheckIntervalSeconds *int
	ThresholdCount             *int
	IdempotencyToken           string
}

type endpointGroup struct {
	EndpointGroupARN           string `json:"EndpointGroupArn"`
	EndpointGroupRegion        string
	EndpointDescriptions       []endpointDescription
	TrafficDialPercentage      float64
	HealthCheckPort            int
	HealthCheckProtocol        string
	HealthCheckPath            string `json:",omitempty"`
	HealthCheckIntervalSeconds int
	ThresholdCount             int
}

func (s *Server) groupFrom(r cloud.Resource) endpointGroup {
	dial, err := strconv.ParseFloat(r.Data[dataDial], 64)
	if err != nil {
		dial = 100
	}
	return endpointGroup{
		EndpointGroupARN: r.ARN, EndpointGroupRegion: r.Data[dataGroupRegion], EndpointDescriptions: s.described(r),
		TrafficDialPercentage: dial, HealthCheckPort: cmp.Or(count(r, dataCheckPort), listenerPort),
		HealthCheckProtocol: cmp.Or(r.Data[dataProtocol], "TCP"), HealthCheckPath: r.Data[dataCheckPath],
		HealthCheckIntervalSeconds: cmp.Or(count(r, dataInterval), 30), ThresholdCount: cmp.Or(count(r, dataThreshold), 3),
	}
}

// facts are what the input says, leaving out what it does not.
func (in groupInput) facts() map[string]string {
	facts := map[string]string{}
	for name, value := range map[string]*int{
		dataCheckPort: in.HealthCheckPort, dataInterval: in.HealthCheckIntervalSeconds, dataThreshold: in.ThresholdCount,
	} {
		if value != nil {
			facts[name] = strconv.Itoa(*value)
		}
	}
	for name, value := range map[string]string{dataProtocol: in.HealthCheckProtocol, dataCheckPath: in.HealthCheckPath} {
		if value != "" {
			facts[name] = value
		}
	}
	if in.TrafficDialPercentage != nil {
		facts[dataDial] = strconv.FormatFloat(*in.TrafficDialPercentage, 'f', -1, 64)
	}
	return facts
}

func (in groupInput) check() error {
	if dial := in.TrafficDialPercentage; dial != nil && (*dial < 0 || *dial > 100) {
		return invalid(codeInvalidArgument, "TrafficDialPercentage must be between 0 and 100.")
	}
	return nil
}

const codeInvalidArgument = "InvalidArgumentException"

var errNoGroup = invalid("EndpointGroupNotFoundException", "The endpoint group does not exist.")

func (s *Server) listEndpointGroups(c *call) (any, error) {
	var in struct {
		MaxResults int
		NextToken  string
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	owner, err := s.listenerOf(c)
	if err != nil {
		return nil, err
	}
	size := groupPage
	if in.MaxResults > 0 {
		size = min(in.MaxResults, 100)
	}
	part, next, ok := page(s.groupsOf(owner), in.NextToken, size)
	if !ok {
		return nil, invalid("InvalidNextTokenException", "There isn't another item to return.")
	}
	groups := make([]endpointGroup, len(part))
	for i, r := range part {
		groups[i] = s.groupFrom(r)
	}
	answer := map[string]any{"EndpointGroups": groups}
	if next != "" {
		answer["NextToken"] = next
	}
	return answer, nil
}

func (s *Server) groupsOf(owner cloud.Resource) []cloud.Resource {
	return s.cloud.List(func(r cloud.Resource) bool {
		return r.Type == typeEndpointGroup && slices.Contains(r.Parents, owner.Key)
	})
}

func (s *Server) describeEndpointGroup(c *call) (any, error) {
	r, err := s.groupOf(c)
	if err != nil {
		return nil, err
	}
	return map[string]any{"EndpointGroup": s.groupFrom(r)}, nil
}

func (s *Server) groupOf(c *call) (cloud.Resource, error) {
	r, ok := s.acceleratorPart(typeEndpointGroup, c.text("EndpointGroupArn"))
	if !ok {
		return r, errNoGroup
	}
	return r, nil
}

func (s *Server) createEndpointGroup(c *call) (any, error) {
	var in groupInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	owner, err := s.listenerOf(c)
	if err != nil {
		return nil, err
	}
	if _, known := optInRegions[in.EndpointGroupRegion]; !known {
		return nil, invalid(codeInvalidArgument, fmt.Sprintf("Invalid endpoint group region %q.", in.EndpointGroupRegion))
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	var wanted []endpointInput
	if in.EndpointConfigurations != nil {
		wanted = *in.EndpointConfigurations
	}
	if err := s.checkEndpoints(in.EndpointGroupRegion, wanted); err != nil {
		return nil, err
	}
	group, created, err := s.newGroup(owner, in)
	if err != nil {
		return nil, err
	}
	if created {
		if err := s.changeEndpoints(c, group, replaceEndpoints(wanted)); err != nil {
			return nil, err
		}
	}
	group, _ = s.cloud.Get(group.Key)
	return map[string]any{"EndpointGroup": s.groupFrom(group)}, nil
}

// newGroup is one step for all callers: of calls at the same moment only one may win. The same
// token again is the answer to it that got lost.
func (s *Server) newGroup(owner cloud.Resource, in groupInput) (group cloud.Resource, created bool, err error) {
	s.grouping.Lock()
	defer s.grouping.Unlock()
	for _, old := range s.groupsOf(owner) {
		if old.Data[dataGroupRegion] != in.EndpointGroupRegion {
			continue
		}
		if in.IdempotencyToken != "" && old.Data[dataToken] == in.IdempotencyToken {
			return old, false, nil
		}
		return old, false, invalid("EndpointGroupAlreadyExistsException",
			"The endpoint group that you specified already exists: "+in.EndpointGroupRegion)
	}
	id := owner.ID + "/endpoint-group/" + lastDash(s.cloud.NewID("endpointgroup"))[5:]
	group = cloud.Resource{
		Key: cloud.Key{Type: typeEndpointGroup, ID: id}, ARN: s.acceleratorARN(id), State: "active",
		Parents: []cloud.Key{owner.Key}, Data: in.facts(),
	}
	group.Data[dataGroupRegion], group.Data[dataToken] = in.EndpointGroupRegion, in.IdempotencyToken
	return group, true, s.cloud.Create(group)
}

// updateEndpointGroup replaces the endpoints if any are given, even none of them.
func (s *Server) updateEndpointGroup(c *call) (any, error) {
	var in groupInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	group, err := s.groupOf(c)
	if err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	change := func(old []endpoint) []endpoint { return old }
	if in.EndpointConfigurations != nil {
		if err := s.checkEndpoints(group.Data[dataGroupRegion], *in.EndpointConfigurations); err != nil {
			return nil, err
		}
		change = replaceEndpoints(*in.EndpointConfigurations)
	}
	err = s.cloud.Update(group.Key, func(r *cloud.Resource) { maps.Copy(r.Data, in.facts()) })
	if err != nil {
		return nil, errNoGroup
	}
	if err := s.changeEndpoints(c, group, change); err != nil {
		return nil, err
	}
	return s.describeEndpointGroup(c)
}

func (s *Server) deleteEndpointGroup(c *call) (any, error) {
	group, err := s.groupOf(c)
	if err != nil {
		return nil, err
	}
	if err := s.changeEndpoints(c, group, replaceEndpoints(nil)); err != nil {
		return nil, err
	}
	if s.cloud.Delete(group.Key) != nil {
		return nil, errNoGroup
	}
	return map[string]any{}, nil
}
