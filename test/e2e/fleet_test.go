package e2e

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	fleet = "production001"
	// oldRevision is for environments that name no repository, so that nobody looks it up.
	oldRevision = "1d9c3076d63027f5fa770b43d08a4453318b2f8e"
)

var _ = Describe("A fleet", Ordered, func() {
	var founders = []string{"us-east-1", "eu-central-1", "ap-south-1"}

	BeforeAll(func(ctx SpecContext) {
		Expect(world.Apply(ctx, "namespace.yaml", "environment.yaml", "gossiprings.yaml", "promotion.yaml", "applicationsets.yaml")).To(Succeed())
	})

	It("comes up from three manifests, with its rings connected", func(ctx SpecContext) {
		asked := callsOf("ReplicateSecretToRegions")
		Expect(world.Apply(ctx, "regions.yaml")).To(Succeed())
		for _, name := range founders {
			Eventually(condition(ctx, region(fleet, name), v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady(), name)
		}
		for _, name := range []string{"unkey-api", "frontline"} {
			Eventually(condition(ctx, ring(fleet, name), v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady(), name)
		}
		By("answering kubectl wait")
		Expect(world.Kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=5s", "-n", fleet, "region/us-east-1")).To(Succeed())
		By("having each member count all members")
		expectMembers(ctx, "unkey-api", 3)
		expectMembers(ctx, "frontline", 2)
		By("having created what AWS bills for once")
		for _, name := range founders {
			Expect(resourcesOf(name, "ec2/vpc")).To(HaveLen(1))
			Expect(resourcesOf(name, "eks/cluster")).To(HaveLen(1))
			Expect(resourcesOf(name, "ec2/subnet")).To(HaveLen(6))
			Expect(resourcesOf(name, "ec2/natgateway")).To(HaveLen(3))
		}
		By("having asked for each secret's copies once for all, or at worst once for each region")
		Expect(callsOf("ReplicateSecretToRegions")-asked).To(And(BeNumerically(">=", 8), BeNumerically("<=", 11)), "eight secrets, three of which two regions need")
	})

	It("has all that the profile asks for", func(ctx SpecContext) {
		expectInfrastructure(ctx, "us-east-1", "deploy")
		expectInfrastructure(ctx, "eu-central-1", "deploy")
		expectInfrastructure(ctx, "ap-south-1", "base")
	})

	It("takes a fourth region into its living rings without restarting anybody", func(ctx SpecContext) {
		rings := []*v1alpha1.GossipRing{ring(fleet, "unkey-api"), ring(fleet, "frontline")}
		before := map[string][]corev1.Pod{}
		for _, r := range rings {
			Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(r), r)).To(Succeed())
			before[r.Name] = podsAmong(ctx, r, founders)
		}
		Expect(world.Apply(ctx, "region-eu-west-1.yaml")).To(Succeed())

		By("letting the newcomer dial its peers")
		alone := map[string]time.Time{} // when the newcomer was last seen without its peers
		connected := map[string]bool{}
		Eventually(func() map[string]bool {
			for _, r := range rings {
				asked := time.Now()
				members, known, err := bridgeSees(ctx, r, region(fleet, "eu-west-1"))
				switch {
				case connected[r.Name] || err != nil || !known:
				case members > 1:
					connected[r.Name] = true
				default:
					alone[r.Name] = asked
				}
			}
			return connected
		}).WithContext(ctx).WithPolling(quick).Should(HaveLen(len(rings)))
		expectMembers(ctx, "unkey-api", 4)
		expectMembers(ctx, "frontline", 3)

		By("rolling the new seed through the peers afterwards")
		for _, r := range rings {
			Eventually(condition(ctx, r, v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady(), r.Name)
		}
		Eventually(condition(ctx, region(fleet, "eu-west-1"), v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady())
		for _, r := range rings {
			earliest := alone[r.Name].Truncate(time.Second) // the API server notes whole seconds
			for _, p := range podsAmong(ctx, r, founders) {
				if !slices.ContainsFunc(before[r.Name], func(old corev1.Pod) bool { return old.UID == p.UID }) {
					Expect(p.CreationTimestamp.Time).NotTo(BeTemporally("<", earliest), "ring %s: %s was replaced before the newcomer was connected", r.Name, p.Name)
				}
			}
		}
		for _, name := range append(slices.Clone(founders), "eu-west-1") {
			Expect(seedsOf(ctx, name, "unkey-api")).To(Equal(peersOf(name, append(slices.Clone(founders), "eu-west-1"))), name)
		}
	})

	It("costs nothing when it is settled", func(ctx SpecContext) {
		for _, name := range append(slices.Clone(founders), "eu-west-1") {
			Eventually(condition(ctx, region(fleet, name), v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady(), name)
		}
		Eventually(condition(ctx, ring(fleet, "frontline"), v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady())
		// On a busy machine a member does not answer now and then, which is worth a line in status. Whatever
		// is written in each look, or each resync, is written within the pause.
		last := -1
		Eventually(func() []string {
			all := operatorWrites()
			written := all[max(0, last):]
			if last < 0 {
				written = []string{"not known yet"}
			}
			last = len(all)
			return written
		}).WithContext(ctx).WithPolling(twoResyncs).Should(BeEmpty())
	})

	It("never asks AWS for a secret's value and shows none", func() {
		for _, call := range world.Cloud.Calls() {
			Expect(call.Operation).NotTo(Equal("GetSecretValue"))
		}
	})

	It("moves to another revision one region at a time", func(ctx SpecContext) {
		newRevision, err := world.Git.Commit(map[string]string{"CHANGES.md": "Faster\n"}, "Make it faster (#7)")
		Expect(err).NotTo(HaveOccurred())
		promotion := &v1alpha1.Promotion{ObjectMeta: metav1.ObjectMeta{Namespace: fleet, Name: fleet}}
		Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(promotion), promotion)).To(Succeed())
		promotion.Spec.Revision = v1alpha1.GitRevision(newRevision)
		Expect(world.Client.Update(ctx, promotion)).To(Succeed())

		worst := 0
		Eventually(func(g Gomega) {
			worst = max(worst, movingRegions(ctx, g, newRevision))
			g.Expect(condition(ctx, promotion, v1alpha1.ConditionReady)(g)).To(beReady())
			g.Expect(promotion.Status.CurrentRevision).To(BeEquivalentTo(newRevision))
		}).WithContext(ctx).Should(Succeed())
		Expect(worst).To(BeNumerically("<=", 1), "regions that were at the new revision and not yet healthy")
		for _, name := range append(slices.Clone(founders), "eu-west-1") {
			Expect(clusterSecret(ctx, name).Annotations).To(HaveKeyWithValue("portolan.dev/revision.unkey-api", newRevision))
		}
	})

	It("lets a region go while its rings live", func(ctx SpecContext) {
		leaver := region(fleet, "eu-west-1")
		deleteConfirmed(ctx, leaver)

		By("having the peers drop its seed before Argo CD forgets it")
		Eventually(func(g Gomega) {
			_, err := secretOf(ctx, "eu-west-1")
			for _, name := range founders {
				if strings.Contains(seedsOf(ctx, name, "unkey-api"), "eu-west-1") {
					g.Expect(err).NotTo(HaveOccurred(), "the cluster Secret was deleted while %s still had its seed", name)
				}
			}
			g.Expect(apierrors.IsNotFound(err)).To(BeTrue())
		}).WithContext(ctx).WithPolling(50 * time.Millisecond).Should(Succeed())

		By("leaving nothing in AWS")
		Eventually(func() bool {
			return apierrors.IsNotFound(world.Client.Get(ctx, client.ObjectKeyFromObject(leaver), leaver))
		}).WithContext(ctx).Should(BeTrue())
		Expect(resourcesOf("eu-west-1", "")).To(BeEmpty())
		Expect(world.Cloud.List(func(r cloud.Resource) bool { return r.Region == "eu-west-1" && r.Type != "s3/bucket" })).To(BeEmpty())
		Expect(bucketOf("eu-west-1")).To(HaveLen(1), "a bucket outlives its region")

		By("keeping the others connected")
		Eventually(condition(ctx, ring(fleet, "unkey-api"), v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady())
		expectMembers(ctx, "unkey-api", 3)
	})

	It("can be closed all at once", func(ctx SpecContext) {
		Expect(world.Client.DeleteAllOf(ctx, &v1alpha1.Region{}, client.InNamespace(fleet))).To(MatchError(ContainSubstring("portolan.dev/confirm-delete=")))
		all := &v1alpha1.RegionList{}
		Expect(world.Client.List(ctx, all, client.InNamespace(fleet))).To(Succeed())
		Expect(all.Items).To(HaveLen(len(founders)))
		for i := range all.Items {
			deleteConfirmed(ctx, &all.Items[i])
		}
		Eventually(func(g Gomega) {
			left := &v1alpha1.RegionList{}
			g.Expect(world.Client.List(ctx, left, client.InNamespace(fleet))).To(Succeed())
			g.Expect(left.Items).To(BeEmpty())
		}).WithContext(ctx).Should(Succeed())
		for _, name := range founders {
			Expect(resourcesOf(name, "")).To(BeEmpty(), name)
		}
		env := &v1alpha1.Environment{ObjectMeta: metav1.ObjectMeta{Namespace: fleet, Name: fleet}}
		Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(env), env)).To(Succeed())
		Expect(env.Status.Allocations).To(BeEmpty(), "every block is free again")
	})
})

// resourcesOf returns what AWS holds for a Region of the fleet, all types if none is given.
func resourcesOf(name, resourceType string) []cloud.Resource {
	return world.Cloud.List(func(r cloud.Resource) bool {
		return r.Tags[v1alpha1.LabelRegion] == name && r.Tags[v1alpha1.LabelEnvironment] == fleet &&
			(resourceType == "" || r.Type == resourceType)
	})
}

// podsAmong are the pods of a ring's workload in some regions of the fleet.
func podsAmong(ctx context.Context, r *v1alpha1.GossipRing, names []string) []corev1.Pod {
	GinkgoHelper()
	var pods []corev1.Pod
	for _, name := range names {
		pods = append(pods, podsOf(ctx, Default, r, region(fleet, name))...)
	}
	return pods
}

// counts returns each member's own count of a ring.
func counts(ctx context.Context, g Gomega, name string) []int32 {
	r := ring(fleet, name)
	g.Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(r), r)).To(Succeed())
	var all []int32
	for _, m := range r.Status.Members {
		if m.MembersSeen != nil {
			all = append(all, *m.MembersSeen)
		}
	}
	return all
}

