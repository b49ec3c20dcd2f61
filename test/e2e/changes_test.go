package e2e

import (
	"context"
	"maps"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// patience ends what waits with the node's context, which has no timeout of its own.
const patience = 4 * time.Minute

// What an Environment's author changes while regions run has to reach AWS, and needs
// permissions that neither a creation nor a deletion needs.
var _ = Describe("A region whose Environment is edited", Ordered, func() {
	const environment, name = "edited", "edited-1"
	edited := newRegion(environment, name, "eu-west-2")

	BeforeAll(func(ctx SpecContext) {
		somebodyElsesNetwork(string(edited.Spec.AWSRegion))
		newNamespace(ctx, environment)
		Expect(world.Apply(ctx, "applicationsets.yaml")).To(Succeed())
		Expect(world.Client.Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: environment, Name: "classes"},
			Data:       map[string]string{"classes.yaml": "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: urgent}\nvalue: 1000\n"},
		})).To(Succeed())
		Expect(world.Client.Create(ctx, editableEnvironment(environment))).To(Succeed())
		Expect(world.Client.Create(ctx, newPromotion(environment, oldRevision))).To(Succeed())
		Expect(world.Client.Create(ctx, edited)).To(Succeed())
		Eventually(condition(ctx, edited, v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady())
	}, NodeTimeout(patience))

	It("has what the new spec says, and what somebody else changed is put right on the way", NodeTimeout(patience), func(ctx SpecContext) {
		const nobody, noTable = `{"Version":"2012-10-17","Statement":[]}`, "rtb-00000000000000000"
		tamper(name, "iam/role", "trust", nobody)
		tamper(name, "ec2/subnet", "routeTables", noTable)
		editEnvironment(ctx, environment, edit)

		Eventually(func(g Gomega) {
			g.Expect(factsOf(name, "ec2/securitygroup")).To(HaveEach(HaveKeyWithValue("ingressRules", ContainSubstring("10.128.0.0/9"))))
			g.Expect(factsOf(name, "ec2/natgateway")).To(HaveLen(3))
			g.Expect(factsOf(name, "eks/cluster")).To(HaveEach(And(HaveKeyWithValue("version", "1.35"), HaveKeyWithValue("logging", ContainSubstring(`"enabled":true,"types":["api","audit"]`)))))
			g.Expect(factsOf(name, "eks/nodegroup")).To(HaveEach(HaveKeyWithValue("max", "3")))
			g.Expect(factsOf(name, "eks/addon")).To(ContainElement(HaveKeyWithValue("configuration", ContainSubstring("WARM_IP_TARGET"))))
			g.Expect(factsOf(name, "eks/accessentry")).To(HaveEach(HaveKeyWithValue("policyARN", HaveSuffix("AmazonEKSClusterAdminPolicy"))))
			g.Expect(factsOf(name, "iam/role")).To(ContainElement(HaveKeyWithValue("policies", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")))
			g.Expect(factsOf(name, "iam/role")).To(HaveEach(HaveKeyWithValue("trust", Not(Equal(nobody)))))
			g.Expect(factsOf(name, "ec2/subnet")).To(HaveEach(HaveKeyWithValue("routeTables", Not(Equal(noTable)))))
			g.Expect(tagged(name)).To(HaveEach(HaveField("Tags", And(HaveKeyWithValue("Owner", "edge"), Not(HaveKey("Team"))))))
			g.Expect(condition(ctx, edited, v1alpha1.ConditionReady)(g)).To(beReady())
		}).WithContext(ctx).Should(Succeed())

		By("each private subnet having the way out of its own zone")
		ways := map[string]bool{}
		for _, facts := range factsOf(name, "ec2/routetable") {
			ways[facts["routes"]] = true
		}
		Expect(ways).To(HaveLen(4), "three gateways and the public one")
	})

	It("takes over by name what is ours when its ACK objects are lost", NodeTimeout(patience), func(ctx SpecContext) {
		before := len(world.Cloud.List(nil))
		for group, kind := range map[string]string{"iam": "Role", "eks": "Cluster", "s3": "Bucket"} {
			forget(ctx, group, kind, environment)
		}
		Eventually(func(g Gomega) {
			for group, kind := range map[string]string{"iam": "Role", "eks": "Cluster", "s3": "Bucket"} {
				g.Expect(ackObjects(ctx, group, kind, environment)).To(And(Not(BeEmpty()), HaveEach(
					WithTransform((*unstructured.Unstructured).GetAnnotations, HaveKeyWithValue("services.k8s.aws/adopted", "true")))), kind)
			}
			g.Expect(condition(ctx, edited, v1alpha1.ConditionReady)(g)).To(beReady())
		}).WithContext(ctx).Should(Succeed())
		Expect(world.Cloud.List(nil)).To(HaveLen(before))
	})

	It("leaves nothing behind but its bucket", NodeTimeout(patience), func(ctx SpecContext) {
		deleteConfirmed(ctx, edited)
		Eventually(gone(ctx, edited)).WithContext(ctx).Should(BeTrue())
		Expect(tagged(name)).To(BeEmpty())
	})
})

// editableEnvironment has one of everything that edit changes.
func editableEnvironment(name string) *v1alpha1.Environment {
	env := smallEnvironment(name, v1alpha1.CIDRAssignment{AWSRegion: "eu-west-2", CIDR: "10.60.0.0/18"})
	env.Spec.AWS.Tags = map[string]string{"Team": "core"}
	env.Spec.Network.Gossip = &v1alpha1.GossipIngress{Port: 7947, AllowFrom: []v1alpha1.CIDR{"10.0.0.0/9"}}
	env.Spec.DNS = v1alpha1.DNS{Zones: []v1alpha1.DNSZone{{Name: "aws.unkey.cloud", NameServers: []string{world.DNS.Addr()}}}}
	p := &env.Spec.Profiles[0]
	p.ControlPlane = &v1alpha1.ControlPlane{Logging: []v1alpha1.LogType{"api"}}
	p.Addons = []v1alpha1.Addon{{Name: "vpc-cni"}, {Name: "eks-pod-identity-agent"}}
	p.PodIdentities = []v1alpha1.PodIdentity{{
		Namespace: "networking", ServiceAccount: "external-dns", PolicyARNs: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"},
	}}
	p.Buckets = []v1alpha1.Bucket{{Name: "edited-logs-{{ .region }}"}}
	p.Certificates = []v1alpha1.Certificate{{Domain: "*.{{ .region }}.aws.unkey.cloud"}}
	return env
}

// edit changes everything that AWS can change in place.
func edit(spec *v1alpha1.EnvironmentSpec) {
	spec.AWS.Tags = map[string]string{"Owner": "edge"}
	spec.Network.NATGateways = v1alpha1.NATGatewaysPerZone
	spec.Network.Gossip.AllowFrom = []v1alpha1.CIDR{"10.128.0.0/9"}
	p := &spec.Profiles[0]
	p.KubernetesVersion = "1.35"
	p.ControlPlane.Logging = []v1alpha1.LogType{"api", "audit"}
	p.NodeGroups[0].Max = 3
	p.Addons[0].Configuration = `{"env":{"WARM_IP_TARGET":"2"}}`
	p.PodIdentities[0].PolicyARNs = []string{"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}
	p.Bootstrap = []v1alpha1.BootstrapItem{
		{Name: "classes", Manifests: &v1alpha1.Manifests{ConfigMapRef: &v1alpha1.LocalReference{Name: "classes"}}},
	}
}

func editEnvironment(ctx context.Context, name string, change func(*v1alpha1.EnvironmentSpec)) {
	GinkgoHelper()
	env := &v1alpha1.Environment{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: name}}
	Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(env), env)).To(Succeed())
	before := env.DeepCopy()
	change(&env.Spec)
	Expect(world.Client.Patch(ctx, env, client.MergeFrom(before))).To(Succeed())
}

