package aws

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func TestAccessFromEntries(t *testing.T) {
	const (
		prefix = "arn:aws:eks::aws:cluster-access-policy/"
		admin  = prefix + "AmazonEKSClusterAdminPolicy"
		view   = prefix + "AmazonEKSAdminViewPolicy"
	)
	limited := func(policy, namespaces string) string {
		return `{"policyARN":"` + policy + `","accessScope":{"type":"namespace","namespaces":[` + namespaces + `]}}`
	}
	everywhere := func(policy string) string { return `{"policyARN":"` + policy + `","accessScope":{"type":"cluster"}}` }
	cases := map[string]struct {
		policyARN, accessPolicies string
		want                      []string
	}{
		"nothing":    {},
		"everywhere": {policyARN: admin, accessPolicies: "[" + everywhere(admin) + "]", want: []string{"system:masters"}},
		"in some namespaces": {
			policyARN: view + "," + admin + "@namespace", accessPolicies: "[" + everywhere(view) + "," + limited(admin, `"dns","api"`) + "]",
			want: []string{"eks:admin-view", "eks:namespace-admin:api", "eks:namespace-admin:dns"},
		},
		"in none that is known":                {policyARN: admin + "@namespace"},
		"a policy that is not simulated":       {policyARN: prefix + "AmazonEKSEditPolicy"},
		"one that is not simulated in some":    {policyARN: view + "@namespace", accessPolicies: "[" + limited(view, `"api"`) + "]"},
		"everywhere is more than in some":      {policyARN: admin, accessPolicies: "[" + limited(admin, `"api"`) + "]", want: []string{"system:masters"}},
		"a namespace twice is one in the list": {policyARN: admin + "@namespace", accessPolicies: "[" + limited(admin, `"api","api"`) + "]", want: []string{"eks:namespace-admin:api"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			c := cloud.New(cloud.Options{})
			addAccessEntry(t, c, "staging", map[string]string{"policyARN": tc.policyARN, "accessPolicies": tc.accessPolicies})
			_, groups, ok := AccessFromEntries(c)("staging", deployRole)
			g.Expect(ok).To(BeTrue())
			g.Expect(groups).To(Equal(tc.want))
		})
	}
}
