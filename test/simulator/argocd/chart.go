package argocd

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"text/template"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

//go:embed charts/*.yaml
var charts embed.FS

// release is what a chart knows while it is rendered.
type release struct {
	// Values is spec.source.helm.valuesObject.
	Values map[string]any
	// Region is the AWS region of the destination.
	Region string
	// Revision is the revision being deployed.
	Revision string
	// Application is the name of the Application.
	Application string
}

// noCommit is git's name for no commit: no repository has it.
const noCommit = "0000000000000000000000000000000000000000"

// manifests renders the chart named by the last element of the source's path.
func manifests(source map[string]any, region, application string) ([]*unstructured.Unstructured, error) {
	if revision(source) == noCommit {
		return nil, fmt.Errorf("failed to checkout revision %s", noCommit)
	}
	sourcePath, _ := source["path"].(string)
	text, err := fs.ReadFile(charts, "charts/"+path.Base(sourcePath)+".yaml")
	if err != nil {
		return nil, fmt.Errorf("%s: app path does not exist", sourcePath)
	}
	values, _, err := unstructured.NestedMap(source, "helm", "valuesObject")
	if err != nil {
		return nil, fmt.Errorf("reading helm values: %w", err)
	}
	return renderChart(string(text), release{Values: values, Region: region, Revision: revision(source), Application: application})
}

func renderChart(text string, r release) ([]*unstructured.Unstructured, error) {
	parsed, err := template.New("chart").Funcs(templateFunctions()).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("parsing chart: %w", err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, r); err != nil {
		return nil, fmt.Errorf("rendering chart: %w", err)
	}
	return decodeManifests(&out)
}

func decodeManifests(in io.Reader) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(in, 4096)
	var objects []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("decoding manifests: %w", err)
		}
		objects = append(objects, object)
	}
}
