package argocd

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestSeedsReachTheDeployment(t *testing.T) {
	t.Parallel()
	b := newBed(t, quickSync)
	b.createSet("unkey-api")
	secret := b.createSecret("eu")
	b.Eventually(b.deployment("unkey-api")).Should(HaveField("ObjectMeta.Generation", int64(1)))

	b.annotate(secret, "portolan.dev/wan-seeds.unkey-api", "us.example")

	b.Eventually(b.deployment("unkey-api")).Should(WithTransform(seedsOf, Equal("us.example")))
	b.Eventually(func() string { return syncStatusOf(b.app("unkey-api-eu")()) }).Should(Equal(synced))
	status := b.app("unkey-api-eu")().Status
	b.Expect(status.Sync.Revision).To(Equal(sha('a')))
	b.Expect(status.Sync.ComparedTo.Source).To(Equal(b.app("unkey-api-eu")().Spec.Source))
	b.Expect(status.Resources).To(HaveLen(2))
	b.Expect(status.History).To(HaveLen(2))
}

func TestHealthFollowsTheDestination(t *testing.T) {
	t.Parallel()
	b := newBed(t, quickSync)
	b.createSet("unkey-api")
	secret := b.createSecret("eu")
	health := func() string { return healthStatusOf(b.app("unkey-api-eu")()) }
	b.Eventually(func() string { return syncStatusOf(b.app("unkey-api-eu")()) }).Should(Equal(synced))
	b.Expect(health()).To(Equal(progressing))

	b.rollOut("unkey-api")
	b.Consistently(health, "200ms").Should(Equal(progressing), "there is no hostname yet")
	b.publish("unkey-api-gossip-wan")
	b.Eventually(health, "1s").Should(Equal(healthy))

	b.annotate(secret, "portolan.dev/revision.unkey-api", sha('d'))
	b.Eventually(health).Should(Equal(progressing), "a new generation is not rolled out")
	b.Eventually(func() string { return syncStatusOf(b.app("unkey-api-eu")()) }).Should(Equal(synced))
	b.rollOut("unkey-api")
	b.Eventually(health, "1s").Should(Equal(healthy))
}

func TestAnApplicationWithoutAPinDeploysNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t, quickSync)
	b.createSet("core")
	secret := clusterSecret(b.namespace, "eu")
	delete(secret.Annotations, "portolan.dev/revision.core")
	b.Expect(b.Create(b.ctx, secret)).To(Succeed())
	b.Eventually(func() string { return syncStatusOf(b.app("core-eu")()) }).Should(Equal(unknown))
	app := b.app("core-eu")()
	b.Expect(revision(app.Spec.Source)).To(Equal(noCommit), "not HEAD")
	b.Expect(app.Operation).To(BeNil())
	b.Expect(app.Status.Resources).To(BeEmpty())

	b.annotate(secret, "portolan.dev/revision.core", sha('c'))
	b.Eventually(func() string { return syncStatusOf(b.app("core-eu")()) }).Should(Equal(synced))
}

func TestSelfHealRevertsTheDestination(t *testing.T) {
	t.Parallel()
	b := newBed(t, quickSync)
	b.createSet("unkey-api")
	b.createSecret("eu")
	b.Eventually(func() string { return syncStatusOf(b.app("unkey-api-eu")()) }).Should(Equal(synced))
	deployment, err := b.deployment("unkey-api")()
	b.Expect(err).NotTo(HaveOccurred())

	b.edit(deployment, func() { deployment.Spec.Template.Spec.Containers[0].Image = "edited" })

	b.Eventually(b.deployment("unkey-api")).Should(HaveField("Spec.Template.Spec.Containers", ConsistOf(HaveField("Image", "ghcr.io/unkeyed/unkey-api:"+sha('a')))))
}

func TestOperationIsVisibleWhileItRuns(t *testing.T) {
	t.Parallel()
	b := newBed(t, 500*time.Millisecond)
	b.createSet("core")
	b.createSecret("eu")

	b.Eventually(func(g Gomega) {
		app := b.app("core-eu")()
		g.Expect(app).NotTo(BeNil())
		g.Expect(app.Operation).NotTo(BeNil())
		g.Expect(app.Status.OperationState).To(HaveField("Phase", running))
		g.Expect(app.Status.Sync.Status).To(Equal(outOfSync))
		g.Expect(app.Status.Sync.Revision).To(Equal(sha('c')), "it is filled in before anything is synced")
		g.Expect(healthStatusOf(app)).To(Equal(missing))
	}).Should(Succeed())
	b.Eventually(func(g Gomega) {
		app := b.app("core-eu")()
		g.Expect(app.Operation).To(BeNil())
		g.Expect(app.Status.OperationState).To(And(HaveField("Phase", succeeded), HaveField("FinishedAt", Not(BeNil()))))
		g.Expect(app.Status.Sync.Status).To(Equal(synced))
		g.Expect(app.Status.ReconciledAt.Before(app.Status.OperationState.FinishedAt)).To(BeFalse())
	}).Should(Succeed())
}

func TestSettledApplicationIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBed(t, quickSync)
	b.createSet("unkey-api")
	b.createSecret("eu")
	b.Eventually(func() string { return syncStatusOf(b.app("unkey-api-eu")()) }).Should(Equal(synced))
	b.rollOut("unkey-api")
	b.publish("unkey-api-gossip-wan")
	b.Eventually(func() string { return healthStatusOf(b.app("unkey-api-eu")()) }).Should(Equal(healthy))
	status := func() applicationStatus {
		current := b.app("unkey-api-eu")().Status
		current.ReconciledAt = nil // moves with every resync
		return current
	}
	settled := status()

	b.Consistently(status, "500ms").Should(Equal(settled))
	b.Expect(settled.History).To(HaveLen(1))
}

