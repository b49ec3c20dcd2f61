package controlplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Binaries says where the programs of a control plane are.
type Binaries struct{ Etcd, APIServer string }

// FindBinaries looks for the programs in $KUBEBUILDER_ASSETS, or else in bin/k8s
// of the Go module that contains the working directory, where
// hack/controlplane/build.sh puts them.
func FindBinaries() (Binaries, error) {
	folder := os.Getenv("KUBEBUILDER_ASSETS")
	if folder == "" {
		root, err := moduleRoot()
		if err != nil {
			return Binaries{}, fmt.Errorf("finding bin/k8s: %w", err)
		}
		folder = filepath.Join(root, "bin", "k8s")
	}
	found := Binaries{
		Etcd:      filepath.Join(folder, "etcd"),
		APIServer: filepath.Join(folder, "kube-apiserver"),
	}
	for _, path := range []string{found.Etcd, found.APIServer} {
		if _, err := os.Stat(path); err != nil {
			return Binaries{}, fmt.Errorf("finding the control plane (hack/controlplane/build.sh builds it): %w", err)
		}
	}
	return found, nil
}

func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		_, err := os.Stat(filepath.Join(folder, "go.mod"))
		if err == nil {
			return folder, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("no go.mod in the working directory or above it")
		}
		folder = parent
	}
}
