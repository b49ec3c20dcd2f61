package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
	"github.com/portolan-dev/portolan/test/simulator/git"
)

// seedsVariable is how the seeds reach the pods.
const seedsVariable = "UNKEY_GOSSIP_WAN_SEEDS"

// delivered is a ring in a namespace of its own, all of whose workloads come from one chart.
type delivered struct {
	*v1alpha1.GossipRing

	// values are what the ApplicationSet hands to the chart.
	values map[string]any
	// text is where the seeds are written, as an annotation of the cluster Secret.
	text string
	// later leaves it to the spec to create the ring.
	later bool
}

// newDelivered is a ring whose seeds are handed on by a template of an ApplicationSet.
func newDelivered(environment, name, template string, seeds v1alpha1.RingSeeds) *delivered {
	ring := gossiping(environment, "unkey-api")
	ring.Name, ring.Spec.Service.Namespace, ring.Spec.Seeds = name, name, seeds
	return &delivered{
		GossipRing: ring, text: v1alpha1.AnnotationWANSeedsPrefix + name,
		values: map[string]any{"env": map[string]any{seedsVariable: template}},
	}
}

// fromAnnotation is the template of the samples.
func fromAnnotation(name string) string {
	return fmt.Sprintf(`{{ index .metadata.annotations %q }}`, v1alpha1.AnnotationWANSeedsPrefix+name)
}

// applicationSet deploys the ring's workload in an environment.
func (d *delivered) applicationSet() *unstructured.Unstructured {
	labels := map[string]any{"portolan.dev/managed": "true", "environment": d.Namespace}
	if d.Spec.Seeds.Delivery.Git != nil {
		labels[deployedLabel] = "true"
	}
	name := d.Namespace + "-" + d.Name
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet",
		"metadata": map[string]any{"namespace": bed.ArgoCDNamespace, "name": name},
		"spec": map[string]any{
			"goTemplate": true, "goTemplateOptions": []any{"missingkey=error"},
			"generators": []any{map[string]any{"clusters": map[string]any{"selector": map[string]any{"matchLabels": labels}}}},
			"template": map[string]any{
				"metadata": map[string]any{
					"name":       name + `-{{ index .metadata.labels "portolan.dev/region" }}`,
					"finalizers": []any{"resources-finalizer.argocd.argoproj.io"},
					"labels": map[string]any{
						v1alpha1.LabelApplication: d.Name, v1alpha1.LabelEnvironment: d.Namespace,
						v1alpha1.LabelRegion: `{{ index .metadata.labels "portolan.dev/region" }}`,
					},
				},
				"spec": map[string]any{
					"project":     "default",
					"destination": map[string]any{"name": "{{ .name }}", "namespace": d.Name},
					"source": map[string]any{
						"repoURL": "https://github.com/unkeyed/infra", "path": "eks-cluster/helm-chart/unkey-api",
						"targetRevision": fmt.Sprintf(`{{ index .metadata.annotations "portolan.dev/revision.%s" }}`, d.Name),
						"helm":           map[string]any{"valuesObject": d.values},
					},
					"syncPolicy": map[string]any{
						"automated":   map[string]any{"prune": true, "selfHeal": true},
						"syncOptions": []any{"CreateNamespace=true", "ServerSideApply=true"},
					},
				},
			},
		},
	}}
}

// readsJSON makes the pods take any other form for the name of a host.
func (d *delivered) readsJSON() {
	d.values["env"] = map[string]any{seedsVariable: d.values["env"].(map[string]any)[seedsVariable], "UNKEY_GOSSIP_SEED_FORMAT": "json"}
}

// deliver applies an environment with rings. It waits for nothing.
func deliver(ctx context.Context, env *v1alpha1.Environment, revision string, rings []*delivered, regions ...*v1alpha1.Region) {
	GinkgoHelper()
	newNamespace(ctx, env.Name)
	env.Spec.Profiles[0].Applications = nil
	for _, d := range rings {
		env.Spec.Profiles[0].Applications = append(env.Spec.Profiles[0].Applications, v1alpha1.Application{Name: d.Name})
		Expect(world.Client.Create(ctx, d.applicationSet())).To(Succeed())
		if !d.later {
			Expect(world.Client.Create(ctx, d.GossipRing)).To(Succeed())
		}
	}
	for _, obj := range []client.Object{env, newPromotion(env.Name, v1alpha1.GitRevision(revision))} {
		Expect(world.Client.Create(ctx, obj)).To(Succeed())
	}
	createRegions(ctx, regions...)
}

