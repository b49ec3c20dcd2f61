package testenv

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// applicationCRD has no status subresource: neither has Argo CD's.
//
//go:embed application.yaml
var applicationCRD []byte

// moduleRoot finds the folder of go.mod at or above the working directory.
func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("looking for the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("looking for the module: no go.mod at or above the working directory")
		}
		folder = parent
	}
}

// binaries is where `make k8s` puts the control plane; envtest itself looks at
// KUBEBUILDER_ASSETS, which wins.
func binaries(root string) string {
	if os.Getenv("KUBEBUILDER_ASSETS") != "" {
		return ""
	}
	return filepath.Join(root, "bin", "k8s")
}

// definitions returns the CRDs of all kinds that the scheme knows.
func definitions(root string, known *runtime.Scheme) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	application, err := parse(applicationCRD)
	if err != nil {
		return nil, fmt.Errorf("parsing application.yaml: %w", err)
	}
	all := []*apiextensionsv1.CustomResourceDefinition{application}
	for _, folder := range []string{filepath.Join(root, "config", "crd", "bases"), ackDefinitions(root)} {
		found, err := definitionsIn(folder, known)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// ackDefinitions prefers ACK's own CRDs, which are stricter than our views of them.
func ackDefinitions(root string) string {
	if folder := os.Getenv("ACK_CRDS"); folder != "" {
		return folder
	}
	beside := filepath.Join(root, "..", "shared", "ack-crds")
	if info, err := os.Stat(beside); err == nil && info.IsDir() {
		return beside
	}
	return filepath.Join(root, "test", "simulator", "ack", "crds")
}

func definitionsIn(folder string, known *runtime.Scheme) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	var found []*apiextensionsv1.CustomResourceDefinition
	files := os.DirFS(folder)
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		crd, err := parse(content)
		if err != nil {
			return fmt.Errorf("parsing %s: %w", path, err)
		}
		kind := schema.GroupVersionKind{Group: crd.Spec.Group, Version: "v1alpha1", Kind: crd.Spec.Names.Kind}
		if known.Recognizes(kind) {
			found = append(found, crd)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading CRDs: %w", err)
	}
	return found, nil
}

func parse(content []byte) (*apiextensionsv1.CustomResourceDefinition, error) {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	return crd, yaml.Unmarshal(content, crd) //nolint:wrapcheck // the caller names the file
}
