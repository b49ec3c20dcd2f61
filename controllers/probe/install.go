package probe

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

const (
	labelName = "app.kubernetes.io/name"
	labelRing = "portolan.dev/ring"

	targetsFolder, targetsKey = "/etc/portolan", "targets.json"
	keyFolder, keyPath        = "/etc/gossip", "key"

	volumeTargets, volumeKey = "targets", "key"
	portName                 = "metrics"

	// user is the one of the image, see Dockerfile.
	user = 65532
	// readable by the user and the group only.
	readable = 0o440
	// patience with a node that does not answer, in seconds.
	patience = 60
	// grace covers the pings that are under way, in seconds.
	grace = 5
)

// Install is a ring's probe in one region.
type Install struct {
	Ring *v1alpha1.GossipRing
	// Image is that of the manager.
	Image string
	// Targets are the endpoints of the other regions.
	Targets []Target
}

// Labels select a ring's probe among the pods of its namespace.
func Labels(ring string) map[string]string {
	return map[string]string{labelName: name, labelRing: ring}
}

// Objects returns what the regional cluster needs, ready to be applied by the server: a ConfigMap
// and a Deployment, or nothing for a ring without a probe. New targets change the ConfigMap only,
// which the running probe reads.
func (i Install) Objects() []client.Object {
	if i.Ring.Spec.Probe == nil {
		return nil
	}
	return []client.Object{i.configMap(), i.deployment()}
}

func (i Install) meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:      fmt.Sprintf("%s-%s", name, i.Ring.Name),
		Namespace: i.Ring.Spec.Service.Namespace,
		Labels:    Labels(i.Ring.Name),
	}
}

func (i Install) configMap() *corev1.ConfigMap {
	targets := slices.SortedFunc(slices.Values(i.Targets), func(a, b Target) int { return cmp.Compare(a.Region, b.Region) })
	if targets == nil {
		targets = []Target{}
	}
	text, err := json.Marshal(list{Targets: targets})
	if err != nil {
		text = []byte("{}") // texts can always be written
	}
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: i.meta(),
		Data:       map[string]string{targetsKey: string(text)},
	}
}

func (i Install) deployment() *appsv1.Deployment {
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: i.meta(),
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(1)),
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			Selector: &metav1.LabelSelector{MatchLabels: Labels(i.Ring.Name)},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: Labels(i.Ring.Name)},
				Spec:       i.pod(),
			},
		},
	}
}

func (i Install) pod() corev1.PodSpec {
	return corev1.PodSpec{
		AutomountServiceAccountToken:  new(false),
		EnableServiceLinks:            new(false),
		TerminationGracePeriodSeconds: new(int64(grace)),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:   new(true),
			RunAsUser:      new(int64(user)),
			RunAsGroup:     new(int64(user)),
			FSGroup:        new(int64(user)),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		// On any node; but that alone would tolerate a lost node for ever. The first that matches counts.
		Tolerations: []corev1.Toleration{
			lost(corev1.TaintNodeNotReady),
			lost(corev1.TaintNodeUnreachable),
			{Operator: corev1.TolerationOpExists},
		},
		Containers: []corev1.Container{i.container()},
		Volumes:    i.volumes(),
	}
}

func lost(taint string) corev1.Toleration {
	return corev1.Toleration{
		Key:               taint,
		Operator:          corev1.TolerationOpExists,
		Effect:            corev1.TaintEffectNoExecute,
		TolerationSeconds: new(int64(patience)),
	}
}

func (i Install) container() corev1.Container {
	return corev1.Container{
		Name:  "probe",
		Image: i.Image,
		Args: []string{
			"probe",
			fmt.Sprintf("--targets=%s/%s", targetsFolder, targetsKey),
			fmt.Sprintf("--key-file=%s/%s", keyFolder, keyPath),
			fmt.Sprintf("--listen=:%d", MetricsPort),
		},
		Ports: []corev1.ContainerPort{{Name: portName, ContainerPort: MetricsPort, Protocol: corev1.ProtocolTCP}},
		ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
			HTTPGet: &corev1.HTTPGetAction{Path: MetricsPath, Port: intstr.FromString(portName)},
		}},
		// No limit of CPU: throttling would show in the round-trip times.
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{
				corev1.ResourceCPU:    resource.MustParse("10m"),
				corev1.ResourceMemory: resource.MustParse("64Mi"),
			},
			Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")},
		},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			ReadOnlyRootFilesystem:   new(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: volumeTargets, MountPath: targetsFolder, ReadOnly: true},
			{Name: volumeKey, MountPath: keyFolder, ReadOnly: true},
		},
	}
}

// volumes holds one key of the Secret only. It need not exist: a probe that runs can say that the
// key is missing, and finds it once it is there.
func (i Install) volumes() []corev1.Volume {
	ref := i.Ring.Spec.Probe.KeySecretRef
	return []corev1.Volume{
		{Name: volumeTargets, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: i.meta().Name},
			Items:                []corev1.KeyToPath{{Key: targetsKey, Path: targetsKey}},
		}}},
		{Name: volumeKey, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			SecretName: ref.Name,
			Items:      []corev1.KeyToPath{{Key: ref.Key, Path: keyPath, Mode: new(int32(readable))}},
			Optional:   new(true),
		}}},
	}
}
