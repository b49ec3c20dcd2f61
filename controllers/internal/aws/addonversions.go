package aws

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/portolan-dev/portolan/controllers/plan"
)

type addonKey struct {
	session
	addon, kubernetes string
}

// AddonVersions returns the versions of EKS add-ons that go with a Kubernetes version,
// newest first, by add-on. An add-on that EKS does not know, or not for that version, has
// none. It needs eks:DescribeAddonVersions. Answers are remembered for ten minutes.
func (s *Sessions) AddonVersions(ctx context.Context, roleARN, region, kubernetesVersion string, addons ...string) (map[string][]plan.AddonVersion, error) {
	offered := make(map[string][]plan.AddonVersion, len(addons))
	for _, addon := range addons {
		key := addonKey{session: session{roleARN: roleARN, region: region}, addon: addon, kubernetes: kubernetesVersion}
		versions, err := s.addonVersions.get(ctx, key, func(ctx context.Context) ([]plan.AddonVersion, error) {
			return s.in(roleARN, region).addonVersions(ctx, addon, kubernetesVersion)
		})
		if err != nil {
			return nil, err
		}
		offered[addon] = slices.Clone(versions)
	}
	return offered, nil
}

func (c *clients) addonVersions(ctx context.Context, addon, kubernetes string) ([]plan.AddonVersion, error) {
	infos, err := collect(ctx,
		eks.NewDescribeAddonVersionsPaginator(c.eks, &eks.DescribeAddonVersionsInput{AddonName: &addon, KubernetesVersion: &kubernetes}),
		func(page *eks.DescribeAddonVersionsOutput) []types.AddonInfo { return page.Addons })
	// Names and versions that EKS does not have are refused (source: EKS API reference,
	// DescribeAddonVersions).
	if ClassOf(err) == NotFound || hasCode(err, "InvalidParameterException") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var versions []plan.AddonVersion
	for _, info := range infos {
		for _, v := range info.AddonVersions {
			if i := slices.IndexFunc(v.Compatibilities, func(with types.Compatibility) bool {
				return aws.ToString(with.ClusterVersion) == kubernetes
			}); i >= 0 {
				versions = append(versions, plan.AddonVersion{
					Version: aws.ToString(v.AddonVersion), Default: v.Compatibilities[i].DefaultVersion,
				})
			}
		}
	}
	slices.SortStableFunc(versions, newestFirst)
	return versions, nil
}

// newestFirst keeps AWS's order, which is the same, of what has no semantic version.
func newestFirst(a, b plan.AddonVersion) int {
	left, err := version.ParseSemantic(a.Version)
	if err != nil {
		return 0
	}
	newer, err := left.Compare(b.Version)
	if err != nil {
		return 0
	}
	return -newer
}
