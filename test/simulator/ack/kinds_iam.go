package ack

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

var role = &kind{
	service: "iam", name: "Role", awsType: "iam/role", global: true,
	nameOf:    named("name"),
	terminal:  []string{"InvalidInput", "MalformedPolicyDocument"},
	mutable:   []string{"policies", "trust", "inlinePolicies", "description", "maxSessionDuration", "permissionsBoundary"},
	defaulted: []string{"maxSessionDuration"},
	arn:       func(a account, r cloud.Resource) string { return a.ARN("iam", "", "role"+pathOf(r)+r.ID) },
	describe: func(r request) cloud.Resource {
		return r.resource(map[string]string{
			"path":  r.spec.text("path"),
			"trust": r.spec.text("assumeRolePolicyDocument"), "description": r.spec.text("description"),
			"policies": strings.Join(r.spec.texts("policies"), ","), "inlinePolicies": r.spec.json("inlinePolicies"),
			"maxSessionDuration": r.spec.json("maxSessionDuration"), "permissionsBoundary": r.spec.text("permissionsBoundary"),
		})
	},
	admit: func(a account, r *cloud.Resource) error {
		documents := map[string]string{}
		if text := r.Data["inlinePolicies"]; text != "" {
			if err := json.Unmarshal([]byte(text), &documents); err != nil {
				return refuse("MalformedPolicyDocument", "Syntax errors in policy.")
			}
		}
		for _, document := range append(slices.Collect(maps.Values(documents)), r.Data["trust"]) {
			if !json.Valid([]byte(document)) {
				return refuse("MalformedPolicyDocument", "This policy contains invalid Json")
			}
		}
		if r.Data["maxSessionDuration"] == "" {
			r.Data["maxSessionDuration"] = "3600"
		}
		r.Data["roleID"] = strings.ToUpper(a.NewID("AROA"))
		return nil
	},
	status: func(_ account, r cloud.Resource) map[string]any {
		return map[string]any{"roleID": r.Data["roleID"], "createDate": r.CreatedAt.UTC().Format(time.RFC3339)}
	},
	initialises: true,
	answers: func(cloud.Resource) map[string]any {
		return map[string]any{"maxSessionDuration": int64(3600), "path": "/"}
	},
	afterCreate: "role created, requeuing to trigger updates",
}

func pathOf(role cloud.Resource) string {
	if path := role.Data["path"]; path != "" {
		return path
	}
	return "/"
}
