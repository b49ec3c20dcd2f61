package regional

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// currentData is the link in a mounted folder that is renamed when the content changes, so that
// nobody sees half of it (Kubernetes, pkg/volume/util/atomic_writer.go).
const currentData = "..data"

// missingError says what a pod cannot start without. It is no failure: it may still come.
type missingError struct{ what string }

func (e *missingError) Error() string { return e.what }

func missingf(format string, args ...any) error {
	return &missingError{what: fmt.Sprintf(format, args...)}
}

// missing returns what is missing, and other errors.
func missing(err error) (string, error) {
	if absent, ok := errors.AsType[*missingError](err); ok {
		return absent.what, nil
	}
	return "", err
}

// volumeFiles returns the files of each ConfigMap and Secret volume of a pod, by the volume's
// name. Other volumes are not simulated.
func (r *Region) volumeFiles(ctx context.Context, pod *corev1.Pod) (map[string]map[string][]byte, error) {
	volumes := map[string]map[string][]byte{}
	for _, volume := range pod.Spec.Volumes {
		var files map[string][]byte
		var err error
		switch {
		case volume.ConfigMap != nil:
			files, err = r.configMapFiles(ctx, pod.Namespace, volume.ConfigMap)
		case volume.Secret != nil:
			files, err = r.secretFiles(ctx, pod.Namespace, volume.Secret)
		case volume.EmptyDir != nil:
		default:
			continue
		}
		if what, err := missing(err); err != nil {
			return nil, err
		} else if what != "" {
			return nil, missingf("MountVolume.SetUp failed for volume %q : %s", volume.Name, what)
		}
		volumes[volume.Name] = files
	}
	return volumes, nil
}

func (r *Region) configMapFiles(ctx context.Context, namespace string, source *corev1.ConfigMapVolumeSource) (map[string][]byte, error) {
	held := &corev1.ConfigMap{}
	optional := ptr.Deref(source.Optional, false)
	if found, err := r.referenced(ctx, client.ObjectKey{Namespace: namespace, Name: source.Name}, held, "configmap", optional); !found {
		return nil, err
	}
	data := maps.Clone(held.BinaryData)
	if data == nil {
		data = map[string][]byte{}
	}
	for name, text := range held.Data {
		data[name] = []byte(text)
	}
	return projected(data, source.Items, optional)
}

func (r *Region) secretFiles(ctx context.Context, namespace string, source *corev1.SecretVolumeSource) (map[string][]byte, error) {
	held := &corev1.Secret{}
	optional := ptr.Deref(source.Optional, false)
	if found, err := r.referenced(ctx, client.ObjectKey{Namespace: namespace, Name: source.SecretName}, held, "secret", optional); !found {
		return nil, err
	}
	return projected(held.Data, source.Items, optional)
}

// referenced reads an object that a pod refers to. One that is not there is an error unless it
// is optional.
func (r *Region) referenced(ctx context.Context, key client.ObjectKey, into client.Object, kind string, optional bool) (bool, error) {
	err := r.client.Get(ctx, key, into)
	switch {
	case err == nil:
		return true, nil
	case !apierrors.IsNotFound(err):
		return false, err
	case optional:
		return false, nil
	default:
		return false, missingf("%s %q not found", kind, key.Name)
	}
}

// projected gives the files their paths. Without items every key is a file.
func projected(data map[string][]byte, items []corev1.KeyToPath, optional bool) (map[string][]byte, error) {
	if len(items) == 0 {
		return data, nil
	}
	files := map[string][]byte{}
	for _, item := range items {
		content, found := data[item.Key]
		switch {
		case found:
			files[item.Path] = content
		case !optional:
			return nil, missingf("references non-existent config key: %s", item.Key)
		}
	}
	return files, nil
}

// writeMount makes the files of a folder those given, all at once, as a kubelet does.
func writeMount(folder string, files map[string][]byte) error {
	version := ".." + digestOf(files)
	current, _ := os.Readlink(filepath.Join(folder, currentData)) // empty at first
	if current == version {
		return nil
	}
	for name, content := range files {
		path := filepath.Join(folder, version, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(folder, version), 0o700); err != nil {
		return err
	}
	if err := swapLink(version, filepath.Join(folder, currentData)); err != nil {
		return err
	}
	if err := linkFiles(folder, files); err != nil || current == "" {
		return err
	}
	return os.RemoveAll(filepath.Join(folder, current))
}

func swapLink(target, path string) error {
	next := path + "_tmp"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, next); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// linkFiles makes what is seen in a folder the links into its current data.
func linkFiles(folder string, files map[string][]byte) error {
	wanted := map[string]bool{}
	for name := range files {
		first, _, _ := strings.Cut(name, "/")
		wanted[first] = true
	}
	seen, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range seen {
		if strings.HasPrefix(entry.Name(), "..") || wanted[entry.Name()] {
			delete(wanted, entry.Name())
			continue
		}
		if err := os.Remove(filepath.Join(folder, entry.Name())); err != nil {
			return err
		}
	}
	for name := range wanted {
		if err := os.Symlink(filepath.Join(currentData, name), filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

// digestOf names a content.
func digestOf(files map[string][]byte) string {
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for _, part := range [][]byte{[]byte(name), files[name]} {
			sum := sha256.Sum256(part)
			_, _ = hash.Write(sum[:]) // a hash never fails to write
		}
	}
	return fmt.Sprintf("%x", hash.Sum(nil)[:8])
}
