// Package build makes valid objects for specs. Each function takes what the spec is
// about and edits for the rest.
package build

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
)

// What objects have unless a spec edits them.
const (
	EnvironmentName = "production001"
	ProfileName     = "standard"
	ApplicationName = "unkey-api"
	Revision        = v1alpha1.GitRevision("1111111111111111111111111111111111111111")
	NextRevision    = v1alpha1.GitRevision("2222222222222222222222222222222222222222")
)

// Environment has a block for eu-west-1 and for us-east-1 and one profile with a node
// group, an add-on and an application.
func Environment(namespace string, edits ...func(*v1alpha1.Environment)) *v1alpha1.Environment {
	return edited(&v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: EnvironmentName},
		Spec: v1alpha1.EnvironmentSpec{
			AWS: v1alpha1.AWSAccount{AccountID: "123456789012", Tags: map[string]string{"team": "platform"}},
			Network: v1alpha1.NetworkPlan{
				Assignments: []v1alpha1.CIDRAssignment{
					{AWSRegion: "eu-west-1", CIDR: "10.16.0.0/18"},
					{AWSRegion: "us-east-1", CIDR: "10.16.64.0/18"},
				},
				AvailabilityZones: 3,
			},
			Protection: v1alpha1.ProtectionNone,
			Profiles:   []v1alpha1.Profile{Profile()},
		},
	}, edits)
}

// Profile is the one of Environment.
func Profile(edits ...func(*v1alpha1.Profile)) v1alpha1.Profile {
	return *edited(&v1alpha1.Profile{
		Name:              ProfileName,
		KubernetesVersion: "1.34",
		NodeGroups:        []v1alpha1.NodeGroup{{Name: "system", InstanceTypes: []string{"m7a.large"}, Min: 1, Max: 3}},
		Addons:            []v1alpha1.Addon{{Name: "vpc-cni"}},
		Applications:      []v1alpha1.Application{{Name: ApplicationName}},
	}, edits)
}

// Region lies in the AWS region that it is named after.
func Region(namespace string, awsRegion v1alpha1.AWSRegion, edits ...func(*v1alpha1.Region)) *v1alpha1.Region {
	return edited(&v1alpha1.Region{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: string(awsRegion)},
		Spec: v1alpha1.RegionSpec{
			EnvironmentRef: v1alpha1.LocalReference{Name: EnvironmentName},
			AWSRegion:      awsRegion,
			Profile:        ProfileName,
		},
	}, edits)
}

// Ring selects every Region and uses the load balancers' own names.
func Ring(namespace, name string, edits ...func(*v1alpha1.GossipRing)) *v1alpha1.GossipRing {
	return edited(&v1alpha1.GossipRing{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.GossipRingSpec{
			EnvironmentRef: v1alpha1.LocalReference{Name: EnvironmentName},
			Service:        v1alpha1.ServiceReference{Namespace: "api", Name: "unkey-api-gossip-wan"},
			Workload: v1alpha1.RingWorkload{
				MatchLabels: map[string]string{"app.kubernetes.io/component": "unkey-api"},
				Env:         "UNKEY_GOSSIP_WAN_SEEDS",
			},
			Membership: v1alpha1.MembershipMetric{
				Port: 9090, Path: "/metrics", Metric: "unkey_gossip_members_count", Labels: map[string]string{"pool": "wan"},
			},
			Rollout: v1alpha1.RingRollout{MaxConcurrentRegions: 1},
		},
	}, edits)
}

// Promotion pins every application to Revision.
func Promotion(namespace, name string, edits ...func(*v1alpha1.Promotion)) *v1alpha1.Promotion {
	return edited(&v1alpha1.Promotion{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.PromotionSpec{
			EnvironmentRef: v1alpha1.LocalReference{Name: EnvironmentName},
			Revision:       Revision,
		},
	}, edits)
}

// Application is an Argo CD Application of a Region, healthy at the revision.
func Application(namespace, region, name string, revision v1alpha1.GitRevision) *argocd.Application {
	source := argocd.Source{RepoURL: "https://git.test/infra", Path: "charts/" + name, TargetRevision: string(revision)}
	reconciledAt := metav1.Unix(1772366400, 0)
	return &argocd.Application{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace,
			Name:      name + "-" + region,
			Labels: map[string]string{
				v1alpha1.LabelApplication: name,
				v1alpha1.LabelEnvironment: EnvironmentName,
				v1alpha1.LabelRegion:      region,
			},
		},
		Spec: argocd.ApplicationSpec{Source: &source},
		Status: argocd.ApplicationStatus{
			Sync: argocd.Sync{
				Status: "Synced", Revision: string(revision),
				ComparedTo: argocd.ComparedTo{Source: source},
			},
			Health:       argocd.Health{Status: "Healthy"},
			ReconciledAt: &reconciledAt,
			Resources:    []argocd.Resource{{Kind: "Deployment", Name: name}},
		},
	}
}

func edited[T any](obj *T, edits []func(*T)) *T {
	for _, edit := range edits {
		edit(obj)
	}
	return obj
}