func expectMembers(ctx context.Context, name string, n int) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		all := counts(ctx, g, name)
		g.Expect(all).To(HaveLen(n))
		g.Expect(all).To(HaveEach(BeEquivalentTo(n)))
	}).WithContext(ctx).Should(Succeed())
}

func secretOf(ctx context.Context, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	err := world.Client.Get(ctx, client.ObjectKey{Namespace: bed.ArgoCDNamespace, Name: "cluster-" + fleet + "-" + name}, secret)
	return secret, err
}

func clusterSecret(ctx context.Context, name string) *corev1.Secret {
	GinkgoHelper()
	secret, err := secretOf(ctx, name)
	Expect(err).NotTo(HaveOccurred())
	return secret
}

func seedsOf(ctx context.Context, name, ring string) string {
	GinkgoHelper()
	return clusterSecret(ctx, name).Annotations[v1alpha1.AnnotationWANSeedsPrefix+ring]
}

// peersOf is what the seeds of a region should be.
func peersOf(name string, all []string) string {
	var peers []string
	for _, other := range all {
		if other != name {
			peers = append(peers, "unkey-api-gossip."+other+".aws.unkey.cloud")
		}
	}
	slices.Sort(peers)
	return strings.Join(peers, ",")
}

// movingRegions counts the regions that carry the new pin and are not healthy with it.
func movingRegions(ctx context.Context, g Gomega, revision string) int {
	p := &v1alpha1.Promotion{}
	g.Expect(world.Client.Get(ctx, client.ObjectKey{Namespace: fleet, Name: fleet}, p)).To(Succeed())
	moving := 0
	if p.Status.Rollout == nil || string(p.Status.Rollout.Revision) != revision {
		return moving
	}
	for _, w := range p.Status.Rollout.Waves {
		for _, r := range w.Regions {
			if r.MovedAt != nil && r.State != v1alpha1.RegionRolloutPassed {
				moving++
			}
		}
	}
	return moving
}

