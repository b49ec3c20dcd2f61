package regional

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// chartOf is a Deployment of one pod as a chart in kube-system has it.
func chartOf(name string, change func(*corev1.PodSpec)) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: name},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: name, Image: name}}},
			},
		},
	}
	change(&d.Spec.Template.Spec)
	return d
}

func tolerateEverything(spec *corev1.PodSpec) {
	spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
}

// install creates a Deployment that goes with the test.
func (s *site) install(t *testing.T, d *appsv1.Deployment) {
	t.Helper()
	NewWithT(t).Expect(s.client.Create(t.Context(), d)).To(Succeed())
	t.Cleanup(func() { _ = s.client.Delete(context.WithoutCancel(t.Context()), d) })
}

// podFor returns the only pod of a chart, or an empty one.
func (s *site) podFor(t *testing.T, d *appsv1.Deployment) func() corev1.Pod {
	return func() corev1.Pod {
		pods := &corev1.PodList{}
		err := s.client.List(t.Context(), pods, client.InNamespace(d.Namespace), client.MatchingLabels(d.Spec.Selector.MatchLabels))
		if err != nil || len(pods.Items) != 1 {
			return corev1.Pod{}
		}
		return pods.Items[0]
	}
}

func havePhase(phase corev1.PodPhase) OmegaMatcher { return HaveField("Status.Phase", phase) }

func beUnschedulable(message OmegaMatcher) OmegaMatcher {
	return And(havePhase(corev1.PodPending), HaveField("Status.Conditions", ContainElement(And(
		HaveField("Type", corev1.PodScheduled), HaveField("Status", corev1.ConditionFalse),
		HaveField("Reason", corev1.PodReasonUnschedulable), HaveField("Message", message),
	))))
}

func (b *bed) testScheduling(t *testing.T) {
	g := NewWithT(t)
	tolerant := chartOf("tolerant", tolerateEverything)
	intolerant := chartOf("intolerant", func(*corev1.PodSpec) {})
	picky := chartOf("picky", func(spec *corev1.PodSpec) {
		tolerateEverything(spec)
		spec.NodeSelector = map[string]string{"node-class": "untrusted"}
	})
	for _, d := range []*appsv1.Deployment{tolerant, intolerant, picky} {
		b.east.install(t, d)
	}
	g.Eventually(b.east.podFor(t, tolerant)).Within(patience).Should(havePhase(corev1.PodRunning))
	g.Eventually(b.east.podFor(t, intolerant)).Within(patience).Should(
		beUnschedulable(HavePrefix("0/2 nodes are available: 2 node(s) had untolerated taint {node-class: api}.")))
	g.Eventually(b.east.podFor(t, picky)).Within(patience).Should(
		beUnschedulable(HavePrefix("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.")))

	node := b.east.nodes(g, t)[0]
	before := node.DeepCopy()
	node.Labels["node-class"] = "untrusted"
	g.Expect(b.east.client.Patch(t.Context(), &node, client.MergeFrom(before))).To(Succeed())
	g.Eventually(b.east.podFor(t, picky)).Within(patience).Should(And(havePhase(corev1.PodRunning), HaveField("Spec.NodeName", node.Name)))
	before = node.DeepCopy()
	node.Labels["node-class"] = "api"
	g.Expect(b.east.client.Patch(t.Context(), &node, client.MergeFrom(before))).To(Succeed())
}

func (b *bed) testServiceAccount(t *testing.T) {
	g := NewWithT(t)
	chart := chartOf("careful", func(spec *corev1.PodSpec) {
		tolerateEverything(spec)
		spec.ServiceAccountName = "careful"
	})
	b.east.install(t, chart)
	g.Eventually(func() ([]appsv1.DeploymentCondition, error) {
		err := b.east.client.Get(t.Context(), client.ObjectKeyFromObject(chart), chart)
		return chart.Status.Conditions, err
	}).Within(patience).Should(ContainElement(And(
		HaveField("Type", appsv1.DeploymentReplicaFailure), HaveField("Reason", "FailedCreate"),
		HaveField("Message", ContainSubstring(`error looking up service account kube-system/careful: serviceaccount "careful" not found`)),
	)))
	g.Expect(b.east.podFor(t, chart)()).To(Equal(corev1.Pod{}))

	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: chart.Namespace, Name: "careful"}}
	g.Expect(b.east.client.Create(t.Context(), account)).To(Succeed())
	g.Eventually(b.east.podFor(t, chart)).Within(patience).Should(And(
		havePhase(corev1.PodRunning), HaveField("Spec.ServiceAccountName", "careful")))
	g.Eventually(func() ([]appsv1.DeploymentCondition, error) {
		err := b.east.client.Get(t.Context(), client.ObjectKeyFromObject(chart), chart)
		return chart.Status.Conditions, err
	}).Within(patience).ShouldNot(ContainElement(HaveField("Type", appsv1.DeploymentReplicaFailure)))
}

