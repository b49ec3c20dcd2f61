package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// expectInfrastructure looks at everything that a region of the samples consists of, in AWS
// and in its cluster.
func expectInfrastructure(ctx context.Context, name, profile string) {
	GinkgoHelper()
	r := region(fleet, name)
	Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(r), r)).To(Succeed())

	By(name + ": a plan that says what there is")
	Expect(r.Status.Plan.Checked).To(BeTrue())
	Expect(r.Status.Plan.Findings).To(BeEmpty())
	Expect(r.Status.Plan.Applications).To(HaveEach(HaveField("Revision", BeEquivalentTo(world.Revision))))

	By(name + ": a security group for gossip over TCP and UDP, on its load balancer")
	Expect(r.Status.Network.NATAddresses).NotTo(BeEmpty())
	Eventually(func() string { return resourcesOf(name, "ec2/securitygroup")[0].Data["ingressRules"] }).WithContext(ctx).Should(
		And(letsIn(othersOf(ctx, r)...), Not(ContainSubstring("0.0.0.0/0")), Not(letsIn(*r))))
	groups := resourcesOf(name, "ec2/securitygroup")
	Expect(groups).To(HaveLen(1))
	Expect(groups[0].Data["ingressRules"]).To(And(ContainSubstring(`"tcp"`), ContainSubstring(`"udp"`), ContainSubstring("7947")))
	Expect(clusterSecret(ctx, name).Annotations).To(HaveKeyWithValue(v1alpha1.AnnotationGossipSecurityGroup, groups[0].ID))
	Expect(loadBalancers(name)).To(ContainElement(HaveField("Parents", ContainElement(groups[0].Key))))

	By(name + ": roles of cluster, nodes and pods")
	Expect(resourcesOf(name, "iam/role")).To(HaveLen(6))
	associations := world.Cloud.List(func(a cloud.Resource) bool {
		return a.Type == "eks/podidentityassociation" && a.Data["cluster"] == fleet+"-"+name
	})
	Expect(associations).To(HaveLen(4))

	By(name + ": add-ons that tolerate every taint")
	addons := resourcesOf(name, "eks/addon")
	Expect(addons).To(HaveLen(6))
	Expect(addons).To(HaveEach(HaveField("State", "ACTIVE")))

	By(name + ": a bucket and an issued certificate")
	Expect(bucketOf(name)).To(HaveLen(1))
	Expect(r.Status.Certificates).To(ConsistOf(HaveField("State", "ISSUED")))
	Expect(clusterSecret(ctx, name).Annotations).To(HaveKeyWithValue(v1alpha1.AnnotationCertificatePrefix+"0", r.Status.Certificates[0].ARN))

	By(name + ": the bootstrap list")
	Expect(r.Status.Bootstrap).To(HaveEach(HaveField("State", v1alpha1.BootstrapInstalled)))
	regional := regionalClient(name)
	controller, err := regional.AppsV1().Deployments("kube-system").Get(ctx, "aws-load-balancer-controller", metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred())
	raw, err := json.Marshal(controller.Spec.Template.Spec.Containers)
	Expect(err).NotTo(HaveOccurred())
	Expect(string(raw)).To(And(ContainSubstring(fleet+"-"+name), ContainSubstring(r.Status.Network.VPCID)))

	By(name + ": traffic, where the profile has it")
	if profile != "deploy" {
		Expect(r.Status.Traffic).To(BeEmpty())
		return
	}
	Expect(r.Status.Traffic).To(ConsistOf(And(HaveField("Dial", BeEquivalentTo(100)), HaveField("Health", "HEALTHY"))))
}

func bucketOf(awsRegion string) []cloud.Resource {
	return world.Cloud.List(func(r cloud.Resource) bool { return r.Type == "s3/bucket" && r.Region == awsRegion })
}

func loadBalancers(name string) []cloud.Resource {
	return world.Cloud.List(func(r cloud.Resource) bool {
		return r.Type == "elbv2/loadbalancer" && r.Data["cluster"] == fleet+"-"+name
	})
}

// callsOf counts Portolan's own calls of an operation so far.
func callsOf(operation string) int {
	n := 0
	for _, c := range world.Cloud.Calls() {
		if c.Operation == operation && strings.Contains(c.Principal, "/portolan") {
			n++
		}
	}
	return n
}

