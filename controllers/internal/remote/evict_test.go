package remote_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

// budget covers pods with the labels of that one. Until it is allowed something, the API
// server takes it for one that nobody has looked at.
func budget(ctx context.Context, covered *corev1.Pod) *policyv1.PodDisruptionBudget {
	GinkgoHelper()
	b := budgetFor(covered, "b")
	Expect(admin.Create(ctx, b)).To(Succeed())
	return b
}

func budgetFor(covered *corev1.Pod, name string) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: covered.Namespace, Name: name},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: new(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{MatchLabels: covered.Labels},
		},
	}
}

// allow plays the disruption controller.
func allow(ctx context.Context, b *policyv1.PodDisruptionBudget, disruptions int32) {
	GinkgoHelper()
	b.Status = policyv1.PodDisruptionBudgetStatus{
		ObservedGeneration: b.Generation, DisruptionsAllowed: disruptions,
		CurrentHealthy: 1 + disruptions, DesiredHealthy: 1, ExpectedPods: 1 + disruptions,
	}
	Expect(admin.Status().Update(ctx, b)).To(Succeed())
}

var _ = Describe("evicting a pod", func() {
	var (
		cluster *connection
		victim  *corev1.Pod
		evict   func(ctx context.Context, uid types.UID) bool
	)
	BeforeEach(func(ctx context.Context) {
		cluster = connect(ctx, "cluster-admin")
		victim = pod(namespace(ctx), "victim")
		run(ctx, victim)
		evict = func(ctx context.Context, uid types.UID) bool {
			GinkgoHelper()
			done, err := cluster.Evict(ctx, client.ObjectKeyFromObject(victim), uid)
			Expect(err).NotTo(HaveOccurred())
			return done
		}
	})
	remains := func(ctx context.Context) bool {
		return admin.Get(ctx, client.ObjectKeyFromObject(victim), &corev1.Pod{}) == nil
	}

	It("takes it away", func(ctx context.Context) {
		Expect(evict(ctx, victim.UID)).To(BeTrue())
		Expect(remains(ctx)).To(BeFalse())
	})

	It("waits for its disruption budget", func(ctx context.Context) {
		b := budget(ctx, victim)
		allow(ctx, b, 0)
		Expect(evict(ctx, victim.UID)).To(BeFalse())
		Expect(remains(ctx)).To(BeTrue())

		allow(ctx, b, 1)
		Expect(evict(ctx, victim.UID)).To(BeTrue())
		Expect(remains(ctx)).To(BeFalse())
	})

	It("does not sleep when it is told to come back later", func(ctx context.Context) {
		budget(ctx, victim) // not processed yet: the API server names 10 seconds
		Expect(evict(ctx, victim.UID)).To(BeFalse())
		Expect(remains(ctx)).To(BeTrue())
	}, SpecTimeout(8*1e9))

	It("leaves the pod alone that has replaced it", func(ctx context.Context) {
		Expect(evict(ctx, "of-another-pod")).To(BeTrue())
		Expect(remains(ctx)).To(BeTrue())
	})

	It("is done when the pod is gone", func(ctx context.Context) {
		Expect(admin.Delete(ctx, victim)).To(Succeed())
		Expect(evict(ctx, victim.UID)).To(BeTrue())
	})

	Context("tells what keeps it", func() {
		It("names its disruption budget", func(ctx context.Context) {
			allow(ctx, budget(ctx, victim), 0)
			err := cluster.EvictPod(ctx, victim)
			Expect(err).To(MatchError(remote.ErrBudget))
			Expect(err).NotTo(MatchError(remote.ErrRefused))
			Expect(err).To(MatchError("evicting pod " + victim.Namespace + "/victim: refused for now: PodDisruptionBudget " +
				victim.Namespace + "/b allows no disruption"))
			Expect(remains(ctx)).To(BeTrue())
		})

		It("is no budget where two cover it, which nothing but a person changes", func(ctx context.Context) {
			allow(ctx, budget(ctx, victim), 1)
			other := budgetFor(victim, "other")
			Expect(admin.Create(ctx, other)).To(Succeed())
			allow(ctx, other, 1)
			err := cluster.EvictPod(ctx, victim)
			Expect(err).To(MatchError(remote.ErrRefused))
			Expect(remote.Explain(err)).To(Equal("the API server answers: This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."))
			Expect(remains(ctx)).To(BeTrue())
		})

		It("is nothing once it goes, is gone or is replaced", func(ctx context.Context) {
			other := victim.DeepCopy()
			other.UID = "of-another-pod"
			Expect(cluster.EvictPod(ctx, other)).To(Succeed())
			Expect(remains(ctx)).To(BeTrue())
			Expect(cluster.EvictPod(ctx, victim)).To(Succeed())
			Expect(remains(ctx)).To(BeFalse())
			Expect(cluster.EvictPod(ctx, victim)).To(Succeed())
		})

		It("is no budget when the API server forbids it", func(ctx context.Context) {
			err := connect(ctx, "").EvictPod(ctx, victim)
			Expect(err).To(MatchError(ContainSubstring("forbidden")))
			Expect(err).NotTo(MatchError(remote.ErrBudget))
			Expect(err).To(MatchError(remote.ErrRefused))
		})
	})

	It("says what the API server refuses", func(ctx context.Context) {
		done, err := connect(ctx, "").Evict(ctx, client.ObjectKeyFromObject(victim), victim.UID)
		Expect(done).To(BeFalse())
		Expect(err).To(MatchError(ContainSubstring("evicting pod " + victim.Namespace + "/victim: ")))
		Expect(remains(ctx)).To(BeTrue())
	})
})
