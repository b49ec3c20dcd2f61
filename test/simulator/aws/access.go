package aws

import (
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// policyGroups stand for the access policies that the simulated EKS knows. Real
// EKS has an authorizer of its own for them; here RBAC gives the groups their rights.
var policyGroups = map[string]string{
	"AmazonEKSClusterAdminPolicy": "system:masters",
	"AmazonEKSAdminViewPolicy":    "eks:admin-view",
}

// namespacePolicyGroups are those of policies that are limited to namespaces: the principal is
// in one group for each, whose name ends in the namespace's.
var namespacePolicyGroups = map[string]string{
	"AmazonEKSClusterAdminPolicy": "eks:namespace-admin:",
}

// AccessFromEntries answers from the account's access entries: resources of type
// eks/accessentry with principalARN and the comma-separated lists policyARN and
// groups, in the cluster that their ID starts with.
func AccessFromEntries(c *cloud.Cloud) ClusterAccess {
	return func(clusterName, roleARN string) (username string, groups []string, ok bool) {
		entries := c.List(func(r cloud.Resource) bool {
			return r.Type == "eks/accessentry" && strings.HasPrefix(r.ID, clusterName+"/") && r.Data["principalARN"] == roleARN
		})
		if len(entries) == 0 {
			return "", nil, false
		}
		entry := entries[0]
		for _, policy := range splitList(entry.Data["policyARN"]) {
			groups = append(groups, groupsOf(entry, policy)...)
		}
		groups = append(groups, splitList(entry.Data["groups"])...)
		slices.Sort(groups)
		return usernameOf(entry, c.Account()), slices.Compact(groups), true
	}
}

// groupsOf are the groups of one policy of an entry.
func groupsOf(entry cloud.Resource, policy string) []string {
	arn, limited := strings.CutSuffix(policy, inNamespaces)
	if !limited {
		if group, known := policyGroups[lastPart(arn)]; known {
			return []string{group}
		}
		return nil
	}
	prefix, known := namespacePolicyGroups[lastPart(arn)]
	if !known {
		return nil
	}
	var groups []string
	for _, namespace := range namespacesOf(entry, arn) {
		groups = append(groups, prefix+namespace)
	}
	return groups
}

func usernameOf(entry cloud.Resource, account string) string {
	if name := entry.Data["username"]; name != "" {
		return name
	}
	return assumed(account, entry.Data["principalARN"], sessionPlaceholder).ARN
}

// splitList splits a comma-separated list; an empty one has no entries.
func splitList(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
