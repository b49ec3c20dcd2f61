package e2e

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
)

// newNamespace makes a namespace for one container of specs.
func newNamespace(ctx context.Context, name string) {
	GinkgoHelper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	Expect(world.Client.Create(ctx, ns)).To(Succeed())
}

// smallEnvironment has one profile with one node group, one add-on and one application
// that does not gossip.
func smallEnvironment(name string, assignments ...v1alpha1.CIDRAssignment) *v1alpha1.Environment {
	return &v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: name},
		Spec: v1alpha1.EnvironmentSpec{
			AWS:     v1alpha1.AWSAccount{AccountID: bed.Account, RoleARN: "arn:aws:iam::" + bed.Account + ":role/portolan"},
			Network: v1alpha1.NetworkPlan{Assignments: assignments, NATGateways: v1alpha1.NATGatewaysSingle},
			Secrets: &v1alpha1.SecretSource{PrimaryRegion: "us-east-1"},
			Profiles: []v1alpha1.Profile{{
				Name: "base", KubernetesVersion: "1.34",
				NodeGroups:   []v1alpha1.NodeGroup{{Name: "unkey", InstanceTypes: []string{"c7a.xlarge"}, Min: 1, Max: 2}},
				Addons:       []v1alpha1.Addon{{Name: "vpc-cni"}},
				Applications: []v1alpha1.Application{{Name: "core"}},
				Secrets:      []string{"unkey/shared"},
			}},
		},
	}
}

func newRegion(environment, name string, awsRegion v1alpha1.AWSRegion) *v1alpha1.Region {
	return &v1alpha1.Region{
		ObjectMeta: metav1.ObjectMeta{Namespace: environment, Name: name},
		Spec: v1alpha1.RegionSpec{
			EnvironmentRef: v1alpha1.LocalReference{Name: environment},
			AWSRegion:      awsRegion, Profile: "base",
		},
	}
}

func newPromotion(environment string, revision v1alpha1.GitRevision) *v1alpha1.Promotion {
	return &v1alpha1.Promotion{
		ObjectMeta: metav1.ObjectMeta{Namespace: environment, Name: environment},
		Spec: v1alpha1.PromotionSpec{
			EnvironmentRef: v1alpha1.LocalReference{Name: environment}, Revision: revision,
		},
	}
}
