package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/registry"
	"helm.sh/helm/v4/pkg/repo/v1"
	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// archive returns a chart as its repository serves it.
func (s *Source) archive(ctx context.Context, chart *v1alpha1.HelmChart) ([]byte, error) {
	key := strings.Join([]string{chart.Repository, chart.Chart, chart.Version}, " ")
	return s.cache.get(ctx, key, func(ctx context.Context) ([]byte, error) {
		if registry.IsOCI(chart.Repository) {
			return s.pull(ctx, strings.TrimSuffix(chart.Repository, "/")+"/"+chart.Chart, chart.Version)
		}
		return s.fromIndex(ctx, chart)
	})
}

func (s *Source) fromIndex(ctx context.Context, chart *v1alpha1.HelmChart) ([]byte, error) {
	index, err := s.index(ctx, chart.Repository)
	if err != nil {
		return nil, err
	}
	entry, err := find(index, chart)
	if err != nil {
		return nil, err
	}
	if len(entry.URLs) == 0 {
		return nil, fmt.Errorf("%s lists chart %s %s without an address: the repository is broken", redacted(chart.Repository), chart.Chart, chart.Version)
	}
	address, err := repo.ResolveReferenceURL(chart.Repository, entry.URLs[0])
	if err != nil {
		return nil, fmt.Errorf("resolving the address of chart %s: %w", chart.Chart, err)
	}
	if registry.IsOCI(address) {
		return s.pull(ctx, address, "")
	}
	archive, err := s.download(ctx, address)
	if err != nil {
		return nil, err
	}
	return archive, verify(redacted(address), archive, strings.TrimPrefix(entry.Digest, "sha256:"), "its repository's index")
}

func (s *Source) index(ctx context.Context, repository string) (*repo.IndexFile, error) {
	address, err := repo.ResolveReferenceURL(repository, "index.yaml")
	if err != nil {
		return nil, fmt.Errorf("resolving the index of %s: %w", redacted(repository), err)
	}
	raw, err := s.download(ctx, address)
	if err != nil {
		return nil, err
	}
	index := &repo.IndexFile{}
	if err := yaml.Unmarshal(raw, index); err != nil {
		return nil, fmt.Errorf("%s is no index of a chart repository: %w", redacted(address), err)
	}
	for name, versions := range index.Entries {
		index.Entries[name] = slices.DeleteFunc(versions, func(v *repo.ChartVersion) bool { return v == nil || v.Metadata == nil })
	}
	index.SortEntries()
	return index, nil
}

// newestNamed is how many versions an error offers.
const newestNamed = 3

// find returns exactly the version that was asked for. Helm's own search would fall back
// to a similar one.
func find(index *repo.IndexFile, chart *v1alpha1.HelmChart) (*repo.ChartVersion, error) {
	versions := index.Entries[chart.Chart]
	if len(versions) == 0 {
		return nil, fmt.Errorf("%s has no chart %s: check its name and the repository", redacted(chart.Repository), chart.Chart)
	}
	newest := make([]string, 0, newestNamed)
	for _, v := range versions {
		if plain(v.Version) == plain(chart.Version) {
			return v, nil
		}
		if len(newest) < newestNamed {
			newest = append(newest, v.Version)
		}
	}
	return nil, noSuchVersion(chart.Repository, chart.Chart, chart.Version, newest)
}

func noSuchVersion(repository, chart, version string, newest []string) error {
	return fmt.Errorf("%s has no version %s of chart %s: use another, the newest are %s",
		redacted(repository), version, chart, strings.Join(newest, ", "))
}

func plain(version string) string { return strings.TrimPrefix(version, "v") }

// verify compares a file with the SHA-256 that is promised, if one is.
func verify(what string, content []byte, want, promisedBy string) error {
	if got := digest(content); want != "" && got != want {
		return fmt.Errorf("%s has SHA-256 %s, but %s says %s: it was changed or damaged; compare both before you accept it", what, got, promisedBy, want)
	}
	return nil
}
