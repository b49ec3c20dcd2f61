package aws

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	typeCluster   = "eks/cluster"
	typeNodegroup = "eks/nodegroup"
	typeAddon     = "eks/addon"
)

var eksRoutes = []route{
	{http.MethodGet, "/clusters/{clusterName}", "DescribeCluster"},
	{http.MethodGet, "/clusters/{clusterName}/node-groups/{nodegroupName}", "DescribeNodegroup"},
	{http.MethodGet, "/clusters/{clusterName}/addons/{addonName}", "DescribeAddon"},
}

type eksCluster struct {
	Name        string            `json:"name"`
	ARN         string            `json:"arn"`
	CreatedAt   float64           `json:"createdAt"`
	Status      string            `json:"status"`
	Version     string            `json:"version,omitempty"`
	Endpoint    string            `json:"endpoint,omitempty"`
	RoleARN     string            `json:"roleArn,omitempty"`
	Certificate *eksCertificate   `json:"certificateAuthority,omitempty"`
	VPC         eksVPC            `json:"resourcesVpcConfig"`
	Tags        map[string]string `json:"tags"`
}

type eksCertificate struct {
	Data string `json:"data"`
}

type eksVPC struct {
	VPCID     string   `json:"vpcId,omitempty"`
	SubnetIDs []string `json:"subnetIds"`
}

type eksNodegroup struct {
	Name      string            `json:"nodegroupName"`
	ARN       string            `json:"nodegroupArn"`
	Cluster   string            `json:"clusterName"`
	CreatedAt float64           `json:"createdAt"`
	Status    string            `json:"status"`
	Version   string            `json:"version,omitempty"`
	Scaling   eksScaling        `json:"scalingConfig"`
	Tags      map[string]string `json:"tags"`
}

type eksScaling struct {
	Desired int `json:"desiredSize"`
}

type eksAddon struct {
	Name      string            `json:"addonName"`
	ARN       string            `json:"addonArn"`
	Cluster   string            `json:"clusterName"`
	CreatedAt float64           `json:"createdAt"`
	Status    string            `json:"status"`
	Version   string            `json:"addonVersion,omitempty"`
	Tags      map[string]string `json:"tags"`
}

func (s *Server) describeCluster(c *call) (any, error) {
	name := c.path["clusterName"]
	r, ok := s.cloud.Get(cloud.Key{Type: typeCluster, Region: c.region, ID: name})
	if !ok {
		return nil, eksNotFound("No cluster found for name: %s.", name)
	}
	cluster := eksCluster{
		Name: r.ID, ARN: s.eksARN(r, "cluster/"), CreatedAt: epoch(r.CreatedAt), Status: r.State,
		Version: r.Data["version"], Endpoint: r.Data["endpoint"], RoleARN: r.Data["roleARN"],
		VPC: eksVPC{VPCID: s.vpcOf(r), SubnetIDs: parents(r, typeSubnet)}, Tags: r.Tags,
	}
	if ca := r.Data["ca"]; ca != "" {
		cluster.Certificate = &eksCertificate{Data: ca}
	}
	return map[string]any{"cluster": cluster}, nil
}

func (s *Server) describeNodegroup(c *call) (any, error) {
	r, name, err := s.inCluster(c, typeNodegroup, "nodegroupName")
	if err != nil {
		return nil, err
	}
	desired, _ := strconv.Atoi(r.Data["desired"]) // none without the fact
	return map[string]any{"nodegroup": eksNodegroup{
		Name: name, ARN: s.eksARN(r, "nodegroup/"), Cluster: c.path["clusterName"], CreatedAt: epoch(r.CreatedAt),
		Status: r.State, Version: r.Data["version"], Scaling: eksScaling{Desired: desired}, Tags: r.Tags,
	}}, nil
}

func (s *Server) describeAddon(c *call) (any, error) {
	r, name, err := s.inCluster(c, typeAddon, "addonName")
	if err != nil {
		return nil, err
	}
	return map[string]any{"addon": eksAddon{
		Name: name, ARN: s.eksARN(r, "addon/"), Cluster: c.path["clusterName"], CreatedAt: epoch(r.CreatedAt),
		Status: r.State, Version: r.Data["version"], Tags: r.Tags,
	}}, nil
}

// inCluster finds what belongs to a cluster, whose absence is an error of its own.
func (s *Server) inCluster(c *call, kind, parameter string) (cloud.Resource, string, error) {
	cluster, name := c.path["clusterName"], c.path[parameter]
	if _, ok := s.cloud.Get(cloud.Key{Type: typeCluster, Region: c.region, ID: cluster}); !ok {
		return cloud.Resource{}, "", eksNotFound("No cluster found for name: %s.", cluster)
	}
	r, ok := s.cloud.Get(cloud.Key{Type: kind, Region: c.region, ID: cluster + "/" + name})
	if !ok {
		return cloud.Resource{}, "", eksNotFound("No %s %s found in cluster: %s", kind, name, cluster)
	}
	return r, name, nil
}

func (s *Server) eksARN(r cloud.Resource, prefix string) string {
	return cmp.Or(r.ARN, s.cloud.ARN("eks", r.Region, prefix+r.ID))
}

func parents(r cloud.Resource, kind string) []string {
	ids := []string{}
	for _, parent := range r.Parents {
		if parent.Type == kind {
			ids = append(ids, parent.ID)
		}
	}
	return ids
}

func eksNotFound(format string, args ...any) error {
	return &cloud.Error{Code: "ResourceNotFoundException", Message: fmt.Sprintf(format, args...)}
}
