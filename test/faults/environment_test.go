package faults

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
)

// revision is of no repository that anybody looks into.
const revision = "1d9c3076d63027f5fa770b43d08a4453318b2f8e"

// classes is what the bootstrap list installs.
func classes(names ...string) *corev1.ConfigMap {
	var manifests strings.Builder
	for _, name := range names {
		fmt.Fprintf(&manifests, "---\napiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: %s}\nvalue: 1000\n", name)
	}
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: environment, Name: "classes"},
		Data:       map[string]string{"classes.yaml": manifests.String()},
	}
}

// theEnvironment has one of each thing that is made in another way than the rest, and as
// little as possible of everything.
func theEnvironment(listenerARN string) *v1alpha1.Environment {
	return &v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Namespace: environment, Name: environment},
		Spec: v1alpha1.EnvironmentSpec{
			Protection: v1alpha1.ProtectionNone,
			AWS: v1alpha1.AWSAccount{
				AccountID: bed.Account, RoleARN: "arn:aws:iam::" + bed.Account + ":role/portolan",
				Tags: map[string]string{"Team": "core"},
			},
			Network: v1alpha1.NetworkPlan{
				Assignments:       []v1alpha1.CIDRAssignment{{AWSRegion: "eu-west-1", CIDR: "10.20.0.0/18"}},
				AvailabilityZones: 2, NATGateways: v1alpha1.NATGatewaysSingle,
			},
			Secrets:           &v1alpha1.SecretSource{PrimaryRegion: "us-east-1"},
			GlobalAccelerator: &v1alpha1.GlobalAccelerator{ListenerARN: listenerARN},
			Profiles:          []v1alpha1.Profile{theProfile()},
		},
	}
}

func theProfile() v1alpha1.Profile {
	return v1alpha1.Profile{
		Name: "deploy", KubernetesVersion: "1.34",
		NodeGroups: []v1alpha1.NodeGroup{{Name: "unkey", InstanceTypes: []string{"c7a.xlarge"}, Min: 1, Max: 2}},
		Addons:     []v1alpha1.Addon{{Name: "eks-pod-identity-agent"}},
		PodIdentities: []v1alpha1.PodIdentity{{
			Namespace: "networking", ServiceAccount: "external-dns", PolicyARNs: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"},
		}},
		Bootstrap: []v1alpha1.BootstrapItem{
			{Name: "classes", Manifests: &v1alpha1.Manifests{ConfigMapRef: &v1alpha1.LocalReference{Name: "classes"}}},
		},
		GlobalTraffic: []v1alpha1.GlobalTraffic{{
			Name: "frontline", Service: v1alpha1.ServiceReference{Namespace: "frontline", Name: "frontline"}, Dial: []int32{50, 100},
		}},
		Applications: []v1alpha1.Application{{Name: "frontline"}},
		Secrets:      []string{"unkey/shared"},
	}
}

// edit changes one thing of each kind: in place, a new one, and a replacement.
func edit(spec *v1alpha1.EnvironmentSpec) {
	spec.AWS.Tags = map[string]string{"Team": "edge"}
	spec.ArgoCD.ClusterLabels = map[string]v1alpha1.LabelValue{"tier": "edge"}
	p := &spec.Profiles[0]
	p.NodeGroups[0].Max, p.NodeGroups[0].InstanceTypes = 3, []string{"c7a.2xlarge"}
	p.Addons[0].Configuration = `{"agent":{"additionalArgs":{"-v":"2"}}}`
	p.PodIdentities = append(p.PodIdentities, v1alpha1.PodIdentity{
		Namespace: "kube-system", ServiceAccount: "autoscaler", PolicyARNs: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"},
	})
	p.Secrets = append(p.Secrets, "unkey/control")
}
