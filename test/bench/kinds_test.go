package main

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func parsed(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatal(err)
	}
	return o
}

func kindOf(name string) ackKind {
	return ackKinds[slices.IndexFunc(ackKinds, func(k ackKind) bool { return k.kind == name })]
}

func TestLookAtACK(t *testing.T) {
	cases := map[string]struct {
		kind, object string
		want         map[string]string
	}{
		"an ID is enough": {
			kind: "VPC", object: "status: {vpcID: vpc-1}",
			want: map[string]string{aspectID: "vpc-1", aspectAWS: "vpc-1", aspectUsable: yes},
		},
		"no ID yet": {
			kind: "VPC", object: "spec: {cidrBlocks: [10.0.0.0/18]}",
			want: map[string]string{aspectID: "", aspectAWS: ""},
		},
		"a kind without an ID is synced": {
			kind: "Role", object: "status: {ackResourceMetadata: {arn: 'arn:x'}, conditions: [{type: ACK.ResourceSynced, status: 'True'}]}",
			want: map[string]string{aspectID: "arn:x", aspectAWS: "arn:x", aspectUsable: yes},
		},
		"or is not": {
			kind: "Role", object: "status: {ackResourceMetadata: {arn: 'arn:x'}, conditions: [{type: ACK.ResourceSynced, status: 'False'}]}",
			want: map[string]string{aspectID: "arn:x", aspectAWS: "arn:x"},
		},
		"a gateway with an ID is pending": {
			kind: "NATGateway", object: "status: {natGatewayID: nat-1, state: pending}",
			want: map[string]string{aspectID: "nat-1", aspectAWS: "nat-1"},
		},
		"a cluster is named by its name": {
			kind: "Cluster", object: "{spec: {name: prod}, status: {status: ACTIVE}}",
			want: map[string]string{aspectID: "prod", aspectAWS: "prod", aspectUsable: yes},
		},
		"an add-on in the account": {
			kind: "Addon", object: "{spec: {clusterName: prod, name: coredns}, status: {status: DEGRADED}}",
			want: map[string]string{aspectID: "", aspectAWS: "prod/coredns"},
		},
		"a certificate asks for a record": {
			kind: "Certificate", object: "status: {status: PENDING_VALIDATION, ackResourceMetadata: {arn: 'arn:aws:acm:certificate/c-1'}, domainValidations: [{}, {resourceRecord: {name: _x.example.}}]}",
			want: map[string]string{aspectID: "arn:aws:acm:certificate/c-1", aspectAWS: "c-1", aspectRecord: "_x.example."},
		},
		"a record is known by its name": {
			kind: "RecordSet", object: "{spec: {name: _X.example.}, status: {id: /change/1, status: INSYNC}}",
			want: map[string]string{aspectID: "", aspectAWS: "_x.example", aspectUsable: yes},
		},
		"a route that AWS has not taken": {
			kind: "RouteTable", object: "{spec: {routes: [{natGatewayID: nat-1}]}, status: {routeTableID: rtb-1, routeStatuses: [{gatewayID: local}]}}",
			want: map[string]string{aspectID: "rtb-1", aspectAWS: "rtb-1", aspectUsable: yes, aspectWants: "nat-1", aspectRoutes: ""},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(kindOf(tc.kind).look(parsed(t, tc.object)).states).To(Equal(tc.want))
		})
	}
}

func TestNamesInSpec(t *testing.T) {
	o := parsed(t, `
metadata: {annotations: {services.k8s.aws/region: eu-west-1}}
spec: {clusterName: prod, subnets: [subnet-1, subnet-2], deep: {roleARN: arn}, size: 3, tags: [{key: Name, value: vpc-1}]}`)
	g, seen := NewWithT(t), kindOf("Nodegroup").look(o)
	g.Expect(seen.names).To(ConsistOf("prod", "subnet-1", "subnet-2", "arn"))
	g.Expect(seen.region).To(Equal(west))
}

func TestCheckedEndpoints(t *testing.T) {
	cases := map[string]struct {
		raw               string
		attached, checked bool
	}{
		"none yet":    {"", false, false},
		"empty":       {"[]", false, false},
		"not checked": {`[{"checked":true},{"checked":false}]`, true, false},
		"all checked": {`[{"checked":true}]`, true, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			attached, checked := checkedEndpoints(tc.raw)
			NewWithT(t).Expect([]bool{attached, checked}).To(Equal([]bool{tc.attached, tc.checked}))
		})
	}
}

