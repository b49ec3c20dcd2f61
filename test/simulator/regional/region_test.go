package regional

import (
	"net/netip"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
	"github.com/portolan-dev/portolan/test/simulator/network"
)

// The specs share two clusters and run in the order of a region's life.
func TestRegion(t *testing.T) {
	b := newBed(t)
	t.Run("leaves nothing running when it stops", b.testStop)
	b.east.createCluster(NewWithT(t))
	b.west.createCluster(NewWithT(t))
	b.east.start(t)
	b.dying = b.west.start(t)
	t.Run("lets the admin view group read", b.testAdminView)
	t.Run("starts pods only when there are nodes", b.testNodes)
	t.Run("lets administrators of a namespace do everything there", b.testNamespaceAdmin)
	t.Run("replaces pods without ever running too few", b.testRollingRestart)
	t.Run("places pods where they are tolerated and wanted", b.testScheduling)
	t.Run("makes no pods without their service account", b.testServiceAccount)
	t.Run("gives pods the identity of their service account", b.testPodIdentity)
	t.Run("lets pods be evicted as far as their budget goes", b.testEvictions)
	t.Run("lets pods wait for what they refer to", b.testWaiting)
	t.Run("replaces the pods of a stateful set one by one", b.testStatefulSet)
	t.Run("replaces the pods of a daemon set one by one", b.testDaemonSet)
	t.Run("runs programs as processes", b.testPrograms)
	t.Run("gives a service an address and a name", b.testLoadBalancer)
	t.Run("tells which pods a load balancer reaches", b.testTargetGroups)
	t.Run("lets regions join through their load balancers", b.testGossip)
	t.Run("passes datagrams on to the pod that listens", b.testDatagrams)
	t.Run("runs the operator's probe", b.testProbe)
	t.Run("starts agents with what their environment refers to", b.testAgentEnvironment)
	t.Run("gives nodes what their group has now", b.testNodeConfig)
	t.Run("holds the subnets of its nodes", b.testInterfaces)
	t.Run("replaces nodes by those of a new version", b.testNodeUpdate)
	t.Run("gives up on a node that cannot be drained", b.testBlockedUpdate)
	t.Run("ends a node that cannot be drained by force", b.testForcedUpdate)
	t.Run("moves pods off a node group that goes", b.testScaleDown)
	t.Run("takes everything back with the service", b.testServiceDeletion)
	t.Run("finishes deletions in the foreground", b.testForegroundDeletion)
	t.Run("empties a namespace that is deleted", b.testNamespaceDeletion)
	t.Run("leaves to AWS what a cluster that dies has not deleted", b.testDeath)
}

func (b *bed) testStop(t *testing.T) {
	g := NewWithT(t)
	_, err := b.east.pods.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}) // opens the test's own connection
	g.Expect(err).NotTo(HaveOccurred())
	before := gleak.Goroutines()
	region, err := Start(t.Context(), b.east.options)
	g.Expect(err).NotTo(HaveOccurred())
	region.Stop()
	g.Eventually(gleak.Goroutines, patience).ShouldNot(gleak.HaveLeaked(before))
}

func (b *bed) testAdminView(t *testing.T) {
	g := NewWithT(t)
	binding := &rbacv1.ClusterRoleBinding{}
	g.Expect(b.east.client.Get(t.Context(), client.ObjectKey{Name: AdminViewGroup}, binding)).To(Succeed())
	config := *b.east.options.Config
	config.Impersonate.UserName, config.Impersonate.Groups = "portolan", []string{AdminViewGroup}
	viewer, err := client.New(&config, client.Options{})
	g.Expect(err).NotTo(HaveOccurred())

	g.Expect(viewer.List(t.Context(), &corev1.SecretList{})).To(Succeed())
	g.Expect(apierrors.IsForbidden(viewer.Delete(t.Context(), binding))).To(BeTrue())
}

