package aws

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	typeCluster   = "eks/cluster"
	typeNodegroup = "eks/nodegroup"
	typeAddon     = "eks/addon"

	// clusterPage is the most that ListClusters answers at once:
	// https://docs.aws.amazon.com/eks/latest/APIReference/API_ListClusters.html.
	clusterPage = 100
)

var eksRoutes = []route{
	{http.MethodGet, "/addons/supported-versions", "DescribeAddonVersions"},
	{http.MethodGet, "/clusters", "ListClusters"},
	{http.MethodGet, "/clusters/{clusterName}", "DescribeCluster"},
	{http.MethodGet, "/clusters/{clusterName}/node-groups/{nodegroupName}", "DescribeNodegroup"},
	{http.MethodGet, "/clusters/{clusterName}/addons/{addonName}", "DescribeAddon"},
	{http.MethodGet, "/clusters/{clusterName}/access-entries/{principalArn}/access-policies", "ListAssociatedAccessPolicies"},
	{http.MethodGet, "/clusters/{clusterName}/pod-identity-associations/{associationId}", "DescribePodIdentityAssociation"},
}

var eksOperations = map[string]action{
	"DescribeAddonVersions": {handle: (*Server).describeAddonVersions},
	"ListClusters":          {handle: (*Server).listClusters},
	"DescribeCluster":       {handle: (*Server).describeCluster, on: clusterNamed},
	"DescribeNodegroup":     {handle: (*Server).describeNodegroup, on: partOfCluster(typeNodegroup, "nodegroup", "nodegroupName")},
	"DescribeAddon":         {handle: (*Server).describeAddon, on: partOfCluster(typeAddon, "addon", "addonName")},
	"ListAssociatedAccessPolicies": {
		handle: (*Server).listAccessPolicies, on: partOfCluster(typeAccessEntry, "access-entry", "principalArn"),
	},
	"DescribePodIdentityAssociation": {
		handle: (*Server).describePodIdentity, on: partOfCluster(typePodIdentity, "podidentityassociation", "associationId"),
	},
}

func clusterNamed(s *Server, c *call) subject {
	key := cloud.Key{Type: typeCluster, Region: c.region, ID: c.path["clusterName"]}
	cluster, _ := s.cloud.Get(key)
	cluster.Key = key
	return subjectOf(s.eksARN(cluster, "cluster/"), cluster)
}

// partOfCluster is something whose ARN ends with an identifier of its own, which what does
// not exist has not.
func partOfCluster(kind, name, parameter string) target {
	return func(s *Server, c *call) subject {
		key := cloud.Key{Type: kind, Region: c.region, ID: c.path["clusterName"] + "/" + c.path[parameter]}
		r, ok := s.cloud.Get(key)
		if !ok {
			return subject{resources: []string{s.cloud.ARN("eks", c.region, name+"/"+key.ID+"/*")}}
		}
		return subjectOf(s.eksARN(r, name+"/"), r)
	}
}

type eksCluster struct {
	Name               string            `json:"name"`
	ARN                string            `json:"arn"`
	CreatedAt          float64           `json:"createdAt"`
	Status             string            `json:"status"`
	Version            string            `json:"version,omitempty"`
	Endpoint           string            `json:"endpoint,omitempty"`
	RoleARN            string            `json:"roleArn,omitempty"`
	Certificate        *eksCertificate   `json:"certificateAuthority,omitempty"`
	VPC                eksVPC            `json:"resourcesVpcConfig"`
	Logging            eksLogging        `json:"logging"`
	DeletionProtection bool              `json:"deletionProtection"`
	Access             eksAccess         `json:"accessConfig"`
	Health             eksHealth         `json:"health"`
	Tags               map[string]string `json:"tags"`
}

type eksCertificate struct {
	Data string `json:"data"`
}

type eksVPC struct {
	VPCID           string   `json:"vpcId,omitempty"`
	SubnetIDs       []string `json:"subnetIds"`
	SecurityGroupID string   `json:"clusterSecurityGroupId,omitempty"`
	Public          bool     `json:"endpointPublicAccess"`
	Private         bool     `json:"endpointPrivateAccess"`
	PublicCIDRs     []string `json:"publicAccessCidrs"`
}

