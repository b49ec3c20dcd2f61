package iam

import (
	"maps"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// request is one question that AWS asks about a call: may the caller do this action on
// this one resource?
type request struct {
	action   string
	resource string
	// keys are the condition keys in lower case with their values.
	keys map[string][]string
}

const (
	actionCreateTags              = "ec2:CreateTags"
	actionPassRole                = "iam:PassRole"
	actionCreateServiceLinkedRole = "iam:CreateServiceLinkedRole"
	// actionGetCallerIdentity needs no permission; AWS answers it even under an explicit deny.
	actionGetCallerIdentity = "sts:GetCallerIdentity"
)

// requests are the questions about a call, one for each resource that it names: AWS asks
// about each by itself, and all have to be allowed.
func requests(call cloud.Call) []request {
	resources := call.Resources
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	action := actionOf(call)
	all := make([]request, 0, len(resources))
	for _, resource := range resources {
		all = append(all, request{action: action, resource: resource, keys: keysOf(call, action, resource)})
	}
	return all
}

func actionOf(call cloud.Call) string {
	if call.Action != "" {
		return call.Action
	}
	return call.Service + ":" + call.Operation
}

// keysOf are the condition keys of a request. What a call asks for on the way, such as
// ec2:CreateTags in CreateVpc or iam:PassRole in eks:CreateCluster, is told by an action
// that is not that of its operation.
func keysOf(call cloud.Call, action, resource string) map[string][]string {
	keys := map[string][]string{}
	if call.Region != "" {
		keys[keyRequestedRegion] = []string{call.Region}
	}
	for tag, value := range call.RequestTags {
		keys[keyRequestTag+strings.ToLower(tag)] = []string{value}
	}
	if len(call.RequestTags) > 0 {
		keys[keyTagKeys] = slices.Sorted(maps.Keys(call.RequestTags))
	}
	for tag, value := range call.ResourceTags {
		keys[keyResourceTag+strings.ToLower(tag)] = []string{value}
	}
	switch action {
	case actionCreateTags:
		if call.Operation != "CreateTags" {
			keys[keyCreateAction] = []string{call.Operation}
		}
	case actionPassRole:
		if call.Operation != "PassRole" {
			keys[keyPassedToService] = []string{passedTo(call)}
		}
	case actionCreateServiceLinkedRole:
		keys[keyAWSServiceName] = []string{linkedService(resource)}
	}
	return keys
}

// passedTo is the service that the role is for: pod identity has a principal of its own.
func passedTo(call cloud.Call) string {
	if strings.HasSuffix(call.Operation, "PodIdentityAssociation") {
		return "pods.eks.amazonaws.com"
	}
	return call.Service + ".amazonaws.com"
}

// linkedService is the service in arn:aws:iam::<account>:role/aws-service-role/<service>/<name>.
func linkedService(arn string) string {
	_, path, _ := strings.Cut(arn, ":role/aws-service-role/")
	service, _, _ := strings.Cut(path, "/")
	return service
}

// roleOf is the name of the role in the ARN of a role or of a session of it.
func roleOf(principal string) string {
	if _, session, ok := strings.Cut(principal, ":assumed-role/"); ok {
		role, _, _ := strings.Cut(session, "/")
		return role
	}
	if _, path, ok := strings.Cut(principal, ":role/"); ok {
		return path[strings.LastIndex(path, "/")+1:]
	}
	return principal
}
