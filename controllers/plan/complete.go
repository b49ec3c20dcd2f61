package plan

import (
	"slices"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// addonPodIdentityAgent hands the credentials of pod identities to pods.
const addonPodIdentityAgent = "eks-pod-identity-agent"

// complete checks what may come from any profile of the chain and must come from one, and
// that what the profile asks for fits together in every region.
func complete(p v1alpha1.Profile, env *v1alpha1.Environment) error {
	hasAgent := slices.ContainsFunc(p.Addons, func(a v1alpha1.Addon) bool { return a.Name == addonPodIdentityAgent })
	switch {
	case p.KubernetesVersion == "":
		return finding(v1alpha1.ReasonInvalidProfile, "profile %s has no kubernetesVersion, nor has one that it extends", p.Name)
	case len(p.NodeGroups) == 0:
		return finding(v1alpha1.ReasonInvalidProfile, "profile %s has no nodeGroups, nor has one that it extends", p.Name)
	case len(p.Secrets) > 0 && env.Spec.Secrets == nil:
		return finding(v1alpha1.ReasonInvalidProfile, "profile %s lists secrets: set spec.secrets.primaryRegion", p.Name)
	case len(p.PodIdentities) > 0 && !hasAgent:
		return finding(v1alpha1.ReasonInvalidProfile,
			"profile %s lists podIdentities, whose pods get no credentials without the add-on %s: add it to the profile's addons", p.Name, addonPodIdentityAgent)
	}
	example := &v1alpha1.Region{}
	example.Name = "example"
	example.Spec.AWSRegion = "us-east-1"
	example.Spec.EnvironmentRef.Name = env.Name
	return (&Plan{Profile: p, Cluster: ClusterName(example)}).addProfile(env, example)
}

// addProfile adds to the plan what follows from its profile.
func (p *Plan) addProfile(env *v1alpha1.Environment, region *v1alpha1.Region) error {
	v := variables(env, region)
	var err error
	if p.NodeGroups, err = nodeGroups(p.Profile, region); err != nil {
		return err
	}
	if p.Addons, err = addons(p.Profile); err != nil {
		return err
	}
	if p.Buckets, err = buckets(p.Profile, v); err != nil {
		return err
	}
	if p.Certificates, err = certificates(p.Profile, env, v); err != nil {
		return err
	}
	if p.PodRoles, err = p.podRoles(env, region); err != nil {
		return err
	}
	p.Traffic, err = traffic(p.Profile, env)
	return err
}

// variables are those of names: what is the same for every Region of an AWS region.
func variables(env *v1alpha1.Environment, region *v1alpha1.Region) Variables {
	return Variables{"environment": env.Name, "region": string(region.Spec.AWSRegion)}
}
