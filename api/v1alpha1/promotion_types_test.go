package v1alpha1_test

import (
	"strings"
	"time"

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

func wave(name string, regions ...string) v1alpha1.PromotionWave {
	return v1alpha1.PromotionWave{Name: name, Regions: regions}
}

func window(edits ...func(*v1alpha1.PromotionWindow)) func(*v1alpha1.Promotion) {
	w := v1alpha1.PromotionWindow{Kind: v1alpha1.WindowAllow, Schedule: "0 8 * * 1-5", Duration: metav1.Duration{Duration: time.Hour}}
	for _, edit := range edits {
		edit(&w)
	}
	return func(p *v1alpha1.Promotion) { p.Spec.Windows = []v1alpha1.PromotionWindow{w} }
}

func waves(all ...v1alpha1.PromotionWave) func(*v1alpha1.Promotion) {
	return func(p *v1alpha1.Promotion) { p.Spec.Waves = all }
}

// inGit delivers by files, after other edits.
func inGit(path string, edits ...func(*v1alpha1.Promotion)) func(*v1alpha1.Promotion) {
	return func(p *v1alpha1.Promotion) {
		p.Spec.Delivery.Git = &v1alpha1.PinFiles{Path: path}
		for _, edit := range edits {
			edit(p)
		}
	}
}

var _ = Describe("Promotion", func() {
	selected := v1alpha1.PromotionWave{Name: "europe", Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"continent": "eu"}}}
	override := v1alpha1.RevisionOverride{Application: "unkey-api", Revision: commit}

	DescribeTable("is accepted", func(ctx SpecContext, edit func(*v1alpha1.Promotion)) {
		expectAccepted(ctx, edited(validPromotion, edit))
	},
		Entry("for every application", func(*v1alpha1.Promotion) {}),
		Entry("for some applications", func(p *v1alpha1.Promotion) { p.Spec.Applications = []string{"unkey-api", "frontline"} }),
		Entry("following a branch", func(p *v1alpha1.Promotion) {
			p.Spec.Revision, p.Spec.Track = "", &v1alpha1.BranchTracking{Branch: "main"}
		}),
		Entry("in an emergency", func(p *v1alpha1.Promotion) { p.Spec.Urgency, p.Spec.Reason = v1alpha1.UrgencyEmergency, "CVE" }),
		Entry("with waves of names and of labels", waves(wave("canary", "dublin", "paris"), selected)),
		Entry("with a window", window(func(w *v1alpha1.PromotionWindow) { w.TimeZone = "Europe/Berlin" })),
		Entry("with files of each region", inGit("{{ .region }}/{{ .application }}.yaml", waves(wave("canary", "dublin")))),
		Entry("with files of all regions", inGit("{{ .application }}.yaml")),
		Entry("with files on another branch than the one it follows", inGit("{{ .application }}.yaml", func(p *v1alpha1.Promotion) {
			p.Spec.Revision, p.Spec.Track = "", &v1alpha1.BranchTracking{Branch: "next"}
		})),
		Entry("with files in another repository than the branch it follows", inGit("{{ .application }}.yaml", func(p *v1alpha1.Promotion) {
			p.Spec.Revision, p.Spec.Track, p.Spec.Delivery.Git.URL = "", &v1alpha1.BranchTracking{Branch: "main"}, "https://git.test/pins"
		})),
		Entry("for Applications themselves", func(p *v1alpha1.Promotion) { p.Spec.Delivery.Application = &v1alpha1.ApplicationDelivery{} }),
		Entry("with an override", func(p *v1alpha1.Promotion) { p.Spec.Overrides = []v1alpha1.RevisionOverride{override} }),
	)

	DescribeTable("is rejected", func(ctx SpecContext, edit func(*v1alpha1.Promotion), message string) {
		expectRejected(ctx, edited(validPromotion, edit), message)
	},
		Entry("without an environment", func(p *v1alpha1.Promotion) { p.Spec.EnvironmentRef.Name = "" }, "spec.environmentRef.name: Invalid value"),
		Entry("with files of all regions and waves", inGit("{{ .application }}.yaml", waves(wave("canary", "dublin"))),
			"files of all regions move all regions at once: put {{ .region }} into delivery.git.path, or leave waves out"),
		Entry("with one file of all applications", inGit("{{ .region }}.yaml"), "path must hold {{ .application }}: every application has a file of its own"),
		Entry("with files on the branch that it follows", inGit("{{ .application }}.yaml", func(p *v1alpha1.Promotion) {
			p.Spec.Revision, p.Spec.Track = "", &v1alpha1.BranchTracking{Branch: "main"}
		}), "delivery.git commits to the branch that track follows"),
		Entry("with two ways", inGit("{{ .application }}.yaml", func(p *v1alpha1.Promotion) {
			p.Spec.Delivery.Application = &v1alpha1.ApplicationDelivery{}
		}), "at most one of clusterSecret, git and application"),
		Entry("at a short revision", func(p *v1alpha1.Promotion) { p.Spec.Revision = commit[:7] },
			`"0123456" is no full commit hash of 40 lower-case hexadecimal digits: name the one that "git rev-parse 0123456" prints`),
		Entry("at a branch", func(p *v1alpha1.Promotion) { p.Spec.Revision = "main" }, `git rev-parse main" prints; only spec.track follows a branch`),
		Entry("at two lines", func(p *v1alpha1.Promotion) { p.Spec.Revision = "main\n" }, "not a full commit hash of 40 lower-case hexadecimal digits"),
		Entry("at the longest name", func(p *v1alpha1.Promotion) { p.Spec.Revision = v1alpha1.GitRevision(strings.Repeat("m", 256)) },
			"spec.revision: Too long: may not be more than 255"),
		Entry("at a revision in capitals", func(p *v1alpha1.Promotion) { p.Spec.Revision = v1alpha1.GitRevision(strings.ToUpper(string(commit))) }, "is no full commit hash of 40 lower-case"),
		Entry("at a SHA-256", func(p *v1alpha1.Promotion) { p.Spec.Revision = commit + commit[:24] }, "is no full commit hash of 40 lower-case"),
		Entry("with an application twice", func(p *v1alpha1.Promotion) { p.Spec.Applications = []string{"unkey-api", "unkey-api"} }, "spec.applications[1]: Duplicate value"),
		Entry("with an override twice", func(p *v1alpha1.Promotion) { p.Spec.Overrides = []v1alpha1.RevisionOverride{override, override} }, "spec.overrides[1]: Duplicate value"),
		Entry("with an override at a branch", func(p *v1alpha1.Promotion) {
			p.Spec.Overrides = []v1alpha1.RevisionOverride{{Application: "unkey-api", Revision: "main"}}
		}, "an override is at no full commit hash of 40 lower-case hexadecimal digits, as git rev-parse prints it"),
		Entry("with an override of nothing", func(p *v1alpha1.Promotion) {
			p.Spec.Overrides = []v1alpha1.RevisionOverride{{Revision: commit}}
		}, "spec.overrides[0].application in body should be at least 1 chars long"),
		Entry("at a revision and a branch", func(p *v1alpha1.Promotion) { p.Spec.Track = &v1alpha1.BranchTracking{Branch: "main"} }, "either revision or track"),
		Entry("at neither", func(p *v1alpha1.Promotion) { p.Spec.Revision = "" }, "either revision or track"),
		Entry("following no branch", func(p *v1alpha1.Promotion) { p.Spec.Revision, p.Spec.Track = "", &v1alpha1.BranchTracking{} }, "spec.track.branch in body should be at least 1 chars long"),
		Entry("in an emergency without a reason", func(p *v1alpha1.Promotion) { p.Spec.Urgency = v1alpha1.UrgencyEmergency }, "urgency Emergency needs a reason"),
		Entry("with another urgency", func(p *v1alpha1.Promotion) { p.Spec.Urgency, p.Spec.Reason = "Soon", "CVE" }, `spec.urgency: Unsupported value: "Soon"`),
		Entry("with a reason that is too long", func(p *v1alpha1.Promotion) { p.Spec.Reason = strings.Repeat("a", 257) }, "spec.reason: Too long"),
		Entry("with another failure policy", func(p *v1alpha1.Promotion) { p.Spec.OnFailure = "Ignore" }, `spec.onFailure: Unsupported value: "Ignore"`),
		Entry("with a region in two waves", waves(wave("canary", "dublin"), wave("rest", "paris", "dublin")), "a region is named by one wave only"),
		Entry("with a wave twice", waves(wave("canary", "dublin"), wave("canary", "paris")), "spec.waves[1]: Duplicate value"),
		Entry("with a wave of names and labels", waves(v1alpha1.PromotionWave{Name: "both", Regions: []string{"dublin"}, Selector: selected.Selector}), "either regions or selector"),
		Entry("with a wave of nothing", waves(wave("empty")), "either regions or selector"),
		Entry("with a wave of no name", waves(wave("", "dublin")), "spec.waves[0].name in body should be at least 1 chars long"),
		Entry("with a wave that never moves", waves(v1alpha1.PromotionWave{Name: "canary", Regions: []string{"dublin"}, MaxConcurrent: new(int32(0))}), "spec.waves[0].maxConcurrent in body should be greater than or equal to 1"),
		Entry("with another kind of window", window(func(w *v1alpha1.PromotionWindow) { w.Kind = "Maybe" }), `spec.windows[0].kind: Unsupported value: "Maybe"`),
		Entry("with a window that never comes", window(func(w *v1alpha1.PromotionWindow) { w.Schedule = "* * *" }), "spec.windows[0].schedule in body should be at least 6 chars long"),
		Entry("with a zone in a schedule", window(func(w *v1alpha1.PromotionWindow) { w.Schedule = "CRON_TZ=UTC 0 8 * * *" }), "set timeZone instead"),
		Entry("with more approvals than people", func(p *v1alpha1.Promotion) { p.Spec.Approval = &v1alpha1.PromotionApproval{Required: 9} }, "spec.approval.required in body should be less than or equal to 8"),
		Entry("verified nowhere", func(p *v1alpha1.Promotion) { p.Spec.Gates.VerifiedIn = &v1alpha1.VerifiedIn{} }, "spec.gates.verifiedIn.environment in body should be at least 1 chars long"),
	)

	DescribeTable("when it is edited", func(ctx SpecContext, edit func(*v1alpha1.Promotion), message string) {
		expectUpdate(ctx, edited(validPromotion, func(*v1alpha1.Promotion) {}), edit, message)
	},
		Entry("keeps its environment", func(p *v1alpha1.Promotion) { p.Spec.EnvironmentRef.Name = "staging001" }, "environmentRef is immutable"),
		Entry("moves to another revision", func(p *v1alpha1.Promotion) { p.Spec.Revision = v1alpha1.GitRevision(strings.Repeat("a", 40)) }, ""),
	)
})
