package region_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/acm"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/ack/route53"
	"github.com/portolan-dev/portolan/controllers/internal/ack/s3"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/plan"
)

var _ = Describe("what a profile asks for", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) { b = newBed(ctx) })

	// clusterSecret is what Argo CD knows of the region.
	clusterAnnotations := func(ctx context.Context) map[string]string {
		GinkgoHelper()
		secret, err := b.ArgoCD.Get(ctx, b.region)
		Expect(err).NotTo(HaveOccurred())
		if secret == nil {
			return nil
		}
		return secret.Annotations
	}

	It("is a security group for gossip, which charts are told of", func(ctx SpecContext) {
		b.environment.Spec.Network.Gossip = &v1alpha1.GossipIngress{Port: 7947, AllowFrom: []v1alpha1.CIDR{"10.0.0.0/8", "203.0.113.0/24"}}
		b.reachReady(ctx)
		group := object(ctx, b, &ec2.SecurityGroup{}, "gossip").Spec
		Expect(group.IngressRules).To(HaveLen(2))
		for i, protocol := range []string{"tcp", "udp"} {
			Expect(group.IngressRules[i].IPProtocol).To(HaveValue(Equal(protocol)))
			Expect(group.IngressRules[i].FromPort).To(HaveValue(BeEquivalentTo(7947)))
			Expect(group.IngressRules[i].ToPort).To(HaveValue(BeEquivalentTo(7947)))
			Expect(group.IngressRules[i].IPRanges).To(HaveLen(2))
		}
		Expect(group.EgressRules).NotTo(BeEmpty(), "without any, ACK takes AWS's default away")
		Expect(clusterAnnotations(ctx)).To(HaveKeyWithValue("portolan.dev/gossip-security-group", "sg-"+prefix+"-gossip"))
	})

	Describe("is a security group for the environment's other regions", func() {
		// peer is another region, with a gateway and the addresses that are known of it.
		peer := func(ctx context.Context, name string, addresses ...string) *v1alpha1.Region {
			GinkgoHelper()
			r := build.Region(b.Namespace, "us-east-1", func(r *v1alpha1.Region) { r.Name = name })
			b.ExpectApplied(ctx, r)
			r.Status.Network = &v1alpha1.RegionNetwork{NATGatewayIDs: []string{"nat-1"}, NATAddresses: addresses}
			Expect(b.Client.Status().Update(ctx, r)).To(Succeed())
			return r
		}
		allowed := func(ctx context.Context) []string {
			GinkgoHelper()
			b.reconcile(ctx)
			var all []string
			for _, rule := range object(ctx, b, &ec2.SecurityGroup{}, "gossip").Spec.IngressRules {
				for _, from := range rule.IPRanges {
					all = append(all, *rule.IPProtocol+" "+*from.CIDRIP)
				}
			}
			return all
		}
		BeforeEach(func() {
			b.environment.Spec.Network.Gossip = &v1alpha1.GossipIngress{Port: 7947, AllowFrom: []v1alpha1.CIDR{"192.0.2.0/24"}, AllowRegions: true}
		})

		It("which follows their addresses", func(ctx SpecContext) {
			b.reachReady(ctx)
			Expect(b.region.Status.Network.NATAddresses).To(HaveLen(3))
			Expect(allowed(ctx)).To(HaveExactElements("tcp 192.0.2.0/24", "udp 192.0.2.0/24"))
			virginia := peer(ctx, "virginia", "3.0.0.2", "3.0.0.1")
			peer(ctx, "oregon", "3.0.1.1")
			stranger := build.Region(b.Namespace, "us-east-2", func(r *v1alpha1.Region) { r.Spec.EnvironmentRef.Name = "staging001" })
			b.ExpectApplied(ctx, stranger)
			stranger.Status.Network = &v1alpha1.RegionNetwork{NATAddresses: []string{"3.0.2.1"}}
			Expect(b.Client.Status().Update(ctx, stranger)).To(Succeed())
			Expect(allowed(ctx)).To(HaveExactElements("tcp 192.0.2.0/24", "tcp 3.0.0.1/32", "tcp 3.0.0.2/32", "tcp 3.0.1.1/32",
				"udp 192.0.2.0/24", "udp 3.0.0.1/32", "udp 3.0.0.2/32", "udp 3.0.1.1/32"))
			b.settle(ctx)
			b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
			b.ExpectDeleted(ctx, virginia)
			Expect(allowed(ctx)).To(HaveExactElements("tcp 192.0.2.0/24", "tcp 3.0.1.1/32", "udp 192.0.2.0/24", "udp 3.0.1.1/32"))
		})

		It("which has no rule while there is nobody", func(ctx SpecContext) {
			b.environment.Spec.Network.Gossip.AllowFrom = nil
			b.reachReady(ctx)
			Expect(allowed(ctx)).To(BeEmpty())
			peer(ctx, "virginia", "3.0.0.1")
			Expect(allowed(ctx)).To(HaveExactElements("tcp 3.0.0.1/32", "udp 3.0.0.1/32"))
		})

		It("which shuts nobody out whose addresses are not known", func(ctx SpecContext) {
			b.environment.Spec.Network.Gossip = &v1alpha1.GossipIngress{Port: 7947, AllowFrom: []v1alpha1.CIDR{"0.0.0.0/0"}}
			b.reachReady(ctx)
			old := peer(ctx, "virginia")
			b.change(ctx, func(e *v1alpha1.EnvironmentSpec) {
				e.Network.Gossip = &v1alpha1.GossipIngress{Port: 7947, AllowRegions: true}
			})
			Expect(allowed(ctx)).To(HaveExactElements("tcp 0.0.0.0/0", "udp 0.0.0.0/0"))
			old.Status.Network.NATAddresses = []string{"3.0.0.1"}
			Expect(b.Client.Status().Update(ctx, old)).To(Succeed())
			Expect(allowed(ctx)).To(HaveExactElements("tcp 3.0.0.1/32", "udp 3.0.0.1/32"))
		})
	})

	It("is pod identities, before Argo CD knows of the cluster", func(ctx SpecContext) {
		b.profile().Addons = append(b.profile().Addons, v1alpha1.Addon{Name: "eks-pod-identity-agent"})
		b.profile().PodIdentities = []v1alpha1.PodIdentity{
			{Namespace: "networking", ServiceAccount: "external-dns", InlinePolicy: `{"Version":"2012-10-17","Statement":[]}`},
			{Namespace: "kube-system", ServiceAccount: "ebs", Policies: []v1alpha1.PodPolicy{v1alpha1.PodPolicyEBSCSIDriver}},
		}
		b.api.Set(build.Node("node-1"))
		b.apply(ctx)
		b.ExpectApplied(ctx, build.Promotion(b.Namespace, "main"))
		b.settle(ctx, &eks.PodIdentityAssociation{})
		b.connected()
		b.settle(ctx, &eks.PodIdentityAssociation{})
		Expect(b.region).To(testenv.HaveCondition("AccessReady", "Unknown", "Creating", "PodIdentityAssociation"))
		Expect(b.region).To(testenv.HaveCondition("Registered", "Unknown", "Blocked"))
		Expect(clusterAnnotations(ctx)).To(BeNil())

		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("AccessReady", "True", "Succeeded"))
		Expect(b.region).To(testenv.HaveCondition("Registered", "True", "Succeeded"))
		role := object(ctx, b, &iam.Role{}, "pod-kube-system-ebs")
		Expect(role.Spec.AssumeRolePolicyDocument).To(HaveValue(And(ContainSubstring("pods.eks.amazonaws.com"), ContainSubstring("sts:TagSession"))))
		Expect(role.Spec.Policies).To(ConsistOf(HaveValue(Equal("arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"))))
		association := object(ctx, b, &eks.PodIdentityAssociation{}, "pod-networking-external-dns")
		Expect(association.Spec.ServiceAccount).To(HaveValue(Equal("external-dns")))
		Expect(association.Spec.RoleARN).To(HaveValue(Equal(testenv.ARN(object(ctx, b, &iam.Role{}, "pod-networking-external-dns")))))

		By("letting Portolan evict pods there and nowhere else")
		policies := object(ctx, b, &eks.AccessEntry{}, "portolan").Spec.AccessPolicies
		Expect(policies).To(HaveLen(2))
		Expect(policies[0].PolicyARN).To(HaveValue(HaveSuffix("AmazonEKSAdminViewPolicy")))
		Expect(policies[1].PolicyARN).To(HaveValue(HaveSuffix("AmazonEKSClusterAdminPolicy")))
		Expect(policies[1].AccessScope.Namespaces).To(HaveExactElements(HaveValue(Equal("kube-system")), HaveValue(Equal("networking"))))
	})

	It("is a control plane as it says", func(ctx SpecContext) {
		b.profile().ControlPlane = &v1alpha1.ControlPlane{
			Logging:            []v1alpha1.LogType{"audit", "api"},
			EndpointAccess:     &v1alpha1.EndpointAccess{Private: new(false), PublicCIDRs: []v1alpha1.CIDR{"198.51.100.0/24"}},
			DeletionProtection: true,
		}
		b.apply(ctx)
		b.settle(ctx)
		spec := b.cluster(ctx).Spec
		Expect(spec.DeletionProtection).To(HaveValue(BeTrue()))
		Expect(spec.ResourcesVPCConfig.EndpointPublicAccess).To(HaveValue(BeTrue()))
		Expect(spec.ResourcesVPCConfig.EndpointPrivateAccess).To(HaveValue(BeFalse()))
		Expect(spec.ResourcesVPCConfig.PublicAccessCIDRs).To(ConsistOf(HaveValue(Equal("198.51.100.0/24"))))
		Expect(spec.Logging.ClusterLogging).To(HaveLen(2), "EKS answers with all types, so all are named")
		Expect(spec.Logging.ClusterLogging[0].Types).To(HaveExactElements(HaveValue(Equal("api")), HaveValue(Equal("audit"))))
	})

	It("is add-ons in their order, with tolerations from the start", func(ctx SpecContext) {
		b.profile().Addons = []v1alpha1.Addon{{Name: "coredns"}, {Name: "vpc-cni"}, {Name: "eks-pod-identity-agent"}}
		b.apply(ctx)
		b.settle(ctx)
		b.connected()
		b.settle(ctx)
		Expect(b.ACK.Names(ctx, b.Namespace, &eks.Addon{})).To(ConsistOf("Addon "+prefix+"-vpc-cni", "Addon "+prefix+"-eks-pod-identity-agent"))
		Expect(b.region).To(testenv.HaveCondition("AddonsReady", "Unknown", "Blocked", "NodesReady"))

		b.api.Set(build.Node("node-1"))
		Eventually(func() []string {
			b.reconcile(ctx)
			return b.ACK.Names(ctx, b.Namespace, &eks.Addon{})
		}).Should(ContainElement("Addon " + prefix + "-coredns"))
		Expect(object(ctx, b, &eks.Addon{}, "coredns").Spec.ConfigurationValues).To(HaveValue(MatchJSON(`{"tolerations":[{"operator":"Exists"}]}`)))
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("AddonsReady", "True", "Succeeded"))

		By("not taking it away when the nodes go")
		b.api.Set()
		b.settle(ctx)
		Expect(b.ACK.Names(ctx, b.Namespace, &eks.Addon{})).To(HaveLen(3))
	})

	It("is node groups in the region's own sizes", func(ctx SpecContext) {
		b.profile().NodeGroups[0].CapacityType = v1alpha1.CapacitySpot
		b.profile().NodeGroups[0].DiskSize = 100
		b.region.Spec.NodeGroups = []v1alpha1.NodeGroupSize{{Name: "system", Min: ptr.To[int32](2), Max: ptr.To[int32](7)}}
		b.apply(ctx)
		b.settle(ctx)
		group := object(ctx, b, &eks.Nodegroup{}, plan.NodeGroupName(b.profile().NodeGroups[0])).Spec
		Expect(group.ScalingConfig.MinSize).To(HaveValue(BeEquivalentTo(2)))
		Expect(group.ScalingConfig.MaxSize).To(HaveValue(BeEquivalentTo(7)))
		Expect(group.CapacityType).To(HaveValue(Equal("SPOT")))
		Expect(group.DiskSize).To(HaveValue(BeEquivalentTo(100)))
	})

	It("is buckets and certificates, whose ARNs charts are told", func(ctx SpecContext) {
		b.environment.Spec.DNS.Zones = []v1alpha1.DNSZone{{Name: "aws.unkey.test"}}
		b.AWS.SetHostedZone("aws.unkey.test", "Z0AWS")
		b.profile().Buckets = []v1alpha1.Bucket{{Name: "logs-{{ .environment }}-{{ .region }}"}}
		b.profile().Certificates = []v1alpha1.Certificate{{Domain: "*.{{ .region }}.aws.unkey.test"}}
		b.reachReady(ctx)
		Expect(b.region).To(testenv.HaveCondition("StorageReady", "True", "Succeeded"))

		bucket := object(ctx, b, &s3.Bucket{}, "bucket-logs-production001-eu-west-1")
		Expect(bucket.Spec.Name).To(HaveValue(Equal("logs-production001-eu-west-1")))
		Expect(bucket.Spec.CreateBucketConfiguration.LocationConstraint).To(HaveValue(Equal("eu-west-1")))
		Expect(bucket.Spec.PublicAccessBlock.RestrictPublicBuckets).To(HaveValue(BeTrue()))
		Expect(bucket.Annotations).To(HaveKeyWithValue("services.k8s.aws/deletion-policy", "retain"))
		Expect(bucket.Spec.Tagging.TagSet).NotTo(ContainElement(HaveField("Key", v1alpha1.LabelRegion)), "Regions that follow each other share it")

		records := b.ACK.List(ctx, b.Namespace, &route53.RecordSet{})
		Expect(records).To(HaveLen(1))
		Expect(records[0].(*route53.RecordSet).Spec.HostedZoneID).To(HaveValue(Equal("Z0AWS")))
		Expect(b.region.Status.Certificates).To(ConsistOf(And(HaveField("Domain", "*.eu-west-1.aws.unkey.test"), HaveField("State", "ISSUED"))))
		Expect(clusterAnnotations(ctx)).To(HaveKeyWithValue("portolan.dev/certificate-arn.0", b.region.Status.Certificates[0].ARN))
		Expect(b.AWS.Calls(fake.HostedZones)).To(Equal(2), "once for the plan and once for the record")
	})

	It("is a certificate that ACM has not validated yet, which says so", func(ctx SpecContext) {
		b.environment.Spec.DNS.Zones = []v1alpha1.DNSZone{{Name: "aws.unkey.test"}}
		b.AWS.SetHostedZone("aws.unkey.test", "Z0AWS")
		b.profile().Certificates = []v1alpha1.Certificate{{Domain: "aws.unkey.test"}}
		b.apply(ctx)
		b.settle(ctx, &acm.Certificate{})
		certificate, ok := b.ACK.List(ctx, b.Namespace, &acm.Certificate{})[0].(*acm.Certificate)
		Expect(ok).To(BeTrue())
		b.ACK.MarkSyncedWith(ctx, certificate, map[string]any{"status": "PENDING_VALIDATION", "ackResourceMetadata": map[string]any{
			"arn": "arn:aws:acm:eu-west-1:123456789012:certificate/c", "ownerAccountID": testenv.AccountID, "region": "eu-west-1",
		}})
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("StorageReady", "Unknown", "Validating", "aws.unkey.test"))
		Expect(b.region.Status.Certificates).To(ConsistOf(HaveField("State", "PENDING_VALIDATION")))
	})
})

