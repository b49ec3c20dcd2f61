package probe

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func install(targets ...Target) Install {
	return Install{
		Ring: &v1alpha1.GossipRing{
			ObjectMeta: metav1.ObjectMeta{Name: "unkey-api", Namespace: "portolan"},
			Spec: v1alpha1.GossipRingSpec{
				Service: v1alpha1.ServiceReference{Namespace: "unkey", Name: "gossip"},
				Probe:   &v1alpha1.RingProbe{KeySecretRef: v1alpha1.SecretKeyReference{Name: "gossip-key", Key: "wan"}},
			},
		},
		Image:   "registry.example.com/portolan:v1",
		Targets: targets,
	}
}

func split(t *testing.T, i Install) (*corev1.ConfigMap, *appsv1.Deployment) {
	t.Helper()
	g, objects := NewWithT(t), i.Objects()
	g.Expect(objects).To(HaveLen(2))
	for _, o := range objects {
		g.Expect(o.GetName()).To(Equal("portolan-probe-unkey-api"))
		g.Expect(o.GetNamespace()).To(Equal("unkey"))
		g.Expect(o.GetLabels()).To(Equal(Labels("unkey-api")))
		g.Expect(o.GetObjectKind().GroupVersionKind().Kind).NotTo(BeEmpty(), "applied by kind")
	}
	return objects[0].(*corev1.ConfigMap), objects[1].(*appsv1.Deployment)
}

func TestNoProbeNoObjects(t *testing.T) {
	i := install()
	i.Ring.Spec.Probe = nil
	NewWithT(t).Expect(i.Objects()).To(BeEmpty())
}

func TestTargetsChangeTheConfigMapOnly(t *testing.T) {
	g := NewWithT(t)
	eu, us := Target{Region: "eu", Address: "eu.example.com:7947"}, Target{Region: "us", Address: "us.example.com:7947"}
	none, before := split(t, install())
	two, after := split(t, install(us, eu))
	turned, _ := split(t, install(eu, us))

	g.Expect(none.Data).To(Equal(map[string]string{"targets.json": `{"targets":[]}`}))
	g.Expect(two.Data).To(Equal(map[string]string{"targets.json": `{"targets":[` +
		`{"region":"eu","address":"eu.example.com:7947"},{"region":"us","address":"us.example.com:7947"}]}`}))
	g.Expect(turned).To(Equal(two))
	g.Expect(after).To(Equal(before), "or the probe would restart")
}

// TestTheProbeUnderstandsItsInstallation reads the arguments and files of the pod as the probe does.
func TestTheProbeUnderstandsItsInstallation(t *testing.T) {
	g := NewWithT(t)
	want := []Target{{Region: "eu", Address: "eu.example.com:7947"}}
	config, deployment := split(t, install(want...))
	pod := deployment.Spec.Template.Spec
	container := pod.Containers[0]
	g.Expect(container.Image).To(Equal("registry.example.com/portolan:v1"))
	g.Expect(container.Command).To(BeEmpty(), "the image has one")
	g.Expect(container.Args[0]).To(Equal("probe"))
	o, err := parse(container.Args[1:])
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(o.listen).To(HaveSuffix(":9391"))
	g.Expect(container.Ports[0].ContainerPort).To(BeEquivalentTo(MetricsPort))
	g.Expect(container.ReadinessProbe.HTTPGet.Path).To(Equal(MetricsPath))
	g.Expect(container.ReadinessProbe.HTTPGet.Port.StrVal).To(Equal(container.Ports[0].Name))

	mounted := func(file string) corev1.VolumeSource {
		mount := container.VolumeMounts[slices.IndexFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool {
			return m.MountPath == filepath.Dir(file)
		})]
		g.Expect(mount.ReadOnly).To(BeTrue())
		g.Expect(mount.SubPath).To(BeEmpty(), "what is mounted by sub path is never updated")
		return pod.Volumes[slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })].VolumeSource
	}
	targets := mounted(o.targetsFile).ConfigMap
	g.Expect(targets.Name).To(Equal(config.Name))
	g.Expect(targets.Items).To(ConsistOf(HaveField("Path", filepath.Base(o.targetsFile))))
	key := mounted(o.keyFile).Secret
	g.Expect(key.SecretName).To(Equal("gossip-key"))
	g.Expect(key.Items).To(ConsistOf(corev1.KeyToPath{Key: "wan", Path: filepath.Base(o.keyFile), Mode: new(int32(0o440))}))
	g.Expect(*key.Optional).To(BeTrue(), "or a probe without a key could not say so")

	f := newFiles(t, nil)
	f.write("targets.json", config.Data[targets.Items[0].Key])
	g.Expect(readTargets(f.probing.targetsFile)).To(Equal(want))
}

