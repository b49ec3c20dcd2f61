package gossipring_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers"
	"github.com/portolan-dev/portolan/controllers/gossipring"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
	"github.com/portolan-dev/portolan/controllers/internal/dns"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/plan"
	"github.com/portolan-dev/portolan/controllers/probe"
)

// patience is how long a benchmark waits for what should take a second or two.
const patience = 3 * time.Minute

// places are the AWS regions over which a fleet spreads; larger fleets have several in each.
var places = []v1alpha1.AWSRegion{
	"us-east-1", "eu-west-1", "ap-south-1", "us-west-2", "eu-central-1", "ap-southeast-1", "sa-east-1", "ap-northeast-1",
	"ca-central-1", "eu-west-2", "us-east-2", "ap-southeast-2", "eu-north-1", "af-south-1", "me-central-1", "us-west-1",
}

// site is one region of a fleet: its Region, its cluster and its one pod.
type site struct {
	region   *v1alpha1.Region
	cluster  string // as Argo CD knows it
	api      *testenv.Regional
	balancer string
	pods     int // started so far
}

// fleet is a ring that the real controller drives, started by a real manager as main.go
// starts it: cluster Secrets in a real API server, and the API of each region in memory.
type fleet struct {
	namespace string
	client    client.WithWatch
	argocd    *argocd.Clusters
	cloud     *fake.AWS
	clusters  *remote.Clusters
	ring      *v1alpha1.GossipRing
	sites     []*site
	spare     []*testenv.Regional
	seen      *journal
	passes    atomic.Int64
	balancers int
}

// pace is how often a fleet's controller looks, and how many regions may change at once.
type pace struct {
	poll       time.Duration
	concurrent int32
	probed     bool // by a probe in every region, which finds that all is well
}

// newFleet brings up a settled ring of n regions; spare more APIs are ready for others.
func newFleet(ctx context.Context, config *rest.Config, n, spare int, p pace) *fleet {
	GinkgoHelper()
	apis := make([]*testenv.Regional, n+spare)
	for i := range apis {
		apis[i] = testenv.StartRegional()
	}
	scheme, err := controllers.NewScheme()
	Expect(err).NotTo(HaveOccurred())
	own, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	f := &fleet{client: own, spare: apis, namespace: namespaceFor(ctx, own, "portolan-")}
	f.argocd = &argocd.Clusters{Client: own, Live: own, Namespace: namespaceFor(ctx, own, "argocd-")}
	f.ring = build.Ring(f.namespace, ringName, func(r *v1alpha1.GossipRing) {
		r.Spec.Rollout.MaxConcurrentRegions = p.concurrent
		if p.probed {
			r.Spec.Probe = &v1alpha1.RingProbe{KeySecretRef: v1alpha1.SecretKeyReference{Name: "unkey-api", Key: "key"}}
		}
	})
	f.seen = watchFleet(ctx, f)
	Expect(own.Create(ctx, build.Environment(f.namespace))).To(Succeed())
	f.start(ctx, config, p.poll)
	for range n {
		f.add(ctx)
	}
	for _, s := range f.sites {
		s.balancer = f.newBalancer(s)
	}
	for _, s := range f.sites {
		f.register(ctx, s, plan.RenderSeeds(f.peers(s), f.ring.Spec.Seeds, f.ring.Spec.Port))
		s.api.Set(build.Service(s.balancer))
		f.restart(s)
	}
	f.see(n)
	if p.probed {
		f.probe()
	}
	f.connect(f.sites...)
	Expect(own.Create(ctx, f.ring)).To(Succeed())
	DeferCleanup(f.remove)
	f.awaitReady(ctx)
	return f
}

func namespaceFor(ctx context.Context, c client.Client, prefix string) string {
	GinkgoHelper()
	namespace := &corev1.Namespace{}
	namespace.GenerateName = prefix
	Expect(c.Create(ctx, namespace)).To(Succeed())
	return namespace.Name
}

// start runs the controller until the spec ends, in the same way as main.go.
func (f *fleet) start(ctx context.Context, config *rest.Config, interval time.Duration) {
	GinkgoHelper()
	options := controllers.Options{ArgoCDNamespace: f.argocd.Namespace}
	unlimited := rest.CopyConfig(config)
	unlimited.QPS, unlimited.Burst = -1, -1
	cached := options.CacheOptions()
	maps.DeleteFunc(cached.ByObject, func(o client.Object, _ cache.ByObject) bool { // there is no such kind here
		_, is := o.(*argocd.ApplicationSet)
		return is
	})
	mgr, err := ctrl.NewManager(unlimited, ctrl.Options{
		Scheme: f.client.Scheme(), Cache: cached, Client: options.ClientOptions(),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: ctrlconfig.Controller{SkipNameValidation: new(true)}, // every fleet has one of this name
	})
	Expect(err).NotTo(HaveOccurred())
	clk := clock.RealClock{}
	f.cloud = fake.New()
	f.clusters = remote.New(f.cloud, clk, interval)
	Expect(mgr.Add(f.clusters)).To(Succeed())
	Expect(gossipring.NewReconciler(gossipring.Deps{
		Client: counting{Client: mgr.GetClient(), passes: &f.passes}, Clock: clk, Events: mgr.GetEventRecorder("portolan-gossipring"),
		DNS: dns.New(), Cloud: f.cloud, Clusters: f.clusters,
		ArgoCD:     &argocd.Clusters{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Namespace: f.argocd.Namespace},
		ProbeImage: "portolan.test/portolan:v1",
		Poll:       interval, SlowPoll: max(interval, 2*time.Minute), Resync: max(interval, 10*time.Minute),
	}).SetupWithManager(mgr)).To(Succeed())

	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // ctx ends with the node that calls us
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	DeferCleanup(func() error {
		cancel()
		return <-done
	})
	Expect(mgr.GetCache().WaitForCacheSync(ctx)).To(BeTrue())
}