func (b *bed) testNodes(t *testing.T) {
	g := NewWithT(t)
	for _, s := range []*site{b.east, b.west} {
		s.createNamespace(g, t)
	}
	w := workloadOf("us-east-1", "")
	g.Expect(b.east.client.Create(t.Context(), w.deployment)).To(Succeed())
	g.Eventually(b.east.phases(t)).Within(patience).Should(ConsistOf(corev1.PodPending, corev1.PodPending))

	b.east.createNodegroup(g, 2)
	g.Eventually(b.east.phases(t)).Within(patience).Should(ConsistOf(corev1.PodRunning, corev1.PodRunning))
	nodes := b.east.nodes(g, t)
	g.Expect(nodes).To(HaveLen(2))
	for _, node := range nodes {
		g.Expect(nodeReady(node)).To(BeTrue())
		g.Expect(node.Labels).To(And(HaveKeyWithValue("node-class", "api"), HaveKeyWithValue(nodegroupLabel, "api")))
		g.Expect(node.Spec.Taints).To(Equal([]corev1.Taint{{Key: "node-class", Value: "api", Effect: corev1.TaintEffectNoSchedule}}))
	}
	for _, pod := range b.east.apiPods(t) {
		g.Expect(b.east.options.VPCCIDR.Contains(podAddress(pod))).To(BeTrue())
	}
}

func (b *bed) testRollingRestart(t *testing.T) {
	g := NewWithT(t)
	g.Eventually(b.east.available(t)).Within(patience).Should(BeEquivalentTo(2))
	before := names(b.east.apiPods(t))
	watching, err := b.east.client.Watch(t.Context(), &appsv1.DeploymentList{}, client.InNamespace("api"))
	g.Expect(err).NotTo(HaveOccurred())
	defer watching.Stop()

	w := workloadOf("us-east-1", "elsewhere.aws.unkey.cloud")
	patch := &appsv1.Deployment{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: w.deployment.ObjectMeta, Spec: w.deployment.Spec}
	g.Expect(b.east.client.Patch(t.Context(), patch, client.Merge)).To(Succeed())
	for event := range watching.ResultChan() {
		deployment := event.Object.(*appsv1.Deployment)
		g.Expect(deployment.Status.AvailableReplicas).To(BeNumerically(">=", 2))
		if rolledOut(deployment) && deployment.Generation == patch.Generation {
			break
		}
	}
	after := b.east.apiPods(t)
	g.Expect(after).To(HaveLen(2))
	for _, pod := range after {
		g.Expect(before).NotTo(ContainElement(pod.Name))
		g.Expect(pod.Labels).To(HaveKey(appsv1.DefaultDeploymentUniqueLabelKey))
	}
}

func rolledOut(d *appsv1.Deployment) bool {
	return d.Status.ObservedGeneration == d.Generation && d.Status.UpdatedReplicas == 2 && d.Status.Replicas == 2 && d.Status.ReadyReplicas == 2
}

func (b *bed) testLoadBalancer(t *testing.T) {
	g := NewWithT(t)
	w := workloadOf("us-east-1", "")
	g.Expect(b.east.client.Create(t.Context(), w.service)).To(Succeed())
	g.Eventually(b.east.hostname(t)).Within(patience).Should(
		MatchRegexp(`^k8s-api-unkey-api-gossip-wan-[0-9a-f]{10}\.elb\.us-east-1\.amazonaws\.com$`))

	state := func() string { // the name is there before it
		held := b.cloud.List(func(r cloud.Resource) bool { return r.Type == loadBalancerType })
		g.Expect(held).To(HaveLen(1))
		return held[0].State
	}
	g.Eventually(state).Within(patience).Should(Equal("active"))
	ips, err := b.dns.LookupHost(t.Context(), b.east.hostname(t)())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(ips).To(HaveLen(1))
	g.Expect(netip.MustParsePrefix("52.0.0.0/8").Contains(ips[0])).To(BeTrue())
	g.Eventually(func() ([]netip.Addr, error) { return b.dns.LookupHost(t.Context(), friendlyName("us-east-1")) }).
		Within(patience).Should(Equal(ips))

	held := b.cloud.List(func(r cloud.Resource) bool { return r.Type == loadBalancerType })
	g.Expect(held).To(HaveLen(1))
	g.Expect(held[0].State).To(Equal("active"))
	g.Expect(held[0].Parents).To(Equal([]cloud.Key{b.east.vpc}))
}

