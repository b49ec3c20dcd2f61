package e2e

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// The second half of a region's life.
var _ = Describe("Regions that are changed and closed", Ordered, func() {
	const environment = "closing"
	first, second := newRegion(environment, "closing-1", "eu-north-1"), newRegion(environment, "closing-2", "eu-west-3")

	BeforeAll(func(ctx SpecContext) {
		newNamespace(ctx, environment)
		Expect(world.Apply(ctx, "applicationsets.yaml")).To(Succeed())
		env := smallEnvironment(environment)
		env.Spec.Network.Pool = &v1alpha1.AddressPool{CIDRs: []v1alpha1.CIDR{"10.72.0.0/16"}, PrefixLength: 20}
		env.Spec.Profiles[0].Buckets = []v1alpha1.Bucket{{Name: "closing-{{ .region }}", DeletionPolicy: v1alpha1.DeletionDelete}}
		Expect(world.Client.Create(ctx, env)).To(Succeed())
		Expect(world.Client.Create(ctx, newPromotion(environment, oldRevision))).To(Succeed())
		for _, r := range []*v1alpha1.Region{first, second} {
			Expect(world.Client.Create(ctx, r)).To(Succeed())
		}
		for _, r := range []*v1alpha1.Region{first, second} {
			Eventually(condition(ctx, r, v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady())
		}
	}, NodeTimeout(patience))

	It("take a changed Environment one at a time: versions, node groups, secrets", NodeTimeout(2*patience), func(ctx SpecContext) {
		before := groupsOf(first.Name)
		editEnvironment(ctx, environment, func(spec *v1alpha1.EnvironmentSpec) {
			p := &spec.Profiles[0]
			p.KubernetesVersion = "1.36"
			p.NodeGroups[0].InstanceTypes = []string{"m7a.xlarge"}
			p.Addons[0].Configuration = `{"env":{"WARM_IP_TARGET":"2"}}`
			p.Secrets = append(p.Secrets, "unkey/control")
		})
		env := &v1alpha1.Environment{ObjectMeta: metav1.ObjectMeta{Namespace: environment, Name: environment}}
		versions := map[string][]string{}
		Eventually(func(g Gomega) {
			g.Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(env), env)).To(Succeed())
			g.Expect(changing(env)).To(BeNumerically("<=", 1), "regions that are being changed")
			for _, r := range []*v1alpha1.Region{first, second} {
				for _, facts := range factsOf(r.Name, "eks/cluster") {
					versions[r.Name] = append(versions[r.Name], facts["version"])
				}
			}
			if !slices.Contains(versions[first.Name], "1.36") {
				g.Expect(factsOf(second.Name, "eks/cluster")).To(HaveEach(HaveKeyWithValue("version", "1.34")))
			}
			g.Expect(env.Status.Revisions).To(HaveEach(HaveField("State", v1alpha1.RevisionCurrent)))
			g.Expect(env.Status.Conditions).To(ContainElement(And(HaveField("Type", v1alpha1.EnvironmentRolledOut), beReady())))
			newest := env.Status.Revisions[0].Revision
			for _, r := range []*v1alpha1.Region{first, second} {
				g.Expect(condition(ctx, r, v1alpha1.ConditionReady)(g)).To(beReady())
				g.Expect(r.Status.ProfileRevision).To(Equal(newest))
				g.Expect(r.Status.Cluster.Version).To(Equal("1.36"))
			}
		}).WithContext(ctx).WithTimeout(2 * patience).Should(Succeed())

		for _, r := range []*v1alpha1.Region{first, second} {
			Expect(slices.Compact(versions[r.Name])).To(Equal([]string{"1.34", "1.35", "1.36"}), "no minor version is left out")
			Expect(factsOf(r.Name, "eks/nodegroup")).To(ConsistOf(And(
				HaveKeyWithValue("instanceTypes", "m7a.xlarge"), HaveKeyWithValue("version", "1.36"))), "the old group is gone")
			Expect(r.Status.Secrets).To(ContainElement(And(HaveField("Name", "unkey/control"), HaveField("State", "InSync"))))
		}
		Expect(groupsOf(first.Name)).NotTo(ContainElements(before))
	})

	It("have put right what somebody edits or deletes in AWS", NodeTimeout(patience), func(ctx SpecContext) {
		// ACK looks at these once an hour only, which may be now.
		world.ACK.Pause("iam")
		world.ACK.Pause("s3")
		const nobody = `{"Version":"2012-10-17","Statement":[]}`
		bucket := cloud.Key{Type: "s3/bucket", Region: string(second.Spec.AWSRegion), ID: "closing-" + string(second.Spec.AWSRegion)}
		tamper(second.Name, "iam/role", "trust", nobody)
		Expect(world.Cloud.Delete(bucket)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(condition(ctx, second, v1alpha1.RegionInSync)(g)).To(haveReason(v1alpha1.ReasonDrifted, "is gone from AWS"))
			g.Expect(second.Status.Drift).To(ConsistOf(
				And(HaveField("Action", v1alpha1.DriftCorrect), HaveField("Message", ContainSubstring("assumeRolePolicyDocument"))),
				And(HaveField("Action", v1alpha1.DriftRecreate), HaveField("Object", HavePrefix("Bucket ")))))
		}).WithContext(ctx).WithPolling(50 * time.Millisecond).Should(Succeed())
		Expect(world.ACK.Resume("iam")).To(Succeed())
		Expect(world.ACK.Resume("s3")).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(factsOf(second.Name, "iam/role")).To(HaveEach(HaveKeyWithValue("trust", Not(Equal(nobody)))))
			_, there := world.Cloud.Get(bucket)
			g.Expect(there).To(BeTrue())
			g.Expect(condition(ctx, second, v1alpha1.RegionInSync)(g)).To(beReady())
			g.Expect(condition(ctx, second, v1alpha1.ConditionReady)(g)).To(beReady())
			g.Expect(second.Status.Drift).To(BeEmpty())
		}).WithContext(ctx).Should(Succeed())
	})

	It("are protected from a deletion by mistake", func(ctx SpecContext) {
		Expect(world.Client.Delete(ctx, region(environment, first.Name))).To(beRefused("kubectl annotate region -n closing closing-1 portolan.dev/confirm-delete=closing-1"))
		Expect(world.Client.DeleteAllOf(ctx, &v1alpha1.Region{}, client.InNamespace(environment))).To(beRefused("portolan.dev/confirm-delete"))
		Expect(world.Client.Delete(ctx, ackObject("ec2", "VPC", environment, environment+"-closing-1"))).To(beRefused("portolan.dev/confirm-delete"))
		env := &v1alpha1.Environment{ObjectMeta: metav1.ObjectMeta{Namespace: environment, Name: environment}}
		Expect(world.Client.Delete(ctx, env)).To(beRefused("portolan.dev/confirm-delete"))
	})

	It("are forgotten with deletionPolicy Retain, and taken over by a Region of the same name", NodeTimeout(patience), func(ctx SpecContext) {
		Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(second), second)).To(Succeed())
		kept := second.Status.Network.CIDR
		patchRegion(ctx, second, func(r *v1alpha1.Region) { r.Spec.DeletionPolicy = v1alpha1.DeletionRetain })
		before := keysOf(second.Name)
		Expect(world.Client.Delete(ctx, second)).To(Succeed())
		Eventually(gone(ctx, second)).WithContext(ctx).Should(BeTrue())
		Expect(keysOf(second.Name)).To(ConsistOf(before))

		again := newRegion(environment, second.Name, second.Spec.AWSRegion)
		Expect(world.Client.Create(ctx, again)).To(Succeed())
		Eventually(condition(ctx, again, v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady())
		Expect(again.Status.Network.CIDR).To(Equal(kept))
		Expect(keysOf(second.Name)).To(ConsistOf(before), "nothing was created twice, and nothing deleted")
	})

	It("name what holds them, wait, and are stuck only after the normal time", NodeTimeout(patience), func(ctx SpecContext) {
		Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(first), first)).To(Succeed())
		vpc := cloud.Key{Type: "ec2/vpc", Region: string(first.Spec.AWSRegion), ID: first.Status.Network.VPCID}
		group := cloud.Key{Type: "ec2/securitygroup", Region: vpc.Region, ID: "sg-0c105e0c105e0c105"}
		Expect(world.Cloud.Create(cloud.Resource{Key: group, Parents: []cloud.Key{vpc}, Data: map[string]string{"vpcID": vpc.ID, "name": "forgotten"}})).To(Succeed())
		bucket := cloud.Key{Type: "s3/bucket", Region: vpc.Region, ID: "closing-" + vpc.Region}
		setFact(bucket, "objects", "3")

		By("waiting for credentials that work")
		world.Revoke(true)
		deleteConfirmed(ctx, first)
		Eventually(condition(ctx, first, v1alpha1.ConditionDeleting)).WithContext(ctx).Should(
			HaveField("Message", Or(ContainSubstring("not authorized to perform"), ContainSubstring("AccessDenied"))))
		world.Revoke(false)

		By("waiting for an ACK controller that is not there")
		world.ACK.Pause("eks")
		Eventually(condition(ctx, first, v1alpha1.ConditionDeleting)).WithContext(ctx).Should(HaveField("Reason", v1alpha1.ReasonDeletingCluster))
		Eventually(condition(ctx, first, v1alpha1.ConditionStalled)).WithContext(ctx).Should(And(
			HaveField("Reason", v1alpha1.ReasonStuck), HaveField("Message", ContainSubstring("see that ACK's eks controller runs"))))
		Expect(world.ACK.Resume("eks")).To(Succeed())

		By("naming the security group that somebody forgot in the VPC")
		Eventually(func(g Gomega) {
			g.Expect(condition(ctx, first, v1alpha1.ConditionDeleting)(g)).To(And(HaveField("Reason", v1alpha1.ReasonDeletingNetwork),
				HaveField("Message", ContainSubstring(vpc.ID+" is held by security group "+group.ID))))
			g.Expect(first.Status.Deletion.Holders).To(ContainElement(And(HaveField("HeldBy", ContainSubstring(group.ID)),
				HaveField("Remedy", ContainSubstring("aws ec2 delete-security-group --region eu-north-1")))))
			g.Expect(condition(ctx, first, v1alpha1.ConditionStalled)(g)).To(HaveField("Reason", v1alpha1.ReasonStuck))
		}).WithContext(ctx).Should(Succeed())
		Expect(world.Cloud.Delete(group)).To(Succeed())

		By("deleting no data: the bucket that was asked to go waits until it is empty")
		Eventually(condition(ctx, first, v1alpha1.ConditionDeleting)).WithContext(ctx).Should(And(
			HaveField("Reason", v1alpha1.ReasonDeletingStorage), HaveField("Message", ContainSubstring("BucketNotEmpty"))))
		setFact(bucket, "objects", "0")
		Eventually(gone(ctx, first)).WithContext(ctx).Should(BeTrue())
		Expect(tagged(first.Name)).To(BeEmpty())
		_, there := world.Cloud.Get(bucket)
		Expect(there).To(BeFalse())
	})

	It("go although their API server and their Environment are gone, and what the cluster left in AWS goes with them", NodeTimeout(patience), func(ctx SpecContext) {
		cluster := environment + "-" + second.Name
		services := regionalClientOf(cluster).CoreV1().Services("default")
		_, err := services.Create(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: "orphan"},
			Spec: corev1.ServiceSpec{
				Type: corev1.ServiceTypeLoadBalancer, LoadBalancerClass: new("service.k8s.aws/nlb"),
				Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}},
			},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		ofCluster := func() []cloud.Resource {
			return world.Cloud.List(func(r cloud.Resource) bool {
				return r.Tags["elbv2.k8s.aws/cluster"] == cluster || r.Tags["cluster.k8s.amazonaws.com/name"] == cluster
			})
		}
		Eventually(ofCluster).WithContext(ctx).Should(And(
			ContainElement(HaveField("Type", "elbv2/loadbalancer")), ContainElement(HaveField("Type", "elbv2/targetgroup")),
			ContainElement(HaveField("Type", cloud.TypeInterface))))
		Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(second), second)).To(Succeed())
		vpc := cloud.Key{Type: "ec2/vpc", Region: string(second.Spec.AWSRegion), ID: second.Status.Network.VPCID}
		Expect(world.Cloud.Create(cloud.Resource{ // as the load balancer controller makes for Ingresses
			Key:     cloud.Key{Type: "ec2/securitygroup", Region: vpc.Region, ID: "sg-0b0b0b0b0b0b0b0b0"},
			Parents: []cloud.Key{vpc}, Tags: map[string]string{"elbv2.k8s.aws/cluster": cluster}, Data: map[string]string{"vpcID": vpc.ID},
		})).To(Succeed())
		world.Cloud.LeakInterfaces(cluster)
		world.CutOff(cluster)

		env := &v1alpha1.Environment{ObjectMeta: metav1.ObjectMeta{Namespace: environment, Name: environment}}
		deleteConfirmed(ctx, env)
		Eventually(func() bool { return apierrors.IsNotFound(world.Client.Get(ctx, client.ObjectKeyFromObject(env), env)) }).WithContext(ctx).Should(BeTrue())
		deleteConfirmed(ctx, region(environment, second.Name))
		Eventually(gone(ctx, second)).WithContext(ctx).Should(BeTrue())
		Expect(tagged(second.Name)).To(BeEmpty())
		Expect(ofCluster()).To(BeEmpty())
	})

	It("go at once, whatever they were at, and leave nothing", NodeTimeout(2*patience), func(ctx SpecContext) {
		env := smallEnvironment(environment)
		env.Spec.Protection = v1alpha1.ProtectionNone
		env.Spec.Network.Pool = &v1alpha1.AddressPool{CIDRs: []v1alpha1.CIDR{"10.72.0.0/16"}, PrefixLength: 20}
		Expect(world.Client.Create(ctx, env)).To(Succeed())
		at := map[*v1alpha1.Region]string{ // deleted while it waits for this
			newRegion(environment, "closing-3", "eu-north-1"):     v1alpha1.RegionPlanned,
			newRegion(environment, "closing-4", "eu-west-3"):      v1alpha1.RegionNetworkReady,
			newRegion(environment, "closing-5", "ap-northeast-2"): v1alpha1.RegionControlPlaneReady,
			newRegion(environment, "closing-6", "ap-southeast-2"): v1alpha1.RegionNodesReady,
			newRegion(environment, "closing-7", "ap-southeast-1"): v1alpha1.RegionIdentityReady,
		}
		for r := range at {
			Expect(world.Client.Create(ctx, r)).To(Succeed())
		}
		var asking sync.WaitGroup
		for r, step := range at {
			mine := region(environment, r.Name)
			asking.Go(func() {
				defer GinkgoRecover()
				Eventually(func(g Gomega) {
					c := condition(ctx, mine, step)(g)
					g.Expect(c.Reason).NotTo(Or(BeEmpty(), Equal(v1alpha1.ReasonBlocked)))
				}).WithContext(ctx).WithPolling(20 * time.Millisecond).Should(Succeed())
				Expect(world.Client.Delete(ctx, mine)).To(Succeed())
			})
		}
		asking.Wait()
		for r := range at {
			Eventually(gone(ctx, r)).WithContext(ctx).WithTimeout(patience).Should(BeTrue(), r.Name)
			Expect(tagged(r.Name)).To(BeEmpty(), r.Name)
		}

		By("making way for a Region of the same name at once")
		again := newRegion(environment, "closing-3", "eu-north-1")
		Expect(world.Client.Create(ctx, again)).To(Succeed())
		Eventually(condition(ctx, again, v1alpha1.RegionNetworkReady)).WithContext(ctx).Should(beReady())
		Expect(world.Client.Delete(ctx, again)).To(Succeed())
		Eventually(gone(ctx, again)).WithContext(ctx).Should(BeTrue())
		Expect(tagged(again.Name)).To(BeEmpty())
	})
})

