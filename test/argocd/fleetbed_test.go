package argocd

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
	"github.com/portolan-dev/portolan/test/simulator/git"
)

const (
	// fleetName is the environment that the operator keeps.
	fleetName = "production002"
	seedsEnv  = "UNKEY_GOSSIP_WAN_SEEDS"
)

// gossiping is the chart of an application that gossips, as the simulated nodes run one.
const gossiping = `apiVersion: apps/v1
kind: Deployment
metadata: {name: unkey-api}
spec:
  replicas: 2
  strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}
  selector: {matchLabels: {app.kubernetes.io/component: unkey-api}}
  template:
    metadata:
      labels: {app.kubernetes.io/component: unkey-api}
      annotations: {simulator.portolan.dev/workload: gossip}
    spec:
      containers:
        - name: unkey-api
          image: ghcr.io/unkeyed/unkey-api:{{ .Values.release }}
          env:
            - {name: UNKEY_REGION, value: {{ .Values.region | quote }}}
            - {name: UNKEY_GOSSIP_WAN_SEEDS, value: {{ .Values.env.UNKEY_GOSSIP_WAN_SEEDS | quote }}}
          ports:
            - {name: gossip-wan, containerPort: 7947, protocol: TCP}
            - {name: gossip-wan-udp, containerPort: 7947, protocol: UDP}
            - {name: metrics, containerPort: 9090, protocol: TCP}
---
apiVersion: v1
kind: Service
metadata:
  name: unkey-api-gossip-wan
  annotations:
    external-dns.alpha.kubernetes.io/hostname: unkey-api-gossip.{{ .Values.region }}.aws.unkey.cloud
    service.beta.kubernetes.io/aws-load-balancer-type: external
    service.beta.kubernetes.io/aws-load-balancer-scheme: internet-facing
    service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip
    service.beta.kubernetes.io/aws-load-balancer-enable-tcp-udp-listener: "true"
    service.beta.kubernetes.io/aws-load-balancer-security-groups: {{ .Values.gossip.securityGroup | quote }}
spec:
  type: LoadBalancer
  selector: {app.kubernetes.io/component: unkey-api}
  ports:
    - {name: gossip-wan, port: 7947, targetPort: 7947, protocol: TCP}
    - {name: gossip-wan-udp, port: 7947, targetPort: 7947, protocol: UDP}
`

// fleet is an environment of which everything is in git: Argo CD applies it, the operator builds
// it, and Argo CD deploys to what was built.
type fleet struct {
	*git.Repository

	promotion *v1alpha1.Promotion // as git has it
	journal   *journal
}

// change commits files, with the configuration of regions.
func (f *fleet) change(message string, files map[string]string, regions ...string) string {
	GinkgoHelper()
	all := map[string]string{}
	maps.Copy(all, files)
	for _, region := range regions {
		all[chart+"/environments/"+fleetName+"/"+region+".yaml"] = "region: " + region + "\n"
	}
	revision, err := f.Commit(all, message)
	Expect(err).NotTo(HaveOccurred())
	return revision
}

// release is a change that replaces the pods.
func release(name string) map[string]string {
	return map[string]string{chart + "/values.yaml": "release: " + name + "\n"}
}

// declare commits an object of the fleet.
func (f *fleet) declare(obj client.Object) {
	GinkgoHelper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	Expect(err).NotTo(HaveOccurred())
	u := &unstructured.Unstructured{Object: content}
	gvk, err := hub.GroupVersionKindFor(obj)
	Expect(err).NotTo(HaveOccurred())
	u.SetGroupVersionKind(gvk)
	delete(u.Object, "status")
	unstructured.RemoveNestedField(u.Object, "metadata", "creationTimestamp")
	raw, err := yaml.Marshal(u.Object)
	Expect(err).NotTo(HaveOccurred())
	path := fmt.Sprintf("%s/%s-%s.yaml", fleetName, strings.ToLower(gvk.Kind), obj.GetName())
	_, err = f.Commit(map[string]string{path: string(raw)}, "Declare "+path)
	Expect(err).NotTo(HaveOccurred())
}

