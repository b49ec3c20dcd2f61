package region_test

import (
	"context"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

var _ = Describe("the end of a Region", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) { b = newBed(ctx) })

	// inStage asserts what the Region says of its deletion.
	inStage := func(reason string, inMessage ...string) {
		GinkgoHelper()
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", reason, inMessage...))
		Expect(b.region).To(testenv.HaveCondition("Ready", "Unknown", reason, inMessage...))
		Expect(b.region).To(testenv.HaveCondition("Reconciling", "True", reason))
		Expect(b.region).To(testenv.HaveNoCondition("Stalled"))
	}
	gone := func(ctx context.Context) {
		GinkgoHelper()
		b.ExpectNotFound(ctx, b.region)
		b.ExpectRefreshed(ctx, b.environment)
		Expect(b.environment.Status.Allocations).To(BeEmpty())
	}

	Context("that has nothing", func() {
		It("is immediate, and gives the block back", func(ctx SpecContext) {
			b.apply(ctx)
			controllerutil.AddFinalizer(b.region, v1alpha1.RegionFinalizer)
			Expect(env.Client.Update(ctx, b.region)).To(Succeed())
			b.environment.Status.Allocations = []v1alpha1.Allocation{{Region: b.region.Name, CIDR: "10.16.0.0/18"}}
			Expect(env.Client.Status().Update(ctx, b.environment)).To(Succeed())
			b.ExpectDeleted(ctx, b.region)
			b.reconcile(ctx)
			gone(ctx)
		})

		It("needs neither environment nor profile", func(ctx SpecContext) {
			b.region.Spec.Profile = "gone"
			b.ExpectApplied(ctx, b.region)
			b.reconcile(ctx)
			b.ExpectDeleted(ctx, b.region)
			b.reconcile(ctx)
			b.ExpectNotFound(ctx, b.region)
		})

		It("leaves the blocks of other Regions alone", func(ctx SpecContext) {
			other := build.Region(b.Namespace, "us-east-1")
			b.apply(ctx)
			b.ExpectApplied(ctx, other)
			testenv.ExpectReconciled(ctx, env, b.reconciler, other)
			b.environment.Spec.Network.Reserved = []v1alpha1.CIDR{"10.16.0.0/18"}
			testenv.ExpectUpdated(ctx, env, b.environment, func(e *v1alpha1.Environment) {
				e.Spec.Network.Reserved = []v1alpha1.CIDR{"10.16.0.0/18"}
			})
			b.reconcile(ctx)
			b.ExpectDeleted(ctx, b.region)
			b.reconcile(ctx)
			b.ExpectNotFound(ctx, b.region)
			b.ExpectRefreshed(ctx, b.environment)
			Expect(b.environment.Status.Allocations).To(HaveExactElements(HaveField("Region", "us-east-1")))
		})
	})

	It("goes through its stages in order", func(ctx SpecContext) {
		b.environment.Spec.Secrets = &v1alpha1.SecretSource{PrimaryRegion: primary}
		b.profile().Secrets = []string{"db"}
		b.AWS.AddSecret(primary, "db")
		b.AWS.SetReplica(primary, "db", "eu-west-1", aws.ReplicaState{Status: aws.ReplicaInSync})
		b.reachReady(ctx)
		ring := build.Ring(b.Namespace, "unkey-api", func(g *v1alpha1.GossipRing) { g.Spec.Profiles = []string{"of-other-regions"} })
		ring.Status.Members = []v1alpha1.RingMember{{Region: "eu-west-1", State: v1alpha1.MemberLeaving}}
		b.ExpectApplied(ctx, ring)
		service := build.Service("lb.eu-west-1.test")
		b.api.Set(service)
		holdAll(ctx, b)
		b.AWS.SetNodegroup("eu-west-1", prefix, build.NodeGroup, true)
		b.AWS.SetNATGateway("eu-west-1", "nat-"+prefix+"-nat-eu-west-1b", true)
		b.ExpectDeleted(ctx, b.region)
		b.Recorder.Reset()

		By("leaving the rings")
		b.reconcile(ctx)
		inStage("LeavingRings", "the peers in ring unkey-api are dropping its seed")
		Expect(b.Recorder.Deleted()).To(BeEmpty())
		ring.Status.Members[0].State = v1alpha1.MemberLeft
		Expect(env.Client.Status().Update(ctx, ring)).To(Succeed())

		By("having Argo CD remove what it deployed")
		app := build.Application(b.ArgoCD.Namespace, b.region.Name, build.ApplicationName, build.Revision)
		result := b.reconcile(ctx)
		inStage("RemovingApplications", "Argo CD is deleting Applications unkey-api-eu-west-1")
		Expect(result.RequeueAfter).To(Equal(testenv.Poll))
		b.ExpectRefreshed(ctx, app)
		Expect(app.Finalizers).To(ConsistOf(argocd.ResourcesFinalizer))
		Expect(app.DeletionTimestamp).NotTo(BeNil())
		secret := &corev1.Secret{}
		Expect(env.Client.Get(ctx, b.ArgoCD.Key(b.region), secret)).To(Succeed())
		Expect(secret.Labels).To(HaveKeyWithValue("portolan.dev/managed", "false"))
		letGo(ctx, app)

		By("waiting for the load balancers, which hold the VPC")
		Eventually(func(g Gomega) {
			b.reconcile(ctx)
			g.Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "RemovingApplications",
				"the load balancer of Service api/unkey-api-gossip-wan since"))
		}).Should(Succeed())
		Expect(env.Client.Get(ctx, b.ArgoCD.Key(b.region), secret)).To(Succeed())
		b.api.Remove(service)
		Eventually(func(g Gomega) {
			b.reconcile(ctx)
			g.Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "DeletingCluster"))
		}).Should(Succeed())

		By("having unregistered and stopped the replication")
		b.ExpectNotFound(ctx, secret)
		Expect(b.AWS.Calls(fake.StopReplication)).To(Equal(1))

		By("deleting what is in the cluster")
		inStage("DeletingCluster", "Nodegroup "+prefix+"-"+build.NodeGroup, "Addon "+prefix+"-vpc-cni", "AccessEntry "+prefix+"-portolan")
		letGo(ctx, b.ACK.List(ctx, b.Namespace, &eks.Nodegroup{}, &eks.Addon{}, &eks.AccessEntry{})...)
		result = b.reconcile(ctx)
		inStage("DeletingCluster", "AWS is deleting node group "+build.NodeGroup)
		Expect(result.RequeueAfter).To(Equal(testenv.Poll))
		b.AWS.SetNodegroup("eu-west-1", prefix, build.NodeGroup, false)

		By("deleting the cluster")
		b.reconcile(ctx)
		inStage("DeletingCluster", "deleting Cluster "+prefix)
		_, connected := b.Clusters.Get(client.ObjectKeyFromObject(b.region))
		Expect(connected).To(BeFalse())
		letGo(ctx, b.ACK.List(ctx, b.Namespace, &eks.Cluster{})...)

		By("deleting the network from the inside out")
		b.reconcile(ctx)
		inStage("DeletingNetwork", "NATGateway "+prefix+"-nat-eu-west-1a")
		letGo(ctx, b.ACK.List(ctx, b.Namespace, &ec2.NATGateway{})...)
		b.reconcile(ctx)
		inStage("DeletingNetwork", "AWS is deleting NAT gateway nat-"+prefix+"-nat-eu-west-1b")
		b.AWS.SetNATGateway("eu-west-1", "nat-"+prefix+"-nat-eu-west-1b", false)
		Expect(b.region.Status.Network.NATAddresses).NotTo(BeEmpty())
		for _, kind := range []client.Object{&ec2.ElasticIPAddress{}, &ec2.Subnet{}, &ec2.RouteTable{}, &ec2.InternetGateway{}, &ec2.VPC{}} {
			b.reconcile(ctx)
			inStage("DeletingNetwork", b.ACK.Names(ctx, b.Namespace, kind)...)
			Expect(b.region.Status.Network.NATAddresses).To(BeEmpty(), "peers let nobody in at addresses that are released")
			letGo(ctx, b.ACK.List(ctx, b.Namespace, kind)...)
		}

		By("deleting the roles")
		b.reconcile(ctx)
		inStage("DeletingIdentity", "Role "+prefix+"-cluster", "Role "+prefix+"-node")
		Expect(kindsIn(b.Recorder.Deleted())).To(Equal([]string{
			"Application", "Secret", "Nodegroup", "Addon", "AccessEntry", "Cluster",
			"NATGateway", "ElasticIPAddress", "Subnet", "RouteTable", "InternetGateway", "VPC", "Role",
		}))
		letGo(ctx, b.ACK.List(ctx, b.Namespace)...)
		b.reconcile(ctx)
		gone(ctx)
	})

	It("says what AWS refuses to delete, and goes on when it is gone", func(ctx SpecContext) {
		b.apply(ctx)
		b.reconcile(ctx)
		holdAll(ctx, b)
		b.ExpectDeleted(ctx, b.region)
		b.reconcile(ctx)
		letGo(ctx, b.ACK.List(ctx, b.Namespace, &ec2.ElasticIPAddress{})...)
		b.reconcile(ctx)
		vpc := object(ctx, b, &ec2.VPC{}, "")
		b.ACK.Report(ctx, vpc, nil, b.ACK.Condition("ACK.Recoverable", "True",
			"DependencyViolation: The vpc 'vpc-1' has dependencies (eni-1) and cannot be deleted."))
		b.reconcile(ctx)
		inStage("DeletingNetwork", "VPC "+prefix+" (DependencyViolation: The vpc 'vpc-1' has dependencies (eni-1) and cannot be deleted.)")
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

		letGo(ctx, vpc)
		b.reconcile(ctx)
		letGo(ctx, b.ACK.List(ctx, b.Namespace)...)
		b.reconcile(ctx)
		gone(ctx)
	})

	It("goes on without an API server that does not answer", func(ctx SpecContext) {
		b.reachReady(ctx)
		b.api.Refuse(http.StatusServiceUnavailable)
		b.Clock.Step(testenv.Poll)
		cluster, _ := b.Clusters.Get(client.ObjectKeyFromObject(b.region))
		Eventually(cluster.Failed).Should(BeTrue())
		b.AWS.SetClusterVersion("eu-west-1", prefix, "1.34")
		b.ExpectDeleted(ctx, b.region)
		b.reconcile(ctx)
		inStage("RemovingApplications", "the API server of "+prefix+" does not answer")
		app := build.Application(b.ArgoCD.Namespace, b.region.Name, build.ApplicationName, build.Revision)
		b.ExpectRefreshed(ctx, app)
		Expect(app.Finalizers).To(ConsistOf(argocd.ResourcesFinalizer))

		By("not waiting for it for ever")
		b.Clock.Step(11 * time.Minute)
		b.reconcile(ctx)
		b.ExpectNotFound(ctx, app)
		for range enoughPasses {
			if len(b.ACK.List(ctx, b.Namespace)) == 0 {
				break
			}
			b.reconcile(ctx)
		}
		b.reconcile(ctx)
		gone(ctx)
	})

	It("keeps a copy that another Region in the same AWS region needs", func(ctx SpecContext) {
		b.environment.Spec.Secrets = &v1alpha1.SecretSource{PrimaryRegion: primary}
		b.profile().Secrets = []string{"db"}
		b.AWS.AddSecret(primary, "db")
		b.apply(ctx)
		b.ExpectApplied(ctx, build.Region(b.Namespace, "eu-west-1", func(r *v1alpha1.Region) { r.Name = "successor" }))
		b.reconcile(ctx)
		b.ExpectDeleted(ctx, b.region)
		for range enoughPasses {
			if len(b.ACK.List(ctx, b.Namespace)) == 0 {
				break
			}
			b.reconcile(ctx)
		}
		b.reconcile(ctx)
		gone(ctx)
		Expect(b.AWS.Calls(fake.StopReplication)).To(BeZero())
	})

	It("leaves a Secret alone that is not ours", func(ctx SpecContext) {
		b.apply(ctx)
		secret := &corev1.Secret{}
		secret.Namespace, secret.Name = b.ArgoCD.Namespace, argocd.SecretName(prefix)
		b.ExpectApplied(ctx, secret)
		controllerutil.AddFinalizer(b.region, v1alpha1.RegionFinalizer)
		Expect(env.Client.Update(ctx, b.region)).To(Succeed())
		b.ExpectDeleted(ctx, b.region)
		b.reconcile(ctx)
		b.ExpectNotFound(ctx, b.region)
		b.ExpectRefreshed(ctx, secret)
		Expect(secret.Labels).To(BeEmpty())
	})

	It("names the permission that AWS denies", func(ctx SpecContext) {
		b.environment.Spec.Secrets = &v1alpha1.SecretSource{PrimaryRegion: primary}
		b.profile().Secrets = []string{"db"}
		b.AWS.AddSecret(primary, "db")
		b.AWS.SetReplica(primary, "db", "eu-west-1", aws.ReplicaState{Status: aws.ReplicaInSync})
		b.apply(ctx)
		b.reconcile(ctx)
		b.AWS.Fail(fake.StopReplication, &aws.Error{
			Operation: "secretsmanager:RemoveRegionsFromReplication", Code: "AccessDeniedException", Class: aws.AccessDenied,
		})
		b.ExpectDeleted(ctx, b.region)
		result := b.reconcile(ctx)
		inStage("StoppingReplication", "grant secretsmanager:RemoveRegionsFromReplication")
		Expect(result.RequeueAfter).To(Equal(testenv.SlowPoll))
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
	})
})

