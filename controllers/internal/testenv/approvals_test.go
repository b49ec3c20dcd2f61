package testenv

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

// The roles as config/default installs them.
const (
	approverRole = "portolan-promotion-approver-role"
	editorRole   = "portolan-promotion-editor-role"
)

// Rollouts that are approved.
const (
	rollout = string(build.Revision)
	later   = string(build.NextRevision) + "-0a1b2c3d"
)

const janes = v1alpha1.AnnotationApprovalPrefix + "jane"

// installRoles creates the roles for people.
func installRoles(ctx context.Context) {
	GinkgoHelper()
	for _, obj := range installed(Default) {
		if obj.GetKind() == "ClusterRole" && slices.Contains([]string{approverRole, editorRole}, obj.GetName()) {
			Expect(client.IgnoreAlreadyExists(administrator.Create(ctx, obj))).To(Succeed())
		}
	}
}

// colleague is a user who has the ClusterRoles in the namespace, and no other right.
func colleague(ctx context.Context, namespace, user string, roles ...string) client.Client {
	GinkgoHelper()
	for _, role := range roles {
		binding := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "people-"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		}
		Expect(administrator.Create(ctx, binding)).To(Succeed())
	}
	c := as(user, "system:authenticated")
	// The API server watches roles and bindings, and may not have heard of these yet.
	Eventually(c.List).WithContext(ctx).WithTimeout(policyPatience).
		WithArguments(&v1alpha1.PromotionList{}, client.InNamespace(namespace)).Should(Succeed())
	return c
}

// set gives the Promotion annotations, or removes those without a value, and says what
// came of it. The Promotion is as it is stored in any case.
func set(ctx context.Context, c client.Client, promotion *v1alpha1.Promotion, annotations map[string]string, opts ...client.PatchOption) error {
	GinkgoHelper()
	changed := promotion.DeepCopy()
	changed.Annotations = maps.Clone(promotion.Annotations)
	for k, v := range annotations {
		if changed.Annotations == nil {
			changed.Annotations = map[string]string{}
		}
		changed.Annotations[k] = v
		if v == "" {
			delete(changed.Annotations, k)
		}
	}
	err := c.Patch(ctx, changed, client.MergeFrom(promotion), opts...)
	Expect(administrator.Get(ctx, client.ObjectKeyFromObject(promotion), promotion)).To(Succeed())
	return err
}

