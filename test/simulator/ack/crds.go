package ack

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// CRDsVariable names the environment variable with a folder of CRDs to prefer.
const CRDsVariable = "ACK_CRDS"

// embedded holds the whole folder, because a pattern of YAML files alone would
// not compile before they are generated.
//
//go:embed crds
var embedded embed.FS

// CRDs returns the CRDs of the simulated kinds: those in the folder that ACK_CRDS
// names, else the real ones beside the module (../shared/ack-crds), else the
// ones generated from Portolan's own views.
func CRDs() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	source := crdSource()
	crds, err := readCRDs(source)
	if err != nil {
		return nil, fmt.Errorf("reading ACK CRDs: %w", err)
	}
	if len(crds) == 0 {
		return nil, errors.New("reading ACK CRDs: none of the simulated kinds was found")
	}
	return crds, nil
}

func crdSource() fs.FS {
	if folder := os.Getenv(CRDsVariable); folder != "" {
		return os.DirFS(folder)
	}
	if root, ok := moduleRoot(); ok {
		beside := filepath.Join(root, "..", "shared", "ack-crds")
		if info, err := os.Stat(beside); err == nil && info.IsDir() {
			return os.DirFS(beside)
		}
	}
	return embedded
}

// moduleRoot finds the folder of go.mod at or above the working directory.
func moduleRoot() (string, bool) {
	folder, err := os.Getwd()
	if err != nil {
		return "", false
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, true
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", false
		}
		folder = parent
	}
}

// readCRDs returns the simulated kinds among the YAML files below source. Others
// are left out: an API server with kinds that nobody serves only starts slower.
func readCRDs(source fs.FS) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	var crds []*apiextensionsv1.CustomResourceDefinition
	err := fs.WalkDir(source, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		text, err := fs.ReadFile(source, path)
		if err != nil {
			return err
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(text, crd); err != nil {
			return fmt.Errorf("parsing %s: %w", path, err)
		}
		if simulated(crd) {
			crds = append(crds, crd)
		}
		return nil
	})
	return crds, err
}

func simulated(crd *apiextensionsv1.CustomResourceDefinition) bool {
	for _, k := range kinds {
		if gvk := k.gvk(); crd.Spec.Group == gvk.Group && crd.Spec.Names.Kind == gvk.Kind {
			return true
		}
	}
	return false
}