// hold is a finalizer that keeps objects as ACK's would.
const hold = "testenv.portolan.dev/hold"

// holdAll makes deletions of the Region's ACK objects take as long as the spec wants.
func holdAll(ctx context.Context, b *bed) {
	GinkgoHelper()
	for _, obj := range b.ACK.List(ctx, b.Namespace) {
		patch := client.MergeFrom(obj.DeepCopyObject().(client.Object))
		controllerutil.AddFinalizer(obj, hold)
		Expect(env.Client.Patch(ctx, obj, patch)).To(Succeed())
	}
}

// letGo ends deletions that are under way.
func letGo(ctx context.Context, objs ...client.Object) {
	GinkgoHelper()
	Expect(objs).NotTo(BeEmpty())
	for _, obj := range objs {
		Expect(obj.GetDeletionTimestamp()).NotTo(BeNil(), "%T %s is not being deleted", obj, obj.GetName())
		patch := client.MergeFrom(obj.DeepCopyObject().(client.Object))
		obj.SetFinalizers(nil)
		Expect(env.Client.Patch(ctx, obj, patch)).To(Succeed())
	}
}

// kindsIn returns the kinds of "Kind name" in the order in which they first occur.
func kindsIn(deleted []string) []string {
	var kinds []string
	seen := map[string]bool{}
	for _, d := range deleted {
		kind, _, _ := strings.Cut(d, " ")
		if !seen[kind] {
			kinds = append(kinds, kind)
			seen[kind] = true
		}
	}
	return kinds
}
