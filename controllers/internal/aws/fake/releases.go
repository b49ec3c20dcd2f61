package fake

import (
	"context"
	"maps"
	"slices"

	"github.com/portolan-dev/portolan/controllers/plan"
)

// The methods that tell versions, and find what has no name.
const (
	AddonVersions  Method = "AddonVersions"
	ClusterVersion Method = "ClusterVersion"
	CertificateARN Method = "CertificateARN"
)

// DefaultAddonVersion is the only version of an add-on of which no test has said which
// there are.
const DefaultAddonVersion = "v1.0.0-eksbuild.1"

// releases is what EKS offers and has, and the certificates of ACM.
type releases struct {
	addons       map[string][]plan.AddonVersion // by add-on and Kubernetes version
	clusters     map[string]string              // by region and cluster
	certificates map[string]certificate         // by ARN
}

type certificate struct {
	region, domain string
	tags           map[string]string
}

func newReleases() releases {
	return releases{
		addons:       map[string][]plan.AddonVersion{},
		clusters:     map[string]string{},
		certificates: map[string]certificate{},
	}
}

// SetAddonVersions says which versions of an add-on go with a Kubernetes version, newest
// first, in every region; without versions, none.
func (f *AWS) SetAddonVersions(kubernetesVersion, addon string, versions ...plan.AddonVersion) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.releases.addons[join(addon, kubernetesVersion)] = versions
}

// SetClusterVersion sets the Kubernetes version of an EKS cluster; an empty one takes the
// cluster away.
func (f *AWS) SetClusterVersion(region, name, version string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.releases.clusters[join(region, name)] = version
}

// SetCertificate makes a certificate with the tags; nil takes it away.
func (f *AWS) SetCertificate(region, domain, certificateARN string, tags map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if tags == nil {
		delete(f.releases.certificates, certificateARN)
		return
	}
	f.releases.certificates[certificateARN] = certificate{region: region, domain: domain, tags: maps.Clone(tags)}
}

// AddonVersions is like aws.Sessions.AddonVersions, without remembering.
func (f *AWS) AddonVersions(ctx context.Context, _, _, kubernetesVersion string, addons ...string) (map[string][]plan.AddonVersion, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, AddonVersions); err != nil {
		return nil, err
	}
	offered := map[string][]plan.AddonVersion{}
	for _, addon := range addons {
		versions, said := f.releases.addons[join(addon, kubernetesVersion)]
		if !said {
			versions = []plan.AddonVersion{{Version: DefaultAddonVersion, Default: true}}
		}
		offered[addon] = slices.Clone(versions)
	}
	return offered, nil
}

// ClusterVersion is like aws.Sessions.ClusterVersion.
func (f *AWS) ClusterVersion(ctx context.Context, _, region, name string) (string, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, ClusterVersion); err != nil {
		return "", err
	}
	version := f.releases.clusters[join(region, name)]
	if version == "" {
		return "", missing("eks:DescribeCluster", "ResourceNotFoundException", "cluster "+name)
	}
	return version, nil
}

// CertificateARN is like aws.Sessions.CertificateARN.
func (f *AWS) CertificateARN(ctx context.Context, _, region, domain string, tags map[string]string) (string, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, CertificateARN); err != nil {
		return "", err
	}
	for _, arn := range slices.Sorted(maps.Keys(f.releases.certificates)) {
		if c := f.releases.certificates[arn]; c.region == region && c.domain == domain && includes(c.tags, tags) {
			return arn, nil
		}
	}
	return "", missing("acm:ListCertificates", "ResourceNotFoundException", "certificate for "+domain)
}

func includes(has, wanted map[string]string) bool {
	for key, value := range wanted {
		if present, ok := has[key]; !ok || present != value {
			return false
		}
	}
	return true
}
