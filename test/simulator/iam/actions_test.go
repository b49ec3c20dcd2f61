package iam_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/ack"
)

// neverAsked are calls of the controllers that only fields lead to which Portolan does not
// set, or does not change once they are set. The policies do not allow them.
var neverAsked = []string{
	"acm:UpdateCertificateOptions", // names and transparency logging stay
	"eks:UpdateAccessEntry",        // no groups, no user name
	"eks:UpdatePodIdentityAssociation",
	"iam:DeleteRolePermissionsBoundary",
	"iam:PutRolePermissionsBoundary",
	"iam:UpdateRole",               // no description, no session duration
	"s3:PutBucketPolicy",           // none
	"s3:PutLifecycleConfiguration", // none
}

// TestPoliciesHaveTheActionsOfTheControllers compares what config/iam allows the ACK
// controllers with what the simulated ones may ask for.
func TestPoliciesHaveTheActionsOfTheControllers(t *testing.T) {
	for service, actions := range ack.Actions() {
		t.Run(service, func(t *testing.T) {
			var policy struct {
				Statement []struct{ Action any }
			}
			g := NewWithT(t)
			text, err := os.ReadFile(filepath.Join("..", "..", "..", "config", "iam", "ack-"+service+".json"))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(json.Unmarshal(text, &policy)).To(Succeed())
			var granted []string
			for _, s := range policy.Statement {
				switch action := s.Action.(type) {
				case string:
					granted = append(granted, action)
				case []any:
					for _, a := range action {
						granted = append(granted, a.(string))
					}
				}
			}
			slices.Sort(granted)
			wanted := slices.DeleteFunc(slices.Clone(actions), func(a string) bool { return slices.Contains(neverAsked, a) })
			g.Expect(slices.Compact(granted)).To(Equal(wanted))
		})
	}
}
