package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// Whoever loses the management cluster, and with it every object of Portolan and ACK, gets
// back what there is in AWS: nothing is created twice, nothing is deleted and no pod notices.
var _ = Describe("A management cluster that is lost", Ordered, func() {
	const environment = "recovered"
	// The second Region takes the pool's first block, so that an allocation anew would swap them.
	regions := []*v1alpha1.Region{
		newRegion(environment, "second", "eu-west-1"), newRegion(environment, "first", "us-east-1"),
	}
	var events *eventLog
	var before survivors

	BeforeAll(func(ctx SpecContext) {
		ownWorld(ctx)
		events = watchAccount()
		applyFromGit(ctx, recoverableEnvironment(environment), regions...)
		awaitReady(ctx, environment, regions...)
		before = surviving(ctx, environment, regions...)
		Expect(before.blocks).To(Equal(map[string]string{"second": "10.70.0.0/18", "first": "10.70.64.0/18"}))
	}, NodeTimeout(patience))

	It("is rebuilt from git alone", NodeTimeout(patience), func(ctx SpecContext) {
		Expect(world.LoseManagement(ctx)).To(Succeed())
		events.reset()
		lost := len(world.Cloud.Calls())
		slices.Reverse(regions)
		rebuild(ctx, environment, regions...)
		expectUntouched(ctx, before, environment, regions...)
		Expect(events.all()).To(BeEmpty())
		Expect(changesSince(lost)).To(BeEmpty())
	})

	It("is restored from a backup with its status", NodeTimeout(patience), func(ctx SpecContext) {
		backup, err := world.Backup(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(backup).To(ContainElement(WithTransform(bed.IsACK, BeTrue())))
		Expect(world.LoseManagement(ctx)).To(Succeed())
		events.reset()
		lost := len(world.Cloud.Calls())
		Expect(world.Restore(ctx, backup, true)).To(Succeed())
		Expect(world.Apply(ctx, "applicationsets.yaml")).To(Succeed())
		Expect(world.StartOperator(context.WithoutCancel(ctx))).To(Succeed())
		awaitReady(ctx, environment, regions...)
		expectUntouched(ctx, before, environment, regions...)
		Expect(events.all()).To(BeEmpty())
		Expect(changesSince(lost)).To(BeEmpty())
	})

	It("is restored from a backup of Portolan's kinds without their status", NodeTimeout(patience), func(ctx SpecContext) {
		backup, err := world.Backup(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(world.LoseManagement(ctx)).To(Succeed())
		events.reset()
		lost := len(world.Cloud.Calls())
		Expect(world.Restore(ctx, slices.DeleteFunc(backup, bed.IsACK), false)).To(Succeed())
		Expect(world.Apply(ctx, "applicationsets.yaml")).To(Succeed())
		Expect(world.StartOperator(context.WithoutCancel(ctx))).To(Succeed())
		awaitReady(ctx, environment, regions...)
		expectUntouched(ctx, before, environment, regions...)
		Expect(events.all()).To(BeEmpty())
		Expect(changesSince(lost)).To(BeEmpty())
	})

	It("is lost while a region is being built, which goes on", NodeTimeout(patience), func(ctx SpecContext) {
		third := newRegion(environment, "third", "ap-south-1")
		Expect(world.Client.Create(ctx, third)).To(Succeed())
		Eventually(func() int { return count(third.Name, "eks/cluster") }).WithContext(ctx).WithPolling(20 * time.Millisecond).Should(Equal(1))
		Expect(world.LoseManagement(ctx)).To(Succeed())
		half := tagged(third.Name)
		regions = append(regions, third)
		rebuild(ctx, environment, regions...)
		after := surviving(ctx, environment, regions[:2]...)
		Expect(after.blocks).To(Equal(before.blocks))
		Expect(after.endpoints).To(Equal(before.endpoints))
		Expect(after.resources).To(ContainElements(before.resources))
		for _, r := range half {
			Expect(after.resources).To(ContainElement(r.Key), "what was there already")
		}
		for resourceType, want := range map[string]int{
			"ec2/vpc": 1, "ec2/subnet": 6, "ec2/internetgateway": 1, "ec2/routetable": 4, "ec2/elasticip": 1, "ec2/natgateway": 1,
			"ec2/securitygroup": 1, "iam/role": 3, "eks/cluster": 1, "eks/nodegroup": 1, "eks/addon": 2, "acm/certificate": 1,
		} {
			Expect(count(third.Name, resourceType)).To(Equal(want), resourceType)
		}
		Expect(third.Status.Network.CIDR).To(Equal("10.70.128.0/18"))
	})

	It("keeps its pins and seeds with a backup that is older than these", NodeTimeout(2*patience), func(ctx SpecContext) {
		backup, err := world.Backup(ctx)
		Expect(err).NotTo(HaveOccurred())
		older := registeredWith(ctx, regions...)

		By("moving all regions to another revision and to other seeds after it")
		promotion, gossip := &pinned{promotion: newPromotion(environment, "")}, ring(environment, "unkey-api")
		promotion.asks(ctx, map[string]any{"revision": secondRevision})
		awaitRunning(ctx, promotion, secondRevision)
		editRing(ctx, gossip, func(spec *v1alpha1.GossipRingSpec) { spec.Endpoint = nil })
		awaitRing(ctx, gossip)
		awaitReady(ctx, environment, regions...)
		newer, now := registeredWith(ctx, regions...), survivingWhole(ctx, environment, regions...)
		for _, r := range regions {
			for key, value := range newer[r.Name] {
				Expect(value).NotTo(Equal(older[r.Name][key]), "%s of %s has to differ for this to prove anything", key, r.Name)
			}
		}

		By("restoring it without what it has of either")
		Expect(world.LoseManagement(ctx)).To(Succeed())
		events.reset()
		lost := len(world.Cloud.Calls())
		Expect(world.Restore(ctx, withoutPinsAndSeeds(backup), true)).To(Succeed())
		Expect(world.Apply(ctx, "applicationsets.yaml")).To(Succeed())
		seen := watchRegistrations(ctx, regions...)
		Expect(world.StartOperator(context.WithoutCancel(ctx))).To(Succeed())
		Eventually(func(g Gomega) {
			for _, r := range regions {
				secret, err := clusterSecretOf(ctx, r)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(secret.Labels).To(HaveKeyWithValue(v1alpha1.LabelManaged, "true"), r.Name)
			}
		}).WithContext(ctx).Should(Succeed())
		awaitRunning(ctx, promotion, secondRevision)
		awaitReady(ctx, environment, regions...)
		expectUntouched(ctx, now, environment, regions...)
		Expect(registeredWith(ctx, regions...)).To(Equal(newer))
		for _, was := range seen() {
			Expect(was.annotations).To(Equal(newer[was.region]), was.region)
		}
		Expect(events.all()).To(BeEmpty())
		Expect(changesSince(lost)).To(BeEmpty())
	})

	It("lets its regions go like any other", NodeTimeout(patience), func(ctx SpecContext) {
		for _, r := range regions {
			confirm := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"`+v1alpha1.AnnotationConfirmDelete+`":"`+r.Name+`"}}}`))
			Expect(world.Client.Patch(ctx, r, confirm)).To(Succeed())
			deleteConfirmed(ctx, r)
		}
		for _, r := range regions {
			Eventually(gone(ctx, r)).WithContext(ctx).Should(BeTrue(), r.Name)
			Expect(tagged(r.Name)).To(BeEmpty())
		}
		Expect(world.Cloud.List(func(r cloud.Resource) bool {
			return r.Region != "" && !slices.Contains([]string{"s3/bucket", "secretsmanager/secret"}, r.Type)
		})).To(BeEmpty())
	})
})

// ownWorld gives the container's specs a bed of their own, because of what they do to it.
func ownWorld(ctx context.Context, differing ...func(*bed.Options)) {
	GinkgoHelper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	DeferCleanup(cancel)
	options := bed.Options{TimeScale: timeScale, Seed: uint64(GinkgoRandomSeed())}
	for _, differ := range differing {
		differ(&options)
	}
	own, err := bed.Start(ctx, options)
	Expect(err).NotTo(HaveOccurred())
	shared := world
	world = own
	name := CurrentSpecReport().ContainerHierarchyTexts[0]
	DeferCleanup(func() {
		defer func() {
			own.Stop()
			world = shared
		}()
		notePrivileges(own, name)
	})
	Expect(world.StartOperator(ctx)).To(Succeed())
}

// recoverableEnvironment has one of everything that has to be found again.
func recoverableEnvironment(name string) *v1alpha1.Environment {
	env := smallEnvironment(name)
	env.Spec.Network.Pool = &v1alpha1.AddressPool{CIDRs: []v1alpha1.CIDR{"10.70.0.0/16"}, PrefixLength: 18}
	env.Spec.Network.Gossip = &v1alpha1.GossipIngress{Port: 7947, AllowFrom: []v1alpha1.CIDR{"0.0.0.0/0"}}
	env.Spec.DNS = v1alpha1.DNS{Zones: []v1alpha1.DNSZone{{Name: "aws.unkey.cloud", NameServers: []string{world.DNS.Addr()}}}}
	p := &env.Spec.Profiles[0]
	p.Addons = []v1alpha1.Addon{{Name: "vpc-cni"}, {Name: "eks-pod-identity-agent"}}
	p.PodIdentities = []v1alpha1.PodIdentity{{
		Namespace: "networking", ServiceAccount: "external-dns", PolicyARNs: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"},
	}}
	p.Bootstrap = []v1alpha1.BootstrapItem{{Name: "platform", Helm: &v1alpha1.HelmChart{
		Repository: world.ChartRepository(), Chart: "platform", Version: "1.0.0", Namespace: "networking",
		Values: &apiextensionsv1.JSON{Raw: []byte(`{"tolerations":[{"operator":"Exists"}]}`)},
	}}}
	p.Buckets = []v1alpha1.Bucket{{Name: "recovered-logs-{{ .region }}"}}
	p.Certificates = []v1alpha1.Certificate{{Domain: "*.{{ .region }}.aws.unkey.cloud"}}
	p.Applications = []v1alpha1.Application{{Name: "core"}, {Name: "unkey-api"}}
	return env
}

func recoverableRing(environment string) *v1alpha1.GossipRing {
	return &v1alpha1.GossipRing{
		ObjectMeta: metav1.ObjectMeta{Namespace: environment, Name: "unkey-api"},
		Spec: v1alpha1.GossipRingSpec{
			EnvironmentRef: v1alpha1.LocalReference{Name: environment},
			Service:        v1alpha1.ServiceReference{Namespace: "api", Name: "unkey-api-gossip-wan"},
			Endpoint:       &v1alpha1.RingEndpoint{Hostname: "unkey-api-gossip.{{ .region }}.aws.unkey.cloud"},
			Workload:       v1alpha1.RingWorkload{MatchLabels: map[string]string{"app.kubernetes.io/component": "unkey-api"}, Env: "UNKEY_GOSSIP_WAN_SEEDS"},
			Membership:     v1alpha1.MembershipMetric{Port: 9090, Metric: "unkey_gossip_members_count", Labels: map[string]string{"pool": "wan"}},
		},
	}
}

// applyFromGit creates what a user keeps in git. Each Region is given its addresses before
// the next one is there.
func applyFromGit(ctx context.Context, env *v1alpha1.Environment, regions ...*v1alpha1.Region) {
	GinkgoHelper()
	newNamespace(ctx, env.Name)
	Expect(world.Apply(ctx, "applicationsets.yaml")).To(Succeed())
	for _, obj := range []client.Object{env, recoverableRing(env.Name), newPromotion(env.Name, oldRevision)} {
		Expect(world.Client.Create(ctx, obj)).To(Succeed())
	}
	for _, r := range regions {
		*r = *newRegion(env.Name, r.Name, r.Spec.AWSRegion)
		Expect(world.Client.Create(ctx, r)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(env), env)).To(Succeed())
			g.Expect(env.Status.Allocations).To(ContainElement(HaveField("Region", r.Name)))
		}).WithContext(ctx).Should(Succeed())
	}
}

func awaitReady(ctx context.Context, environment string, regions ...*v1alpha1.Region) {
	GinkgoHelper()
	for _, r := range regions {
		Eventually(condition(ctx, r, v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady(), r.Name)
	}
	Eventually(condition(ctx, ring(environment, "unkey-api"), v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady())
}

// rebuild has everything built that git says, on a management cluster that is empty.
func rebuild(ctx context.Context, environment string, regions ...*v1alpha1.Region) {
	GinkgoHelper()
	Expect(world.StartOperator(context.WithoutCancel(ctx))).To(Succeed())
	applyFromGit(ctx, recoverableEnvironment(environment), regions...)
	awaitReady(ctx, environment, regions...)
}

// survivors is what the loss of the management cluster must not touch.
type survivors struct {
	blocks    map[string]string   // by Region
	endpoints map[string]string   // by Region
	pods      map[string][]string // UIDs, by Region
	resources []cloud.Key
}

func surviving(ctx context.Context, environment string, regions ...*v1alpha1.Region) survivors {
	GinkgoHelper()
	s := survivors{blocks: map[string]string{}, endpoints: map[string]string{}, pods: map[string][]string{}}
	for _, r := range regions {
		Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(r), r)).To(Succeed())
		s.blocks[r.Name] = r.Status.Network.CIDR
		cluster := ackObject("eks", "Cluster", environment, environment+"-"+r.Name)
		Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(cluster), cluster)).To(Succeed())
		s.endpoints[r.Name], _, _ = unstructured.NestedString(cluster.Object, "status", "endpoint")
		pods, err := regionalClientOf(environment+"-"+r.Name).CoreV1().Pods("").List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(pods.Items).NotTo(BeEmpty())
		for _, pod := range pods.Items {
			s.pods[r.Name] = append(s.pods[r.Name], string(pod.UID))
		}
		slices.Sort(s.pods[r.Name])
	}
	for _, r := range world.Cloud.List(nil) {
		s.resources = append(s.resources, r.Key)
	}
	return s
}

func expectUntouched(ctx context.Context, before survivors, environment string, regions ...*v1alpha1.Region) {
	GinkgoHelper()
	after := surviving(ctx, environment, regions...)
	Expect(after.blocks).To(Equal(before.blocks))
	Expect(after.endpoints).To(Equal(before.endpoints))
	Expect(after.pods).To(Equal(before.pods), "no pod was restarted")
	Expect(after.resources).To(ConsistOf(before.resources))
}

// changesSince are Portolan's own calls, from the n-th of all on, that change something in AWS.
func changesSince(n int) []string {
	var changes []string
	for _, c := range world.Cloud.Calls()[n:] {
		reads := slices.ContainsFunc([]string{"Describe", "List", "Get", "AssumeRole", "Head"}, func(verb string) bool {
			return strings.HasPrefix(c.Operation, verb)
		})
		if !reads && strings.Contains(c.Principal, "/portolan") {
			changes = append(changes, c.Service+":"+c.Operation+" "+strings.Join(c.Resources, ","))
		}
	}
	return changes
}

// eventLog is what happened to the account's resources.
type eventLog struct {
	mu   sync.Mutex
	seen []cloud.Event
}

func watchAccount() *eventLog {
	log := &eventLog{}
	DeferCleanup(world.Cloud.Subscribe(func(e cloud.Event) {
		log.mu.Lock()
		defer log.mu.Unlock()
		log.seen = append(log.seen, e)
	}))
	return log
}

func (l *eventLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = nil
}

// all are what was created, changed and deleted, with what an update changed.
func (l *eventLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, e := range l.seen {
		found = append(found, fmt.Sprintf("%s %s: %v %v", e.Type, e.Resource, e.Resource.Data, e.Resource.Tags))
	}
	return found
}
