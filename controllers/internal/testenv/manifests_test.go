package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/cel/openapi/resolver"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"
)

// schemaPatience is how long the API server may take to publish what its CRDs say.
const schemaPatience = time.Minute

// installed is what `kubectl apply -k config/default` applies.
func installed(g Gomega) []*unstructured.Unstructured {
	root, err := moduleRoot()
	g.Expect(err).NotTo(HaveOccurred())
	objs, err := render(filepath.Join(root, "config", "default"))
	g.Expect(err).NotTo(HaveOccurred())
	return objs
}

func converted[T any](g Gomega, obj *unstructured.Unstructured) T {
	var typed T
	g.Expect(runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(obj.Object, &typed, true)).To(Succeed())
	return typed
}

func installedPolicies(g Gomega) map[string]admissionregistrationv1.ValidatingAdmissionPolicy {
	policies := map[string]admissionregistrationv1.ValidatingAdmissionPolicy{}
	for _, obj := range installed(g) {
		if obj.GetKind() == "ValidatingAdmissionPolicy" {
			policies[obj.GetName()] = converted[admissionregistrationv1.ValidatingAdmissionPolicy](g, obj)
		}
	}
	g.Expect(policies).NotTo(BeEmpty())
	return policies
}

func TestGuardKnowsTheOperatorByItsInstalledName(t *testing.T) {
	g := NewWithT(t)
	var accounts []string
	for _, obj := range installed(g) {
		if obj.GetKind() == "ServiceAccount" {
			accounts = append(accounts, fmt.Sprintf("system:serviceaccount:%s:%s", obj.GetNamespace(), obj.GetName()))
		}
	}
	g.Expect(accounts).To(ConsistOf(operatorAccount))
	g.Expect(installedPolicies(g)["portolan-guard-region-resources"].Spec.Validations).To(ConsistOf(
		HaveField("Expression", "request.userInfo.username == '"+operatorAccount+"'")))
}

func TestEveryPolicyIsBoundAndDenies(t *testing.T) {
	g := NewWithT(t)
	bound := sets.New[string]()
	for _, obj := range installed(g) {
		if obj.GetKind() != "ValidatingAdmissionPolicyBinding" {
			continue
		}
		binding := converted[admissionregistrationv1.ValidatingAdmissionPolicyBinding](g, obj)
		g.Expect(binding.Namespace).To(BeEmpty(), "it has none")
		g.Expect(binding.Spec.ValidationActions).To(ConsistOf(admissionregistrationv1.Deny))
		g.Expect(binding.Spec.MatchResources).To(BeNil(), "nothing that a policy matches is left out")
		bound.Insert(binding.Spec.PolicyName)
	}
	for name, policy := range installedPolicies(g) {
		g.Expect(policy.Namespace).To(BeEmpty(), "it has none")
		g.Expect(bound).To(HaveKey(name))
		want := admissionregistrationv1.Fail
		if name == "portolan-confirm-namespace-deletion" {
			want = admissionregistrationv1.Ignore
		}
		g.Expect(policy.Spec.FailurePolicy).To(HaveValue(Equal(want)), name)
		operations := []admissionregistrationv1.OperationType{admissionregistrationv1.Delete}
		if name == "portolan-approve-promotions" {
			operations = []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update}
		}
		for _, rule := range policy.Spec.MatchConstraints.ResourceRules {
			g.Expect(rule.Operations).To(ConsistOf(operations), name)
		}
	}
}

