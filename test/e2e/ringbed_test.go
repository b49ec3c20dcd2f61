package e2e

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
)

// ringKey encrypts the rings of a bed for rings, ringSecret is its secret in AWS.
const (
	ringKey    = "the rings' key, of 32 characters"
	ringSecret = "unkey/shared"
)

// ringRegions are the first k Regions of an environment with rings. They are not called like
// their AWS regions, so that nobody may take one name for the other.
func ringRegions(environment string, k int) []*v1alpha1.Region {
	all := []*v1alpha1.Region{
		newRegion(environment, "virginia", "us-east-1"), newRegion(environment, "oregon", "us-west-2"),
		newRegion(environment, "dublin", "eu-west-1"), newRegion(environment, "mumbai", "ap-south-1"),
		newRegion(environment, "frankfurt", "eu-central-1"),
	}
	for _, r := range all {
		r.Spec.Profile = "deploy" // which the sample's ApplicationSets select
	}
	return all[:k]
}

// ringEnvironment is small, but for applications that gossip.
func ringEnvironment(name string, applications ...string) *v1alpha1.Environment {
	env := smallEnvironment(name)
	env.Spec.Network.Pool = &v1alpha1.AddressPool{CIDRs: []v1alpha1.CIDR{"10.100.0.0/16"}, PrefixLength: 19}
	env.Spec.Network.Gossip = &v1alpha1.GossipIngress{Port: 7947, AllowRegions: true}
	env.Spec.DNS = v1alpha1.DNS{Zones: []v1alpha1.DNSZone{{Name: "aws.unkey.cloud", NameServers: []string{world.DNS.Addr()}}}}
	p := &env.Spec.Profiles[0]
	p.Name, p.Applications = "deploy", nil
	for _, name := range applications {
		p.Applications = append(p.Applications, v1alpha1.Application{Name: name})
	}
	p.NodeGroups[0].Min, p.NodeGroups[0].Max = 2, 3
	p.Secrets = []string{ringSecret}
	return env
}

// keyed is a ring whose key and ports are looked at as well.
func keyed(ring *v1alpha1.GossipRing) *v1alpha1.GossipRing {
	ring.Spec.Key = &v1alpha1.RingKey{SecretName: ringSecret}
	ring.Spec.Probe = &v1alpha1.RingProbe{KeySecretRef: v1alpha1.SecretKeyReference{Name: bed.GossipKeySecret, Key: bed.GossipKeyKey}}
	return ring
}

// startRings applies an environment with its rings and Regions to a bed of its own, with one
// key in all clusters. It waits for nothing.
func startRings(ctx context.Context, env *v1alpha1.Environment, rings []*v1alpha1.GossipRing, regions ...*v1alpha1.Region) {
	GinkgoHelper()
	newNamespace(ctx, env.Name)
	Expect(world.SetGossipKey(ctx, bed.EveryRegion, []byte(ringKey))).To(Succeed())
	Expect(world.Apply(ctx, "applicationsets.yaml")).To(Succeed())
	for _, application := range env.Spec.Profiles[0].Applications {
		handToChart(ctx, application.Name, func(values map[string]any) {
			Expect(unstructured.SetNestedField(values, bed.GossipKeySecret, "gossip", "keySecret")).To(Succeed())
			Expect(unstructured.SetNestedField(values, "true", "env", "UNKEY_GOSSIP_PEER_METRIC")).To(Succeed())
		})
	}
	Expect(world.Client.Create(ctx, env)).To(Succeed())
	for _, r := range rings {
		Expect(world.Client.Create(ctx, r)).To(Succeed())
	}
	Expect(world.Client.Create(ctx, newPromotion(env.Name, oldRevision))).To(Succeed())
	for _, r := range regions {
		Expect(world.Client.Create(ctx, r)).To(Succeed())
	}
}

// handToChart changes the values that an ApplicationSet of the samples hands to its chart.
func handToChart(ctx context.Context, application string, change func(values map[string]any)) {
	GinkgoHelper()
	set := &unstructured.Unstructured{}
	set.SetGroupVersionKind(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "ApplicationSet"})
	Expect(world.Client.Get(ctx, client.ObjectKey{Namespace: bed.ArgoCDNamespace, Name: application}, set)).To(Succeed())
	path := []string{"spec", "template", "spec", "source", "helm", "valuesObject"}
	values, _, err := unstructured.NestedMap(set.Object, path...)
	Expect(err).NotTo(HaveOccurred())
	if values == nil {
		values = map[string]any{}
	}
	change(values)
	Expect(unstructured.SetNestedMap(set.Object, values, path...)).To(Succeed())
	Expect(world.Client.Update(ctx, set)).To(Succeed())
}

// editRing changes a ring's spec.
func editRing(ctx context.Context, r *v1alpha1.GossipRing, change func(*v1alpha1.GossipRingSpec)) {
	GinkgoHelper()
	Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(r), r)).To(Succeed())
	before := r.DeepCopy()
	change(&r.Spec)
	Expect(world.Client.Patch(ctx, r, client.MergeFrom(before))).To(Succeed())
}