// asks changes the Promotion where its users do.
func (f *fleet) asks(ctx context.Context, change func(*v1alpha1.PromotionSpec)) {
	GinkgoHelper()
	change(&f.promotion.Spec)
	f.declare(f.promotion)
	refresh(ctx, fleetApp)
}

// pinsFor asks for a revision.
func pinsFor(revision string) func(*v1alpha1.PromotionSpec) {
	return func(spec *v1alpha1.PromotionSpec) { spec.Revision = v1alpha1.GitRevision(revision) }
}

// fleetApp is the sample's Application of what is in git.
const fleetApp = "fleet-" + fleetName

// deploy gives Argo CD what its users do: the health scripts, the fleet and an ApplicationSet.
func (f *fleet) deploy(ctx context.Context) {
	GinkgoHelper()
	teachHealth(ctx)
	Expect(hub.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fleetName}})).To(Succeed())
	Expect(hub.Create(ctx, inGit(fleetName, f.Repository))).To(Succeed())
	set := deploying(fleetName, f.Repository)
	set.SetName(fleetName + "-" + api)
	Expect(unstructured.SetNestedField(set.Object, appOf(`{{ index .metadata.labels "portolan.dev/region" }}`), "spec", "template", "metadata", "name")).To(Succeed())
	Expect(hub.Create(ctx, set)).To(Succeed())
}

// appOf is the Application of a region.
func appOf(region string) string { return fleetName + "-" + api + "-" + region }

// environmentOfFleet has one application that gossips, and its configuration in git.
func environmentOfFleet(repository string) *v1alpha1.Environment {
	return &v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Namespace: fleetName, Name: fleetName},
		Spec: v1alpha1.EnvironmentSpec{
			AWS: v1alpha1.AWSAccount{AccountID: bed.Account, RoleARN: "arn:aws:iam::" + bed.Account + ":role/portolan"},
			Network: v1alpha1.NetworkPlan{
				Pool:        &v1alpha1.AddressPool{CIDRs: []v1alpha1.CIDR{"10.100.0.0/16"}, PrefixLength: 19},
				NATGateways: v1alpha1.NATGatewaysSingle,
				Gossip:      &v1alpha1.GossipIngress{Port: 7947, AllowFrom: []v1alpha1.CIDR{"0.0.0.0/0"}},
			},
			DNS: v1alpha1.DNS{Zones: []v1alpha1.DNSZone{{Name: "aws.unkey.cloud", NameServers: []string{world.DNS.Addr()}}}},
			ArgoCD: v1alpha1.ArgoCD{
				RoleARN: "arn:aws:iam::" + bed.Account + ":role/argocd",
				Repository: &v1alpha1.ConfigRepository{
					URL:         repository,
					ConfigFiles: []string{"eks-cluster/helm-chart/{{ .application }}/environments/{{ .environment }}/{{ .region }}.yaml"},
				},
			},
			Profiles: []v1alpha1.Profile{{
				Name: "base", KubernetesVersion: "1.34",
				NodeGroups:   []v1alpha1.NodeGroup{{Name: "unkey", InstanceTypes: []string{"c7a.xlarge"}, Min: 2, Max: 3}},
				Addons:       []v1alpha1.Addon{{Name: "vpc-cni"}},
				Applications: []v1alpha1.Application{{Name: api}},
			}},
		},
	}
}

func ringOfFleet() *v1alpha1.GossipRing {
	return &v1alpha1.GossipRing{
		ObjectMeta: metav1.ObjectMeta{Namespace: fleetName, Name: api},
		Spec: v1alpha1.GossipRingSpec{
			EnvironmentRef: v1alpha1.LocalReference{Name: fleetName},
			Service:        v1alpha1.ServiceReference{Namespace: "api", Name: "unkey-api-gossip-wan"},
			Endpoint:       &v1alpha1.RingEndpoint{Hostname: "unkey-api-gossip.{{ .region }}.aws.unkey.cloud"},
			Workload:       v1alpha1.RingWorkload{MatchLabels: map[string]string{"app.kubernetes.io/component": api}, Env: seedsEnv},
			Membership:     v1alpha1.MembershipMetric{Port: 9090, Metric: "unkey_gossip_members_count", Labels: map[string]string{"pool": "wan"}},
		},
	}
}