type eksAccess struct {
	AuthenticationMode string `json:"authenticationMode,omitempty"`
}

type eksLogging struct {
	Setups []eksLogSetup `json:"clusterLogging"`
}

type eksLogSetup struct {
	Types   []string `json:"types"`
	Enabled bool     `json:"enabled"`
}

// logTypes are those of a control plane, in AWS's order.
var logTypes = []string{"api", "audit", "authenticator", "controllerManager", "scheduler"}

func (s *Server) listClusters(c *call) (any, error) {
	names := []string{}
	for _, r := range s.inRegion(c, typeCluster, nil) {
		names = append(names, r.ID)
	}
	part, next, ok := page(names, c.form.Get("nextToken"), sizeOf(c.form.Get("maxResults"), clusterPage))
	if !ok {
		return nil, invalid("InvalidParameterException", "Invalid nextToken")
	}
	answer := map[string]any{"clusters": part}
	if next != "" {
		answer["nextToken"] = next
	}
	return answer, nil
}

func (s *Server) describeCluster(c *call) (any, error) {
	name := c.path["clusterName"]
	r, ok := s.see(cloud.Key{Type: typeCluster, Region: c.region, ID: name})
	if !ok {
		return nil, eksNotFound("No cluster found for name: %s.", name)
	}
	cluster := eksCluster{
		Name: r.ID, ARN: s.eksARN(r, "cluster/"), CreatedAt: epoch(r.CreatedAt), Status: r.State,
		Version: r.Data["version"], Endpoint: r.Data["endpoint"], RoleARN: r.Data["roleARN"],
		VPC: s.networkOf(r), Logging: loggingOf(r), DeletionProtection: r.Data["deletionProtection"] == "true",
		Access: eksAccess{AuthenticationMode: r.Data["authenticationMode"]}, Health: healthOf(r), Tags: r.Tags,
	}
	if ca := r.Data["ca"]; ca != "" {
		cluster.Certificate = &eksCertificate{Data: ca}
	}
	return map[string]any{"cluster": cluster}, nil
}

// networkOf has EKS's defaults for what the cluster was not told: a public endpoint for everybody.
func (s *Server) networkOf(r cloud.Resource) eksVPC {
	vpc := eksVPC{
		VPCID: s.vpcOf(r), SubnetIDs: parents(r, typeSubnet), SecurityGroupID: r.Data["securityGroupID"],
		Public: r.Data["endpointPublicAccess"] != "false", Private: r.Data["endpointPrivateAccess"] == "true",
		PublicCIDRs: []string{},
	}
	if vpc.Public {
		vpc.PublicCIDRs = splitList(cmp.Or(r.Data["publicAccessCIDRs"], "0.0.0.0/0"))
	}
	return vpc
}

// loggingOf reads the fact "logging", a list of types or the specification in JSON, and answers
// as AWS does: what is on and what is off, each in one entry.
func loggingOf(r cloud.Resource) eksLogging {
	on := enabledLogs(r.Data["logging"])
	var logging eksLogging
	for _, enabled := range []bool{true, false} {
		setup := eksLogSetup{Enabled: enabled}
		for _, name := range logTypes {
			if slices.Contains(on, name) == enabled {
				setup.Types = append(setup.Types, name)
			}
		}
		if len(setup.Types) > 0 {
			logging.Setups = append(logging.Setups, setup)
		}
	}
	return logging
}

func enabledLogs(fact string) []string {
	var specified eksLogging
	if json.Unmarshal([]byte(fact), &specified) != nil && json.Unmarshal([]byte(fact), &specified.Setups) != nil {
		return splitList(fact)
	}
	var on []string
	for _, setup := range specified.Setups {
		if setup.Enabled {
			on = append(on, setup.Types...)
		}
	}
	return on
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
	return invalid("ResourceNotFoundException", fmt.Sprintf(format, args...))
}
