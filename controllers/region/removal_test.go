package region_test

import (
	"context"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/acm"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/ack/route53"
	"github.com/portolan-dev/portolan/controllers/internal/ack/s3"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

var _ = Describe("what is not asked for any more", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) { b = newBed(ctx) })

	// without edits the Environment and lets everything happen but the ends of deletions.
	without := func(ctx context.Context, edit func(*v1alpha1.EnvironmentSpec)) {
		GinkgoHelper()
		holdAll(ctx, b)
		b.change(ctx, edit)
		b.settle(ctx)
	}
	// going are the objects that are being deleted.
	going := func(ctx context.Context) []string {
		GinkgoHelper()
		var names []string
		for _, obj := range b.ACK.List(ctx, b.Namespace) {
			if obj.GetDeletionTimestamp() != nil {
				names = append(names, obj.GetName())
			}
		}
		return names
	}
	readyAgain := func(ctx context.Context) {
		GinkgoHelper()
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
		Expect(going(ctx)).To(BeEmpty())
	}

	It("is an add-on, which is deleted", func(ctx SpecContext) {
		b.profile().Addons = append(b.profile().Addons, v1alpha1.Addon{Name: "kube-proxy"})
		b.reachReady(ctx)
		without(ctx, func(e *v1alpha1.EnvironmentSpec) { e.Profiles[0].Addons = e.Profiles[0].Addons[:1] })
		Expect(going(ctx)).To(ConsistOf(prefix + "-kube-proxy"))
		Expect(b.region).To(testenv.HaveCondition("AddonsReady", "Unknown", "Removing", "Addon "+prefix+"-kube-proxy"))
		letGo(ctx, object(ctx, b, &eks.Addon{}, "kube-proxy"))
		readyAgain(ctx)

		By("being the last one")
		without(ctx, func(e *v1alpha1.EnvironmentSpec) { e.Profiles[0].Addons = nil })
		Expect(b.region).To(testenv.HaveCondition("AddonsReady", "Unknown", "Removing"))
		letGo(ctx, object(ctx, b, &eks.Addon{}, "vpc-cni"))
		readyAgain(ctx)
		Expect(b.region).To(testenv.HaveCondition("AddonsReady", "True", "NotRequired"))
	})

	It("is a pod identity, whose role goes after it", func(ctx SpecContext) {
		b.profile().Addons = append(b.profile().Addons, v1alpha1.Addon{Name: "eks-pod-identity-agent"})
		b.profile().PodIdentities = []v1alpha1.PodIdentity{
			{Namespace: "networking", ServiceAccount: "external-dns", InlinePolicy: `{"Version":"2012-10-17","Statement":[]}`},
		}
		b.reachReady(ctx)
		without(ctx, func(e *v1alpha1.EnvironmentSpec) { e.Profiles[0].PodIdentities = nil })
		const name = "pod-networking-external-dns"
		Expect(going(ctx)).To(ConsistOf(prefix+"-"+name), "the association only")
		Expect(object(ctx, b, &iam.Role{}, name).DeletionTimestamp).To(BeNil())
		Expect(b.region).To(testenv.HaveCondition("AccessReady", "Unknown", "Removing", "PodIdentityAssociation "+prefix+"-"+name))
		letGo(ctx, object(ctx, b, &eks.PodIdentityAssociation{}, name))
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("IdentityReady", "Unknown", "Removing", "Role "+prefix+"-"+name))
		letGo(ctx, object(ctx, b, &iam.Role{}, name))
		readyAgain(ctx)
	})

	It("is certificates and buckets, which outlive it unless they are asked to go", func(ctx SpecContext) {
		b.environment.Spec.DNS.Zones = []v1alpha1.DNSZone{{Name: "aws.unkey.test"}}
		b.profile().Certificates = []v1alpha1.Certificate{{Domain: "aws.unkey.test"}}
		b.profile().Buckets = []v1alpha1.Bucket{{Name: "kept-logs"}, {Name: "scratch", DeletionPolicy: v1alpha1.DeletionDelete}}
		b.reachReady(ctx)
		secret, err := b.ArgoCD.Get(ctx, b.region)
		Expect(err).NotTo(HaveOccurred())
		Expect(secret.Annotations).To(HaveKey("portolan.dev/certificate-arn.0"))
		without(ctx, func(e *v1alpha1.EnvironmentSpec) { e.Profiles[0].Certificates, e.Profiles[0].Buckets = nil, nil })
		leaving := b.ACK.List(ctx, b.Namespace, &acm.Certificate{}, &route53.RecordSet{}, &s3.Bucket{})
		Expect(leaving).To(HaveLen(4))
		Expect(going(ctx)).To(HaveLen(4))
		policy := func(bucket string) string {
			return object(ctx, b, &s3.Bucket{}, "bucket-"+bucket).Annotations["services.k8s.aws/deletion-policy"]
		}
		Expect(policy("kept-logs")).To(Equal("retain"))
		Expect(policy("scratch")).To(Equal("delete"))
		Expect(b.region).To(testenv.HaveCondition("StorageReady", "Unknown", "Removing", "Bucket "+prefix+"-bucket-scratch"))
		letGo(ctx, leaving...)
		readyAgain(ctx)
		Expect(b.region.Status.Certificates).To(BeEmpty())
		secret, err = b.ArgoCD.Get(ctx, b.region)
		Expect(err).NotTo(HaveOccurred())
		Expect(secret.Annotations).NotTo(HaveKey("portolan.dev/certificate-arn.0"))
	})

	It("is the NAT gateways of other zones, whose addresses wait for AWS", func(ctx SpecContext) {
		b.reachReady(ctx)
		for _, zone := range []string{"a", "b", "c"} {
			b.AWS.SetNATGateway("eu-west-1", "nat-"+prefix+"-nat-eu-west-1"+zone, true)
		}
		b.Recorder.Reset()
		var deleted []string
		b.Recorder.Client = patched{Client: b.Recorder.Client, tell: func(ctx context.Context, obj client.Object) {
			if table, ok := obj.(*ec2.RouteTable); ok && strings.Contains(table.Name, "private") {
				deleted = append(deleted, b.Recorder.Deleted()...)
			}
		}}
		without(ctx, func(e *v1alpha1.EnvironmentSpec) { e.Network.NATGateways = v1alpha1.NATGatewaysSingle })
		Expect(deleted).To(BeEmpty(), "every zone has its new way out first")
		gateways := []string{prefix + "-nat-eu-west-1b", prefix + "-nat-eu-west-1c"}
		Expect(going(ctx)).To(ConsistOf(gateways))
		for _, zone := range []string{"a", "b", "c"} {
			Expect(object(ctx, b, &ec2.RouteTable{}, "private-eu-west-1"+zone).Spec.Routes).To(
				HaveExactElements(HaveField("NATGatewayID", HaveValue(Equal("nat-"+prefix+"-nat-eu-west-1a")))))
		}
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "Unknown", "Removing", "NATGateway "+gateways[0]))

		By("ACK having forgotten them, and AWS not")
		for _, zone := range []string{"b", "c"} {
			letGo(ctx, object(ctx, b, &ec2.NATGateway{}, "nat-eu-west-1"+zone))
		}
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "Unknown", "Removing", "AWS is deleting NAT gateway nat-"+gateways[0]))
		Expect(going(ctx)).To(BeEmpty())

		By("AWS having deleted them")
		for _, name := range gateways {
			b.AWS.SetNATGateway("eu-west-1", "nat-"+name, false)
		}
		b.settle(ctx)
		Expect(going(ctx)).To(ConsistOf(gateways), "their addresses")
		letGo(ctx, slices.DeleteFunc(b.ACK.List(ctx, b.Namespace, &ec2.ElasticIPAddress{}), func(o client.Object) bool { return o.GetDeletionTimestamp() == nil })...)
		readyAgain(ctx)
		Expect(b.region.Status.Network.NATGatewayIDs).To(ConsistOf("nat-" + prefix + "-nat-eu-west-1a"))
	})

	It("is Argo CD's way in", func(ctx SpecContext) {
		b.environment.Spec.ArgoCD.RoleARN = "arn:aws:iam::123456789012:role/argocd"
		b.reachReady(ctx)
		without(ctx, func(e *v1alpha1.EnvironmentSpec) { e.ArgoCD.RoleARN = "" })
		Expect(going(ctx)).To(ConsistOf(prefix + "-argocd"))
		Expect(b.region).To(testenv.HaveCondition("AccessReady", "Unknown", "Removing", "AccessEntry "+prefix+"-argocd"))
		letGo(ctx, object(ctx, b, &eks.AccessEntry{}, "argocd"))
		readyAgain(ctx)
	})

	It("is the gossip group", func(ctx SpecContext) {
		b.environment.Spec.Network.Gossip = &v1alpha1.GossipIngress{Port: 7947, AllowFrom: []v1alpha1.CIDR{"10.0.0.0/8"}}
		b.reachReady(ctx)
		without(ctx, func(e *v1alpha1.EnvironmentSpec) { e.Network.Gossip = nil })
		Expect(going(ctx)).To(ConsistOf(prefix + "-gossip"))
		letGo(ctx, object(ctx, b, &ec2.SecurityGroup{}, "gossip"))
		readyAgain(ctx)
		Expect(b.region.Status.Network.GossipSecurityGroupID).To(BeEmpty())
	})
})