func (b *bed) testGossip(t *testing.T) {
	g := NewWithT(t)
	b.west.createNodegroup(g, 1)
	w := workloadOf("us-west-2", friendlyName("us-east-1"))
	g.Expect(b.west.client.Create(t.Context(), w.deployment)).To(Succeed())
	for _, s := range []*site{b.east, b.west} {
		g.Eventually(s.memberCounts(t)).Within(patience).Should(ConsistOf("0", "2"))
	}

	bridge := b.west.bridge(t)
	g.Expect(b.west.client.Delete(t.Context(), &bridge)).To(Succeed())
	g.Eventually(func() bool {
		pods := b.west.apiPods(t)
		return len(pods) == 2 && !slices.Contains(names(pods), bridge.Name)
	}).Within(patience).Should(BeTrue())
	for _, s := range []*site{b.east, b.west} {
		g.Eventually(s.memberCounts(t)).Within(patience).Should(ConsistOf("0", "2"))
	}
}

func (b *bed) testScaleDown(t *testing.T) {
	g := NewWithT(t)
	group := cloud.Key{Type: nodegroupType, Region: "us-east-1", ID: b.east.options.Name + "/api"}
	g.Expect(b.cloud.Update(group, func(r *cloud.Resource) { r.Data["desired"] = "1" })).To(Succeed())
	g.Eventually(func() []corev1.Node { return b.east.nodes(g, t) }).Within(patience).Should(HaveLen(1))
	g.Eventually(b.east.available(t)).Within(patience).Should(BeEquivalentTo(2))

	g.Expect(b.cloud.Update(group, func(r *cloud.Resource) { r.State = "DELETING" })).To(Succeed())
	g.Eventually(func() []corev1.Node { return b.east.nodes(g, t) }).Within(patience).Should(BeEmpty())
	g.Eventually(b.east.phases(t)).Within(patience).Should(ConsistOf(corev1.PodPending, corev1.PodPending))
}

func (b *bed) testServiceDeletion(t *testing.T) {
	g := NewWithT(t)
	service := workloadOf("us-east-1", "").service
	host := b.east.hostname(t)()
	ips, err := b.dns.LookupHost(t.Context(), host)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(b.east.client.Delete(t.Context(), service)).To(Succeed())
	g.Eventually(b.east.gone(t, service)).Within(patience).Should(BeTrue())

	g.Expect(b.cloud.List(func(r cloud.Resource) bool { return r.Type == loadBalancerType || r.Type == targetGroupType })).To(BeEmpty())
	_, open := b.network.Lookup(network.TCP, netip.AddrPortFrom(ips[0], 7947))
	g.Expect(open).To(BeFalse())
	for _, name := range []string{host, friendlyName("us-east-1")} {
		g.Eventually(func() error {
			_, err := b.dns.LookupHost(t.Context(), name)
			return err
		}).Within(patience).Should(HaveOccurred())
	}
}

func (b *bed) testForegroundDeletion(t *testing.T) {
	g := NewWithT(t)
	deployment := workloadOf("us-west-2", "").deployment
	g.Expect(b.west.client.Delete(t.Context(), deployment, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
	g.Eventually(b.west.gone(t, deployment)).Within(patience).Should(BeTrue())
	g.Expect(b.west.apiPods(t)).To(BeEmpty())
}

func (b *bed) testNamespaceDeletion(t *testing.T) {
	g := NewWithT(t)
	g.Expect(b.east.client.Create(t.Context(), workloadOf("us-east-1", "").service)).To(Succeed())
	g.Eventually(b.east.hostname(t)).Within(patience).ShouldNot(BeEmpty())
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "api"}}
	g.Expect(b.east.client.Delete(t.Context(), namespace)).To(Succeed())
	g.Eventually(b.east.gone(t, namespace)).Within(patience).Should(BeTrue())
	g.Expect(b.cloud.List(func(r cloud.Resource) bool { return r.Type == loadBalancerType || r.Type == targetGroupType })).To(BeEmpty())
}

func (s *site) createNamespace(g *WithT, t *testing.T) {
	g.Expect(s.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "api"}})).To(Succeed())
}