func createRegions(ctx context.Context, regions ...*v1alpha1.Region) {
	GinkgoHelper()
	for _, r := range regions {
		Expect(world.Client.Create(ctx, r)).To(Succeed())
	}
}

// seedAnnotation is the seeds of a Region as its cluster Secret has them.
func (d *delivered) seedAnnotation(ctx context.Context, r *v1alpha1.Region) string {
	GinkgoHelper()
	secret, err := clusterSecretOf(ctx, r)
	Expect(err).NotTo(HaveOccurred())
	return secret.Annotations[d.text]
}

func clusterSecretOf(ctx context.Context, r *v1alpha1.Region) (*corev1.Secret, error) {
	return clusterSecretIn(ctx, world.Client, r)
}

func clusterSecretIn(ctx context.Context, management client.Client, r *v1alpha1.Region) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	return secret, management.Get(ctx, client.ObjectKey{Namespace: bed.ArgoCDNamespace, Name: "cluster-" + clusterOf(r)}, secret)
}

// endpoints are those of a ring's members, by Region.
func (d *delivered) endpoints(ctx context.Context) map[string]string {
	GinkgoHelper()
	Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(d), d.GossipRing)).To(Succeed())
	endpoints := map[string]string{}
	for _, m := range d.Status.Members {
		endpoints[m.Region] = m.Endpoint
	}
	return endpoints
}

// peers are the endpoints of the other regions, as seeds have them.
func (d *delivered) peers(ctx context.Context, self *v1alpha1.Region, among ...*v1alpha1.Region) []string {
	GinkgoHelper()
	endpoints := d.endpoints(ctx)
	var peers []string
	for _, r := range among {
		if r.Name != self.Name {
			peers = append(peers, endpoints[r.Name])
		}
	}
	slices.Sort(peers)
	return peers
}

// graph says by the names of Regions who is whose seed, as the cluster Secrets have it.
func (d *delivered) graph(ctx context.Context, among ...*v1alpha1.Region) map[string][]string {
	GinkgoHelper()
	names := map[string]string{}
	for name, endpoint := range d.endpoints(ctx) {
		names[endpoint] = name
	}
	graph := map[string][]string{}
	for _, r := range among {
		for seed := range strings.SplitSeq(d.seedAnnotation(ctx, r), ",") {
			graph[r.Name] = append(graph[r.Name], names[seed])
		}
		slices.Sort(graph[r.Name])
	}
	return graph
}

func configMapOf(ctx context.Context, d *delivered, r *v1alpha1.Region) *corev1.ConfigMap {
	GinkgoHelper()
	held, err := regionalClientOf(clusterOf(r)).CoreV1().ConfigMaps(d.Name).Get(ctx, d.Spec.Seeds.Delivery.ConfigMap.Name, metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred())
	return held
}

// somebodyElsesKey puts another key into the ConfigMap that a ring writes to.
func somebodyElsesKey(ctx context.Context, d *delivered, among ...*v1alpha1.Region) {
	GinkgoHelper()
	for _, r := range among {
		_, err := regionalClientOf(clusterOf(r)).CoreV1().ConfigMaps(d.Name).Patch(ctx, d.Spec.Seeds.Delivery.ConfigMap.Name,
			types.MergePatchType, []byte(`{"data":{"theirs":"kept"}}`), metav1.PatchOptions{})
		Expect(err).NotTo(HaveOccurred())
	}
}

// depot is a repository with the seeds of an environment, and what deploys from it: it reads
// the value files of Argo CD, which the simulated one does not.
type depot struct {
	*git.Repository

	management client.Client
	regions    []*v1alpha1.Region

	mu   sync.Mutex
	born map[string]string // the seeds in git when a region was first known to Argo CD
}

