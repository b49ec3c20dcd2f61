package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// The operator ran under the RBAC that we ship and under nothing else. After all specs
// it must have been refused nothing, and have used everything that it was granted.
var _ = AfterSuite(func() {
	suite, _ := GinkgoConfiguration()
	if len(suite.FocusStrings) > 0 || len(suite.FocusFiles) > 0 || len(suite.SkipStrings) > 0 {
		return // not all specs ran
	}
	world.StopOperator() // its watches are in the log once they end
	var refused []string
	used := map[string]bool{}
	Eventually(func(g Gomega) {
		refused, used = nil, map[string]bool{}
		for _, e := range operatorEvents() {
			right := e.ObjectRef.APIGroup + "/" + e.ObjectRef.Resource
			if e.ObjectRef.Subresource != "" {
				right += "/" + e.ObjectRef.Subresource
			}
			used[right+" "+e.Verb] = true
			if e.Verb == "patch" && e.Response.Code == 201 { // an apply that created
				used[right+" create"] = true
			}
			if e.Verb == "watch" { // begins with a list where the API server cannot stream one
				used[right+" list"] = true
			}
			if e.Response.Code == 403 {
				refused = append(refused, right+" "+e.Verb)
			}
		}
		g.Expect(used).To(HaveKey("portolan.dev/regions watch"))
	}).WithTimeout(10 * time.Second).Should(Succeed())
	Expect(refused).To(BeEmpty(), "requests that the shipped RBAC refused")

	used["events.k8s.io/events patch"] = true     // the recorder counts an event that repeats for minutes
	used["portolan.dev/gossiprings patch"] = true // the finalizer of rings with probes, which have a bed of their own
	var unused []string
	for _, right := range granted() {
		if !used[right] {
			unused = append(unused, right)
		}
	}
	Expect(unused).To(BeEmpty(), "rights that the shipped RBAC grants and no spec needed")
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
