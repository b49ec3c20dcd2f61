package e2e

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// canary must not show up anywhere but where it was put.
const canary = "canary-7Qf2mZ0x"

// The seeds of one environment's rings reach the pods in every way there is, in every form
// and topology. The rings share the regions, because regions are what takes time.
var _ = Describe("Rings that differ in their seeds", Ordered, func() {
	const environment, neighbour = "delivery", "delivery-too"
	oregon, california, montreal := newRegion(environment, "oregon", "us-west-2"), newRegion(environment, "california", "us-west-1"), newRegion(environment, "montreal", "ca-central-1")
	seoul, osaka := newRegion(environment, "seoul", "ap-northeast-2"), newRegion(environment, "osaka", "ap-northeast-3")
	sydney, singapore := newRegion(neighbour, "sydney", "ap-southeast-2"), newRegion(neighbour, "singapore", "ap-southeast-1")
	founders, newcomers, others := []*v1alpha1.Region{oregon, california, montreal}, []*v1alpha1.Region{seoul, osaka}, []*v1alpha1.Region{sydney, singapore}
	everywhere := slices.Concat(founders, newcomers)

	plain := newDelivered(environment, "plain", fromAnnotation("plain"), v1alpha1.RingSeeds{})
	theirs := newDelivered(neighbour, "plain", fromAnnotation("plain"), v1alpha1.RingSeeds{})
	hubs := newDelivered(environment, "hubs", fromAnnotation("hubs"), v1alpha1.RingSeeds{Topology: v1alpha1.RingTopology{Hubs: []string{"oregon", "california"}}})
	nearest := newDelivered(environment, "nearest", fromAnnotation("nearest"), v1alpha1.RingSeeds{Topology: v1alpha1.RingTopology{Nearest: new(int32(1))}})
	array := newDelivered(environment, "array", fromAnnotation("array"), v1alpha1.RingSeeds{Format: v1alpha1.SeedsJSONArray})
	array.readsJSON()
	// The charts of these print seeds in their own form, whatever they are given.
	commas := newDelivered(environment, "commas", `{{ index .metadata.annotations "portolan.dev/wan-seeds.commas" | replace "[" "" | replace "]" "" | replace "\"" "" }}`,
		v1alpha1.RingSeeds{Format: v1alpha1.SeedsJSONArray})
	brackets := newDelivered(environment, "brackets", `{{ $s := index .metadata.annotations "portolan.dev/wan-seeds.brackets" }}{{ if hasPrefix "[" $s }}{{ $s }}{{ else if $s }}{{ splitList "," $s | toJson }}{{ end }}`,
		v1alpha1.RingSeeds{Format: v1alpha1.SeedsCommaSeparated})
	brackets.readsJSON()
	configMap := newDelivered(environment, "config-map", "", v1alpha1.RingSeeds{Delivery: v1alpha1.SeedDelivery{ConfigMap: &v1alpha1.ConfigMapDelivery{
		Name: "gossip", Key: "wan.seeds", Restart: []v1alpha1.WorkloadReference{{Kind: v1alpha1.WorkloadDeployment, Name: "unkey-api"}},
	}}})
	configMap.values = map[string]any{"gossip": map[string]any{"seedsConfigMap": map[string]any{"name": "gossip", "key": "wan.seeds"}}}
	configMap.later = true
	inGit := newDelivered(environment, "in-git", `{{ index .metadata.annotations "`+seedsAnnotation+`" }}`, v1alpha1.RingSeeds{Delivery: v1alpha1.SeedDelivery{Git: &v1alpha1.GitDelivery{
		Path: "environments/{{ .environment }}/{{ .region }}.yaml", Key: "env." + seedsVariable,
	}}})
	inGit.text = seedsAnnotation
	rings := []*delivered{plain, hubs, nearest, array, commas, brackets, configMap, inGit}

	// Portolan has no business with anything but the value: {seeds} in what comes out.
	files := map[string]struct{ in, out string }{
		oregon.Name: {
			"# Ours, but for the seeds.\nreplicas:   2     # two\n\nenv: \n    " + seedsVariable + ":    ''   # by a robot\n    OTHER: \"x\"   \n\n\nlist: [a,   b]\n",
			"# Ours, but for the seeds.\nreplicas:   2     # two\n\nenv: \n    " + seedsVariable + ":    '{seeds}'   # by a robot\n    OTHER: \"x\"   \n\n\nlist: [a,   b]\n",
		},
		california.Name: {
			"env: {OTHER: 'y',   " + seedsVariable + ": \"\" , \"quoted\": \"1\"}   # all in one\n# the end, without a line break",
			"env: {OTHER: 'y',   " + seedsVariable + ": \"{seeds}\" , \"quoted\": \"1\"}   # all in one\n# the end, without a line break",
		},
		montreal.Name: {
			"---\n# A file that says nothing of seeds.\nenv:\n      OTHER: z # kept\nreplicas: 0x2\n",
			"---\n# A file that says nothing of seeds.\nenv:\n      OTHER: z # kept\n      " + seedsVariable + ": \"{seeds}\"\nreplicas: 0x2\n",
		},
		seoul.Name: {"env:\n  " + seedsVariable + ": gone.example.com\n", "env:\n  " + seedsVariable + ": {seeds}\n"},
		osaka.Name: {"env:\n  " + seedsVariable + ":   # none yet\n  OTHER: z\n", "env:\n  " + seedsVariable + ": {seeds}   # none yet\n  OTHER: z\n"},
	}
	var store *depot
	expectFiles := func(ctx context.Context, among ...*v1alpha1.Region) {
		GinkgoHelper()
		for _, r := range among {
			seeds := strings.Join(inGit.peers(ctx, r, among...), ",")
			Expect(store.content(r)).To(HavePrefix(strings.ReplaceAll(files[r.Name].out, "{seeds}", seeds)), r.Name)
			Expect(inGit.seedAnnotation(ctx, r)).To(Equal(seeds))
		}
	}
	var seen *journal
	var secret *corev1.Secret

	BeforeAll(func(ctx SpecContext) {
		store = newDepot(everywhere...)
		store.Require("portolan", canary)
		revision := store.commit(map[string]string{
			fileOf(oregon): files[oregon.Name].in, fileOf(california): files[california.Name].in,
			"values.yaml": "replicas: 2\n",
		})
		secret = credentials("delivery-repository", store.HTTPURL(), canary)
		Expect(world.Client.Create(ctx, secret)).To(Succeed())
		store.deploy(ctx)

		env := smallEnvironment(environment)
		env.Spec.Network.Pool = &v1alpha1.AddressPool{CIDRs: []v1alpha1.CIDR{"10.110.0.0/16"}, PrefixLength: 19}
		env.Spec.Network.AvailabilityZones = 2 // EKS has no more in some of these regions
		env.Spec.ArgoCD.Repository = &v1alpha1.ConfigRepository{
			URL: store.HTTPURL(), CredentialsSecretRef: &v1alpha1.LocalReference{Name: secret.Name}, ConfigFiles: []string{"values.yaml"},
		}
		deliver(ctx, env, revision, rings, founders...)
		env = smallEnvironment(neighbour)
		env.Spec.Network.Pool = &v1alpha1.AddressPool{CIDRs: []v1alpha1.CIDR{"10.111.0.0/16"}, PrefixLength: 19}
		deliver(ctx, env, oldRevision, []*delivered{theirs}, others...)
	}, NodeTimeout(patience))

	AfterAll(func(ctx SpecContext) {
		leaveNothing(ctx, slices.Concat(everywhere, others)...)
	}, NodeTimeout(patience))

	It("hold a region back while git has no file for its seeds, and name the file", NodeTimeout(patience), func(ctx SpecContext) {
		Eventually(condition(ctx, montreal, v1alpha1.RegionRegistered)).WithContext(ctx).Should(haveReason(v1alpha1.ReasonWaitingForSeeds, "ring in-git has not committed"))
		Eventually(condition(ctx, inGit.GossipRing, v1alpha1.RingSeedsPropagated)).WithContext(ctx).Should(
			haveReason(v1alpha1.ReasonSeedsNotDelivered, "has no file "+fileOf(montreal)+": create it"))
		_, err := clusterSecretOf(ctx, montreal)
		Expect(apierrors.IsNotFound(err)).To(BeTrue())
		store.commit(map[string]string{fileOf(montreal): files[montreal.Name].in})
		Eventually(condition(ctx, montreal, v1alpha1.RegionRegistered)).WithContext(ctx).Should(beReady())
	})

	It("make the ConfigMap that pods wait for", NodeTimeout(patience), func(ctx SpecContext) {
		Eventually(condition(ctx, oregon, v1alpha1.RegionRegistered)).WithContext(ctx).Should(beReady())
		Eventually(func(g Gomega) []corev1.Pod { return podsOf(ctx, g, configMap.GossipRing, oregon) }).WithContext(ctx).Should(And(HaveLen(2), HaveEach(
			WithTransform(waitsFor, Equal("CreateContainerConfigError")))))
		Expect(world.Client.Create(ctx, configMap.GossipRing)).To(Succeed())
		Eventually(func(g Gomega) []corev1.Pod { return podsOf(ctx, g, configMap.GossipRing, oregon) }).WithContext(ctx).Should(HaveEach(
			WithTransform(podIsReady, BeTrue())))
	})

	It("say what the pods read when the chart renders another form, and touch nobody else", NodeTimeout(patience), func(ctx SpecContext) {
		for ring, cure := range map[*delivered]v1alpha1.SeedFormat{commas: v1alpha1.SeedsCommaSeparated, brackets: v1alpha1.SeedsJSONArray} {
			Eventually(func(g Gomega) {
				g.Expect(ring.endpoints(ctx)).To(And(HaveLen(3), Not(ContainElement(""))))
				g.Expect(condition(ctx, ring.GossipRing, v1alpha1.RingSeedsPropagated)(g)).To(And(
					HaveField("Status", metav1.ConditionFalse),
					haveReason(v1alpha1.ReasonSeedsMalformed, "the pods "+misread[cure]), HaveField("Message", ContainSubstring("set spec.seeds.format: "+string(cure)))))
			}).WithContext(ctx).Should(Succeed(), ring.Name)
			Expect(ring.Status.Members).To(ContainElement(HaveField("SeedsWrittenAt", BeNil())))
		}
		written := func() map[string]string {
			texts := map[string]string{}
			for _, r := range founders {
				texts["commas in "+r.Name], texts["brackets in "+r.Name] = commas.seedAnnotation(ctx, r), brackets.seedAnnotation(ctx, r)
			}
			return texts
		}
		Consistently(written).WithContext(ctx).WithTimeout(2 * time.Second).Should(Equal(written()))

		By("the ring declaring what the workload reads")
		for ring, cure := range map[*delivered]v1alpha1.SeedFormat{commas: v1alpha1.SeedsCommaSeparated, brackets: v1alpha1.SeedsJSONArray} {
			editRing(ctx, ring.GossipRing, func(spec *v1alpha1.GossipRingSpec) { spec.Seeds.Format = cure })
		}
		for _, ring := range []*delivered{commas, brackets} {
			awaitRing(ctx, ring.GossipRing)
		}
	})

	It("connect by annotation, ConfigMap and git, as commas and JSON, with all seeds and with few", NodeTimeout(patience), func(ctx SpecContext) {
		for _, ring := range rings {
			awaitRing(ctx, ring.GossipRing)
			awaitAgents(ctx, ring.GossipRing, 3, founders...)
		}
		awaitRing(ctx, theirs.GossipRing)
		for _, r := range slices.Concat(founders, others) {
			Eventually(condition(ctx, r, v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady(), r.Name)
		}
		for _, r := range founders {
			Expect(plain.seedAnnotation(ctx, r)).To(Equal(strings.Join(plain.peers(ctx, r, founders...), ",")))
			Expect(json.Marshal(array.peers(ctx, r, founders...))).To(BeEquivalentTo(array.seedAnnotation(ctx, r)))
			Expect(configMapOf(ctx, configMap, r).Data).To(Equal(map[string]string{"wan.seeds": strings.Join(configMap.peers(ctx, r, founders...), ",")}))
		}
		expectFiles(ctx, founders...)
		By("hubs being everybody's seeds and nobody else anybody's, and the nearest being enough")
		Expect(hubs.graph(ctx, founders...)).To(Equal(map[string][]string{
			"oregon": {"california"}, "california": {"oregon"}, "montreal": {"california", "oregon"},
		}))
		Expect(nearest.graph(ctx, founders...)).To(Equal(map[string][]string{
			"oregon": {"california"}, "california": {"oregon"}, "montreal": {"oregon"},
		}))
	})

	It("make no commit that changes nothing", NodeTimeout(patience), func(ctx SpecContext) {
		Expect(store.committed()).To(BeNumerically(">", 0))
		head, err := store.Head("main")
		Expect(err).NotTo(HaveOccurred())
		world.KillOperator()
		Expect(world.StartOperator(context.WithoutCancel(ctx))).To(Succeed())
		editRing(ctx, inGit.GossipRing, func(spec *v1alpha1.GossipRingSpec) { // so that it is looked at by the new one
			spec.Rollout.ConvergeTimeout = &metav1.Duration{Duration: 9 * time.Minute}
		})
		awaitRing(ctx, inGit.GossipRing)
		Consistently(func() (string, error) { return store.Head("main") }).WithContext(ctx).WithTimeout(2 * time.Second).Should(Equal(head))
	})

	It("do nothing for a second ring of the same Service", NodeTimeout(patience), func(ctx SpecContext) {
		younger := plain.GossipRing.DeepCopy()
		younger.ObjectMeta = metav1.ObjectMeta{Namespace: environment, Name: "younger"}
		younger.Spec.Profiles = []string{"base"}
		Expect(world.Client.Create(ctx, younger)).To(Succeed())
		Eventually(condition(ctx, younger, v1alpha1.RingEndpointsReady)).WithContext(ctx).Should(
			haveReason(v1alpha1.ReasonServiceShared, "ring plain has Service plain/unkey-api-gossip-wan in the same regions: delete one of the rings"))
		Expect(condition(ctx, younger, v1alpha1.RingSeedsPropagated)(Default).Status).NotTo(Equal(metav1.ConditionTrue))
		awaitRing(ctx, plain.GossipRing)
	})

	It("say that git wants other credentials, and go on when it has them", NodeTimeout(patience), func(ctx SpecContext) {
		before := uidsOf(ctx, inGit.GossipRing, founders...)
		store.Require("portolan", canary+"-new")
		Eventually(condition(ctx, inGit.GossipRing, v1alpha1.RingSeedsPropagated)).WithContext(ctx).Should(And(
			HaveField("Status", metav1.ConditionFalse), haveReason(v1alpha1.ReasonSeedsNotDelivered, "credentials refused: put credentials that it accepts into the Secret")))
		Expect(condition(ctx, inGit.GossipRing, v1alpha1.RingConverged)(Default)).To(beReady())
		secret.StringData = map[string]string{"password": canary + "-new"}
		Expect(world.Client.Update(ctx, secret)).To(Succeed())
		awaitRing(ctx, inGit.GossipRing)
		Expect(uidsOf(ctx, inGit.GossipRing, founders...)).To(Equal(before))
	})

	It("take in two regions at once, each with its seeds before its pods", NodeTimeout(4*patience), func(ctx SpecContext) {
		somebodyElsesKey(ctx, configMap, founders...)
		store.commit(map[string]string{fileOf(seoul): files[seoul.Name].in, fileOf(osaka): files[osaka.Name].in})
		seen = watchSeeds(ctx, rings, newcomers, founders...)

		By("the branch being protected, so that both wait for their seeds")
		store.Protect("main")
		createRegions(ctx, newcomers...)
		for _, r := range newcomers {
			Eventually(condition(ctx, r, v1alpha1.RegionRegistered)).WithContext(ctx).Should(haveReason(v1alpha1.ReasonWaitingForSeeds, "ring in-git has not committed"))
		}
		Eventually(condition(ctx, inGit.GossipRing, v1alpha1.RingSeedsPropagated)).WithContext(ctx).Should(And(
			HaveField("Status", metav1.ConditionFalse), haveReason(v1alpha1.ReasonSeedsNotDelivered, "push refused: protected branch hook declined: let the credentials push to this branch")))
		for _, r := range newcomers {
			_, err := clusterSecretOf(ctx, r)
			Expect(apierrors.IsNotFound(err)).To(BeTrue(), r.Name)
		}

		By("somebody else committing just as Portolan may")
		var once sync.Once
		store.BeforePush(func() {
			once.Do(func() {
				store.commit(map[string]string{fileOf(oregon): store.content(oregon) + "# somebody else was here\n", "theirs.txt": "theirs"})
			})
		})
		store.Protect()

		By("connecting, and restarting the others once, one region after the other")
		for _, ring := range rings {
			awaitRing(ctx, ring.GossipRing)
			awaitAgents(ctx, ring.GossipRing, 5, everywhere...)
		}
		for _, ring := range []*delivered{plain, array, commas, brackets, inGit, configMap} {
			times := map[string]int{}
			for _, founder := range seen.changed(ring) {
				times[founder]++
			}
			Expect(times).To(And(HaveKey("oregon"), HaveKey("california"), HaveKey("montreal"), HaveLen(3)), ring.Name)
			// That they are written once for all that come within convergeTimeout is proved with a clock that
			// is played. Here, a busy machine may register one when the other has long been taken in.
			Expect(times).To(HaveEach(BeNumerically("<=", len(newcomers))), ring.Name)
		}
		Expect(seen.tooEarly()).To(BeEmpty())
	})

	It("leave the pods alone whose seeds stay", func(ctx SpecContext) {
		Expect(seen.changed(hubs)).To(BeEmpty())
		Expect(uidsOf(ctx, hubs.GossipRing, founders...)).To(Equal(seen.before[hubs.Name]))
		for _, r := range []*v1alpha1.Region{montreal, seoul, osaka} {
			Expect(hubs.graph(ctx, everywhere...)).To(HaveKeyWithValue(r.Name, []string{"california", "oregon"}))
		}
		graph := nearest.graph(ctx, everywhere...)
		Expect(graph).To(And(HaveKeyWithValue("seoul", ContainElement("osaka")), HaveKeyWithValue("osaka", ContainElement("seoul")), HaveKeyWithValue("montreal", []string{"oregon"})))
		changed := slices.Compact(slices.Sorted(slices.Values(seen.changed(nearest))))
		Expect(len(changed)).To(BeNumerically("<", 3))
		for _, r := range founders {
			if !slices.Contains(changed, r.Name) {
				Expect(uidsOf(ctx, nearest.GossipRing, r)).To(HaveKeyWithValue(r.Name, seen.before[nearest.Name][r.Name]))
			}
		}
	})

	It("keep what others have written beside the seeds", func(ctx SpecContext) {
		for _, r := range everywhere {
			held := configMapOf(ctx, configMap, r).Data
			Expect(held).To(HaveKeyWithValue("wan.seeds", strings.Join(configMap.peers(ctx, r, everywhere...), ",")))
			delete(held, "wan.seeds")
			if slices.Contains(founders, r) {
				Expect(held).To(Equal(map[string]string{"theirs": "kept"}))
			} else {
				Expect(held).To(BeEmpty())
			}
		}
		expectFiles(ctx, everywhere...)
		Expect(store.content(oregon)).To(HaveSuffix("# somebody else was here\n"))
		Expect(store.File("main", "theirs.txt")).To(Equal("theirs"))
		for _, r := range newcomers {
			for _, founder := range founders {
				Expect(strings.Split(store.bornWith(r), ",")).To(ContainElement(inGit.endpoints(ctx)[founder.Name]), "in git before the region is known to Argo CD")
			}
		}
	})

	It("write into the regions with the rights that they are given", func(ctx SpecContext) {
		for _, r := range newcomers { // the others were there before the ring was
			Expect(refusals(ctx, clusterOf(r))).To(BeEmpty(), r.Name)
		}
	})

	It("know nobody of another environment", func(ctx SpecContext) {
		own := map[string][]string{}
		for _, ring := range append(slices.Clone(rings), theirs) {
			for _, endpoint := range ring.endpoints(ctx) {
				own[ring.Namespace] = append(own[ring.Namespace], endpoint)
			}
		}
		Expect(own[environment]).NotTo(ContainElement(BeElementOf(own[neighbour])))
		for _, r := range slices.Concat(everywhere, others) {
			secret, err := clusterSecretOf(ctx, r)
			Expect(err).NotTo(HaveOccurred())
			for key, text := range secret.Annotations {
				if key != seedsAnnotation && !strings.HasPrefix(key, v1alpha1.AnnotationWANSeedsPrefix) {
					continue
				}
				for _, seed := range strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(`,[]"`, c) }) {
					Expect(own[r.Namespace]).To(ContainElement(seed), "%s of %s", key, r.Name)
				}
			}
		}
		Expect(theirs.graph(ctx, others...)).To(Equal(map[string][]string{"sydney": {"singapore"}, "singapore": {"sydney"}}))
	})

	It("show nobody the password", func(ctx SpecContext) {
		for _, list := range []client.ObjectList{
			&v1alpha1.GossipRingList{}, &v1alpha1.RegionList{}, &v1alpha1.EnvironmentList{}, &v1alpha1.PromotionList{}, &eventsv1.EventList{}, &corev1.EventList{},
		} {
			Expect(world.Client.List(ctx, list)).To(Succeed())
			Expect(json.Marshal(list)).NotTo(ContainSubstring(canary))
		}
		for _, r := range everywhere {
			secret, err := clusterSecretOf(ctx, r)
			Expect(err).NotTo(HaveOccurred())
			Expect(json.Marshal(secret)).NotTo(ContainSubstring(canary))
			for key, value := range secret.Data { // in base64 before
				Expect(string(value)).NotTo(ContainSubstring(canary), "%s of %s", key, r.Name)
			}
		}
		Expect(os.ReadFile(world.OperatorLog())).NotTo(ContainSubstring(canary))
	})

	It("write nothing for the second ring of a Service, not even when a region is born", func(ctx SpecContext) {
		for _, r := range everywhere {
			secret, err := clusterSecretOf(ctx, r)
			Expect(err).NotTo(HaveOccurred())
			Expect(secret.Annotations[v1alpha1.AnnotationWANSeedsPrefix+"younger"]).To(BeEmpty(), r.Name)
		}
	})
})

// misread is how pods read what was meant for those that read the format.
var misread = map[v1alpha1.SeedFormat]string{
	v1alpha1.SeedsCommaSeparated: "cannot read `", v1alpha1.SeedsJSONArray: "read `[",
}