func TestRefreshIsAnsweredByAComparison(t *testing.T) {
	t.Parallel()
	b := newBed(t, quickSync)
	b.createSet("core")
	b.createSecret("eu")
	b.Eventually(func() string { return syncStatusOf(b.app("core-eu")()) }).Should(Equal(synced))
	asked := timestamp(time.Now())

	b.annotate(b.app("core-eu")().object, refreshAnnotation, "normal")

	b.Eventually(func() map[string]string { return b.app("core-eu")().object.GetAnnotations() }).ShouldNot(HaveKey(refreshAnnotation))
	b.Expect(b.app("core-eu")().Status.ReconciledAt.Before(asked)).To(BeFalse())
}

func TestComparisonErrorsSayWhatIsWrong(t *testing.T) {
	cases := map[string]struct {
		edit        func(*bed, *unstructured.Unstructured)
		wantMessage string
	}{
		"a chart that does not exist": {
			edit: func(b *bed, set *unstructured.Unstructured) {
				b.Expect(unstructured.SetNestedField(set.Object, "charts/absent", "spec", "template", "spec", "source", "path")).To(Succeed())
			},
			wantMessage: "charts/absent: app path does not exist",
		},
		"a value the chart needs": {
			edit: func(_ *bed, set *unstructured.Unstructured) {
				unstructured.RemoveNestedField(set.Object, "spec", "template", "spec", "source", "helm", "valuesObject")
			},
			wantMessage: `map has no entry for key "env"`,
		},
		"a destination that does not answer": {
			edit:        func(b *bed, _ *unstructured.Unstructured) { b.unreachable.Store(true) },
			wantMessage: "connection refused",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, quickSync)
			b.createSecret("eu")
			b.createSet("unkey-api", func(set *unstructured.Unstructured) { tc.edit(b, set) })

			b.Eventually(b.app("unkey-api-eu")).Should(HaveField("Status.Conditions", ConsistOf(
				And(HaveField("Type", "ComparisonError"), HaveField("Message", ContainSubstring(tc.wantMessage))))))
			app := b.app("unkey-api-eu")()
			b.Expect(syncStatusOf(app)).To(Equal(unknown))
			b.Expect(app.Status.Sync.Revision).To(Equal(sha('a')), "it is filled in although nothing was rendered")
			b.Expect(healthStatusOf(app)).To(Equal(healthy), "what owns nothing is healthy")
		})
	}
}

func TestUnknownDestinationIsAnInvalidSpec(t *testing.T) {
	t.Parallel()
	b := newBed(t, quickSync)
	app := objectOf(applicationKind)
	app.SetNamespace(b.namespace)
	app.SetName("stray")
	app.Object["spec"] = map[string]any{"destination": map[string]any{"name": "nowhere"}, "source": map[string]any{"path": "core"}}

	b.Expect(b.Create(b.ctx, app)).To(Succeed())

	b.Eventually(b.app("stray")).Should(HaveField("Status.Conditions", ConsistOf(
		And(HaveField("Type", "InvalidSpecError"), HaveField("Message", "there are no clusters with this name: nowhere")))))
}

func TestFailingSyncIsRetriedAndThenGivenUp(t *testing.T) {
	t.Parallel()
	b := newBed(t, quickSync)
	b.createSecret("eu")
	b.createSet("core", func(set *unstructured.Unstructured) {
		unstructured.RemoveNestedField(set.Object, "spec", "template", "spec", "syncPolicy", "syncOptions")
		b.Expect(unstructured.SetNestedField(set.Object, int64(2), "spec", "template", "spec", "syncPolicy", "retry", "limit")).To(Succeed())
	})

	b.Eventually(b.app("core-eu")).Should(HaveField("Status.Conditions", ConsistOf(
		And(HaveField("Type", "SyncError"), HaveField("Message", ContainSubstring("Failed last sync attempt to ["+sha('c')+"]"))))))
	app := b.app("core-eu")()
	b.Expect(app.Operation).To(BeNil())
	b.Expect(app.Status.OperationState).To(And(HaveField("Phase", failed), HaveField("RetryCount", int64(2)), HaveField("Message", ContainSubstring("not found"))))
}

func TestResourcesThatLeftTheChartArePruned(t *testing.T) {
	t.Parallel()
	b := newBed(t, quickSync)
	set := b.createSet("unkey-api")
	b.createSecret("eu")
	b.Eventually(func() string { return syncStatusOf(b.app("unkey-api-eu")()) }).Should(Equal(synced))

	b.Expect(b.Get(b.ctx, client.ObjectKeyFromObject(set), set)).To(Succeed())
	b.edit(set, func() {
		b.Expect(unstructured.SetNestedField(set.Object, "charts/core", "spec", "template", "spec", "source", "path")).To(Succeed())
	})

	b.Eventually(func(g Gomega) {
		g.Expect(b.app("unkey-api-eu")().Status.Resources).To(ConsistOf(And(HaveField("Kind", "ConfigMap"), HaveField("Status", synced))))
		services := &corev1.ServiceList{}
		g.Expect(b.List(b.ctx, services, client.InNamespace(b.workloads))).To(Succeed())
		g.Expect(services.Items).To(BeEmpty())
	}).Should(Succeed())
}
