package plan

import (
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Profile returns the named profile with everything that it extends merged in.
func Profile(env *v1alpha1.Environment, name string) (v1alpha1.Profile, error) {
	chain, err := extended(env, name)
	if err != nil {
		return v1alpha1.Profile{}, err
	}
	merged := v1alpha1.Profile{}
	for _, p := range slices.Backward(chain) {
		merged = merge(merged, p)
	}
	return merged, complete(merged, env)
}

// CheckProfiles reports the first profile that leads nowhere or in a circle, or that no
// Region could have. One that others extend may be a part for those only.
func CheckProfiles(env *v1alpha1.Environment) error {
	parts := map[string]bool{}
	for _, p := range env.Spec.Profiles {
		parts[p.Extends] = true
	}
	for _, p := range env.Spec.Profiles {
		_, err := extended(env, p.Name)
		if err == nil && !parts[p.Name] {
			_, err = Profile(env, p.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// extended returns the named profile and what it extends, nearest first.
func extended(env *v1alpha1.Environment, name string) ([]v1alpha1.Profile, error) {
	var seen []string
	var chain []v1alpha1.Profile
	for next := name; next != ""; {
		if slices.Contains(seen, next) {
			return nil, finding(v1alpha1.ReasonInvalidProfile,
				"profiles extend one another in a circle: %s", strings.Join(append(seen, next), " → "))
		}
		i := slices.IndexFunc(env.Spec.Profiles, func(p v1alpha1.Profile) bool { return p.Name == next })
		if i < 0 {
			return nil, missingProfile(env, next, seen)
		}
		seen = append(seen, next)
		chain = append(chain, env.Spec.Profiles[i])
		next = env.Spec.Profiles[i].Extends
	}
	return chain, nil
}

func missingProfile(env *v1alpha1.Environment, name string, path []string) error {
	var known []string
	for _, p := range env.Spec.Profiles {
		known = append(known, p.Name)
	}
	if len(path) > 0 {
		return finding(v1alpha1.ReasonInvalidProfile, "profile %s extends %s, which environment %s does not have", path[len(path)-1], name, env.Name)
	}
	return finding(v1alpha1.ReasonProfileNotFound, "environment %s has no profile %s; it has %s", env.Name, name, strings.Join(known, ", "))
}

func merge(base, over v1alpha1.Profile) v1alpha1.Profile {
	merged := v1alpha1.Profile{
		Name:              over.Name,
		KubernetesVersion: base.KubernetesVersion,
		ControlPlane:      base.ControlPlane,
		NodeGroups:        mergeByName(base.NodeGroups, over.NodeGroups, func(n v1alpha1.NodeGroup) string { return n.Name }),
		Addons:            mergeByName(base.Addons, over.Addons, func(a v1alpha1.Addon) string { return a.Name }),
		PodIdentities:     mergeByName(base.PodIdentities, over.PodIdentities, serviceAccount),
		Buckets:           mergeByName(base.Buckets, over.Buckets, func(b v1alpha1.Bucket) string { return b.Name }),
		Certificates:      mergeByName(base.Certificates, over.Certificates, func(c v1alpha1.Certificate) string { return c.Domain }),
		Bootstrap:         mergeByName(base.Bootstrap, over.Bootstrap, func(b v1alpha1.BootstrapItem) string { return b.Name }),
		GlobalTraffic:     mergeByName(base.GlobalTraffic, over.GlobalTraffic, func(g v1alpha1.GlobalTraffic) string { return g.Name }),
		Applications:      mergeByName(base.Applications, over.Applications, func(a v1alpha1.Application) string { return a.Name }),
		Secrets:           mergeByName(base.Secrets, over.Secrets, func(s string) string { return s }),
	}
	if over.KubernetesVersion != "" {
		merged.KubernetesVersion = over.KubernetesVersion
	}
	if over.ControlPlane != nil { // whole: half of another profile's access rules would surprise
		merged.ControlPlane = over.ControlPlane
	}
	return merged
}

// serviceAccount is what a pod identity is for; neither part of it can hold a slash.
func serviceAccount(p v1alpha1.PodIdentity) string { return p.Namespace + "/" + p.ServiceAccount }

// mergeByName keeps base's order, replaces entries of the same name and appends the others.
func mergeByName[T any](base, over []T, name func(T) string) []T {
	merged := slices.Clone(base)
	for _, o := range over {
		if i := slices.IndexFunc(merged, func(b T) bool { return name(b) == name(o) }); i >= 0 {
			merged[i] = o
		} else {
			merged = append(merged, o)
		}
	}
	return merged
}