// What the operator may delete for a Region is what nobody else may.
func TestGuardCoversWhateverTheOperatorMakes(t *testing.T) {
	g := NewWithT(t)
	root, err := moduleRoot()
	g.Expect(err).NotTo(HaveOccurred())
	raw, err := os.ReadFile(filepath.Join(root, "config", "rbac", "role.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	made, groups := sets.New[string](), sets.New("portolan.dev")
	for document := range strings.SplitSeq(string(raw), "\n---\n") {
		role := &rbacv1.ClusterRole{}
		g.Expect(yaml.Unmarshal([]byte(document), role)).To(Succeed())
		for _, rule := range role.Rules {
			if !strings.HasSuffix(rule.APIGroups[0], ".services.k8s.aws") {
				continue
			}
			g.Expect(rule.APIGroups).To(HaveLen(1))
			groups.Insert(rule.APIGroups...)
			for _, resource := range rule.Resources {
				made.Insert(rule.APIGroups[0] + "/" + resource)
			}
		}
	}

	policies := installedPolicies(g)
	guarded := sets.New[string]()
	for _, rule := range policies["portolan-guard-region-resources"].Spec.MatchConstraints.ResourceRules {
		for _, resource := range rule.Resources {
			guarded.Insert(rule.APIGroups[0] + "/" + resource)
		}
	}
	g.Expect(sets.List(guarded)).To(ConsistOf(sets.List(made.Insert("/secrets"))))

	crds := policies["portolan-confirm-crd-deletion"].Spec.Validations[0].Expression
	g.Expect(strings.Count(crds, "', '")+strings.Count(crds, "',\n")+1).To(Equal(groups.Len()), crds)
	for group := range groups {
		g.Expect(crds).To(ContainSubstring("'" + group + "'"))
	}
}

// The API server checks types only after it has accepted a policy, in its controller
// manager, which test environments lack. This is the same check.
var _ = Describe("The policies' expressions", func() {
	var checker *validating.TypeChecker

	BeforeEach(func() {
		http, err := rest.HTTPClientFor(adminConfig)
		Expect(err).NotTo(HaveOccurred())
		mapper, err := apiutil.NewDynamicRESTMapper(adminConfig, http)
		Expect(err).NotTo(HaveOccurred())
		kinds, err := discovery.NewDiscoveryClientForConfig(adminConfig)
		Expect(err).NotTo(HaveOccurred())
		checker = &validating.TypeChecker{SchemaResolver: &resolver.ClientDiscoveryResolver{Discovery: kinds}, RestMapper: mapper}
	})

	// haveSchemas keeps the check from passing because the types are not known yet.
	haveSchemas := func(policy admissionregistrationv1.ValidatingAdmissionPolicy) {
		GinkgoHelper()
		var kinds []schema.GroupVersionKind
		for _, rule := range policy.Spec.MatchConstraints.ResourceRules {
			for _, resource := range rule.Resources {
				found, err := checker.RestMapper.KindsFor(schema.GroupVersionResource{Group: rule.APIGroups[0], Version: rule.APIVersions[0], Resource: resource})
				Expect(err).NotTo(HaveOccurred())
				kinds = append(kinds, found...)
			}
		}
		if p := policy.Spec.ParamKind; p != nil {
			kinds = append(kinds, schema.FromAPIVersionAndKind(p.APIVersion, p.Kind))
		}
		for _, kind := range kinds {
			Eventually(func() error {
				_, err := checker.SchemaResolver.ResolveSchema(kind)
				return err
			}).WithTimeout(schemaPatience).Should(Succeed(), kind.String())
		}
	}

	It("name fields that exist, with their types", func() {
		for name, policy := range installedPolicies(Default) {
			haveSchemas(policy)
			Expect(checker.Check(&policy)).To(BeEmpty(), name)
		}
	})

	It("would not pass with a field that does not exist", func() {
		policy := installedPolicies(Default)["portolan-confirm-region-deletion"]
		haveSchemas(policy)
		policy.Spec.Validations[0].Expression = "params.spec.protektion == 'None'"
		policy.Spec.Validations[0].MessageExpression = "'Region ' + oldObject.spec.awsRegions"
		Expect(checker.Check(&policy)).To(ConsistOf(
			HaveField("Warning", ContainSubstring("undefined field 'protektion'")),
			HaveField("Warning", ContainSubstring("undefined field 'awsRegions'"))))
	})
})
