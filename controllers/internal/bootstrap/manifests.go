package bootstrap

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func (s *Source) renderManifests(ctx context.Context, m *v1alpha1.Manifests, configMap map[string]string) (*Rendered, error) {
	files := map[string]string{}
	if m.ConfigMapRef != nil {
		for key, content := range configMap {
			files[fmt.Sprintf("key %s of ConfigMap %s", key, m.ConfigMapRef.Name)] = content
		}
	} else {
		content, err := s.manifests(ctx, m.URL, m.SHA256)
		if err != nil {
			return nil, err
		}
		files[redacted(m.URL)] = string(content)
	}
	var objects []*unstructured.Unstructured
	for _, name := range slices.Sorted(maps.Keys(files)) {
		decoded, err := decode(name, files[name])
		if err != nil {
			return nil, err
		}
		objects = append(objects, decoded...)
	}
	if len(objects) == 0 {
		return nil, fmt.Errorf("%s holds no objects: put YAML manifests in it", origin(m))
	}
	sum, err := hash(files)
	if err != nil {
		return nil, err
	}
	return &Rendered{Hash: sum, Objects: foundationFirst(installOrder(objects))}, nil
}

func (s *Source) manifests(ctx context.Context, address, sha256 string) ([]byte, error) {
	return s.cache.get(ctx, address+" "+sha256, func(ctx context.Context) ([]byte, error) {
		content, err := s.download(ctx, address)
		if err != nil {
			return nil, err
		}
		return content, verify(redacted(address), content, sha256, "the profile")
	})
}

// origin names where manifests come from.
func origin(m *v1alpha1.Manifests) string {
	if m.ConfigMapRef != nil {
		return "ConfigMap " + m.ConfigMapRef.Name
	}
	return redacted(m.URL)
}

// decode returns the objects of a YAML file with any number of documents.
func decode(file, content string) ([]*unstructured.Unstructured, error) {
	// With an end of line: the reader loses a last line without one if it is unlucky.
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(content + "\n")))
	var objects []*unstructured.Unstructured
	for number := 1; ; number++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		at := fmt.Sprintf("document %d of %s", number, file)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", at, err)
		}
		found, err := decodeDocument(document)
		if err != nil {
			return nil, fmt.Errorf("%s %w", at, err)
		}
		objects = append(objects, found...)
	}
}

// decodeDocument returns the object of a document, those of a list, or none if there are
// only comments.
func decodeDocument(document []byte) ([]*unstructured.Unstructured, error) {
	raw, err := yaml.YAMLToJSON(document)
	if err != nil {
		return nil, fmt.Errorf("is no YAML: %w", err)
	}
	var content any
	if err := utiljson.Unmarshal(raw, &content); err != nil {
		return nil, fmt.Errorf("is no YAML: %w", err)
	}
	if content == nil {
		return nil, nil
	}
	return flatten(content)
}

// flatten checks an object, and takes lists apart: they are no objects for an API server.
func flatten(content any) ([]*unstructured.Unstructured, error) {
	fields, ok := content.(map[string]any)
	if !ok {
		return nil, errors.New("is no object: every document needs apiVersion, kind and metadata.name")
	}
	object := &unstructured.Unstructured{Object: fields}
	switch {
	case object.GetKind() == "" || object.GetAPIVersion() == "":
		return nil, errors.New("has no kind: every object needs apiVersion and kind")
	case object.IsList():
		return flattenList(fields)
	case object.GetName() == "":
		return nil, fmt.Errorf("has a %s without metadata.name: give it one, generateName cannot be applied twice", object.GetKind())
	}
	return []*unstructured.Unstructured{object}, nil
}

func flattenList(list map[string]any) ([]*unstructured.Unstructured, error) {
	items, _ := list["items"].([]any) // or there are none
	var objects []*unstructured.Unstructured
	for _, item := range items {
		found, err := flatten(item)
		if err != nil {
			return nil, fmt.Errorf("is a list of which an item %w", err)
		}
		objects = append(objects, found...)
	}
	return objects, nil
}