var _ = Describe("the traffic of a Region", func() {
	const (
		listener = "arn:aws:globalaccelerator::123456789012:accelerator/a/listener/l"
		host     = "k8s-edge-0123456789.elb.eu-west-1.amazonaws.com"
		lb       = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/k8s-edge/1"
	)
	var b *bed
	BeforeEach(func(ctx SpecContext) {
		b = newBed(ctx)
		b.environment.Spec.GlobalAccelerator = &v1alpha1.GlobalAccelerator{ListenerARN: listener}
		b.profile().GlobalTraffic = []v1alpha1.GlobalTraffic{{
			Name: "edge", Service: v1alpha1.ServiceReference{Namespace: "edge", Name: "edge"}, Dial: []int32{10, 100},
		}}
		b.AWS.SetListener(listener, true)
		b.AWS.SetAcceleratorDeployed(listener, true)
	})

	// up brings everything up but the traffic.
	up := func(ctx context.Context, objects ...client.Object) {
		GinkgoHelper()
		b.api.Set(append(objects, build.Node("node-1"))...)
		b.apply(ctx)
		b.ExpectApplied(ctx, build.Promotion(b.Namespace, "main"))
		b.settle(ctx)
		b.connected()
		b.settle(ctx)
	}
	// look is a pass when it is time to ask AWS again.
	look := func(ctx context.Context) {
		GinkgoHelper()
		b.Clock.Step(testenv.Poll)
		b.reconcile(ctx)
	}
	dial := func(ctx context.Context) int32 {
		GinkgoHelper()
		group, err := b.AWS.EndpointGroup(ctx, "", listener, "eu-west-1")
		Expect(err).NotTo(HaveOccurred())
		return group.Dial
	}

	It("is dialled up step by step, once applications and load balancer are healthy", func(ctx SpecContext) {
		up(ctx, build.LoadBalancer("edge", "edge", host))
		Expect(b.region).To(testenv.HaveCondition("TrafficReady", "Unknown", "LoadBalancerPending", host))
		b.AWS.SetLoadBalancer("eu-west-1", host, aws.LoadBalancer{ARN: lb, State: "active"})
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("TrafficReady", "Unknown", "Dialling", "has not checked"))
		Expect(dial(ctx)).To(BeZero())

		b.AWS.SetEndpointHealth(lb, "UNHEALTHY", "")
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("TrafficReady", "Unknown", "EndpointUnhealthy", "security group"))
		b.AWS.SetEndpointHealth(lb, "HEALTHY", "")
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("TrafficReady", "Unknown", "Blocked", "ApplicationsHealthy"))
		Expect(dial(ctx)).To(BeZero())

		b.ExpectApplied(ctx, build.Application(b.ArgoCD.Namespace, b.region.Name, build.ApplicationName, build.Revision))
		look(ctx)
		Expect(dial(ctx)).To(BeEquivalentTo(10))
		b.AWS.SetAcceleratorDeployed(listener, false)
		look(ctx)
		Expect(dial(ctx)).To(BeEquivalentTo(10), "the step before is not in effect yet")
		b.AWS.SetAcceleratorDeployed(listener, true)
		look(ctx)
		Expect(dial(ctx)).To(BeEquivalentTo(100))
		b.AWS.SetAcceleratorDeployed(listener, true)
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("TrafficReady", "True", "Succeeded"))
		Expect(b.region).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
		Expect(b.region.Status.Traffic).To(ConsistOf(And(
			HaveField("Dial", BeEquivalentTo(100)), HaveField("Health", "HEALTHY"), HaveField("LoadBalancerARN", lb), HaveField("ListenerARN", listener))))

		By("costing nothing then")
		looks := b.AWS.Calls(fake.EndpointGroup)
		b.Recorder.ExpectNoWrites(func() { look(ctx) })
		Expect(b.AWS.Calls(fake.EndpointGroup)).To(Equal(looks))

		By("being taken away first when the region goes")
		b.AWS.SetNetworkInterfaces("eu-west-1", b.region.Status.Network.VPCID, aws.NetworkInterface{ID: "eni-0ga", Description: "GlobalAccelerator configured ENI"})
		b.ExpectDeleted(ctx, b.region)
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "AwaitingConfirmation", "no other region"))
		Expect(dial(ctx)).To(BeEquivalentTo(100))
		testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) {
			r.Annotations = map[string]string{v1alpha1.AnnotationConfirmDelete: r.Name}
		})
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "DrainingTraffic", "dialled to 0"))
		Expect(dial(ctx)).To(BeZero())
		b.AWS.SetAcceleratorDeployed(listener, true)
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "DrainingTraffic", "eni-0ga", "normally 5 to 20 minutes"))
		group, err := b.AWS.EndpointGroup(ctx, "", listener, "eu-west-1")
		Expect(err).NotTo(HaveOccurred())
		Expect(group).To(BeNil())
		b.AWS.SetNetworkInterfaces("eu-west-1", b.region.Status.Network.VPCID)
		look(ctx)
		Expect(b.region).NotTo(testenv.HaveCondition("Deleting", "True", "DrainingTraffic"))
	})

	It("keeps an endpoint group that another Region of the same AWS region uses", func(ctx SpecContext) {
		const other = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/other/2"
		group, err := b.AWS.CreateEndpointGroup(ctx, "", listener, "eu-west-1", 0)
		Expect(err).NotTo(HaveOccurred())
		Expect(b.AWS.AddEndpoint(ctx, "", group.ARN, other, aws.DefaultWeight)).To(Succeed())
		Expect(b.AWS.Dial(ctx, "", group.ARN, 100)).To(Succeed())
		b.AWS.SetAcceleratorDeployed(listener, true)
		b.AWS.SetLoadBalancer("eu-west-1", host, aws.LoadBalancer{ARN: lb, State: "active"})
		b.AWS.SetEndpointHealth(lb, "HEALTHY", "")
		b.AWS.SetEndpointHealth(other, "HEALTHY", "")
		up(ctx, build.LoadBalancer("edge", "edge", host))
		b.ExpectApplied(ctx, build.Application(b.ArgoCD.Namespace, b.region.Name, build.ApplicationName, build.Revision))
		b.AWS.SetAcceleratorDeployed(listener, true)
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("TrafficReady", "Unknown", "Dialling", "on the way to 128"))
		for range 3 {
			b.AWS.SetAcceleratorDeployed(listener, true)
			look(ctx)
		}
		Expect(b.region).To(testenv.HaveCondition("TrafficReady", "True", "Succeeded"))

		b.ExpectDeleted(ctx, b.region)
		for range 3 {
			b.AWS.SetAcceleratorDeployed(listener, true)
			look(ctx)
		}
		group, err = b.AWS.EndpointGroup(ctx, "", listener, "eu-west-1")
		Expect(err).NotTo(HaveOccurred())
		Expect(group.Dial).To(BeEquivalentTo(100))
		Expect(group.Endpoints).To(ConsistOf(HaveField("ID", other)))
	})
})
