package aws

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

type eksNodegroup struct {
	Name          string            `json:"nodegroupName"`
	ARN           string            `json:"nodegroupArn"`
	Cluster       string            `json:"clusterName"`
	CreatedAt     float64           `json:"createdAt"`
	Status        string            `json:"status"`
	Version       string            `json:"version,omitempty"`
	Scaling       eksScaling        `json:"scalingConfig"`
	InstanceTypes []string          `json:"instanceTypes"`
	Labels        map[string]string `json:"labels"`
	Taints        []eksTaint        `json:"taints,omitempty"`
	Health        eksHealth         `json:"health"`
	Tags          map[string]string `json:"tags"`
}

type eksScaling struct {
	Desired int `json:"desiredSize"`
	Min     int `json:"minSize"`
	Max     int `json:"maxSize"`
}

// eksTaint is the same on the wire and in the fact "taints".
type eksTaint struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Effect string `json:"effect"`
}

type eksHealth struct {
	Issues []eksIssue `json:"issues"`
}

type eksIssue struct {
	Code        string   `json:"code"`
	Message     string   `json:"message"`
	ResourceIDs []string `json:"resourceIds"`
}

type eksAddon struct {
	Name      string            `json:"addonName"`
	ARN       string            `json:"addonArn"`
	Cluster   string            `json:"clusterName"`
	CreatedAt float64           `json:"createdAt"`
	Status    string            `json:"status"`
	Version   string            `json:"addonVersion,omitempty"`
	Config    string            `json:"configurationValues,omitempty"`
	Health    eksHealth         `json:"health"`
	Tags      map[string]string `json:"tags"`
}

func (s *Server) describeNodegroup(c *call) (any, error) {
	r, name, err := s.inCluster(c, typeNodegroup, "nodegroupName")
	if err != nil {
		return nil, err
	}
	group := eksNodegroup{
		Name: name, ARN: s.eksARN(r, "nodegroup/"), Cluster: c.path["clusterName"], CreatedAt: epoch(r.CreatedAt),
		Status: r.State, Version: r.Data["version"], InstanceTypes: splitList(r.Data["instanceTypes"]),
		Scaling: eksScaling{Desired: count(r, "desired"), Min: count(r, "min"), Max: count(r, "max")},
		Health:  healthOf(r), Tags: r.Tags,
	}
	if err := readFacts(r, map[string]any{"labels": &group.Labels, "taints": &group.Taints}); err != nil {
		return nil, err
	}
	return map[string]any{"nodegroup": group}, nil
}

// readFacts reads facts in JSON; what the resource does not have stays as it is.
func readFacts(r cloud.Resource, into map[string]any) error {
	for fact, value := range into {
		if r.Data[fact] == "" {
			continue
		}
		if err := json.Unmarshal([]byte(r.Data[fact]), value); err != nil {
			return fmt.Errorf("reading %s of %s: %w", fact, r.Key, err)
		}
	}
	return nil
}

// count is zero without the fact.
func count(r cloud.Resource, fact string) int {
	n, err := strconv.Atoi(r.Data[fact])
	if err != nil {
		return 0
	}
	return n
}

// healthOf is where EKS says why something failed: failureCode and failureMessage of the resource.
func healthOf(r cloud.Resource) eksHealth {
	health := eksHealth{Issues: []eksIssue{}}
	if code := r.Data["failureCode"]; code != "" {
		health.Issues = append(health.Issues, eksIssue{
			Code: code, Message: cmp.Or(r.Data["failureMessage"], code), ResourceIDs: []string{lastPart(r.ID)},
		})
	}
	return health
}

func (s *Server) describeAddon(c *call) (any, error) {
	r, name, err := s.inCluster(c, typeAddon, "addonName")
	if err != nil {
		return nil, err
	}
	return map[string]any{"addon": eksAddon{
		Name: name, ARN: s.eksARN(r, "addon/"), Cluster: c.path["clusterName"], CreatedAt: epoch(r.CreatedAt),
		Status: r.State, Version: r.Data["version"], Config: r.Data["configuration"], Health: healthOf(r), Tags: r.Tags,
	}}, nil
}

// inCluster finds what belongs to a cluster, whose absence is an error of its own.
func (s *Server) inCluster(c *call, kind, parameter string) (cloud.Resource, string, error) {
	cluster, name := c.path["clusterName"], c.path[parameter]
	if _, ok := s.see(cloud.Key{Type: typeCluster, Region: c.region, ID: cluster}); !ok {
		return cloud.Resource{}, "", eksNotFound("No cluster found for name: %s.", cluster)
	}
	r, ok := s.see(cloud.Key{Type: kind, Region: c.region, ID: cluster + "/" + name})
	if !ok {
		return cloud.Resource{}, "", eksNotFound("No %s %s found in cluster: %s", kind, name, cluster)
	}
	return r, name, nil
}