func regionalClient(name string) *kubernetes.Clientset {
	GinkgoHelper()
	return regionalClientOf(fleet + "-" + name)
}

func regionalClientOf(cluster string) *kubernetes.Clientset {
	GinkgoHelper()
	regional, err := connectTo(cluster)
	Expect(err).NotTo(HaveOccurred())
	return regional
}

func connectTo(cluster string) (*kubernetes.Clientset, error) {
	config, ok := world.Regional(cluster)
	if !ok {
		return nil, fmt.Errorf("there is no cluster %s", cluster)
	}
	return kubernetes.NewForConfig(config)
}

var _ = Describe("A rough day", Ordered, func() {
	const environment = "rough"
	rough := newRegion(environment, "rough-1", "us-east-2")

	BeforeAll(func(ctx SpecContext) {
		newNamespace(ctx, environment)
		Expect(world.Apply(ctx, "applicationsets.yaml")).To(Succeed())
		manifests := &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: environment, Name: "classes"},
			Data:       map[string]string{"classes.yaml": "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: urgent}\nvalue: 1000\n"},
		}
		Expect(world.Client.Create(ctx, manifests)).To(Succeed())
		env := smallEnvironment(environment)
		env.Spec.Network.Pool = &v1alpha1.AddressPool{CIDRs: []v1alpha1.CIDR{"10.50.0.0/16"}, PrefixLength: 18}
		p := &env.Spec.Profiles[0]
		p.Addons = []v1alpha1.Addon{{Name: "vpc-cni"}, {Name: "eks-pod-identity-agent"}, {Name: "coredns"}}
		p.PodIdentities = []v1alpha1.PodIdentity{{
			Namespace: "networking", ServiceAccount: "external-dns", InlinePolicy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"route53:ListHostedZones","Resource":"*"}]}`,
		}}
		p.Bootstrap = []v1alpha1.BootstrapItem{
			{Name: "classes", Manifests: &v1alpha1.Manifests{ConfigMapRef: &v1alpha1.LocalReference{Name: "classes"}}},
			{Name: "platform", Helm: &v1alpha1.HelmChart{
				Repository: world.ChartRepository(), Chart: "platform", Version: "1.0.0", Namespace: "networking",
				Values: &apiextensionsv1.JSON{Raw: []byte(`{"tolerations":[{"operator":"Exists"}]}`)},
			}},
		}
		Expect(world.Client.Create(ctx, env)).To(Succeed())
		Expect(world.Client.Create(ctx, newPromotion(environment, oldRevision))).To(Succeed())
	})

	It("survives what AWS refuses, forgets, breaks and loses, and needs nobody", func(ctx SpecContext) {
		By("a role that ACK may not create, a VPC over quota, a lost VPC, a broken node group and add-on")
		world.ACK.LoseCreate("VPC")
		world.ACK.BreakNext("Nodegroup", "NodeCreationFailure", "Instances failed to join the kubernetes cluster")
		world.ACK.BreakNext("Addon", "ConfigurationConflict", "Conflicts found")
		world.ACK.Fail(ackRefusals)
		Expect(world.Client.Create(ctx, rough)).To(Succeed())

		Eventually(condition(ctx, rough, v1alpha1.RegionIdentityReady)).WithContext(ctx).Should(
			haveReason(v1alpha1.ReasonRetryingInAWS, "not authorized to perform: iam:CreateRole"))
		Expect(condition(ctx, rough, v1alpha1.ConditionReady)(Default).Status).NotTo(Equal(metav1.ConditionTrue))
		By("the permission being granted")
		world.ACK.Fail(nil)
		Eventually(condition(ctx, rough, v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady())

		By("nothing being there twice")
		for resourceType, want := range map[string]int{
			"ec2/vpc": 1, "ec2/subnet": 6, "eks/cluster": 1, "eks/nodegroup": 1, "eks/addon": 3, "iam/role": 3,
		} {
			Eventually(func() int { return count("rough-1", resourceType) }).WithContext(ctx).Should(Equal(want), resourceType)
		}
		Expect(rough.Status.Network.CIDR).To(Equal("10.50.0.0/18"), "the first block of the pool")
		Expect(rough.Status.Bootstrap).To(HaveEach(HaveField("State", v1alpha1.BootstrapInstalled)))
	})

	It("restarts the pods that started before their identity was effective", func(ctx SpecContext) {
		regional := regionalClientOf(environment + "-rough-1")
		Eventually(func(g Gomega) {
			pods, err := regional.CoreV1().Pods("networking").List(ctx, metav1.ListOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(pods.Items).NotTo(BeEmpty())
			for _, pod := range pods.Items {
				g.Expect(pod.Spec.Containers[0].Env).To(ContainElement(HaveField("Name", "AWS_CONTAINER_CREDENTIALS_FULL_URI")), pod.Name)
			}
		}).WithContext(ctx).Should(Succeed())
		Eventually(condition(ctx, rough, v1alpha1.RegionAccessReady)).WithContext(ctx).Should(beReady())
	})

	It("stands still while it is paused, and goes on afterwards", func(ctx SpecContext) {
		setPaused(ctx, rough, true)
		Eventually(condition(ctx, rough, v1alpha1.RegionPaused)).WithContext(ctx).Should(beReady())
		deleteConfirmed(ctx, addonObject(environment, "rough-rough-1-coredns"))
		Eventually(func() int { return count("rough-1", "eks/addon") }).WithContext(ctx).Should(Equal(2))
		setPaused(ctx, rough, false)
		Eventually(func() int { return count("rough-1", "eks/addon") }).WithContext(ctx).Should(Equal(3))
		Eventually(condition(ctx, rough, v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady())
		Eventually(condition(ctx, rough, v1alpha1.RegionPaused)).WithContext(ctx).Should(BeZero())
	})

	It("is only looked at while it is observed", func(ctx SpecContext) {
		observed := newRegion(environment, "looked-at", "eu-south-1")
		observed.Spec.ManagementPolicy = v1alpha1.ManagementObserve
		Expect(world.Client.Create(ctx, observed)).To(Succeed())
		Eventually(condition(ctx, observed, v1alpha1.RegionObserved)).WithContext(ctx).Should(haveReason(v1alpha1.ReasonDrifted, "would be created"))
		Expect(observed.Status.Drift).To(ContainElement(HaveField("Object", "VPC rough-looked-at")))
		Expect(observed.Status.Network.CIDR).To(Equal("10.50.64.0/18"))
		Expect(count("looked-at", "")).To(BeZero())
		Expect(observed.Finalizers).To(BeEmpty())
		deleteConfirmed(ctx, observed)
	})

	It("is taken over when its ACK objects are lost", func(ctx SpecContext) {
		vpc := world.Cloud.List(func(r cloud.Resource) bool {
			return r.Type == "ec2/vpc" && r.Tags[v1alpha1.LabelRegion] == "rough-1"
		})[0].ID
		Expect(forgetVPC(ctx, environment, "rough-rough-1")).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(condition(ctx, rough, v1alpha1.RegionNetworkReady)(g)).To(beReady())
			g.Expect(adoptedVPC(ctx, g, environment, "rough-rough-1")).To(Equal(vpc))
		}).WithContext(ctx).Should(Succeed())
		Expect(count("rough-1", "ec2/vpc")).To(Equal(1))
	})

	It("leaves nothing behind", func(ctx SpecContext) {
		deleteConfirmed(ctx, rough)
		Eventually(gone(ctx, rough)).WithContext(ctx).Should(BeTrue())
		Expect(count("rough-1", "")).To(BeZero())
	})
})

// letsIn matches the rules of a security group that has the addresses of regions.
func letsIn(regions ...v1alpha1.Region) OmegaMatcher {
	var addresses []OmegaMatcher
	for _, r := range regions {
		for _, address := range r.Status.Network.NATAddresses {
			addresses = append(addresses, ContainSubstring(`"`+address+`/32"`))
		}
	}
	return And(addresses...)
}

// othersOf are the other regions of a region's environment.
func othersOf(ctx context.Context, of *v1alpha1.Region) []v1alpha1.Region {
	GinkgoHelper()
	all := &v1alpha1.RegionList{}
	Expect(world.Client.List(ctx, all, client.InNamespace(of.Namespace))).To(Succeed())
	return slices.DeleteFunc(all.Items, func(r v1alpha1.Region) bool {
		return r.Name == of.Name || r.Spec.EnvironmentRef != of.Spec.EnvironmentRef || r.Status.Network == nil
	})
}
