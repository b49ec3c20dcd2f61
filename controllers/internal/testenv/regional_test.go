package testenv

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	applyappsv1 "k8s.io/client-go/applyconfigurations/apps/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

type anyToken struct{}

func (anyToken) ClusterToken(context.Context, string, string, string) (token string, expires time.Time, err error) {
	return "t", time.Now().Add(time.Hour), nil
}

var _ = Describe("a regional cluster", func() {
	var (
		api     *Regional
		cluster *remote.Cluster
	)
	BeforeEach(func(ctx SpecContext) {
		api = StartRegional()
		clusters := remote.New(anyToken{}, clock.RealClock{}, time.Minute)
		(&World{}).run(ctx, clusters.Start)
		var err error
		cluster, err = clusters.Ensure(client.ObjectKey{Name: "r"}, remote.Target{Name: "r", Endpoint: api.Endpoint(), CA: api.CA()})
		Expect(err).NotTo(HaveOccurred())
		Eventually(cluster.Connected).Should(Succeed())
	})

	It("can be drained", func(ctx SpecContext) {
		node, other := build.Node("old-1"), build.Node("new-1")
		node.Labels = map[string]string{"eks.amazonaws.com/nodegroup": "old"}
		node.Status.NodeInfo.KubeletVersion = "v1.34.2"
		pod, kept := build.Pod("a", ""), build.Pod("b", "")
		pod.Spec.NodeName, kept.Spec.NodeName, pod.UID = node.Name, other.Name, "u"
		api.Set(node, other, pod, kept)
		api.Protect("api", pod)
		Eventually(cluster.NodeGroups).Should(HaveKeyWithValue("old", remote.NodeCount{Ready: 1, Total: 1}))
		Expect(cluster.KubeletVersions("old")).To(Equal([]string{"1.34"}))

		drain := func() (remote.Drained, error) { return cluster.Drain(ctx, "old") }
		Eventually(drain).Should(Equal(remote.Drained{Nodes: 1, Cordoned: true, Pods: []remote.UndrainedPod{{
			Name: client.ObjectKeyFromObject(pod), Node: node.Name, Why: "PodDisruptionBudget api/api allows no disruption",
		}}}))
		Expect(api.Unschedulable(node)).To(BeTrue())
		Expect(api.Unschedulable(other)).To(BeFalse())

		api.Protect("", pod)
		Eventually(drain).Should(Equal(remote.Drained{Nodes: 1, Cordoned: true}))
		Expect(cluster.Pods("api", nil)).To(HaveExactElements(HaveField("Name", "b")))
		Eventually(func() bool {
			Expect(cluster.Uncordon(ctx, "old")).To(Succeed())
			return api.Unschedulable(node)
		}).Should(BeFalse())

		api.Remove(node)
		Eventually(drain).Should(Equal(remote.Drained{Cordoned: true}))
	})

	It("evicts no pod that has replaced another one", func(ctx SpecContext) {
		pod := build.Pod("a", "")
		pod.UID = "new"
		api.Set(pod)
		Expect(cluster.Evict(ctx, client.ObjectKeyFromObject(pod), "old")).To(BeTrue())
		Eventually(func() ([]*corev1.Pod, error) { return cluster.Pods("api", nil) }).Should(HaveLen(1))
		Expect(cluster.Evict(ctx, client.ObjectKey{Namespace: "api", Name: "gone"}, "old")).To(BeTrue())
	})

	It("lists the ConfigMaps of a namespace", func(ctx SpecContext) {
		all := &corev1.ConfigMapList{}
		Expect(cluster.Client().List(ctx, all, client.InNamespace(metav1.NamespaceSystem))).To(Succeed())
		Expect(all.Items).To(BeEmpty())
		api.Set(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "api", Name: "c"}})
		Expect(cluster.Client().List(ctx, all, client.InNamespace("api"))).To(Succeed())
		Expect(all.Items).To(HaveLen(1))
	})

	It("lets ConfigMaps and workloads be applied", func(ctx SpecContext) {
		c := cluster.Client()
		apply := func(obj runtime.ApplyConfiguration) error {
			return c.Apply(ctx, obj, client.FieldOwner("test"), client.ForceOwnership)
		}
		config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "api", Name: "c"}}
		Expect(api.Find(config)).To(BeFalse())
		Expect(apply(applycorev1.ConfigMap("c", "api").WithData(map[string]string{"a": "1"}))).To(Succeed())
		Expect(apply(applycorev1.ConfigMap("c", "api").WithData(map[string]string{"b": "2"}))).To(Succeed())
		Expect(api.Find(config)).To(BeTrue())
		Expect(config.Data).To(Equal(map[string]string{"a": "1", "b": "2"}))

		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "api", Name: "d", UID: "u"}}
		d.Spec.Template.Labels = map[string]string{"app": "d"}
		api.Set(d)
		annotated := applyappsv1.Deployment("d", "api").WithUID("u").WithSpec(applyappsv1.DeploymentSpec().WithTemplate(
			applycorev1.PodTemplateSpec().WithAnnotations(map[string]string{"a": "1"})))
		Expect(apply(annotated)).To(Succeed())
		read := &appsv1.Deployment{}
		Expect(c.Get(ctx, client.ObjectKeyFromObject(d), read)).To(Succeed())
		Expect(read.Spec.Template.ObjectMeta).To(Equal(metav1.ObjectMeta{Labels: d.Spec.Template.Labels, Annotations: map[string]string{"a": "1"}}))

		Expect(c.Delete(ctx, read)).To(Succeed())
		Expect(apierrors.IsNotFound(c.Get(ctx, client.ObjectKeyFromObject(d), read))).To(BeTrue())
		Expect(apierrors.IsConflict(apply(annotated))).To(BeTrue(), "an object of that UID cannot be made")
		Expect(api.Find(d)).To(BeFalse())
	})
})
