package ack

import (
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// Who deletes a custom resource before ACK has put its finalizer there leaves nothing in AWS.
func TestNothingIsCreatedForWhatIsGone(t *testing.T) {
	g, a := NewWithT(t), account{Cloud: cloud.New(cloud.Options{})}
	cr := elasticIP.object()
	cr.SetNamespace("fleet")
	cr.SetName("nat")
	p := &pass{reconciler: &reconciler{lifecycle: &lifecycle{account: a}, kind: elasticIP, client: fake.NewClientBuilder().Build()}, cr: cr, region: "eu-west-1"}
	g.Expect(p.sync(t.Context()).err).To(MatchError(apierrors.IsNotFound, "IsNotFound"))
	g.Expect(a.List(func(cloud.Resource) bool { return true })).To(BeEmpty())
}
