package region_test

import (
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

var _ = Describe("a Region whose pins moved since its plan was made", func() {
	pinned := string(build.Revision)[:7]
	broken := []gitrepo.Malformed{{Path: "c.yaml", Why: "line 3: why"}, {Path: "d.yaml", Why: "why"}}

	DescribeTable("is not born with one that", func(ctx SpecContext, answer files, reason, message string) {
		b := newBed(ctx)
		b.environment.Spec.ArgoCD.Repository = &v1alpha1.ConfigRepository{
			URL: "https://git.test/infra", ConfigFiles: []string{"{{ .application }}/{{ .region }}.yaml"},
		}
		b.api.Set(build.Node("node-1"))
		b.apply(ctx)
		b.ExpectApplied(ctx, build.Promotion(b.Namespace, "main"))
		b.reconcile(ctx)
		Expect(b.region.Status.Plan.Checked).To(BeTrue())
		*b.files = answer
		b.settle(ctx)
		b.connected()
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("Registered", "Unknown", reason, message))
		Expect(b.ArgoCD.Get(ctx, b.region)).To(BeNil(), argocd.SecretName(prefix))

		*b.files = files{}
		b.settle(ctx)
		Expect(b.ArgoCD.Get(ctx, b.region)).NotTo(BeNil())
	},
		Entry("lacks its files", files{missing: []string{"a.yaml", "b.yaml"}}, "RevisionLacksRegionConfig",
			build.ApplicationName+" at "+pinned+" lacks a.yaml, b.yaml: promote the environment to a revision that has them"),
		Entry("has files that are no YAML", files{malformed: broken}, "RevisionLacksRegionConfig",
			build.ApplicationName+" at "+pinned+" has c.yaml, which is no YAML (line 3: why), d.yaml, which is no YAML (why): "+
				"promote the environment to a revision that has them, and correct"),
		Entry("lacks files and has some that are no YAML", files{missing: []string{"a.yaml"}, malformed: broken[:1]}, "RevisionLacksRegionConfig",
			build.ApplicationName+" at "+pinned+" lacks a.yaml and has c.yaml, which is no YAML (line 3: why): promote"),
		Entry("nobody can read now", files{malformedErr: gitrepo.ErrUnreachable}, "RepositoryUnreachable",
			"looking for the files of "+build.ApplicationName+" at "+pinned+": repository unreachable"),
		Entry("the repository does not have", files{err: gitrepo.ErrUnknownRevision}, "RevisionLacksRegionConfig",
			build.ApplicationName+" is pinned at "+pinned+", which the repository does not have: promote the environment"),
		Entry("nobody can look at now", files{err: gitrepo.ErrUnreachable}, "RepositoryUnreachable",
			"looking for the files of "+build.ApplicationName+" at "+pinned+": repository unreachable"),
		Entry("nobody may look at", files{err: gitrepo.ErrCredentials}, "NoRepository",
			"looking for the files of "+build.ApplicationName+" at "+pinned+": credentials refused"),
		Entry("is in no repository", files{err: gitrepo.ErrNotFound}, "NoRepository",
			"looking for the files of "+build.ApplicationName+" at "+pinned+": repository not found"),
	)

	It("tries again when it is anything else that fails", func(ctx SpecContext) {
		b := newBed(ctx)
		b.environment.Spec.ArgoCD.Repository = &v1alpha1.ConfigRepository{URL: "https://git.test/infra", ConfigFiles: []string{"a.yaml"}}
		b.api.Set(build.Node("node-1"))
		b.apply(ctx)
		b.ExpectApplied(ctx, build.Promotion(b.Namespace, "main"))
		b.reconcile(ctx)
		b.files.err = gitrepo.ErrUnreachable
		b.settle(ctx)
		b.connected()
		b.settle(ctx)
		b.files.err = errors.New("anything")
		_, err := b.reconciler.Reconcile(ctx, b.region)
		Expect(err).To(MatchError(ContainSubstring("looking for the files of " + build.ApplicationName + " at " + pinned + ": anything")))
	})
})
