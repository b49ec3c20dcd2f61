package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func (s *Source) renderChart(ctx context.Context, release string, helm *v1alpha1.HelmChart, v Variables) (*Rendered, error) {
	values, err := valuesOf(helm.Values, v)
	if err != nil {
		return nil, err
	}
	archive, err := s.archive(ctx, helm)
	if err != nil {
		return nil, err
	}
	// From the archive each time: rendering changes a chart.
	loaded, err := loader.LoadArchive(bytes.NewReader(archive))
	if err != nil {
		return nil, fmt.Errorf("chart %s %s cannot be loaded: %w", helm.Chart, helm.Version, err)
	}
	sum, err := hash([]any{digest(archive), release, helm.Namespace, values, v.KubernetesVersion})
	if err != nil {
		return nil, err
	}
	objects, err := render(ctx, loaded, values, common.ReleaseOptions{
		Name: release, Namespace: helm.Namespace, Revision: 1, IsInstall: true,
	}, v.KubernetesVersion)
	if err != nil {
		return nil, fmt.Errorf("chart %s %s: %w", helm.Chart, helm.Version, err)
	}
	return &Rendered{Hash: sum, Objects: inNamespace(helm.Namespace, objects), namespace: helm.Namespace}, nil
}

// render does what `helm install` does up to the first write.
func render(ctx context.Context, loaded *chart.Chart, values map[string]any, release common.ReleaseOptions, kubernetesVersion string) ([]*unstructured.Unstructured, error) {
	var crds []*unstructured.Unstructured
	for _, crd := range loaded.CRDObjects() {
		objects, err := decode(crd.Filename, string(crd.File.Data))
		if err != nil {
			return nil, err
		}
		crds = append(crds, objects...)
	}
	caps, err := capabilities(kubernetesVersion, crds)
	if err != nil {
		return nil, err
	}
	if err := installable(loaded, caps); err != nil {
		return nil, err
	}
	if err := chartutil.ProcessDependencies(loaded, values); err != nil {
		return nil, fmt.Errorf("its dependencies: %w", err)
	}
	all, err := util.ToRenderValues(loaded, values, release, caps)
	if err != nil {
		return nil, oneLine(err)
	}
	files, err := engine.Engine{}.RenderWithContext(ctx, loaded, all)
	if err != nil {
		return nil, fmt.Errorf("%w; correct the values", oneLine(err))
	}
	rendered, err := sorted(files)
	if err != nil {
		return nil, err
	}
	return slices.Concat(crds, rendered), nil
}

// installable refuses what Helm would refuse before rendering.
func installable(c *chart.Chart, caps *common.Capabilities) error {
	if c.Metadata.Type == "library" {
		return errors.New("it is a library, which brings no objects: install a chart that uses it")
	}
	if wants := c.Metadata.KubeVersion; wants != "" && !chartutil.IsCompatibleRange(wants, caps.KubeVersion.String()) {
		return fmt.Errorf("it needs Kubernetes %s, but the cluster has %s: use another version of the chart", wants, caps.KubeVersion.String())
	}
	for _, d := range c.Metadata.Dependencies {
		if !slices.ContainsFunc(c.Dependencies(), func(packed *chart.Chart) bool { return packed.Name() == d.Name }) {
			return fmt.Errorf("chart %s, which it depends on, is not in its archive: publish it again after `helm dependency update`", d.Name)
		}
	}
	return nil
}

// oneLine makes Helm's errors, which draw a call stack, fit into a condition.
func oneLine(err error) error {
	return errors.New(strings.Join(strings.Fields(err.Error()), " "))
}
