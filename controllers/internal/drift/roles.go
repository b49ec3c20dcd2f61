package drift

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

// atRoles asks for the policies of a role one by one: each needs a permission of its own,
// and what one of them hides the others may tell.
func atRoles(ctx context.Context, l *look, objects []client.Object) {
	for _, role := range of[*iam.Role](objects) {
		name := ptr.Deref(role.Spec.Name, "")
		compareOne(l, role, name, func() (aws.Role, error) { return l.DescribeRole(ctx, l.roleARN, name) },
			func(known aws.Role) []string {
				return slices.Concat(compareTrust(role, known), l.attached(ctx, role, name), l.inline(ctx, role, name))
			})
	}
}

func compareTrust(role *iam.Role, known aws.Role) []string {
	wanted := make(map[string]string, len(role.Spec.Tags))
	for _, t := range role.Spec.Tags {
		wanted[t.Key] = t.Value
	}
	fields := tags(known.Tags, wanted)
	if want := role.Spec.AssumeRolePolicyDocument; want != nil && !samePolicy(known.Trust, *want) {
		fields = append(fields, "assumeRolePolicyDocument: AWS has another")
	}
	return fields
}

// attached compares all attached policies: ACK detaches those that the object does not have.
func (l *look) attached(ctx context.Context, role *iam.Role, name string) []string {
	if l.halted {
		return nil
	}
	have, err := l.AttachedPolicies(ctx, l.roleARN, name)
	if aws.ClassOf(err) == aws.NotFound || l.failed(err) {
		return nil // deleted since it was described: the next look tells
	}
	return set("policies", lacks, have, texts(role.Spec.Policies))
}

// inline compares all policies of the role's own, which are the object's alone as well.
func (l *look) inline(ctx context.Context, role *iam.Role, name string) []string {
	if l.halted {
		return nil
	}
	have, err := l.InlinePolicies(ctx, l.roleARN, name)
	if aws.ClassOf(err) == aws.NotFound || l.failed(err) {
		return nil
	}
	want := role.Spec.InlinePolicies
	var other []string
	for policy, document := range want {
		if found, ok := have[policy]; ok && !samePolicy(found, document) {
			other = append(other, policy)
		}
	}
	fields := set("inlinePolicies", lacks, slices.Collect(maps.Keys(have)), slices.Collect(maps.Keys(want)))
	if len(other) > 0 {
		slices.Sort(other)
		fields = append(fields, fmt.Sprintf("inlinePolicies: AWS has another %s", strings.Join(other, ", ")))
	}
	return fields
}