func changing(env *v1alpha1.Environment) int {
	n := 0
	for _, r := range env.Status.Revisions {
		if r.State == v1alpha1.RevisionChanging {
			n++
		}
	}
	return n
}

func beRefused(remedy string) types.GomegaMatcher {
	return MatchError(And(ContainSubstring("denied request"), ContainSubstring(remedy)))
}

// groupsOf are the names that EKS gives to a region's node groups.
func groupsOf(region string) []string {
	var names []string
	for _, r := range tagged(region) {
		if r.Type == "eks/nodegroup" {
			names = append(names, r.ID[strings.LastIndex(r.ID, "/")+1:])
		}
	}
	return names
}

func keysOf(region string) []cloud.Key {
	var keys []cloud.Key
	for _, r := range tagged(region) {
		keys = append(keys, r.Key)
	}
	return keys
}

func setFact(key cloud.Key, fact, value string) {
	GinkgoHelper()
	Expect(world.Cloud.Update(key, func(r *cloud.Resource) { r.Data[fact] = value })).To(Succeed())
}

func patchRegion(ctx context.Context, r *v1alpha1.Region, change func(*v1alpha1.Region)) {
	GinkgoHelper()
	Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(r), r)).To(Succeed())
	before := r.DeepCopy()
	change(r)
	Expect(world.Client.Patch(ctx, r, client.MergeFrom(before))).To(Succeed())
}
