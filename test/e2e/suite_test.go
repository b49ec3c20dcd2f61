// Package e2e sees Portolan as its users do: the real operator on the rehearsal bed,
// API types and a client, and nothing of its insides.
package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
)

// timeScale lets an AWS minute take a second.
const timeScale = 1.0 / 60

var world *bed.Bed

func TestEndToEnd(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(4 * time.Minute)
	SetDefaultEventuallyPollingInterval(250 * time.Millisecond)
	RunSpecs(t, "End to end")
}

var _ = BeforeSuite(func() {
	ctrl.SetLogger(logr.Discard())
	ctx, cancel := context.WithCancel(context.Background())
	DeferCleanup(cancel)
	var err error
	world, err = bed.Start(ctx, bed.Options{TimeScale: timeScale, Seed: uint64(GinkgoRandomSeed())})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(world.Stop)
	Expect(world.StartOperator(ctx)).To(Succeed())
})

var _ = AfterSuite(func() {
	if world != nil {
		notePrivileges(world, "everybody")
	}
})

var _ = ReportAfterEach(func(report SpecReport) {
	if !report.Failed() || world == nil {
		return
	}
	regions := &v1alpha1.RegionList{}
	if err := world.Client.List(context.Background(), regions); err == nil {
		for _, r := range regions.Items {
			GinkgoWriter.Printf("Region %s/%s:\n%s", r.Namespace, r.Name, conditions(r.Status.Conditions))
		}
	}
	rings := &v1alpha1.GossipRingList{}
	if err := world.Client.List(context.Background(), rings); err == nil {
		for _, r := range rings.Items {
			GinkgoWriter.Printf("GossipRing %s/%s: %+v\n%s", r.Namespace, r.Name, r.Status.Members, conditions(r.Status.Conditions))
		}
	}
	if raw, err := os.ReadFile(world.OperatorLog()); err == nil {
		lines := strings.Split(string(raw), "\n")
		GinkgoWriter.Println("The operator's last lines:\n" + strings.Join(lines[max(0, len(lines)-30):], "\n"))
	}
})

func conditions(all []metav1.Condition) string {
	var text strings.Builder
	for _, c := range all {
		fmt.Fprintf(&text, "  %-20s %-8s %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
	}
	return text.String()
}

// conditioned is any of our kinds.
type conditioned interface {
	client.Object
	GetConditions() *[]metav1.Condition
}

// condition reads one condition of an object, freshly.
func condition(ctx context.Context, obj conditioned, conditionType string) func(Gomega) metav1.Condition {
	return func(g Gomega) metav1.Condition {
		g.Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(Succeed())
		c := meta.FindStatusCondition(*obj.GetConditions(), conditionType)
		if c == nil {
			return metav1.Condition{}
		}
		return *c
	}
}

// beReady matches a condition that is True for the object's newest generation.
func beReady() OmegaMatcher {
	return HaveField("Status", metav1.ConditionTrue)
}

// haveReason matches a condition that is not True, with a reason and a part of its message.
func haveReason(reason, message string) OmegaMatcher {
	return And(
		HaveField("Status", Not(Equal(metav1.ConditionTrue))),
		HaveField("Reason", reason),
		HaveField("Message", ContainSubstring(message)),
	)
}

// deleteConfirmed deletes what is protected from being deleted by mistake.
func deleteConfirmed(ctx context.Context, obj client.Object) {
	GinkgoHelper()
	confirm := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationConfirmDelete, obj.GetName())
	Expect(world.Client.Patch(ctx, obj, client.RawPatch("application/merge-patch+json", confirm))).To(Succeed())
	Expect(world.Client.Delete(ctx, obj)).To(Succeed())
}

func region(namespace, name string) *v1alpha1.Region {
	return &v1alpha1.Region{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

func ring(namespace, name string) *v1alpha1.GossipRing {
	return &v1alpha1.GossipRing{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}