var _ = Describe("what two Regions of one AWS region share", func() {
	const bucket, record = "bucket-shared", "services.k8s.aws/deletion-policy"
	var (
		b     *bed
		other *v1alpha1.Region
	)
	policies := func(ctx context.Context, region string) map[string]string {
		GinkgoHelper()
		found := map[string]string{}
		for _, obj := range b.ACK.List(ctx, b.Namespace, &s3.Bucket{}, &route53.RecordSet{}) {
			if obj.GetLabels()[v1alpha1.LabelRegion] == region {
				found[strings.TrimPrefix(obj.GetName(), "production001-"+region+"-")] = obj.GetAnnotations()[record]
			}
		}
		return found
	}
	BeforeEach(func(ctx SpecContext) {
		b = newBed(ctx)
		b.environment.Spec.DNS.Zones = []v1alpha1.DNSZone{{Name: "aws.unkey.test"}}
		b.profile().Certificates = []v1alpha1.Certificate{{Domain: "aws.unkey.test"}}
		b.profile().Buckets = []v1alpha1.Bucket{{Name: "shared", DeletionPolicy: v1alpha1.DeletionDelete}}
		other = build.Region(b.Namespace, "eu-west-1", func(r *v1alpha1.Region) { r.Name, r.Spec.CIDR = "successor", "10.16.128.0/18" })
		b.apply(ctx)
		b.ExpectApplied(ctx, other)
		b.settle(ctx)
		for range enoughPasses {
			testenv.ExpectReconciled(ctx, b.Env, b.reconciler, other)
			if !b.ACK.SyncAll(ctx, b.Namespace) {
				break
			}
		}
		Expect(policies(ctx, "successor")).To(HaveLen(2))
		Expect(policies(ctx, "eu-west-1")).To(HaveLen(2))
		holdAll(ctx, b)
	})
	// storage takes a Region down as far as its storage.
	storage := func(ctx context.Context, region *v1alpha1.Region) {
		GinkgoHelper()
		for range enoughPasses {
			testenv.ExpectReconciled(ctx, b.Env, b.reconciler, region)
			if region.Status.Deletion != nil && region.Status.Deletion.Stage == v1alpha1.ReasonDeletingStorage {
				return
			}
			for _, obj := range b.ACK.List(ctx, b.Namespace) {
				if obj.GetDeletionTimestamp() != nil && obj.GetLabels()[v1alpha1.LabelRegion] == region.Name {
					letGo(ctx, obj)
				}
			}
		}
		Fail("the Region does not get that far")
	}

	It("stays when one of them goes", func(ctx SpecContext) {
		b.ExpectDeleted(ctx, b.region)
		storage(ctx, b.region)
		Expect(policies(ctx, "eu-west-1")).To(And(HaveLen(2), HaveEach("retain")))
		Expect(policies(ctx, "successor")).To(HaveKeyWithValue(bucket, "delete"))
	})

	It("goes with the last when both go", func(ctx SpecContext) {
		b.ExpectDeleted(ctx, b.region)
		b.ExpectDeleted(ctx, other)
		storage(ctx, b.region)
		storage(ctx, other)
		Expect(policies(ctx, "eu-west-1")).To(HaveEach("retain"), "the other one does it")
		Expect(policies(ctx, "successor")).To(HaveKeyWithValue(bucket, "delete"))
		Expect(policies(ctx, "successor")).NotTo(ContainElement("retain"))
	})
})
