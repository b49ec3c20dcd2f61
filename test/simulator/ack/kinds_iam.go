package ack

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

var role = &kind{
	service: "iam", name: "Role", awsType: "iam/role", global: true,
	nameOf:   func(spec fields) string { return spec.text("name") },
	terminal: []string{"InvalidInput", "MalformedPolicyDocument"},
	mutable:  []string{"policies", "trust", "inlinePolicies", "description"},
	arn: func(a account, r cloud.Resource) string {
		path := r.Data["path"]
		if path == "" {
			path = "/"
		}
		return a.ARN("iam", "", "role"+path+r.ID)
	},
	describe: func(r request) cloud.Resource {
		return r.resource(map[string]string{
			"path":  r.spec.text("path"),
			"trust": r.spec.text("assumeRolePolicyDocument"), "description": r.spec.text("description"),
			"policies": strings.Join(r.spec.texts("policies"), ","), "inlinePolicies": r.spec.json("inlinePolicies"),
		})
	},
	admit: func(a account, r *cloud.Resource) error {
		if !json.Valid([]byte(r.Data["trust"])) {
			return refuse("MalformedPolicyDocument", "This policy contains invalid Json")
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
