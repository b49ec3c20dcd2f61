package argocd

import (
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func TestShippedApplicationSetsRender(t *testing.T) {
	cases := map[string]struct {
		profile string
		want    map[string][]string
	}{
		"a base region runs no frontline": {
			profile: "base",
			want:    map[string][]string{"unkey-api": {"unkey-api-eu"}, "core": {"core-eu"}, "frontline": nil},
		},
		"a deploy region runs everything": {
			profile: "deploy",
			want:    map[string][]string{"unkey-api": {"unkey-api-eu"}, "core": {"core-eu"}, "frontline": {"frontline-eu"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			secret := clusterSecret("argocd", "eu")
			secret.Labels["profile"] = tc.profile
			got := map[string][]string{}
			for set, object := range sampleSets(g) {
				apps, err := generate(object, []corev1.Secret{*secret})
				g.Expect(err).NotTo(HaveOccurred())
				got[set] = nil
				for _, app := range apps {
					got[set] = append(got[set], app.GetName())
				}
			}
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestShippedApplicationSetRendersExactly(t *testing.T) {
	g := NewWithT(t)
	secret := clusterSecret("argocd", "eu")
	secret.Annotations["portolan.dev/wan-seeds.frontline"] = "a.example,b.example"
	apps, err := generate(sampleSets(g)["frontline"], []corev1.Secret{*secret})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(apps).To(HaveLen(1))
	g.Expect(apps[0].GetLabels()).To(Equal(map[string]string{
		"portolan.dev/application": "frontline", "portolan.dev/environment": "production001", "portolan.dev/region": "eu",
	}))
	g.Expect(apps[0].GetNamespace()).To(Equal("argocd"))
	g.Expect(apps[0].GetFinalizers()).To(ConsistOf(resourcesFinalizer))
	g.Expect(apps[0].Object["spec"]).To(Equal(map[string]any{
		"project":     "default",
		"destination": map[string]any{"name": "production001-eu", "namespace": "frontline"},
		"source": map[string]any{
			"repoURL":        "https://github.com/unkeyed/infra",
			"path":           "eks-cluster/helm-chart/frontline",
			"targetRevision": sha('b'),
			"helm": map[string]any{
				"ignoreMissingValueFiles": true,
				"valueFiles":              []any{"environments/production001/eu-west-1.yaml"},
				"valuesObject": map[string]any{
					"env":    map[string]any{"UNKEY_GOSSIP_WAN_SEEDS": "a.example,b.example"},
					"gossip": map[string]any{"securityGroup": ""},
				},
			},
		},
		"syncPolicy": map[string]any{
			"automated":   map[string]any{"prune": true, "selfHeal": true},
			"retry":       map[string]any{"limit": int64(5), "backoff": map[string]any{"duration": "10s", "factor": int64(2), "maxDuration": "3m"}},
			"syncOptions": []any{"CreateNamespace=true", "ServerSideApply=true"},
		},
	}))
}

func TestRenderText(t *testing.T) {
	labels := map[string]string{"region": "eu-west-1"}
	withoutAnnotations := map[string]any{"name": "eu", "metadata": map[string]any{"labels": labels}}
	cases := map[string]struct {
		text      string
		want      string
		wantError string
	}{
		"plain text":                        {text: "plain", want: "plain"},
		"a label":                           {text: "{{ .metadata.labels.region }}", want: "eu-west-1"},
		"sprig":                             {text: "{{ .name | upper }}", want: "EU"},
		"an absent label by index":          {text: `{{ index .metadata.labels "absent" }}`, want: ""},
		"an absent label by field":          {text: "{{ .metadata.labels.absent }}", wantError: `no entry for key "absent"`},
		"annotations of a Secret with none": {text: `{{ index .metadata.annotations "a" }}`, wantError: `no entry for key "annotations"`},
		"the environment of the process":    {text: `{{ env "HOME" }}`, wantError: `function "env" not defined`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got, err := renderText(tc.text, []string{"missingkey=error"}, withoutAnnotations)
			if tc.wantError != "" {
				g.Expect(err).To(MatchError(ContainSubstring(tc.wantError)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestGossipCharts(t *testing.T) {
	for _, name := range []string{"unkey-api", "frontline"} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			source := map[string]any{
				"path": "eks-cluster/helm-chart/" + name, "targetRevision": sha('a'),
				"helm": map[string]any{"valuesObject": map[string]any{"env": map[string]any{"UNKEY_GOSSIP_WAN_SEEDS": "a,b"}}},
			}
			objects, err := manifests(source, "eu-west-1", name+"-eu")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(len(objects)).To(BeNumerically(">=", 2), "frontline also has a public Service")
			deployment, service := &appsv1.Deployment{}, &corev1.Service{}
			g.Expect(runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(objects[0].Object, deployment, true)).To(Succeed())
			g.Expect(runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(objects[1].Object, service, true)).To(Succeed())

			pod := deployment.Spec.Template
			g.Expect(seedsOf(deployment)).To(Equal("a,b"))
			g.Expect(*deployment.Spec.Replicas).To(Equal(int32(2)))
			g.Expect(pod.Annotations).To(HaveKeyWithValue("simulator.portolan.dev/workload", "gossip"))
			g.Expect(pod.Labels).To(HaveKeyWithValue("app.kubernetes.io/component", name))
			g.Expect(pod.Spec.Tolerations).To(ConsistOf(HaveField("Key", "node-class")))
			g.Expect(pod.Spec.Containers[0].Ports).To(ConsistOf(
				And(HaveField("Name", "gossip-wan"), HaveField("ContainerPort", int32(7947)), HaveField("Protocol", corev1.ProtocolTCP)),
				And(HaveField("Name", "gossip-wan-udp"), HaveField("ContainerPort", int32(7947)), HaveField("Protocol", corev1.ProtocolUDP)),
				And(HaveField("Name", "metrics"), HaveField("ContainerPort", int32(9090)))))
			g.Expect(service.Name).To(Equal(name + "-gossip-wan"))
			g.Expect(service.Spec.Type).To(Equal(corev1.ServiceTypeLoadBalancer))
			g.Expect(service.Spec.Ports).To(ConsistOf(
				And(HaveField("Name", "gossip-wan"), HaveField("Port", int32(7947)), HaveField("Protocol", corev1.ProtocolTCP)),
				And(HaveField("Name", "gossip-wan-udp"), HaveField("Port", int32(7947)), HaveField("Protocol", corev1.ProtocolUDP))))
			g.Expect(service.Spec.Selector).To(Equal(deployment.Spec.Selector.MatchLabels))
			g.Expect(service.Annotations).To(HaveKeyWithValue("external-dns.alpha.kubernetes.io/hostname", name+"-gossip.eu-west-1.aws.unkey.cloud"))
		})
	}
}

func TestGossipChartsEnvironment(t *testing.T) {
	region := corev1.EnvVar{Name: "UNKEY_REGION", Value: "eu-west-1"}
	seeds := corev1.EnvVar{Name: "UNKEY_GOSSIP_WAN_SEEDS", Value: "a,b"}
	key := corev1.EnvVar{Name: "UNKEY_GOSSIP_SECRET_KEY", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: "gossip-key"}, Key: "key",
	}}}
	referred := corev1.EnvVar{Name: seeds.Name, ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: "gossip-seeds"}, Key: "seeds",
	}}}
	given := map[string]any{"UNKEY_GOSSIP_WAN_SEEDS": "a,b"}
	cases := map[string]struct {
		values map[string]any
		want   []corev1.EnvVar
	}{
		"by default": {values: map[string]any{"env": given}, want: []corev1.EnvVar{region, seeds}},
		"with the key from a Secret": {
			values: map[string]any{"env": given, "gossip": map[string]any{"keySecret": "gossip-key"}},
			want:   []corev1.EnvVar{region, seeds, key},
		},
		"with the seeds from a ConfigMap": {
			values: map[string]any{"gossip": map[string]any{"seedsConfigMap": map[string]any{"name": "gossip-seeds", "key": "seeds"}}},
			want:   []corev1.EnvVar{region, referred},
		},
		"with more": {
			values: map[string]any{"env": map[string]any{"UNKEY_GOSSIP_WAN_SEEDS": "a,b", "UNKEY_GOSSIP_PEER_METRIC": "true"}},
			want:   []corev1.EnvVar{region, seeds, {Name: "UNKEY_GOSSIP_PEER_METRIC", Value: "true"}},
		},
	}
	for _, chart := range []string{"unkey-api", "frontline"} {
		for name, tc := range cases {
			t.Run(chart+" "+name, func(t *testing.T) {
				g := NewWithT(t)
				source := map[string]any{"path": "charts/" + chart, "helm": map[string]any{"valuesObject": tc.values}}
				objects, err := manifests(source, "eu-west-1", chart+"-eu")
				g.Expect(err).NotTo(HaveOccurred())
				deployment := &appsv1.Deployment{}
				g.Expect(runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(objects[0].Object, deployment, true)).To(Succeed())
				g.Expect(deployment.Spec.Template.Spec.Containers[0].Env).To(Equal(tc.want))
			})
		}
	}
}
