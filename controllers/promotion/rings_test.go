package promotion

import (
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// A ring that is being deleted is looked at no more: the gate would wait for what it said last.
func TestOnlyRingsThatStayAreWaitedFor(t *testing.T) {
	g := NewWithT(t)
	region := v1alpha1.Region{ObjectMeta: metav1.ObjectMeta{Name: "dublin"}}
	ring := v1alpha1.GossipRing{ObjectMeta: metav1.ObjectMeta{Name: "api", Finalizers: []string{v1alpha1.RingFinalizer}}}
	ring.Status.Members = []v1alpha1.RingMember{{Region: "dublin", State: v1alpha1.MemberIsolated}}
	s := &scope{rings: []v1alpha1.GossipRing{ring}}
	g.Expect(s.unconnected(&region)).To(Equal("ring api: it is Isolated, not yet Converged"))

	now := metav1.Now()
	s.rings[0].DeletionTimestamp = &now
	g.Expect(s.unconnected(&region)).To(BeEmpty())
}