// remove takes away what the next fleet's controller would see.
func (f *fleet) remove(ctx SpecContext) {
	for _, kind := range []client.Object{&v1alpha1.GossipRing{}, &v1alpha1.Region{}, &v1alpha1.Environment{}} {
		Expect(f.client.DeleteAllOf(ctx, kind, client.InNamespace(f.namespace))).To(Succeed())
	}
}

// add creates one more Region, with the next of the spare APIs.
func (f *fleet) add(ctx context.Context) *site {
	GinkgoHelper()
	i := len(f.sites)
	region := build.Region(f.namespace, places[i%len(places)], func(r *v1alpha1.Region) { r.Name = fmt.Sprintf("region-%03d", i) })
	Expect(f.client.Create(ctx, region)).To(Succeed())
	s := &site{region: region, cluster: plan.ClusterName(region), api: f.spare[0]}
	f.spare, f.sites = f.spare[1:], append(f.sites, s)
	return s
}

// register does what the Region controller does.
func (f *fleet) register(ctx context.Context, s *site, seeds string) {
	GinkgoHelper()
	f.seen.born(s.cluster, seeds)
	Expect(f.argocd.Bear(ctx, s.region, map[string]string{v1alpha1.AnnotationWANSeedsPrefix + ringName: seeds})).To(Succeed())
	_, err := f.argocd.Register(ctx, argocd.Registration{Region: s.region, Server: s.api.Endpoint(), CA: []byte(s.api.CA()), Labels: plan.Labels(s.region)})
	Expect(err).NotTo(HaveOccurred())
}

// connect begins anew where an API server did not answer in time: while nothing is polled, it
// would not be asked again.
func (f *fleet) connect(sites ...*site) {
	GinkgoHelper()
	for some := range slices.Chunk(sites, 10) { // a busy machine cannot greet all at once
		Eventually(func() error {
			var waiting error
			for _, s := range some {
				key := client.ObjectKeyFromObject(s.region)
				cluster, err := f.clusters.Ensure(key, remote.Target{
					Name: s.cluster, AWSRegion: string(s.region.Spec.AWSRegion), Endpoint: s.api.Endpoint(), CA: s.api.CA(),
				})
				if err != nil {
					return err
				}
				if cluster.Failed() {
					f.clusters.Remove(key)
				}
				waiting = cmp.Or(waiting, cluster.Connected())
			}
			return waiting
		}).WithTimeout(patience).Should(Succeed())
	}
}

// newBalancer makes one that is active, with a name as long as those of AWS are that no other had before.
func (f *fleet) newBalancer(s *site) string {
	f.balancers++
	here := string(s.region.Spec.AWSRegion)
	name := fmt.Sprintf("k8s-api-unkeyapi-%010x-%016x.elb.%s.amazonaws.test", f.balancers, f.balancers, here)
	f.cloud.SetLoadBalancer(here, name, aws.LoadBalancer{ARN: "arn:" + name, State: aws.LoadBalancerActive})
	return name
}

func (f *fleet) peers(self *site) []string {
	var all []string
	for _, s := range f.sites {
		if s != self && s.balancer != "" {
			all = append(all, s.balancer)
		}
	}
	return all
}

// restart plays Argo CD and the region's Deployment: a new pod with the seeds of the cluster Secret.
func (f *fleet) restart(s *site) {
	s.pods++
	pod := build.Pod("unkey-api-0", f.seen.seedsOf(s.cluster))
	pod.UID = types.UID(fmt.Sprintf("%s-%d", s.region.Name, s.pods))
	pod.Status.PodIP = fmt.Sprintf("10.0.%d.%d", s.pods/250, 1+s.pods%250)
	s.api.Set(pod)
}

// see lets every pod count so many members.
func (f *fleet) see(members int) {
	for _, s := range f.sites {
		s.api.SetMembers(build.Pod("unkey-api-0", ""), members)
	}
}

// probe lets every region's probe reach everybody else.
func (f *fleet) probe() {
	for _, s := range f.sites {
		pod := build.Pod("portolan-probe-0", "")
		pod.Labels = probe.Labels(ringName)
		s.api.Set(pod)
		text := "# TYPE portolan_probe_result gauge\n"
		for _, other := range f.sites {
			if other != s {
				text += fmt.Sprintf("portolan_probe_result{to=%q,transport=\"tcp\",result=\"OK\"} 1\n", other.region.Name) +
					fmt.Sprintf("portolan_probe_result{to=%q,transport=\"udp\",result=\"OK\"} 1\n", other.region.Name)
			}
		}
		s.api.SetMetrics(pod, text)
	}
}