func TestThePodCanDoLittle(t *testing.T) {
	g := NewWithT(t)
	_, deployment := split(t, install())
	spec := deployment.Spec
	g.Expect(*spec.Replicas).To(BeEquivalentTo(1))
	g.Expect(spec.Strategy.Type).To(Equal(appsv1.RecreateDeploymentStrategyType))
	selector, err := metav1.LabelSelectorAsSelector(spec.Selector)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(selector.Matches(labels.Set(spec.Template.Labels))).To(BeTrue())

	pod := spec.Template.Spec
	g.Expect(*pod.AutomountServiceAccountToken).To(BeFalse())
	g.Expect(pod.ServiceAccountName).To(BeEmpty())
	g.Expect(*pod.SecurityContext.RunAsNonRoot).To(BeTrue())
	g.Expect(*pod.SecurityContext.FSGroup).To(Equal(*pod.SecurityContext.RunAsGroup), "who may read the key")
	g.Expect(pod.SecurityContext.SeccompProfile.Type).To(Equal(corev1.SeccompProfileTypeRuntimeDefault))
	container := pod.Containers[0].SecurityContext
	g.Expect(*container.ReadOnlyRootFilesystem).To(BeTrue())
	g.Expect(*container.AllowPrivilegeEscalation).To(BeFalse())
	g.Expect(container.Capabilities.Drop).To(ConsistOf(corev1.Capability("ALL")))
	g.Expect(container.Capabilities.Add).To(BeEmpty())
	g.Expect(pod.Containers[0].Resources.Limits).To(HaveKey(corev1.ResourceMemory))
}

func TestThePodRunsAnywhereButOnALostNode(t *testing.T) {
	cases := map[string]struct {
		taint   corev1.Taint
		forever bool
	}{
		"a taint of a pool": {taint: corev1.Taint{Key: "dedicated", Value: "gpu", Effect: corev1.TaintEffectNoSchedule}, forever: true},
		"an evicting taint": {taint: corev1.Taint{Key: "dedicated", Value: "gpu", Effect: corev1.TaintEffectNoExecute}, forever: true},
		"a node not ready":  {taint: corev1.Taint{Key: "node.kubernetes.io/not-ready", Effect: corev1.TaintEffectNoExecute}},
		"a node out of sight": {
			taint: corev1.Taint{Key: "node.kubernetes.io/unreachable", Effect: corev1.TaintEffectNoExecute},
		},
	}
	_, deployment := split(t, install())
	tolerations := deployment.Spec.Template.Spec.Tolerations
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			first := slices.IndexFunc(tolerations, func(o corev1.Toleration) bool {
				return (o.Key == "" || o.Key == tc.taint.Key) && (o.Effect == "" || o.Effect == tc.taint.Effect) &&
					o.Operator == corev1.TolerationOpExists
			})
			g.Expect(first).NotTo(Equal(-1))
			g.Expect(tolerations[first].TolerationSeconds == nil).To(Equal(tc.forever))
		})
	}
}

func TestTheKeyIsNowhere(t *testing.T) {
	g := NewWithT(t)
	_, deployment := split(t, install())
	container := deployment.Spec.Template.Spec.Containers[0]
	g.Expect(container.Env).To(BeEmpty())
	g.Expect(container.EnvFrom).To(BeEmpty())
	g.Expect(strings.Join(container.Args, " ")).NotTo(ContainSubstring("gossip-key"))
}
