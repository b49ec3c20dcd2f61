package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/portolan-dev/portolan/test/bed"
)

// notExercised are the rights and permissions that are needed and that no spec is sure to need,
// with the reason.
var notExercised = map[string]string{
	"portolan.dev/regions get":                         "caches do not have a Region that came a moment ago, whose block must not be reclaimed",
	"events.k8s.io/events patch":                       "the recorder counts an event that repeats for minutes",
	"portolan-manager: ActInTheAccount sts:TagSession": "credentials of EKS Pod Identity carry session tags, the bed's do not",
}

// privileges are what the operator was refused on one bed, and what it never needed there.
type privileges struct {
	Bed             string
	Refused, Unused []string
}

// seenPrivileges are those of all beds.
var seenPrivileges []privileges

// notePrivileges looks back at a bed before it is stopped. The operator ran there under the RBAC
// and the IAM policies that we ship and under nothing else.
func notePrivileges(b *bed.Bed, name string) {
	GinkgoHelper()
	b.StopOperator()
	p := privileges{Bed: name}
	used := map[string]bool{}
	Eventually(func(g Gomega) {
		p.Refused, used = b.DeniedCalls(), map[string]bool{}
		for _, e := range eventsOf(g, b) {
			for _, right := range e.rights() {
				used[right] = true
			}
			if e.Response.Code == 403 {
				p.Refused = append(p.Refused, e.rights()[0])
			}
		}
		g.Expect(used).To(HaveKey("portolan.dev/regions watch"))
	}).WithTimeout(10 * time.Second).Should(Succeed())
	p.Unused = append(b.UnusedPermissions(), slices.DeleteFunc(granted(), func(right string) bool { return used[right] })...)
	seenPrivileges = append(seenPrivileges, p)
}

// rights are what a request needed, as "group/resource verb".
func (e auditEvent) rights() []string {
	object := e.ObjectRef.APIGroup + "/" + e.ObjectRef.Resource
	if e.ObjectRef.Subresource != "" {
		object += "/" + e.ObjectRef.Subresource
	}
	all := []string{object + " " + e.Verb}
	if e.Verb == "patch" && e.Response.Code == 201 { // an apply that created
		all = append(all, object+" create")
	}
	if e.Verb == "watch" { // begins with a list where the API server cannot stream one
		all = append(all, object+" list")
	}
	return all
}

// The operator must have been refused nothing on any bed, and have used on one bed or another
// everything that it was granted.
var _ = ReportAfterSuite("least privilege", func(report Report) {
	if len(seenPrivileges) == 0 {
		return // nothing ran
	}
	unused := seenPrivileges[0].Unused
	for _, p := range seenPrivileges {
		if len(p.Refused) > 0 {
			Fail("on the bed of " + p.Bed + " the shipped RBAC and policies do not allow: " + strings.Join(p.Refused, ", "))
		}
		unused = slices.DeleteFunc(slices.Clone(unused), func(right string) bool { return !slices.Contains(p.Unused, right) })
	}
	if !report.SuiteSucceeded || len(report.SpecReports.WithState(types.SpecStateSkipped|types.SpecStatePending)) > 0 {
		return // not all specs ran
	}
	unused = slices.DeleteFunc(unused, func(right string) bool { return notExercised[right] != "" })
	if len(unused) > 0 { // on one line: CI shows the end of it
		Fail("no spec needed what the shipped RBAC and policies grant: " + strings.Join(unused, ", "))
	}
})

// granted returns every right in config/rbac/role.yaml as "group/resource verb".
func granted() []string {
	GinkgoHelper()
	file, err := os.Open(filepath.Join("..", "..", "config", "rbac", "role.yaml"))
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = file.Close() }()
	var rights []string
	decoder := yaml.NewYAMLOrJSONDecoder(file, 4096)
	for {
		role := rbacv1.ClusterRole{} // a Role has the same rules
		if err := decoder.Decode(&role); err != nil {
			break
		}
		for _, rule := range role.Rules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						rights = append(rights, group+"/"+resource+" "+verb)
					}
				}
			}
		}
	}
	Expect(strings.Join(rights, ",")).To(ContainSubstring("portolan.dev/regions"))
	slices.Sort(rights)
	return rights
}
