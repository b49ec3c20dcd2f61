package gossipring_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/gossipring"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/dns"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/plan"
)

func TestGossipRing(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "GossipRing")
}

var env *testenv.Env

var _ = BeforeSuite(func() { env = testenv.Start() })

// ringName is the ring under test; its seeds' annotation derives from it.
const ringName = "unkey-api"

// bed is a ring and the regional clusters of its environment.
type bed struct {
	*testenv.World
	reconciler  *gossipring.Reconciler
	environment *v1alpha1.Environment
	ring        *v1alpha1.GossipRing
	dns         *zone
	apis        map[string]*testenv.Regional // by Region
}

// newBed prepares as many regional clusters as there are names; deploy puts a Region
// on one of them.
func newBed(ctx context.Context, regions ...string) *bed {
	GinkgoHelper()
	apis := map[string]*testenv.Regional{}
	for _, name := range regions {
		apis[name] = testenv.StartRegional()
	}
	w := env.World(ctx)
	b := &bed{
		World: w, apis: apis, dns: &zone{},
		environment: build.Environment(w.Namespace, func(e *v1alpha1.Environment) {
			e.Spec.DNS.Zones = []v1alpha1.DNSZone{{Name: "aws.unkey.test"}}
		}),
		ring: build.Ring(w.Namespace, ringName),
	}
	b.reconciler = gossipring.NewReconciler(gossipring.Deps{
		Client: w.Recorder, Clock: w.Clock, Events: w.Events, DNS: b.dns, System: b.dns, Cloud: w.AWS, Clusters: w.Clusters, ArgoCD: w.ArgoCD,
		ProbeImage: "portolan.test/portolan:v1", Poll: testenv.Poll, SlowPoll: testenv.SlowPoll, Resync: testenv.Resync,
	})
	return b
}

func (b *bed) reconcile(ctx context.Context) reconcile.Result {
	GinkgoHelper()
	return testenv.ExpectReconciled(ctx, env, b.reconciler, b.ring)
}

// look reconciles when everything that nothing announces is due to be looked at.
func (b *bed) look(ctx context.Context) reconcile.Result {
	GinkgoHelper()
	b.Clock.Step(testenv.SlowPoll)
	return b.reconcile(ctx)
}

// eventually looks until the ring has the condition: what changes in a regional cluster
// arrives in its own time.
func (b *bed) eventually(ctx context.Context, matcher OmegaMatcher) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		b.Clock.Step(testenv.Poll)
		_, err := testenv.Reconcile(ctx, env, b.reconciler, b.ring)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(b.ring).To(matcher)
	}).Should(Succeed())
}

// deploy creates a Region whose cluster is connected and registered, and whose
// members run with the seeds that it was born with.
func (b *bed) deploy(ctx context.Context, name string, seeds ...string) *v1alpha1.Region {
	GinkgoHelper()
	region := build.Region(b.Namespace, v1alpha1.AWSRegion(name))
	controllerutil.AddFinalizer(region, v1alpha1.RegionFinalizer)
	b.ExpectApplied(ctx, region)
	cluster := plan.ClusterName(region)
	Expect(b.ArgoCD.Bear(ctx, region, map[string]string{v1alpha1.AnnotationWANSeedsPrefix + ringName: strings.Join(seeds, ",")})).To(Succeed())
	_, err := b.ArgoCD.Register(ctx, argocd.Registration{
		Region: region, Labels: plan.Labels(region), Annotations: map[string]string{"portolan.dev/cluster-name": cluster},
	})
	Expect(err).NotTo(HaveOccurred())

	b.expose(name, balancer(name))
	b.restart(ctx, name)
	b.connect(region)
	return region
}

// expose gives a region's Service a load balancer that is active.
func (b *bed) expose(name, balancer string) {
	b.AWS.SetLoadBalancer(name, balancer, aws.LoadBalancer{ARN: "arn:aws:elasticloadbalancing:" + name + "::" + balancer, State: aws.LoadBalancerActive})
	b.apis[name].Set(build.Service(balancer))
}

func (b *bed) connect(region *v1alpha1.Region) {
	GinkgoHelper()
	api := b.apis[region.Name]
	connection, err := b.Clusters.Ensure(client.ObjectKeyFromObject(region), remote.Target{
		Name: plan.ClusterName(region), AWSRegion: region.Name, Endpoint: api.Endpoint(), CA: api.CA(),
	})
	Expect(err).NotTo(HaveOccurred())
	Eventually(connection.Connected).Should(Succeed())
}

// restart plays Argo CD and the region's Deployment: the pod gets the seeds of the
// cluster Secret.
func (b *bed) restart(ctx context.Context, name string) {
	GinkgoHelper()
	pod := build.Pod("unkey-api-0", b.seeds(ctx, name))
	b.apis[name].Set(pod)
}

// see sets how many members each of the regions' pods counts.
func (b *bed) see(members int, names ...string) {
	for _, name := range names {
		b.apis[name].SetMembers(build.Pod("unkey-api-0", ""), members)
	}
}

// seeds returns those in a Region's cluster Secret.
func (b *bed) seeds(ctx context.Context, name string) string {
	GinkgoHelper()
	secret := &corev1.Secret{}
	Expect(env.Client.Get(ctx, b.ArgoCD.Key(build.Region(b.Namespace, v1alpha1.AWSRegion(name))), secret)).To(Succeed())
	return secret.Annotations[v1alpha1.AnnotationWANSeedsPrefix+ringName]
}

func balancer(region string) string {
	return "k8s-api-0123456789." + "elb." + region + ".amazonaws.test"
}

// member returns what the ring says of a Region.
func (b *bed) member(name string) v1alpha1.RingMember {
	GinkgoHelper()
	for _, m := range b.ring.Status.Members {
		if m.Region == name {
			return m
		}
	}
	Fail("the ring has no member " + name)
	return v1alpha1.RingMember{}
}

// zone is what name servers answer.
type zone struct {
	mu     sync.Mutex
	broken bool
	silent bool
	cnames map[string]string
	// address is what the machine's own resolver says of every name; it knows none when it is empty.
	address string
}

// LookupNetIP implements gossipring.System.
func (z *zone) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	address, err := netip.ParseAddr(z.address)
	return []netip.Addr{address}, err
}

// answer has the machine's own resolver know every name.
func (z *zone) answer(address string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.address = address
}

func (z *zone) set(name, target string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.cnames == nil {
		z.cnames = map[string]string{}
	}
	z.cnames[name] = target
}

func (z *zone) remove(name string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	delete(z.cnames, name)
}

func (z *zone) breakDown() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.broken = true
}

// fallSilent makes everybody wait for an answer for as long as they do.
func (z *zone) fallSilent() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.silent = true
}

func (z *zone) isSilent() bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.silent
}

// Resolve implements gossipring.Resolver.
func (z *zone) Resolve(ctx context.Context, _ []dns.Zone, name string) (dns.Answer, error) {
	if z.isSilent() {
		<-ctx.Done()
		return dns.Answer{}, ctx.Err()
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.broken {
		return dns.Answer{}, errors.New("no server answered")
	}
	target, ok := z.cnames[name]
	if !ok {
		return dns.Answer{}, dns.ErrNotRegistered
	}
	return dns.Answer{CNAMEs: []string{target}}, nil
}