func regionOfFleet(name string) *v1alpha1.Region {
	return &v1alpha1.Region{
		ObjectMeta: metav1.ObjectMeta{Namespace: fleetName, Name: name},
		Spec: v1alpha1.RegionSpec{
			EnvironmentRef: v1alpha1.LocalReference{Name: fleetName}, AWSRegion: v1alpha1.AWSRegion(name), Profile: "base",
		},
	}
}

// conditioned is any of our kinds.
type conditioned interface {
	client.Object
	GetConditions() *[]metav1.Condition
}

// is reads a condition of an object of the fleet, freshly.
func is[T conditioned](ctx context.Context, obj T, name, conditionType string) func(Gomega) metav1.Condition {
	return func(g Gomega) metav1.Condition {
		g.Expect(hub.Get(ctx, client.ObjectKey{Namespace: fleetName, Name: name}, obj)).To(Succeed())
		if c := meta.FindStatusCondition(*obj.GetConditions(), conditionType); c != nil {
			return *c
		}
		return metav1.Condition{}
	}
}

// running is the Deployment of a region, as its nodes run it.
func running(ctx context.Context, region string) func(Gomega) *appsv1.Deployment {
	return func(g Gomega) *appsv1.Deployment {
		config, found := world.Regional(fleetName + "-" + region)
		g.Expect(found).To(BeTrue(), "cluster of %s", region)
		regional, err := client.New(config, client.Options{})
		g.Expect(err).NotTo(HaveOccurred())
		d := &appsv1.Deployment{}
		g.Expect(regional.Get(ctx, client.ObjectKey{Namespace: "api", Name: api}, d)).To(Succeed())
		return d
	}
}

func imageOf(d *appsv1.Deployment) string { return d.Spec.Template.Spec.Containers[0].Image }

func seedsOf(d *appsv1.Deployment) string {
	for _, v := range d.Spec.Template.Spec.Containers[0].Env {
		if v.Name == seedsEnv {
			return v.Value
		}
	}
	return ""
}

// seeds of a region are the endpoints of the others, sorted.
func seeds(region string, of ...string) string {
	var others []string
	for _, other := range of {
		if other != region {
			others = append(others, "unkey-api-gossip."+other+".aws.unkey.cloud")
		}
	}
	slices.Sort(others)
	return strings.Join(others, ",")
}

func newFleet(dir string) *fleet {
	GinkgoHelper()
	return &fleet{Repository: serveRepository(filepath.Join(dir, fleetName+".git")), promotion: &v1alpha1.Promotion{
		ObjectMeta: metav1.ObjectMeta{Namespace: fleetName, Name: fleetName},
		Spec: v1alpha1.PromotionSpec{
			EnvironmentRef: v1alpha1.LocalReference{Name: fleetName},
			OnFailure:      v1alpha1.FailureRollback,
		},
	}}
}

// withDeadline is how long a region may take.
func withDeadline(d time.Duration) func(*v1alpha1.PromotionSpec) {
	return func(spec *v1alpha1.PromotionSpec) { spec.Gates.ProgressDeadline = &metav1.Duration{Duration: d} }
}

// progressOf is how far a region has come in the rollout, freshly.
func progressOf(ctx context.Context, region string) func(Gomega) v1alpha1.RegionProgress {
	return func(g Gomega) v1alpha1.RegionProgress {
		p := &v1alpha1.Promotion{}
		g.Expect(hub.Get(ctx, client.ObjectKey{Namespace: fleetName, Name: fleetName}, p)).To(Succeed())
		g.Expect(p.Status.Rollout).NotTo(BeNil())
		for _, wave := range p.Status.Rollout.Waves {
			for _, r := range wave.Regions {
				if r.Region == region {
					return r
				}
			}
		}
		return v1alpha1.RegionProgress{}
	}
}

// connectionOf is how a cluster Secret says that its cluster is reached.
func connectionOf(secret *corev1.Secret) map[string]any {
	GinkgoHelper()
	var connection map[string]any
	Expect(json.Unmarshal(secret.Data["config"], &connection)).To(Succeed())
	return connection
}
