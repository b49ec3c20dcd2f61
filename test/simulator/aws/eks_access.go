package aws

import (
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	typeAccessEntry = "eks/accessentry"
	typePodIdentity = "eks/podidentityassociation"

	// inNamespaces ends the ARN of a policy in the fact "policyARN" that is limited to namespaces.
	inNamespaces = "@namespace"
)

type eksAccessPolicy struct {
	ARN          string         `json:"policyArn"`
	Scope        eksAccessScope `json:"accessScope"`
	AssociatedAt float64        `json:"associatedAt"`
	ModifiedAt   float64        `json:"modifiedAt"`
}

type eksAccessScope struct {
	Type       string   `json:"type"`
	Namespaces []string `json:"namespaces"`
}

// listAccessPolicies has no pages: an entry has few policies.
func (s *Server) listAccessPolicies(c *call) (any, error) {
	r, principal, err := s.inCluster(c, typeAccessEntry, "principalArn")
	if err != nil {
		return nil, err
	}
	policies := []eksAccessPolicy{}
	for _, policy := range splitList(r.Data["policyARN"]) {
		arn, limited := strings.CutSuffix(policy, inNamespaces)
		scope := eksAccessScope{Type: "cluster", Namespaces: []string{}}
		if limited {
			scope = eksAccessScope{Type: "namespace", Namespaces: namespacesOf(r, arn)}
		}
		policies = append(policies, eksAccessPolicy{
			ARN: arn, Scope: scope, AssociatedAt: epoch(r.CreatedAt), ModifiedAt: epoch(r.CreatedAt),
		})
	}
	return map[string]any{
		"clusterName": c.path["clusterName"], "principalArn": principal, "associatedAccessPolicies": policies,
	}, nil
}

// namespacesOf reads the fact "accessPolicies", which is what ACK's AccessEntry specifies.
func namespacesOf(entry cloud.Resource, policyARN string) []string {
	var specified []struct {
		ARN   string         `json:"policyARN"`
		Scope eksAccessScope `json:"accessScope"`
	}
	if readFacts(entry, map[string]any{"accessPolicies": &specified}) != nil {
		return []string{}
	}
	for _, policy := range specified {
		if policy.ARN == policyARN && policy.Scope.Type == "namespace" {
			return policy.Scope.Namespaces
		}
	}
	return []string{}
}

type eksPodIdentity struct {
	ID             string            `json:"associationId"`
	ARN            string            `json:"associationArn"`
	Cluster        string            `json:"clusterName"`
	Namespace      string            `json:"namespace"`
	ServiceAccount string            `json:"serviceAccount"`
	RoleARN        string            `json:"roleArn"`
	CreatedAt      float64           `json:"createdAt"`
	ModifiedAt     float64           `json:"modifiedAt"`
	Tags           map[string]string `json:"tags"`
}

// describePodIdentity knows nothing of an association that is being deleted, although its
// service account stays taken for a while.
func (s *Server) describePodIdentity(c *call) (any, error) {
	r, id, err := s.inCluster(c, typePodIdentity, "associationId")
	if err != nil {
		return nil, err
	}
	if r.State == "DELETING" {
		return nil, eksNotFound("No %s %s found in cluster: %s", typePodIdentity, id, c.path["clusterName"])
	}
	return map[string]any{"association": eksPodIdentity{
		ID: id, ARN: s.eksARN(r, "podidentityassociation/"), Cluster: c.path["clusterName"], Namespace: r.Data["namespace"],
		ServiceAccount: r.Data["serviceAccount"], RoleARN: r.Data["roleARN"],
		CreatedAt: epoch(r.CreatedAt), ModifiedAt: epoch(r.CreatedAt), Tags: r.Tags,
	}}, nil
}
