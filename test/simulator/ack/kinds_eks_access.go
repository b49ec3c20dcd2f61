package ack

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

var accessEntry = &kind{
	service: "eks", name: "AccessEntry", awsType: "eks/accessentry",
	nameOf:  inCluster("principalARN"),
	mutable: []string{"policyARN", "accessPolicies", "groups", "username"},
	// The ARN has the principal in parts: access-entry/<cluster>/role/<account>/<name>/<ID>.
	arn: func(a account, r cloud.Resource) string {
		principal := strings.Split(r.Data["principalARN"], ":")
		kind, name, _ := strings.Cut(principal[len(principal)-1], "/")
		return a.ARN("eks", r.Region, fmt.Sprintf("access-entry/%s/%s/%s/%s/%s",
			r.Data["cluster"], kind, principal[len(principal)-2], name, suffix(a.NewID("access-entry"))))
	},
	describe: func(r request) cloud.Resource {
		var policies []string
		for _, policy := range r.spec.list("accessPolicies") {
			policies = append(policies, policy.text("policyARN")+scopeOf(policy))
		}
		name := r.spec.text("clusterName")
		return r.resource(map[string]string{
			"cluster": name, "principalARN": r.spec.text("principalARN"), "username": r.spec.text("username"),
			// Only the whole tells the namespaces of a policy that is limited to some.
			"policyARN": strings.Join(policies, ","), "accessPolicies": r.spec.json("accessPolicies"), "groups": strings.Join(r.spec.texts("kubernetesGroups"), ","),
		}, r.parent("eks/cluster", name))
	},
	admit: func(a account, r *cloud.Resource) error {
		if principal := r.Data["principalARN"]; !strings.HasPrefix(principal, "arn:aws:iam::") {
			return refuse("InvalidParameterException", "The specified principalArn is invalid: %s", principal)
		}
		owner, err := activeCluster(a, *r)
		if err == nil && owner.Data["authenticationMode"] == "CONFIG_MAP" {
			return refuse("InvalidRequestException",
				"The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.")
		}
		return err
	},
	status: func(_ account, r cloud.Resource) map[string]any {
		return map[string]any{"createdAt": r.CreatedAt.UTC().Format(time.RFC3339)}
	},
	answers: func(cloud.Resource) map[string]any {
		return map[string]any{"type": "STANDARD"}
	},
}

// scopeOf is how the facts of an access entry tell a policy that is limited to namespaces.
func scopeOf(policy fields) string {
	if policy.text("accessScope.type") == "namespace" {
		return "@namespace"
	}
	return ""
}

var podIdentityAssociation = &kind{
	service: "eks", name: "PodIdentityAssociation", awsType: "eks/podidentityassociation",
	idField: "associationID", idPrefix: "a",
	// The service account stays taken for a while after the deletion (community#2684).
	states: states{deleting: "DELETING"}, deletion: abandoned,
	scope:   func(spec fields) string { return spec.text("clusterName") + "/" },
	mutable: []string{"roleARN"},
	renewed: []string{"modifiedAt"},
	arn: func(a account, r cloud.Resource) string {
		return a.ARN("eks", r.Region, "podidentityassociation/"+r.ID)
	},
	describe: func(r request) cloud.Resource {
		name := r.spec.text("clusterName")
		return r.resource(map[string]string{
			"cluster": name, "namespace": r.spec.text("namespace"), "serviceAccount": r.spec.text("serviceAccount"),
			"roleARN": r.spec.text("roleARN"),
		}, r.parent("eks/cluster", name))
	},
	find: func(r request) string {
		for _, association := range associationsOf(r.account, r.region, r.spec.text("clusterName"),
			r.spec.text("namespace"), r.spec.text("serviceAccount")) {
			if association.State == "" {
				return association.ID
			}
		}
		return ""
	},
	admit: admitAssociation,
	status: func(_ account, r cloud.Resource) map[string]any {
		created := r.CreatedAt.UTC().Format(time.RFC3339)
		return map[string]any{
			"associationARN": r.ARN, "createdAt": created, "modifiedAt": cmp.Or(r.Data["modifiedAt"], created),
		}
	},
}

// associationsOf are the associations of a service account, also those that AWS is still deleting.
func associationsOf(a account, region, cluster, namespace, serviceAccount string) []cloud.Resource {
	return a.List(func(r cloud.Resource) bool {
		return r.Type == "eks/podidentityassociation" && r.Region == region && r.Data["cluster"] == cluster &&
			r.Data["namespace"] == namespace && r.Data["serviceAccount"] == serviceAccount
	})
}

// admitAssociation also draws when the association takes effect: pods that are
// admitted before get no credentials, and keep none.
func admitAssociation(a account, r *cloud.Resource) error {
	if _, err := activeCluster(a, *r); err != nil {
		return err
	}
	if _, found := a.Get(roleKey(r.Data["roleARN"])); !found {
		return refuse("InvalidParameterException", "Role provided in the request does not exist.")
	}
	r.Data["modifiedAt"] = time.Now().UTC().Format(time.RFC3339)
	if _, exists := a.Get(r.Key); exists {
		return nil
	}
	if taken := associationsOf(a, r.Region, r.Data["cluster"], r.Data["namespace"], r.Data["serviceAccount"]); len(taken) > 0 {
		return refuse("ResourceInUseException", "Association already exists: %s", baseName(taken[0]))
	}
	after := a.Sample("eks/podidentityassociation/effective")
	r.Data["effectiveAt"] = time.Now().Add(after).Format(time.RFC3339Nano)
	return nil
}