// tagged is what AWS holds for a Region.
func tagged(region string) []cloud.Resource {
	return world.Cloud.List(func(r cloud.Resource) bool { return r.Tags[v1alpha1.LabelRegion] == region })
}

func factsOf(region, resourceType string) []map[string]string {
	var facts []map[string]string
	for _, r := range tagged(region) {
		if r.Type == resourceType {
			facts = append(facts, maps.Clone(r.Data))
		}
	}
	return facts
}

// tamper changes a fact of one resource in AWS behind ACK's back.
func tamper(region, resourceType, fact, value string) {
	GinkgoHelper()
	i := slices.IndexFunc(tagged(region), func(r cloud.Resource) bool { return r.Type == resourceType })
	Expect(i).To(BeNumerically(">=", 0), resourceType)
	Expect(world.Cloud.Update(tagged(region)[i].Key, func(r *cloud.Resource) {
		Expect(r.Data).To(HaveKeyWithValue(fact, Not(BeEmpty())))
		r.Data[fact] = value
	})).To(Succeed())
}

// somebodyElsesNetwork is there before us. What it has counts against quotas.
func somebodyElsesNetwork(awsRegion string) {
	GinkgoHelper()
	key := func(resourceType, id string) cloud.Key {
		return cloud.Key{Type: resourceType, Region: awsRegion, ID: id}
	}
	vpc, subnet := key("ec2/vpc", "vpc-0e15e0e15e0e15e0e"), key("ec2/subnet", "subnet-0e15e0e15e0e15e0e")
	for _, r := range []cloud.Resource{
		{Key: vpc, State: "available", Data: map[string]string{"cidr": "172.31.0.0/16"}},
		{Key: subnet, State: "available", Parents: []cloud.Key{vpc}, Data: map[string]string{"cidr": "172.31.0.0/20", "availabilityZone": awsRegion + "a"}},
		{Key: key("ec2/natgateway", "nat-0e15e0e15e0e15e0e"), State: "available", Parents: []cloud.Key{subnet}},
	} {
		Expect(world.Cloud.Create(r)).To(Succeed())
	}
}

func ackObjects(ctx context.Context, group, kind, namespace string) []*unstructured.Unstructured {
	GinkgoHelper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(ackObject(group, kind+"List", namespace, "").GroupVersionKind())
	Expect(world.Client.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
	all := make([]*unstructured.Unstructured, len(list.Items))
	for i := range list.Items {
		all[i] = &list.Items[i]
	}
	return all
}

// forget deletes ACK's objects of a kind and leaves AWS alone, as the loss of the
// management cluster would.
func forget(ctx context.Context, group, kind, namespace string) {
	GinkgoHelper()
	retain := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"services.k8s.aws/deletion-policy":"retain"}}}`))
	for _, obj := range ackObjects(ctx, group, kind, namespace) {
		Expect(world.Client.Patch(ctx, obj, retain)).To(Succeed())
		deleteConfirmed(ctx, obj)
	}
}