// deployed marks the clusters that have the seeds of their file, in an annotation.
const (
	deployedLabel   = "example.com/deployed"
	seedsAnnotation = "example.com/seeds"
)

func newDepot(regions ...*v1alpha1.Region) *depot {
	GinkgoHelper()
	repository, err := git.Create(filepath.Join(world.Dir(), "seeds.git"))
	Expect(err).NotTo(HaveOccurred())
	Expect(repository.Serve()).To(Succeed())
	DeferCleanup(repository.Stop)
	d := &depot{Repository: repository, management: world.Client, born: map[string]string{}}
	for _, r := range regions { // specs read theirs anew while this deploys
		d.regions = append(d.regions, r.DeepCopy())
	}
	return d
}

func fileOf(r *v1alpha1.Region) string {
	return "environments/" + r.Namespace + "/" + string(r.Spec.AWSRegion) + ".yaml"
}

// content is a Region's file at the branch's head.
func (d *depot) content(r *v1alpha1.Region) string {
	GinkgoHelper()
	text, err := d.File("main", fileOf(r))
	Expect(err).NotTo(HaveOccurred())
	return text
}

// commit is somebody else's.
func (d *depot) commit(files map[string]string) (revision string) {
	GinkgoHelper()
	revision, err := d.Commit(files, "By hand")
	Expect(err).NotTo(HaveOccurred())
	return revision
}

// seeds are what a chart would find in a Region's file.
func (d *depot) seeds(r *v1alpha1.Region) (string, error) {
	text, err := d.File("main", fileOf(r))
	if err != nil {
		return "", err
	}
	var values struct{ Env map[string]string }
	err = yaml.Unmarshal([]byte(text), &values)
	return values.Env[seedsVariable], err
}

// committed counts Portolan's commits.
func (d *depot) committed() int {
	GinkgoHelper()
	messages, err := d.Messages("main")
	Expect(err).NotTo(HaveOccurred())
	return strings.Count(strings.Join(messages, "\n"), "Written by Portolan for GossipRing ")
}

// deploy hands on what is committed.
func (d *depot) deploy(ctx context.Context) {
	inBackground(ctx, func(ctx context.Context) {
		for _, r := range d.regions {
			d.handOn(ctx, r)
		}
	})
}

// inBackground does something again and again, until the node that began it is cleaned up after.
func inBackground(ctx context.Context, do func(context.Context)) {
	GinkgoHelper()
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var working sync.WaitGroup
	working.Go(func() {
		defer GinkgoRecover()
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			do(ctx)
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	})
	DeferCleanup(func() {
		stop()
		working.Wait()
	})
}

