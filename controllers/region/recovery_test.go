package region_test

import (
	"context"
	"net/netip"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/acm"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/plan"
)

var _ = Describe("a Region whose management cluster was lost", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) { b = newBed(ctx) })

	// remains is a VPC that has the tags of the Region.
	remains := func(cidr string) {
		b.AWS.SetTagged("eu-west-1", prefix, "vpc-"+prefix) // the ID that ACK will report
		b.AWS.SetNetworks("eu-west-1", plan.Network{
			ID: "vpc-" + prefix, CIDRs: []netip.Prefix{netip.MustParsePrefix(cidr)},
			Tags: map[string]string{v1alpha1.LabelEnvironment: "production001", v1alpha1.LabelRegion: "eu-west-1", v1alpha1.TagObject: prefix},
		})
	}
	fromPool := func() {
		b.environment.Spec.Network.Assignments = nil
		b.environment.Spec.Network.Pool = &v1alpha1.AddressPool{CIDRs: []v1alpha1.CIDR{"10.64.0.0/12"}, PrefixLength: 18}
	}

	It("has the block that its VPC has, whatever the pool would give it", func(ctx SpecContext) {
		fromPool()
		remains("10.70.64.0/18")
		b.apply(ctx)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Planned", "True", "Succeeded"))
		Expect(b.region.Status.Network.CIDR).To(Equal("10.70.64.0/18"))
		b.ExpectRefreshed(ctx, b.environment)
		Expect(b.environment.Status.Allocations).To(ConsistOf(HaveField("CIDR", "10.70.64.0/18")))
		vpc := object(ctx, b, &ec2.VPC{}, "")
		Expect(vpc.Spec.CIDRBlocks).To(HaveExactElements("10.70.64.0/18"))
		Expect(vpc.Annotations).To(HaveKeyWithValue("services.k8s.aws/adoption-fields", MatchJSON(`{"vpcID":"vpc-`+prefix+`"}`)))
	})

	It("has a block of the pool when it has no VPC, also where nobody may look", func(ctx SpecContext) {
		fromPool()
		b.AWS.Fail(fake.TaggedResources, &aws.Error{Operation: "ec2:DescribeTags", Code: "UnauthorizedOperation", Class: aws.AccessDenied})
		b.apply(ctx)
		b.reconcile(ctx)
		Expect(b.region.Status.Network.CIDR).To(Equal("10.64.0.0/18"))
	})

	It("is not given another block while AWS cannot be asked", func(ctx SpecContext) {
		fromPool()
		remains("10.70.64.0/18")
		b.AWS.Fail(fake.TaggedResources, &aws.Error{Operation: "ec2:DescribeTags", Code: "InternalError", Class: aws.Unavailable})
		b.apply(ctx)
		_, err := testenv.Reconcile(ctx, b.Env, b.reconciler, b.region)
		Expect(err).To(HaveOccurred())
		b.ExpectRefreshed(ctx, b.environment)
		Expect(b.environment.Status.Allocations).To(BeEmpty())
		b.AWS.Fail(fake.TaggedResources, nil)
		b.reconcile(ctx)
		Expect(b.region.Status.Network.CIDR).To(Equal("10.70.64.0/18"))
	})

	It("deletes nothing of a second network that is in use, as after a restore without status", func(ctx SpecContext) {
		b.apply(ctx)
		b.AWS.SetTagged("eu-west-1", prefix, "vpc-"+prefix)
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "True", "Succeeded"))
		b.AWS.SetTagged("eu-west-1", prefix, "vpc-"+prefix, "vpc-0first")
		b.AWS.SetTagged("eu-west-1", prefix+"-nat-eu-west-1a", "nat-"+prefix+"-nat-eu-west-1a", "nat-0first")
		b.AWS.SetNetworkInterfaces("eu-west-1", "vpc-0first", aws.NetworkInterface{ID: "eni-0node"})
		before := b.ACK.Names(ctx, b.Namespace)
		for range 3 {
			b.Clock.Step(testenv.Resync)
			b.reconcile(ctx)
		}
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "False", "Duplicate", "vpc-0first, which ACK does not know, is in use"))
		Expect(b.ACK.Names(ctx, b.Namespace)).To(ConsistOf(before))

		By("deleting it as a leftover once nothing is in it")
		b.AWS.SetNetworkInterfaces("eu-west-1", "vpc-0first")
		b.Clock.Step(testenv.Resync)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "Unknown", "Duplicate", "vpc-0first"))
		Expect(b.ACK.Names(ctx, b.Namespace)).NotTo(ConsistOf(before))
	})

	It("has the zones that its private subnets are in", func(ctx SpecContext) {
		b.AWS.SetZones("eu-west-1", "eu-west-1a", "eu-west-1b", "eu-west-1c", "eu-west-1d")
		remains("10.16.0.0/18")
		for _, zone := range []string{"eu-west-1b", "eu-west-1c", "eu-west-1d"} {
			b.AWS.SetTagged("eu-west-1", prefix+"-private-"+zone, "subnet-"+zone, "rtb-"+zone)
		}
		b.AWS.SetTagged("eu-west-1", prefix+"-private-eu-west-1a", "rtb-a") // of a subnet that was never made
		b.apply(ctx)
		b.reconcile(ctx)
		Expect(b.region.Status.Network.Zones).To(HaveExactElements("eu-west-1b", "eu-west-1c", "eu-west-1d"))
	})

	It("takes a certificate over that has its tag", func(ctx SpecContext) {
		const arn = "arn:aws:acm:eu-west-1:123456789012:certificate/kept"
		b.environment.Spec.DNS.Zones = []v1alpha1.DNSZone{{Name: "aws.unkey.test"}}
		b.profile().Certificates = []v1alpha1.Certificate{{Domain: "aws.unkey.test"}, {Domain: "*.eu.aws.unkey.test"}}
		b.apply(ctx)
		b.reconcile(ctx)
		names := map[string]string{}
		for _, obj := range b.ACK.List(ctx, b.Namespace, &acm.Certificate{}) {
			if c, ok := obj.(*acm.Certificate); ok {
				names[*c.Spec.DomainName] = c.Name
				Expect(c.Annotations).NotTo(HaveKey("services.k8s.aws/adoption-fields"))
				b.ExpectDeleted(ctx, c)
			}
		}
		Expect(names).To(HaveLen(2))
		b.AWS.SetCertificate("eu-west-1", "aws.unkey.test", arn, map[string]string{v1alpha1.TagObject: names["aws.unkey.test"]})
		b.AWS.SetCertificate("eu-west-1", "*.eu.aws.unkey.test", arn+"-foreign", map[string]string{"team": "other"})
		b.reconcile(ctx)
		for _, obj := range b.ACK.List(ctx, b.Namespace, &acm.Certificate{}) {
			if obj.GetName() == names["aws.unkey.test"] {
				Expect(obj.GetAnnotations()).To(HaveKeyWithValue("services.k8s.aws/adoption-fields", MatchJSON(`{"arn":"`+arn+`"}`)))
			} else {
				Expect(obj.GetAnnotations()).NotTo(HaveKey("services.k8s.aws/adoption-fields"))
			}
		}
	})

	It("takes a route table over only with its way out", func(ctx SpecContext) {
		remains("10.16.0.0/18")
		table, gateway := prefix+"-private-eu-west-1a", prefix+"-nat-eu-west-1a"
		b.AWS.SetTagged("eu-west-1", table, "rtb-"+table, "subnet-"+table)
		b.AWS.SetTagged("eu-west-1", gateway, "nat-"+gateway, "eipalloc-"+gateway)
		b.apply(ctx)
		b.settle(ctx, &ec2.NATGateway{})
		tables := func(ctx context.Context) []string { return b.ACK.Names(ctx, b.Namespace, &ec2.RouteTable{}) }
		Expect(tables(ctx)).To(ContainElement("RouteTable "+prefix+"-private-eu-west-1b"), "which is new")
		Expect(tables(ctx)).NotTo(ContainElement("RouteTable "+table), "without a route, the zone's nodes would be cut off")

		b.settle(ctx)
		adopted := object(ctx, b, &ec2.RouteTable{}, "private-eu-west-1a")
		Expect(adopted.Annotations).To(HaveKeyWithValue("services.k8s.aws/adoption-fields", MatchJSON(`{"routeTableID":"rtb-`+table+`"}`)))
		Expect(adopted.Spec.Routes).To(HaveExactElements(HaveField("NATGatewayID", HaveValue(Equal("nat-"+gateway)))))
	})

	It("lets its peers in all the time", func(ctx SpecContext) {
		b.environment.Spec.Network.Gossip = &v1alpha1.GossipIngress{Port: 7947, AllowRegions: true}
		remains("10.16.0.0/18")
		group := prefix + "-gossip"
		b.AWS.SetTagged("eu-west-1", group, "sg-"+group)
		found := build.Region(b.Namespace, "us-east-1", func(r *v1alpha1.Region) { r.Name = "virginia" })
		b.ExpectApplied(ctx, found)
		b.ExpectApplied(ctx, build.Region(b.Namespace, "us-east-2", func(r *v1alpha1.Region) { r.Name, r.Spec.Paused = "ohio", true }))
		b.apply(ctx)
		b.settle(ctx)
		groups := func(ctx context.Context) []string { return b.ACK.Names(ctx, b.Namespace, &ec2.SecurityGroup{}) }
		Expect(groups(ctx)).To(BeEmpty(), "AWS would drop the rule for virginia")
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "Unknown", "Adopting", "the NAT gateways of virginia are known"))
		Expect(b.region.Status.Network.NATAddresses).To(HaveLen(3), "virginia waits for them")
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

		found.Status.Network = &v1alpha1.RegionNetwork{NATAddresses: []string{"3.0.0.1"}}
		Expect(b.Client.Status().Update(ctx, found)).To(Succeed())
		b.settle(ctx)
		adopted := object(ctx, b, &ec2.SecurityGroup{}, "gossip")
		Expect(adopted.Annotations).To(HaveKeyWithValue("services.k8s.aws/adoption-fields", MatchJSON(`{"id":"sg-`+group+`"}`)))
		Expect(adopted.Spec.IngressRules[0].IPRanges).To(ConsistOf(HaveField("CIDRIP", HaveValue(Equal("3.0.0.1/32")))))
	})

	It("still takes labels from a Secret that came from a backup", func(ctx SpecContext) {
		b.environment.Spec.ArgoCD.ClusterLabels = map[string]v1alpha1.LabelValue{"tier": "gold", "cost-center": "7"}
		b.reachReady(ctx)
		secret, err := b.ArgoCD.Get(ctx, b.region)
		Expect(err).NotTo(HaveOccurred())
		b.ExpectDeleted(ctx, secret)
		restored := &corev1.Secret{Data: secret.Data, Type: secret.Type}
		restored.Namespace, restored.Name, restored.Labels, restored.Annotations = secret.Namespace, secret.Name, secret.Labels, secret.Annotations
		Expect(env.Client.Create(ctx, restored, client.FieldOwner("velero"))).To(Succeed())
		b.settle(ctx)
		b.reconciler = b.newReconciler()
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

		testenv.ExpectUpdated(ctx, b.Env, b.environment, func(e *v1alpha1.Environment) { delete(e.Spec.ArgoCD.ClusterLabels, "tier") })
		b.give(ctx)
		b.settle(ctx)
		b.ExpectRefreshed(ctx, restored)
		Expect(restored.Labels).To(And(Not(HaveKey("tier")), HaveKeyWithValue("cost-center", "7")))
		Expect(restored.Annotations).To(And(HaveKeyWithValue(pinKey, string(build.Revision)), HaveKey("portolan.dev/vpc-id")))
		Expect(restored.Data).To(HaveLen(3))
	})

	It("is registered with the seeds that its pods run with", func(ctx SpecContext) {
		ring := build.Ring(b.Namespace, "unkey-api")
		b.ExpectApplied(ctx, ring)
		ring.Status.Members = []v1alpha1.RingMember{{Region: "us-east-1", State: v1alpha1.MemberConverged, Endpoint: "lb.us-east-1.test"}}
		Expect(env.Client.Status().Update(ctx, ring)).To(Succeed())
		b.api.Set(build.Node("node-1"), build.Pod("api-0", "lb.ap-south-1.test, lb.us-east-1.test"), build.Pod("api-1", "lb.sa-east-1.test"))
		b.apply(ctx)
		b.ExpectApplied(ctx, build.Promotion(b.Namespace, "main"))
		b.settle(ctx)
		b.connected()
		b.settle(ctx)
		secret, err := b.ArgoCD.Get(ctx, b.region)
		Expect(err).NotTo(HaveOccurred())
		Expect(secret.Annotations).To(HaveKeyWithValue("portolan.dev/wan-seeds.unkey-api", "lb.ap-south-1.test,lb.sa-east-1.test,lb.us-east-1.test"))
	})
})