// twoResyncs is longer than it takes the bed's operator to look at every settled object once more.
const twoResyncs = 20 * time.Second

// auditEvent is what we look at in the API server's audit log.
type auditEvent struct {
	Verb      string
	User      struct{ Username string }
	ObjectRef struct{ APIGroup, Resource, Subresource, Namespace, Name string }
	Response  struct{ Code int } `json:"responseStatus"`
}

// operatorEvents returns the operator's requests so far.
func operatorEvents() []auditEvent {
	GinkgoHelper()
	return eventsOf(NewWithT(GinkgoT()), world)
}

// eventsOf are the operator's requests on a bed: those that were answered, and watches as soon as they
// have begun.
func eventsOf(g Gomega, b *bed.Bed) []auditEvent {
	raw, err := os.ReadFile(b.AuditLog())
	g.Expect(err).NotTo(HaveOccurred())
	var events []auditEvent
	for line := range strings.Lines(string(raw)) {
		var e auditEvent
		if !strings.HasSuffix(line, "\n") || json.Unmarshal([]byte(line), &e) != nil {
			continue // the last line is still being written
		}
		if e.User.Username == "system:serviceaccount:portolan-system:portolan-controller-manager" {
			events = append(events, e)
		}
	}
	return events
}

func operatorWrites() []string {
	var writes []string
	for _, e := range operatorEvents() {
		if e.Verb != "get" && e.Verb != "list" && e.Verb != "watch" {
			writes = append(writes, e.Verb+" "+e.ObjectRef.Resource+"/"+e.ObjectRef.Subresource+" "+e.ObjectRef.Name)
		}
	}
	return writes
}
