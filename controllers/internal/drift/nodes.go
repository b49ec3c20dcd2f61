package drift

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

func atNodegroup(ctx context.Context, l *look, obj client.Object) {
	group := obj.(*eks.Nodegroup)
	cluster, name := *group.Spec.ClusterName, *group.Spec.Name
	compareOne(l, group, inCluster(cluster, name), func() (aws.Nodegroup, error) {
		return l.DescribeNodegroup(ctx, l.roleARN, l.region, cluster, name)
	}, func(known aws.Nodegroup) []string { return compareNodegroup(group, known) })
}

// compareNodegroup leaves the desired size alone, which is an autoscaler's.
func compareNodegroup(g *eks.Nodegroup, known aws.Nodegroup) []string {
	if fields, busy := changing(known.Status); busy {
		return fields
	}
	fields := set("labels", lacks, labelTexts(known.Labels), labelTexts(pairs(g.Spec.Labels)))
	if scaling := g.Spec.ScalingConfig; scaling != nil {
		fields = append(fields, value("minSize", known.MinSize, scaling.MinSize)...)
		fields = append(fields, value("maxSize", known.MaxSize, scaling.MaxSize)...)
	}
	have := make([]string, len(known.Taints))
	for i, t := range known.Taints {
		have[i] = taintText(t)
	}
	want := make([]string, len(g.Spec.Taints))
	for i, t := range g.Spec.Taints {
		want[i] = taintText(aws.Taint{Key: ptr.Deref(t.Key, ""), Value: ptr.Deref(t.Value, ""), Effect: ptr.Deref(t.Effect, "")})
	}
	fields = append(fields, set("taints", lacks, have, want)...)
	return append(fields, tags(known.Tags, pairs(g.Spec.Tags))...)
}

func labelTexts(labels map[string]string) []string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, key+"="+labels[key])
	}
	return all
}

func taintText(t aws.Taint) string { return fmt.Sprintf("%s=%s:%s", t.Key, t.Value, t.Effect) }

func atAddon(ctx context.Context, l *look, obj client.Object) {
	addon := obj.(*eks.Addon)
	cluster, name := *addon.Spec.ClusterName, *addon.Spec.Name
	compareOne(l, addon, inCluster(cluster, name), func() (aws.Addon, error) {
		return l.DescribeAddon(ctx, l.roleARN, l.region, cluster, name)
	}, func(known aws.Addon) []string { return compareAddon(addon, known) })
}

func compareAddon(a *eks.Addon, known aws.Addon) []string {
	if fields, busy := changing(known.Status); busy {
		return fields
	}
	fields := value("addonVersion", known.Version, a.Spec.AddonVersion)
	if want := a.Spec.ConfigurationValues; want != nil && !sameConfiguration(known.Configuration, *want) {
		fields = append(fields, "configurationValues: AWS has others")
	}
	return append(fields, tags(known.Tags, pairs(a.Spec.Tags))...)
}

func inCluster(cluster, name string) string { return cluster + "/" + name }

func atAccessEntry(ctx context.Context, l *look, obj client.Object) {
	entry := obj.(*eks.AccessEntry)
	principal := *entry.Spec.PrincipalARN
	compareOne(l, entry, principal, func() ([]aws.AccessPolicy, error) {
		return l.AccessPolicies(ctx, l.roleARN, l.region, *entry.Spec.ClusterName, principal)
	}, func(known []aws.AccessPolicy) []string { return compareAccess(entry, known) })
}

func compareAccess(e *eks.AccessEntry, known []aws.AccessPolicy) []string {
	have := make([]string, len(known))
	for i, p := range known {
		have[i] = accessText(p)
	}
	want := make([]string, len(e.Spec.AccessPolicies))
	for i, p := range e.Spec.AccessPolicies {
		policy := aws.AccessPolicy{ARN: ptr.Deref(p.PolicyARN, "")}
		if p.AccessScope != nil {
			policy.Scope, policy.Namespaces = ptr.Deref(p.AccessScope.Type, ""), texts(p.AccessScope.Namespaces)
		}
		want[i] = accessText(policy)
	}
	return set("accessPolicies", lacks, have, want)
}

func accessText(p aws.AccessPolicy) string {
	if p.Scope != "namespace" {
		return p.ARN
	}
	return p.ARN + " for namespaces " + strings.Join(without(p.Namespaces, nil), " ")
}

func atPodIdentity(ctx context.Context, l *look, obj client.Object) {
	association := obj.(*eks.PodIdentityAssociation)
	id := *association.Status.AssociationID
	compareOne(l, association, id, func() (aws.PodIdentity, error) {
		return l.DescribePodIdentity(ctx, l.roleARN, l.region, *association.Spec.ClusterName, id)
	}, func(known aws.PodIdentity) []string {
		return append(value("roleARN", known.RoleARN, association.Spec.RoleARN), tags(known.Tags, pairs(association.Spec.Tags))...)
	})
}
