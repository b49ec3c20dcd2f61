package regional

import (
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func (b *bed) group() cloud.Key {
	return cloud.Key{Type: nodegroupType, Region: "us-east-1", ID: b.east.options.Name + "/api"}
}

func (b *bed) fact(name string) func() string {
	return func() string {
		held, _ := b.cloud.Get(b.group())
		return held.Data[name]
	}
}

// beginUpdate does what UpdateNodegroupVersion does.
func (b *bed) beginUpdate(g *WithT, id, version, force string) {
	g.Expect(b.cloud.Update(b.group(), func(r *cloud.Resource) {
		r.State = "UPDATING"
		r.Data["updateID"], r.Data["pendingUpdate"], r.Data["forceUpdate"] = id, `{"version":"`+version+`"}`, force
	})).To(Succeed())
}

// endUpdate does what simulated EKS does when it knows the outcome.
func (b *bed) endUpdate(g *WithT, version string) {
	g.Expect(b.cloud.Update(b.group(), func(r *cloud.Resource) {
		r.State = "ACTIVE"
		delete(r.Data, "pendingUpdate")
		if version != "" {
			r.Data["version"] = version
		}
	})).To(Succeed())
}

// protect lets no more than so many pods of the workload be missing.
func (b *bed) protect(g *WithT, t *testing.T, unavailable int32) *policyv1.PodDisruptionBudget {
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "api", Name: "drains"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			Selector: workloadOf("us-east-1", "").deployment.Spec.Selector, MaxUnavailable: new(intstr.FromInt32(unavailable)),
		},
	}
	g.Expect(b.east.client.Create(t.Context(), budget)).To(Succeed())
	g.Eventually(func() (int64, error) {
		err := b.east.client.Get(t.Context(), client.ObjectKeyFromObject(budget), budget)
		return budget.Status.ObservedGeneration, err
	}).Within(patience).Should(BeEquivalentTo(1))
	return budget
}

func (b *bed) kubelets(g *WithT, t *testing.T) func() []string {
	return func() []string {
		var versions []string
		for _, node := range b.east.nodes(g, t) {
			versions = append(versions, node.Status.NodeInfo.KubeletVersion)
		}
		return versions
	}
}

func (b *bed) testNodeConfig(t *testing.T) {
	g := NewWithT(t)
	configure := func(labels, taints string) {
		g.Expect(b.cloud.Update(b.group(), func(r *cloud.Resource) { r.Data["labels"], r.Data["taints"] = labels, taints })).To(Succeed())
	}
	held, _ := b.cloud.Get(b.group())
	labels, taints := held.Data["labels"], held.Data["taints"]
	configure(`{"node-class":"api","tier":"front"}`, "")
	g.Eventually(func() []corev1.Node { return b.east.nodes(g, t) }).Within(patience).Should(And(HaveLen(2), HaveEach(And(
		HaveField("Labels", HaveKeyWithValue("tier", "front")), HaveField("Spec.Taints", BeEmpty())))))
	configure(labels, taints)
	g.Eventually(func() []corev1.Node { return b.east.nodes(g, t) }).Within(patience).Should(HaveEach(And(
		HaveField("Labels", And(HaveKeyWithValue("node-class", "api"), Not(HaveKey("tier")))), HaveField("Spec.Taints", HaveLen(1)))))
}

func (b *bed) testInterfaces(t *testing.T) {
	g := NewWithT(t)
	var instances []string
	for _, node := range b.east.nodes(g, t) {
		instances = append(instances, "aws-K8S-"+instanceOf(node))
	}
	g.Eventually(b.interfaces("us-east-1")).Within(patience).Should(And(HaveLen(len(instances)), HaveEach(And(
		HaveField("State", "in-use"), HaveField("Data", And(HaveKey("attachmentID"), HaveKeyWithValue("vpcID", b.east.vpc.ID))),
		HaveField("Tags", HaveKeyWithValue("cluster.k8s.amazonaws.com/name", b.east.options.Name))))))
	for _, held := range b.interfaces("us-east-1")() {
		g.Expect(instances).To(ContainElement(held.Data["description"]))
		g.Expect(held.Parents).To(ConsistOf(cloud.Key{Type: "ec2/subnet", Region: "us-east-1", ID: "subnet-us-east-1"}))
	}
}

func (b *bed) interfaces(region string) func() []cloud.Resource {
	return func() []cloud.Resource {
		return b.cloud.List(func(r cloud.Resource) bool { return r.Type == cloud.TypeInterface && r.Region == region })
	}
}