// awaitReady waits until the ring is seen to be whole with the endpoints that there are.
func (f *fleet) awaitReady(ctx context.Context) {
	GinkgoHelper()
	Eventually(f.unready).WithContext(ctx).WithTimeout(patience).WithPolling(20 * time.Millisecond).Should(BeEmpty())
}

// unready says why the ring is not whole yet.
func (f *fleet) unready() string {
	ring := f.seen.lastRing()
	if ring == nil || len(ring.Status.Members) != len(f.sites) {
		return "it does not have all members"
	}
	for i, m := range ring.Status.Members {
		if m.Endpoint != f.sites[i].balancer {
			return m.Region + " has another endpoint"
		}
	}
	if c := meta.FindStatusCondition(ring.Status.Conditions, v1alpha1.ConditionReady); c == nil || c.Status != metav1.ConditionTrue {
		return fmt.Sprintf("it is not Ready: %+v", c)
	}
	return ""
}

// hosts are those of the regional APIs.
func (f *fleet) hosts() map[string]bool {
	hosts := map[string]bool{}
	for _, s := range f.sites {
		endpoint, err := url.Parse(s.api.Endpoint())
		Expect(err).NotTo(HaveOccurred())
		hosts[endpoint.Host] = true
	}
	return hosts
}

// counting counts the passes: each begins by reading its ring, which nothing else reads.
type counting struct {
	client.Client

	passes *atomic.Int64
}

// Get implements client.Reader.
func (c counting) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if _, ok := obj.(*v1alpha1.GossipRing); ok {
		c.passes.Add(1)
	}
	return c.Client.Get(ctx, key, obj, opts...)
}

// write is a change of a region's seeds that the API server has acknowledged.
type write struct {
	cluster, seeds string
	at             time.Time
}

// journal has what a client of our own, which is not Portolan's, was told by the API server.
type journal struct {
	mu     sync.Mutex
	seeds  map[string]string
	writes []write
	ring   *v1alpha1.GossipRing
	// news is signalled after every write.
	news chan struct{}
}

// watchFleet watches the cluster Secrets and the ring until the spec ends.
func watchFleet(ctx context.Context, f *fleet) *journal {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	j := &journal{seeds: map[string]string{}, news: make(chan struct{}, 1)}
	var running sync.WaitGroup
	running.Go(func() {
		follow(ctx, f.client, f.argocd.Namespace, func() client.ObjectList { return &corev1.SecretList{} }, j.secret)
	})
	running.Go(func() {
		follow(ctx, f.client, f.namespace, func() client.ObjectList { return &v1alpha1.GossipRingList{} }, j.latest)
	})
	DeferCleanup(func() {
		cancel()
		running.Wait()
	})
	return j
}

// follow tells of every object as it is and whenever it changes. An API server ends watches
// that are too slow for it, as they are when the machine has other things to do: what
// happened meanwhile is then found by listing, at once and not after a pause.
func follow(ctx context.Context, c client.WithWatch, namespace string, kind func() client.ObjectList, tell func(runtime.Object)) {
	for ctx.Err() == nil {
		list := kind()
		if c.List(ctx, list, client.InNamespace(namespace)) != nil {
			continue
		}
		_ = meta.EachListItem(list, func(o runtime.Object) error {
			tell(o)
			return nil
		})
		from := &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}
		events, err := c.Watch(ctx, kind(), client.InNamespace(namespace), &client.ListOptions{Raw: from})
		if err != nil {
			continue
		}
		for e := range events.ResultChan() {
			tell(e.Object)
		}
	}
}

func (j *journal) latest(o runtime.Object) {
	if ring, ok := o.(*v1alpha1.GossipRing); ok {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.ring = ring
	}
}

// born notes the seeds that a Secret is made with, which are no write of the ring's.
func (j *journal) born(cluster, seeds string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seeds[cluster] = seeds
}

func (j *journal) secret(o runtime.Object) {
	s, ok := o.(*corev1.Secret)
	at := time.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !ok || len(s.Data) == 0 { // it is not registered yet
		return
	}
	cluster, seeds := string(s.Data["name"]), s.Annotations[v1alpha1.AnnotationWANSeedsPrefix+ringName]
	if j.seeds[cluster] == seeds {
		return
	}
	j.seeds[cluster] = seeds
	j.writes = append(j.writes, write{cluster, seeds, at})
	select {
	case j.news <- struct{}{}:
	default:
	}
}

func (j *journal) seedsOf(cluster string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.seeds[cluster]
}

func (j *journal) lastRing() *v1alpha1.GossipRing {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.ring
}

// since returns the writes but the first n.
func (j *journal) since(n int) []write {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.writes[n:len(j.writes):len(j.writes)]
}

func (j *journal) count() int { return len(j.since(0)) }