var _ = Describe("The policy on approvals", func() {
	var (
		namespace  string
		promotion  *v1alpha1.Promotion
		approver   client.Client // jane, who may only approve
		editor     client.Client // jack, who may do everything else
		everything client.Client // root, who may do everything
	)
	BeforeEach(func(ctx SpecContext) {
		namespace = namespaceFor(ctx)
		installRoles(ctx)
		promotion = created(ctx, build.Promotion(namespace, "production001"))
		approver = colleague(ctx, namespace, "jane", approverRole)
		editor = colleague(ctx, namespace, "jack", editorRole)
		everything = as("root", masters)
	})
	approvals := func(pairs ...string) map[string]string {
		all := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			all[v1alpha1.AnnotationApprovalPrefix+pairs[i]] = pairs[i+1]
		}
		return all
	}

	It("lets an approver approve in the own name, again for each rollout", func(ctx SpecContext) {
		Expect(set(ctx, approver, promotion, approvals("jane", "jane "+rollout))).To(Succeed())
		Expect(promotion.Annotations).To(HaveKeyWithValue(janes, "jane "+rollout))
		Expect(set(ctx, approver, promotion, approvals("jane", "jane "+later, "twice", "jane "+later))).To(Succeed())
		Expect(promotion.Annotations).To(HaveKeyWithValue(janes, "jane "+later))
		Expect(set(ctx, everything, promotion, approvals("root", "root "+later))).To(Succeed())
		Expect(promotion.Annotations).To(HaveLen(3))
	})

	It("refuses an approval in the name of somebody else, and says how to give one's own", func(ctx SpecContext) {
		Expect(set(ctx, approver, promotion, approvals("jack", "jack "+rollout))).To(beDenied("approve-promotions",
			"annotation approval.portolan.dev/jack of Promotion production001 is no approval of yours",
			"kubectl annotate promotion -n "+namespace+` production001 approval.portolan.dev/jack="jane `+rollout+`"`))
		Expect(set(ctx, everything, promotion, approvals("jane", "jane "+rollout))).To(beDenied("approve-promotions", `="root `+rollout+`"`), "not even whoever may do everything")
		Expect(set(ctx, approver, promotion, approvals("a", "jane "+rollout, "b", "jack "+rollout))).To(beDenied("approve-promotions", "annotation approval.portolan.dev/b"), "one of two")
		Expect(promotion.Annotations).To(BeEmpty())

		Expect(set(ctx, approver, promotion, approvals("jane", "jane "+rollout))).To(Succeed())
		Expect(set(ctx, approver, promotion, approvals("jane", "jane"))).To(beDenied("approve-promotions",
			"production001 --overwrite approval.portolan.dev/jane=\"jane <rollout id>\""))
	})

	DescribeTable("refuses a value", func(ctx SpecContext, value string) {
		Expect(set(ctx, approver, promotion, approvals("x", value))).To(beDenied("approve-promotions", "is no approval of yours"))
		Expect(promotion.Annotations).To(BeEmpty())
	},
		Entry("without a rollout", "jane"),
		Entry("with a blank only", "jane "),
		Entry("without a name", rollout),
		Entry("without a blank", "jane"+rollout),
		Entry("with another blank", "jane\t"+rollout),
		Entry("with a short revision", "jane "+rollout[:12]),
		Entry("with upper case", "jane "+strings.Repeat("A", 40)),
		Entry("with more after it", "jane "+rollout+" please"),
		Entry("with a line after it", "jane "+rollout+"\n"),
		Entry("that reads as the name of another user", "jane doe "+rollout),
		Entry("of a user whose name begins alike", "janet "+rollout),
		Entry("with a rollout that is too long", "jane "+rollout+strings.Repeat("a", 65)),
	)

	It("refuses the approval of somebody without the verb, and says how to grant it", func(ctx SpecContext) {
		Expect(set(ctx, editor, promotion, approvals("jack", "jack "+rollout))).To(beDenied("approve-promotions",
			"user jack may not approve Promotion production001",
			"kubectl create rolebinding -n "+namespace+" promotion-approvers --clusterrole="+approverRole+` --user="jack"`))
		mine := build.Promotion(namespace, "staging")
		mine.Annotations = approvals("jack", "jack "+rollout)
		Expect(editor.Create(ctx, mine)).To(beDenied("approve-promotions", "user jack may not approve Promotion staging"))
		mine.Annotations = nil
		Expect(editor.Create(ctx, mine)).To(Succeed())
	})

	It("asks for the verb on this very Promotion", func(ctx SpecContext) {
		other := created(ctx, build.Promotion(namespace, "staging"))
		role := &rbacv1.Role{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "staging"},
			Rules: []rbacv1.PolicyRule{{
				APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"promotions"}, ResourceNames: []string{"staging"}, Verbs: []string{"approve"},
			}},
		}
		Expect(administrator.Create(ctx, role)).To(Succeed())
		Expect(administrator.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "staging"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "staging"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "jack"}},
		})).To(Succeed())
		Eventually(func() error { return set(ctx, editor, other, approvals("jack", "jack "+rollout)) }).WithTimeout(policyPatience).Should(Succeed())
		Expect(set(ctx, editor, promotion, approvals("jack", "jack "+rollout))).To(beDenied("approve-promotions"))
	})

	It("asks for both when a Promotion is created", func(ctx SpecContext) {
		mine := build.Promotion(namespace, "staging")
		mine.Annotations = approvals("root", "root "+rollout, "jane", "jane "+rollout)
		Expect(everything.Create(ctx, mine)).To(beDenied("approve-promotions", "annotation approval.portolan.dev/jane of Promotion staging"))
		mine.Annotations = approvals("root", "root "+rollout)
		Expect(everything.Create(ctx, mine)).To(Succeed())
	})

	It("does not hinder those who do not touch approvals", func(ctx SpecContext) {
		Expect(set(ctx, approver, promotion, approvals("jane", "jane "+rollout))).To(Succeed())
		Expect(set(ctx, editor, promotion, map[string]string{v1alpha1.AnnotationRetry: "1", "approval.example.com/jane": "yes"})).To(Succeed())
		promotion.Spec.Revision = build.NextRevision
		promotion.Labels = map[string]string{"tier": "one"}
		Expect(editor.Update(ctx, promotion)).To(Succeed())
		Expect(set(ctx, editor, promotion, map[string]string{v1alpha1.AnnotationRetry: ""})).To(Succeed())

		// As Argo CD applies it from git, where there are no approvals.
		applied := build.Promotion(namespace, "production001")
		applied.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Promotion"))
		Expect(editor.Patch(ctx, applied, client.Apply, client.FieldOwner("argocd-controller"), client.ForceOwnership)).To(Succeed()) //nolint:staticcheck // typed objects have no other way
		Expect(administrator.Get(ctx, client.ObjectKeyFromObject(promotion), promotion)).To(Succeed())
		Expect(promotion.Annotations).To(HaveKeyWithValue(janes, "jane "+rollout))
		Expect(editor.Delete(ctx, promotion)).To(Succeed())
	})

	It("lets everybody withdraw the own approval, and only approvers that of others", func(ctx SpecContext) {
		jack := as("jack", masters) // when he still had the right
		Expect(set(ctx, jack, promotion, approvals("jack", "jack "+rollout, "more", "jack "+later))).To(Succeed())
		Expect(set(ctx, approver, promotion, approvals("jane", "jane "+rollout))).To(Succeed())
		Expect(set(ctx, as("jack doe", masters), promotion, approvals("doe", "jack doe "+rollout))).To(Succeed())

		Expect(set(ctx, editor, promotion, approvals("jane", ""))).To(beDenied("approve-promotions", "user jack may not withdraw approval.portolan.dev/jane of Promotion production001"))
		Expect(set(ctx, editor, promotion, approvals("doe", ""))).To(beDenied("approve-promotions", "may not withdraw approval.portolan.dev/doe"))
		Expect(set(ctx, editor, promotion, approvals("jane", "jack "+rollout))).To(beDenied("approve-promotions"), "replaced is withdrawn, too")
		replaced := promotion.DeepCopy()
		replaced.Annotations = nil
		Expect(editor.Update(ctx, replaced)).To(beDenied("approve-promotions", "may not withdraw"), "all at once")

		Expect(set(ctx, editor, promotion, approvals("jack", ""))).To(Succeed())
		Expect(set(ctx, approver, promotion, approvals("more", "", "doe", "jane "+rollout))).To(Succeed())
		Expect(promotion.Annotations).To(Equal(approvals("jane", "jane "+rollout, "doe", "jane "+rollout)))
		Expect(set(ctx, approver, promotion, approvals("jane", "", "doe", ""))).To(Succeed())
		Expect(promotion.Annotations).To(BeEmpty())
	})

	It("cannot be got around by the status", func(ctx SpecContext) {
		changed := promotion.DeepCopy()
		changed.Annotations = approvals("jane", "jane "+rollout)
		changed.Status.CurrentRevision = build.NextRevision
		Expect(everything.Status().Patch(ctx, changed, client.MergeFrom(promotion))).To(Succeed())
		Expect(administrator.Get(ctx, client.ObjectKeyFromObject(promotion), promotion)).To(Succeed())
		Expect(promotion.Status.CurrentRevision).To(Equal(build.NextRevision))
		Expect(promotion.Annotations).To(BeEmpty())
	})
})

func TestOnlyApproversApprove(t *testing.T) {
	g := NewWithT(t)
	var roles []string
	for _, obj := range installed(g) {
		switch obj.GetKind() {
		case "ClusterRole", "Role":
			role := converted[rbacv1.ClusterRole](g, obj)
			for _, rule := range role.Rules {
				if slices.ContainsFunc(rule.Verbs, func(v string) bool { return v == "approve" || v == rbacv1.VerbAll }) {
					roles = append(roles, role.Name)
					g.Expect(role.AggregationRule).To(BeNil())
				}
			}
			for label := range role.Labels {
				g.Expect(role.Name == approverRole && strings.HasPrefix(label, "rbac.authorization.k8s.io/")).To(BeFalse(), "aggregated by %s", label)
			}
		case "ClusterRoleBinding", "RoleBinding":
			g.Expect(converted[rbacv1.ClusterRoleBinding](g, obj).RoleRef.Name).NotTo(Equal(approverRole), "bound by hand only")
		}
	}
	g.Expect(roles).To(ConsistOf(approverRole))
}