func (b *bed) testNodeUpdate(t *testing.T) {
	g := NewWithT(t)
	budget := b.protect(g, t, 1)
	defer func() { g.Expect(b.east.client.Delete(t.Context(), budget)).To(Succeed()) }()
	elsewhere := chartOf("drained", tolerateEverything)
	b.east.install(t, elsewhere)
	g.Eventually(b.east.podFor(t, elsewhere)).Within(patience).Should(havePhase(corev1.PodRunning))
	moved := b.east.podFor(t, elsewhere)().UID
	watching, err := b.east.client.Watch(t.Context(), &appsv1.DeploymentList{}, client.InNamespace("api"))
	g.Expect(err).NotTo(HaveOccurred())

	b.beginUpdate(g, "u1", "1.36", "false")
	g.Eventually(b.fact(updateOf)).Within(patience).Should(Equal("u1"))
	g.Expect(b.fact(updateFailure)()).To(BeEmpty())
	b.endUpdate(g, "1.36")
	g.Eventually(b.kubelets(g, t)).Within(patience).Should(ConsistOf("v1.36.0-eks-simulated", "v1.36.0-eks-simulated"))
	g.Expect(b.east.nodes(g, t)).To(HaveEach(HaveField("Spec.Unschedulable", BeFalse())))
	g.Eventually(b.east.available(t)).Within(patience).Should(BeEquivalentTo(2))
	g.Eventually(b.east.podFor(t, elsewhere)).Within(patience).Should(And(havePhase(corev1.PodRunning), HaveField("UID", Not(Equal(moved)))))
	b.testInterfaces(t)
	watching.Stop()
	for event := range watching.ResultChan() {
		g.Expect(event.Object.(*appsv1.Deployment).Status.AvailableReplicas).To(BeNumerically(">=", 1))
	}
}

func (b *bed) testBlockedUpdate(t *testing.T) {
	g := NewWithT(t)
	budget := b.protect(g, t, 0)
	defer func() { g.Expect(b.east.client.Delete(t.Context(), budget)).To(Succeed()) }()
	before := names(b.east.apiPods(t))
	b.beginUpdate(g, "u2", "1.37", "false")
	g.Eventually(func() []corev1.Node { return b.east.nodes(g, t) }).Within(patience).Should(And(
		HaveLen(3), ContainElement(HaveField("Spec.Unschedulable", BeTrue()))), "one more, before one goes")
	g.Eventually(b.fact(updateOf)).Within(patience).Should(Equal("u2"))
	g.Expect(b.fact(updateFailure)()).To(ContainSubstring("Reached max retries while trying to evict pods from nodes in node group api"))
	b.endUpdate(g, "")
	g.Eventually(func() []corev1.Node { return b.east.nodes(g, t) }).Within(patience).Should(And(
		HaveLen(2), HaveEach(HaveField("Spec.Unschedulable", BeFalse()))))
	g.Expect(b.kubelets(g, t)()).To(ConsistOf("v1.36.0-eks-simulated", "v1.36.0-eks-simulated"))
	g.Expect(names(b.east.apiPods(t))).To(ConsistOf(before))
}

func (b *bed) testForcedUpdate(t *testing.T) {
	g := NewWithT(t)
	budget := b.protect(g, t, 0)
	defer func() { g.Expect(b.east.client.Delete(t.Context(), budget)).To(Succeed()) }()
	b.beginUpdate(g, "u3", "1.37", "true")
	g.Eventually(b.fact(updateOf)).Within(patience).Should(Equal("u3"))
	g.Expect(b.fact(updateFailure)()).To(BeEmpty())
	b.endUpdate(g, "1.37")
	g.Eventually(b.kubelets(g, t)).Within(patience).Should(ConsistOf("v1.37.0-eks-simulated", "v1.37.0-eks-simulated"))
	g.Eventually(b.east.available(t)).Within(patience).Should(BeEquivalentTo(2))
}

func (b *bed) testDeath(t *testing.T) {
	g := NewWithT(t)
	g.Expect(b.west.client.Create(t.Context(), workloadOf("us-west-2", "").service)).To(Succeed())
	g.Eventually(b.west.hostname(t)).Within(patience).ShouldNot(BeEmpty())
	g.Eventually(func() error {
		_, err := b.dns.LookupHost(t.Context(), friendlyName("us-west-2"))
		return err
	}).Within(patience).Should(Succeed())
	owner := cloud.Key{Type: "eks/cluster", Region: "us-west-2", ID: b.west.options.Name}
	held, _ := b.cloud.Get(owner)
	g.Expect(held.Data).To(HaveKeyWithValue(nodesRunBy, Not(BeEmpty())))

	b.dying.Stop()
	tagged := HaveEach(HaveField("Tags", And(
		HaveKeyWithValue("elbv2.k8s.aws/cluster", b.west.options.Name),
		HaveKeyWithValue("service.k8s.aws/stack", "api/unkey-api-gossip-wan"), HaveKey("service.k8s.aws/resource"))))
	g.Expect(b.cloud.List(func(r cloud.Resource) bool { return r.Type == loadBalancerType && r.Region == "us-west-2" })).To(And(HaveLen(1), tagged))
	g.Expect(b.cloud.List(func(r cloud.Resource) bool { return r.Type == targetGroupType && r.Region == "us-west-2" })).To(And(HaveLen(1), tagged))
	g.Expect(b.interfaces("us-west-2")()).To(HaveLen(1))
	_, err := b.dns.LookupHost(t.Context(), friendlyName("us-west-2"))
	g.Expect(err).NotTo(HaveOccurred())
	held, _ = b.cloud.Get(owner)
	g.Expect(held.Data).To(HaveKeyWithValue(nodesRunBy, BeEmpty()), "EKS waits for nobody")
}