func (b *bed) testPodIdentity(t *testing.T) {
	g := NewWithT(t)
	identity := cloud.Resource{
		Key: cloud.Key{Type: associationType, Region: "us-east-1", ID: b.east.options.Name + "/a-1"},
		Data: map[string]string{
			"namespace": metav1.NamespaceSystem, "serviceAccount": "default",
			"effectiveAt": time.Now().Add(time.Hour).Format(time.RFC3339Nano),
		},
	}
	g.Expect(b.cloud.Create(cloud.Resource{Key: cloud.Key{Type: addonType, Region: "us-east-1", ID: b.east.options.Name + "/" + identityAgent}})).To(Succeed())
	g.Expect(b.cloud.Create(identity)).To(Succeed())
	chart := chartOf("identified", tolerateEverything)
	b.east.install(t, chart)
	g.Eventually(b.east.podFor(t, chart)).Within(patience).Should(havePhase(corev1.PodRunning))
	early := b.east.podFor(t, chart)()
	g.Expect(early.Spec.Containers[0].Env).To(BeEmpty())

	g.Expect(b.cloud.Update(identity.Key, func(r *cloud.Resource) { delete(r.Data, "effectiveAt") })).To(Succeed())
	g.Expect(b.east.client.Delete(t.Context(), &early)).To(Succeed())
	g.Eventually(b.east.podFor(t, chart)).Within(patience).Should(And(
		havePhase(corev1.PodRunning), HaveField("UID", Not(Equal(early.UID)))))
	g.Expect(b.east.podFor(t, chart)().Spec.Containers[0].Env).To(Equal(credentialVariables))
}

func (b *bed) testEvictions(t *testing.T) {
	g := NewWithT(t)
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "api", Name: "unkey-api"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			Selector:     workloadOf("us-east-1", "").deployment.Spec.Selector,
			MinAvailable: new(intstr.FromInt32(2)),
		},
	}
	g.Expect(b.east.client.Create(t.Context(), budget)).To(Succeed())
	t.Cleanup(func() { _ = b.east.client.Delete(context.WithoutCancel(t.Context()), budget) })
	status := func() (policyv1.PodDisruptionBudgetStatus, error) {
		err := b.east.client.Get(t.Context(), client.ObjectKeyFromObject(budget), budget)
		return budget.Status, err
	}
	g.Eventually(status).Within(patience).Should(And(
		HaveField("ExpectedPods", BeEquivalentTo(2)), HaveField("CurrentHealthy", BeEquivalentTo(2)),
		HaveField("DesiredHealthy", BeEquivalentTo(2)), HaveField("DisruptionsAllowed", BeEquivalentTo(0)),
		HaveField("ObservedGeneration", BeEquivalentTo(1))))
	config := *b.east.options.Config
	config.Impersonate.UserName, config.Impersonate.Groups = "portolan", []string{NamespaceAdminGroup("api")}
	editor, err := kubernetes.NewForConfig(&config)
	g.Expect(err).NotTo(HaveOccurred())
	before := names(b.east.apiPods(t))
	evict := func() error {
		return editor.PolicyV1().Evictions("api").Evict(t.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: "api", Name: before[0]}})
	}
	g.Expect(apierrors.IsTooManyRequests(evict())).To(BeTrue())

	updated := budget.DeepCopy()
	updated.Spec.MinAvailable, updated.Spec.MaxUnavailable = nil, new(intstr.FromString("50%"))
	g.Expect(b.east.client.Patch(t.Context(), updated, client.MergeFrom(budget))).To(Succeed())
	g.Eventually(status).Within(patience).Should(And(
		HaveField("DisruptionsAllowed", BeEquivalentTo(1)), HaveField("ObservedGeneration", BeEquivalentTo(2))))
	g.Expect(evict()).To(Succeed())
	g.Eventually(func() []string { return names(b.east.apiPods(t)) }).Within(patience).Should(And(HaveLen(2), Not(ContainElement(before[0])), ContainElement(before[1])))
	g.Eventually(b.east.phases(t)).Within(patience).Should(ConsistOf(corev1.PodRunning, corev1.PodRunning))
	g.Eventually(status).Within(patience).Should(And(
		HaveField("DisruptionsAllowed", BeEquivalentTo(1)), HaveField("CurrentHealthy", BeEquivalentTo(2)), HaveField("DisruptedPods", BeEmpty())))
}
