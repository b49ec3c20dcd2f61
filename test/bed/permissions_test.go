package bed

import (
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// guardedBed is a bed of which nothing runs but the account with its policies.
func guardedBed(t *testing.T) *Bed {
	t.Helper()
	g := NewWithT(t)
	scheme := runtime.NewScheme()
	g.Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	b := &Bed{Cloud: cloud.New(cloud.Options{}), Client: fake.NewClientBuilder().WithScheme(scheme).Build()}
	var err error
	b.module, err = moduleRoot()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(b.enforcePermissions(t.Context())).To(Succeed())
	return b
}

func describeCluster(environment string) cloud.Call {
	return cloud.Call{
		Service: "eks", Operation: "DescribeCluster", Region: "eu-west-1",
		Principal: "arn:aws:sts::" + Account + ":assumed-role/portolan/session",
		Resources: []string{"arn:aws:eks:eu-west-1:" + Account + ":cluster/" + environment + "-eu-west-1"},
	}
}

func TestPoliciesAreAttachedForEachEnvironment(t *testing.T) {
	g, b := NewWithT(t), guardedBed(t)
	g.Expect(b.Cloud.Authorize(describeCluster("later"))).NotTo(Succeed())
	g.Expect(b.Cloud.Authorize(describeCluster("later"))).NotTo(Succeed())
	g.Expect(b.DeniedCalls()).To(ConsistOf("User: arn:aws:sts::111122223333:assumed-role/portolan/session is not authorized to perform: eks:DescribeCluster " +
		"on resource: arn:aws:eks:eu-west-1:111122223333:cluster/later-eu-west-1 because no identity-based policy allows the eks:DescribeCluster action"))

	env := &v1alpha1.Environment{ObjectMeta: metav1.ObjectMeta{Namespace: "elsewhere", Name: "later"}}
	g.Expect(b.Client.Create(t.Context(), env)).To(Succeed())
	g.Expect(b.Cloud.Authorize(describeCluster("later"))).To(Succeed(), "as soon as there is the Environment")
	g.Expect(b.Cloud.Authorize(describeCluster(sampleEnvironment))).To(Succeed())
	g.Expect(b.DeniedCalls()).To(HaveLen(1))

	g.Expect(b.Client.Delete(t.Context(), env)).To(Succeed())
	g.Expect(b.Cloud.Authorize(describeCluster("later"))).To(Succeed(), "nobody takes policies away")
}

func TestUnusedPermissions(t *testing.T) {
	g, b := NewWithT(t), guardedBed(t)
	g.Expect(b.UnusedPermissions()).To(ContainElements(
		"portolan: ReadOwnClusters eks:DescribeCluster", "portolan-manager: ActInTheAccount sts:AssumeRole", "ack-s3: CreateAndDeleteBuckets s3:CreateBucket"))
	g.Expect(b.attachPolicies("later")).To(Succeed())
	g.Expect(b.Cloud.Authorize(describeCluster("later"))).To(Succeed())
	g.Expect(b.UnusedPermissions()).NotTo(ContainElement("portolan: ReadOwnClusters eks:DescribeCluster"))
	g.Expect(b.DeniedCalls()).To(BeEmpty())
}

// A bed whose API server is gone still says what was refused.
func TestDenialsSurviveTheManagementCluster(t *testing.T) {
	g, b := NewWithT(t), guardedBed(t)
	b.Client = fake.NewClientBuilder().WithScheme(runtime.NewScheme()).Build()
	g.Expect(b.Cloud.Authorize(describeCluster("later"))).NotTo(Succeed())
	g.Expect(b.DeniedCalls()).To(ConsistOf(And(HavePrefix("User: "), ContainSubstring("(listing Environments: "))))
}