func TestLookAtManagement(t *testing.T) {
	g := NewWithT(t)
	g.Expect(lookAtRegion(parsed(t, `
spec: {awsRegion: eu-west-1}
status: {conditions: [{type: Ready, status: "False", reason: Joining}, {type: Planned, status: "True", reason: Succeeded}]}`))).
		To(Equal(sighting{region: west, states: map[string]string{"Ready": "Joining", "Planned": "True"}}))
	g.Expect(lookAtSecret(parsed(t, `
metadata: {labels: {portolan.dev/region: eu-west-1}, annotations: {portolan.dev/wan-seeds.api: "", portolan.dev/vpc-id: vpc-1}}`))).
		To(Equal(sighting{region: west, states: map[string]string{"seeds/api": "="}}))
	g.Expect(lookAtApplication(parsed(t, `status: {sync: {status: Synced}, health: {status: Healthy}}`)).states).
		To(HaveKeyWithValue(aspectState, healthyApplication))
}

func TestLookAtDeployment(t *testing.T) {
	healthy := func() *appsv1.Deployment {
		return &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: "api", Name: "api", Generation: 2},
			Spec: appsv1.DeploymentSpec{Replicas: new(int32(2)), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				Containers: []corev1.Container{{Env: []corev1.EnvVar{{Name: "OTHER", Value: "x"}, {Name: "SEEDS", Value: "a,b"}}}},
			}}},
			Status: appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2},
		}
	}
	cases := map[string]struct {
		change func(*appsv1.Deployment)
		want   string
	}{
		"all run":         {func(*appsv1.Deployment) {}, "=a,b"},
		"not yet seen":    {func(d *appsv1.Deployment) { d.Status.ObservedGeneration = 1 }, ""},
		"one to replace":  {func(d *appsv1.Deployment) { d.Status.UpdatedReplicas = 1 }, ""},
		"one too many":    {func(d *appsv1.Deployment) { d.Status.Replicas = 3 }, ""},
		"one not ready":   {func(d *appsv1.Deployment) { d.Status.AvailableReplicas = 1 }, ""},
		"without seeds":   {func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Env = nil }, "="},
		"default of one":  {func(d *appsv1.Deployment) { d.Spec.Replicas = nil }, "=a,b"},
		"nothing to have": {func(d *appsv1.Deployment) { d.Status = appsv1.DeploymentStatus{} }, ""},
	}
	r := ring("api", "api")
	r.Spec.Workload.Env = "SEEDS"
	w := &watcher{rings: []v1alpha1.GossipRing{r}}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := healthy()
			tc.change(d)
			g := NewWithT(t)
			name, states := w.lookAtDeployment(d)
			g.Expect(name).To(Equal("api/api"))
			g.Expect(states).To(Equal(map[string]string{aspectRunning: tc.want}))
		})
	}
}

func TestLookAtService(t *testing.T) {
	g := NewWithT(t)
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "api", Name: "lb", Annotations: map[string]string{hostnameAnnotation: "a.example"}}}
	_, states := lookAtService(service)
	g.Expect(states).To(BeNil(), "no load balancer")
	service.Spec.Type = corev1.ServiceTypeLoadBalancer
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: "lb.amazonaws.com"}}
	name, states := lookAtService(service)
	g.Expect(name).To(Equal("api/lb"))
	g.Expect(states).To(Equal(map[string]string{aspectDNS: "a.example", aspectHost: "lb.amazonaws.com"}))
}

func TestMembersIn(t *testing.T) {
	metric := v1alpha1.MembershipMetric{Metric: "members", Labels: map[string]string{"pool": "wan"}}
	cases := map[string]struct {
		exposition string
		want       int
	}{
		"the pool's":   {"# TYPE members gauge\nmembers{pool=\"lan\"} 7\nmembers{pool=\"wan\"} 3\n", 3},
		"no such pool": {"# TYPE members gauge\nmembers{pool=\"lan\"} 7\n", 0},
		"nothing":      {"", 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got, err := membersIn([]byte(tc.exposition), metric)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got).To(Equal(tc.want))
		})
	}
	_, err := membersIn([]byte("members{"), metric)
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("parsing metrics")))
}
