package v1alpha1_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

const commit v1alpha1.GitRevision = "0123456789abcdef0123456789abcdef01234567"

func validPromotion() *v1alpha1.Promotion {
	return &v1alpha1.Promotion{
		ObjectMeta: metav1.ObjectMeta{Name: "main"},
		Spec:       v1alpha1.PromotionSpec{EnvironmentRef: v1alpha1.LocalReference{Name: "production001"}, Revision: commit},
	}
}

var _ = Describe("Promotion", func() {
	override := v1alpha1.RevisionOverride{Application: "unkey-api", Revision: commit}

	DescribeTable("is accepted", func(ctx SpecContext, edit func(*v1alpha1.Promotion)) {
		expectAccepted(ctx, edited(validPromotion, edit))
	},
		Entry("for every application", func(*v1alpha1.Promotion) {}),
		Entry("for some applications", func(p *v1alpha1.Promotion) { p.Spec.Applications = []string{"unkey-api", "frontline"} }),
		Entry("with an override", func(p *v1alpha1.Promotion) { p.Spec.Overrides = []v1alpha1.RevisionOverride{override} }),
	)

	DescribeTable("is rejected", func(ctx SpecContext, edit func(*v1alpha1.Promotion), message string) {
		expectRejected(ctx, edited(validPromotion, edit), message)
	},
		Entry("without an environment", func(p *v1alpha1.Promotion) { p.Spec.EnvironmentRef.Name = "" }, "spec.environmentRef.name: Invalid value"),
		Entry("at a short revision", func(p *v1alpha1.Promotion) { p.Spec.Revision = commit[:7] }, "spec.revision in body should match '^[0-9a-f]{40}$'"),
		Entry("at a branch", func(p *v1alpha1.Promotion) { p.Spec.Revision = "main" }, "spec.revision in body should match"),
		Entry("at a revision in capitals", func(p *v1alpha1.Promotion) { p.Spec.Revision = v1alpha1.GitRevision(strings.ToUpper(string(commit))) }, "spec.revision in body should match"),
		Entry("at a SHA-256", func(p *v1alpha1.Promotion) { p.Spec.Revision = commit + commit[:24] }, "spec.revision: Too long: may not be more than 40"),
		Entry("with an application twice", func(p *v1alpha1.Promotion) { p.Spec.Applications = []string{"unkey-api", "unkey-api"} }, "spec.applications[1]: Duplicate value"),
		Entry("with an override twice", func(p *v1alpha1.Promotion) { p.Spec.Overrides = []v1alpha1.RevisionOverride{override, override} }, "spec.overrides[1]: Duplicate value"),
		Entry("with an override at a branch", func(p *v1alpha1.Promotion) {
			p.Spec.Overrides = []v1alpha1.RevisionOverride{{Application: "unkey-api", Revision: "main"}}
		}, "spec.overrides[0].revision in body should match"),
		Entry("with an override of nothing", func(p *v1alpha1.Promotion) {
			p.Spec.Overrides = []v1alpha1.RevisionOverride{{Revision: commit}}
		}, "spec.overrides[0].application in body should be at least 1 chars long"),
	)

	DescribeTable("when it is edited", func(ctx SpecContext, edit func(*v1alpha1.Promotion), message string) {
		expectUpdate(ctx, edited(validPromotion, func(*v1alpha1.Promotion) {}), edit, message)
	},
		Entry("keeps its environment", func(p *v1alpha1.Promotion) { p.Spec.EnvironmentRef.Name = "staging001" }, "environmentRef is immutable"),
		Entry("moves to another revision", func(p *v1alpha1.Promotion) { p.Spec.Revision = v1alpha1.GitRevision(strings.Repeat("a", 40)) }, ""),
	)
})