// handOn leaves to the next time what fails.
func (d *depot) handOn(ctx context.Context, r *v1alpha1.Region) {
	secret, err := clusterSecretIn(ctx, d.management, r)
	if err != nil {
		return
	}
	seeds, err := d.seeds(r)
	if err != nil {
		return
	}
	d.mu.Lock()
	if _, seen := d.born[r.Name]; !seen {
		d.born[r.Name] = seeds
	}
	d.mu.Unlock()
	if now, ok := secret.Annotations[seedsAnnotation]; ok && now == seeds {
		return
	}
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:"true"},"annotations":{%q:%q}}}`, deployedLabel, seedsAnnotation, seeds)
	_ = d.management.Patch(ctx, secret, client.RawPatch("application/merge-patch+json", patch)) // tried again
}

// bornWith are the seeds that git had for a Region when it was first seen to be registered.
func (d *depot) bornWith(r *v1alpha1.Region) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.born[r.Name]
}

// journal notes whose seeds change, and whether everybody who changed before was back by then.
type journal struct {
	founders  []*v1alpha1.Region
	newcomers []*v1alpha1.Region
	before    map[string]map[string][]string // pods, by ring and Region

	mu      sync.Mutex
	texts   map[string]string   // the seeds, by ring and Region
	changes map[string][]string // the Regions in their order, by ring
	hasty   []string
}

// watchSeeds begins a journal of what becomes of regions that are there when others come. It ends with
// the spec. Specs read their rings and Regions anew meanwhile, so it has its own.
func watchSeeds(ctx context.Context, specs []*delivered, newcomers []*v1alpha1.Region, regions ...*v1alpha1.Region) *journal {
	GinkgoHelper()
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var watching []informers.SharedInformerFactory
	DeferCleanup(func() {
		stop()
		for _, factory := range watching {
			factory.Shutdown()
		}
	})
	rings, founders := copies(specs, regions)
	_, coming := copies(nil, newcomers)
	j := &journal{founders: founders, newcomers: coming, before: map[string]map[string][]string{}, texts: map[string]string{}, changes: map[string][]string{}}
	for _, d := range rings {
		j.before[d.Name] = uidsOf(ctx, d.GossipRing, founders...)
	}
	watching = append(watching, inform(ctx, world.Config, bed.ArgoCDNamespace, func(obj any) { j.noteSecret(ctx, rings, obj) }))
	for _, r := range founders {
		config, ok := world.Regional(clusterOf(r))
		Expect(ok).To(BeTrue())
		for _, d := range rings {
			if way := d.Spec.Seeds.Delivery.ConfigMap; way != nil {
				watching = append(watching, inform(ctx, config, d.Name, func(obj any) {
					if held, ok := obj.(*corev1.ConfigMap); ok && held.Name == way.Name {
						j.note(ctx, d, r, held.Data[way.Key])
					}
				}))
			}
		}
	}
	return j
}

// noteSecret takes down the seeds of a founder's cluster Secret.
func (j *journal) noteSecret(ctx context.Context, rings []*delivered, obj any) {
	secret, ok := obj.(*corev1.Secret)
	if !ok {
		return
	}
	for _, r := range j.founders {
		for _, d := range rings {
			if secret.Name == "cluster-"+clusterOf(r) && d.Spec.Seeds.Delivery.ConfigMap == nil {
				j.note(ctx, d, r, secret.Annotations[d.text])
			}
		}
	}
}

func copies(specs []*delivered, regions []*v1alpha1.Region) (rings []*delivered, own []*v1alpha1.Region) {
	for _, d := range specs {
		ring := *d
		ring.GossipRing = d.DeepCopy()
		rings = append(rings, &ring)
	}
	for _, r := range regions {
		own = append(own, r.DeepCopy())
	}
	return rings, own
}

// inform shows the Secrets and ConfigMaps of a namespace, and each change of one.
func inform(ctx context.Context, config *rest.Config, namespace string, show func(obj any)) informers.SharedInformerFactory {
	GinkgoHelper()
	c, err := kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())
	factory := informers.NewSharedInformerFactoryWithOptions(c, 0, informers.WithNamespace(namespace))
	for _, informer := range []cache.SharedIndexInformer{factory.Core().V1().Secrets().Informer(), factory.Core().V1().ConfigMaps().Informer()} {
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: show, UpdateFunc: func(_, obj any) { show(obj) }})
		Expect(err).NotTo(HaveOccurred())
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return factory
}

func (j *journal) note(ctx context.Context, d *delivered, r *v1alpha1.Region, text string) {
	defer GinkgoRecover()
	j.mu.Lock()
	defer j.mu.Unlock()
	key := d.Name + " in " + r.Name
	before, known := j.texts[key]
	j.texts[key] = text
	if !known || before == text {
		return
	}
	for _, newcomer := range j.newcomers {
		if reason := d.unconnected(ctx, newcomer, before, text); reason != "" {
			j.hasty = append(j.hasty, key+" was changed for "+newcomer.Name+" before that was connected: "+reason+d.tell(ctx))
		}
	}
	for _, earlier := range j.founders {
		if earlier.Name != r.Name && slices.Contains(j.changes[d.Name], earlier.Name) {
			if reason := j.away(ctx, d, earlier); reason != "" {
				j.hasty = append(j.hasty, key+" was changed while "+earlier.Name+" was not back: "+reason+d.tell(ctx))
			}
		}
	}
	j.changes[d.Name] = append(j.changes[d.Name], r.Name)
}

// unconnected tells why a newcomer whose seed has come up does not need it: its own pods have found
// nobody yet. Where none of them answers, nobody can tell.
func (d *delivered) unconnected(ctx context.Context, newcomer *v1alpha1.Region, before, text string) string {
	regional, err := connectTo(clusterOf(newcomer))
	if err != nil {
		return "" // it cannot have an endpoint
	}
	service, err := regional.CoreV1().Services(d.Spec.Service.Namespace).Get(ctx, d.Spec.Service.Name, metav1.GetOptions{})
	if err != nil || len(service.Status.LoadBalancer.Ingress) == 0 {
		return ""
	}
	seed := service.Status.LoadBalancer.Ingress[0].Hostname
	if strings.Contains(before, seed) || !strings.Contains(text, seed) {
		return ""
	}
	if members, known, err := bridgeSees(ctx, d.GossipRing, newcomer); err == nil && known && members < 2 {
		return fmt.Sprintf("it counts %d", members)
	}
	return ""
}

// tell is what the ring says of its members, for whoever looks for the cause.
func (d *delivered) tell(ctx context.Context) string {
	now := &v1alpha1.GossipRing{}
	if err := world.Client.Get(ctx, client.ObjectKeyFromObject(d), now); err != nil {
		return ", " + err.Error()
	}
	var text strings.Builder
	for _, m := range now.Status.Members {
		fmt.Fprintf(&text, "; %s is %s, sees %d, written at %s", m.Region, m.State, ptr.Deref(m.MembersSeen, -1), ptr.Deref(m.SeedsWrittenAt, metav1.Time{}).Format("05"))
	}
	return text.String()
}

// away tells why a region that has new seeds is not yet back from its restart.
func (j *journal) away(ctx context.Context, d *delivered, r *v1alpha1.Region) string {
	pods, err := listPods(ctx, d.GossipRing, r)
	for range 2 {
		if err != nil {
			pods, err = listPods(ctx, d.GossipRing, r)
		}
	}
	switch {
	case ctx.Err() != nil:
		return ""
	case err != nil:
		return err.Error()
	}
	for _, p := range pods {
		switch {
		case slices.Contains(j.before[d.Name][r.Name], string(p.UID)):
			return "pod " + p.Name + " is an old one"
		case !podIsReady(p):
			return "pod " + p.Name + " is not Ready"
		}
	}
	if len(pods) != 2 {
		return fmt.Sprintf("it has %d pods", len(pods))
	}
	return ""
}

// changed are the Regions whose seeds were changed, in their order.
func (j *journal) changed(d *delivered) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.changes[d.Name])
}

func (j *journal) tooEarly() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.hasty)
}

// waitsFor is what keeps a pod's container from starting.
func waitsFor(pod corev1.Pod) string {
	for _, c := range pod.Status.ContainerStatuses {
		if c.State.Waiting != nil {
			return c.State.Waiting.Reason
		}
	}
	return ""
}

func podIsReady(pod corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// refusals are what an API server has forbidden anybody of ConfigMaps and workloads, as it
// counts itself.
func refusals(ctx context.Context, cluster string) []string {
	GinkgoHelper()
	raw, err := regionalClientOf(cluster).RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	Expect(err).NotTo(HaveOccurred())
	var found []string
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "apiserver_request_total{") && strings.Contains(line, `code="403"`) &&
			(strings.Contains(line, `"configmaps"`) || strings.Contains(line, `group="apps"`)) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// leaveNothing deletes Regions with all that is theirs.
func leaveNothing(ctx context.Context, regions ...*v1alpha1.Region) {
	GinkgoHelper()
	for _, r := range regions {
		if err := world.Client.Get(ctx, client.ObjectKeyFromObject(r), r); apierrors.IsNotFound(err) {
			continue
		}
		deleteConfirmed(ctx, r)
	}
	for _, r := range regions {
		Eventually(gone(ctx, r)).WithContext(ctx).Should(BeTrue(), r.Name)
	}
}

// credentials are a Secret of Argo CD's that Portolan may read.
func credentials(name, url, password string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: bed.ArgoCDNamespace, Name: name, Labels: map[string]string{"argocd.argoproj.io/secret-type": "repository"},
		},
		StringData: map[string]string{"url": url, "username": "portolan", "password": password},
	}
}