// awaitRing waits until a ring is Ready as its spec is now.
func awaitRing(ctx context.Context, r *v1alpha1.GossipRing) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		ready := condition(ctx, r, v1alpha1.ConditionReady)(g)
		g.Expect(ready).To(And(beReady(), HaveField("ObservedGeneration", r.Generation)), "%s: %s: %s", r.Name, ready.Reason, ready.Message)
	}).WithContext(ctx).WithPolling(100 * time.Millisecond).Should(Succeed())
}

// memberOf is what a ring's status said of a Region when the ring was read last.
func memberOf(r *v1alpha1.GossipRing, region string) v1alpha1.RingMember {
	i := slices.IndexFunc(r.Status.Members, func(m v1alpha1.RingMember) bool { return m.Region == region })
	if i < 0 {
		return v1alpha1.RingMember{}
	}
	return r.Status.Members[i]
}

func clusterOf(r *v1alpha1.Region) string { return r.Namespace + "-" + r.Name }

// podsOf are the pods of a ring's workload in a Region, the oldest first, without those that go.
func podsOf(ctx context.Context, g Gomega, ring *v1alpha1.GossipRing, r *v1alpha1.Region) []corev1.Pod {
	GinkgoHelper()
	pods, err := listPods(ctx, ring, r)
	g.Expect(err).NotTo(HaveOccurred())
	return pods
}

func listPods(ctx context.Context, ring *v1alpha1.GossipRing, r *v1alpha1.Region) ([]corev1.Pod, error) {
	regional, err := connectTo(clusterOf(r))
	if err != nil {
		return nil, err
	}
	list, err := regional.CoreV1().Pods(ring.Spec.Service.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: ring.Spec.Workload.MatchLabels}),
	})
	if err != nil {
		return nil, err
	}
	pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return pods, nil
}

// uidsOf tells the pods of a ring in some Regions apart from their successors.
func uidsOf(ctx context.Context, ring *v1alpha1.GossipRing, regions ...*v1alpha1.Region) map[string][]string {
	GinkgoHelper()
	uids := map[string][]string{}
	for _, r := range regions {
		for _, p := range podsOf(ctx, Default, ring, r) {
			uids[r.Name] = append(uids[r.Name], string(p.UID))
		}
		slices.Sort(uids[r.Name])
	}
	return uids
}

// restartPods deletes all pods of a ring in a Region, which read their Secret when they start.
func restartPods(ctx context.Context, ring *v1alpha1.GossipRing, r *v1alpha1.Region) {
	GinkgoHelper()
	for _, p := range podsOf(ctx, Default, ring, r) {
		Expect(regionalClientOf(clusterOf(r)).CoreV1().Pods(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{})).To(Succeed())
	}
}

// seedsIn are the seeds in a pod's environment.
func seedsIn(pod corev1.Pod) string {
	for _, container := range pod.Spec.Containers {
		for _, v := range container.Env {
			if v.Name == "UNKEY_GOSSIP_WAN_SEEDS" {
				return v.Value
			}
		}
	}
	return ""
}

var memberGauge = regexp.MustCompile(`(?m)^unkey_gossip_members_count\{pool="wan"\} (\d+)$`)

// counted is what a pod's own metric says, as whoever may use the API server's proxy sees it.
func counted(ctx context.Context, regional kubernetes.Interface, pod *corev1.Pod) (members int, known bool) {
	raw, err := regional.CoreV1().Pods(pod.Namespace).ProxyGet("http", pod.Name, "9090", "/metrics", nil).DoRaw(ctx)
	found := memberGauge.FindSubmatch(raw)
	if err != nil || found == nil {
		return 0, false
	}
	members, err = strconv.Atoi(string(found[1]))
	return members, err == nil
}

// agentsSee is how many members the bridge of each Region counts, without Portolan.
func agentsSee(ctx context.Context, g Gomega, ring *v1alpha1.GossipRing, regions ...*v1alpha1.Region) map[string]int {
	GinkgoHelper()
	seen := map[string]int{}
	for _, r := range regions {
		n, _, err := bridgeSees(ctx, ring, r)
		g.Expect(err).NotTo(HaveOccurred())
		seen[r.Name] = n
	}
	return seen
}

// awaitAgents waits until all count so many. Those of a ring that is whole lose each other for moments
// on a busy machine.
func awaitAgents(ctx context.Context, ring *v1alpha1.GossipRing, members int, regions ...*v1alpha1.Region) {
	GinkgoHelper()
	Eventually(func(g Gomega) map[string]int { return agentsSee(ctx, g, ring, regions...) }).WithContext(ctx).Should(Equal(each(members, regions...)), ring.Name)
}

// bridgeSees is how many members the bridge of a Region counts, if a pod answers.
func bridgeSees(ctx context.Context, ring *v1alpha1.GossipRing, r *v1alpha1.Region) (members int, known bool, err error) {
	regional, err := connectTo(clusterOf(r))
	if err != nil {
		return 0, false, err
	}
	pods, err := listPods(ctx, ring, r)
	for i := range pods {
		if n, ok := counted(ctx, regional, &pods[i]); ok {
			members, known = max(members, n), true
		}
	}
	return members, known, err
}

// each is the same number for every Region.
func each(n int, regions ...*v1alpha1.Region) map[string]int {
	numbers := map[string]int{}
	for _, r := range regions {
		numbers[r.Name] = n
	}
	return numbers
}
