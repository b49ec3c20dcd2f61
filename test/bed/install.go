package bed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/ack"
	"github.com/portolan-dev/portolan/test/simulator/argocd"
)

// install puts into the management cluster what a user would: Argo CD's and ACK's
// CRDs, and Portolan by `kubectl apply -k config/default`.
func (b *Bed) install(ctx context.Context) error {
	kinds, err := ack.CRDs()
	if err != nil {
		return fmt.Errorf("loading the ACK CRDs: %w", err)
	}
	if !b.options.WithoutArgoCD {
		kinds = append(kinds, argocd.CRDs()...)
	}
	for _, crd := range kinds {
		if err := b.Client.Create(ctx, crd); err != nil {
			return fmt.Errorf("installing CRD %s: %w", crd.Name, err)
		}
	}
	for _, name := range []string{ArgoCDNamespace, "portolan-system"} {
		ns := &corev1.Namespace{}
		ns.Name = name
		if err := b.Client.Create(ctx, ns); err != nil {
			return fmt.Errorf("creating namespace %s: %w", name, err)
		}
	}
	if err := b.Kubectl(ctx, "apply", "--server-side", "--force-conflicts", "-k", filepath.Join(b.module, "config", "default")); err != nil {
		return err
	}
	return b.waitForCRDs(ctx)
}

// waitForCRDs returns once the API server serves every kind.
func (b *Bed) waitForCRDs(ctx context.Context) error {
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		all := &apiextensionsv1.CustomResourceDefinitionList{}
		if err := b.Client.List(ctx, all); err != nil {
			return false, nil //nolint:nilerr // the next attempt may succeed
		}
		for _, crd := range all.Items {
			if !established(crd) {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the CRDs to be served: %w", err)
	}
	return nil
}

func established(crd apiextensionsv1.CustomResourceDefinition) bool {
	for _, c := range crd.Status.Conditions {
		if c.Type == apiextensionsv1.Established {
			return c.Status == apiextensionsv1.ConditionTrue
		}
	}
	return false
}

// Kubeconfig writes an administrator's kubeconfig and returns its path.
func (b *Bed) Kubeconfig() (string, error) {
	return b.writeKubeconfig("admin.kubeconfig", "")
}

func (b *Bed) writeKubeconfig(name, token string) (string, error) {
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, b.management.Kubeconfig(token), 0o600); err != nil {
		return "", fmt.Errorf("writing %s: %w", name, err)
	}
	return path, nil
}

// Kubectl runs the real kubectl as an administrator.
func (b *Bed) Kubectl(ctx context.Context, args ...string) error {
	kubeconfig, err := b.Kubeconfig()
	if err != nil {
		return err
	}
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		kubectl = filepath.Join(filepath.Dir(b.binaries.APIServer), "kubectl")
	}
	cmd := exec.CommandContext(ctx, kubectl, args...)
	cmd.Env = []string{"KUBECONFIG=" + kubeconfig, "HOME=" + b.dir, "PATH=" + os.Getenv("PATH")}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, output.String())
	}
	return nil
}

// Apply applies manifests of config/samples to the management cluster, with what they
// name in the world outside replaced by the bed's own.
func (b *Bed) Apply(ctx context.Context, samples ...string) error {
	for _, sample := range samples {
		objects, err := readManifests(filepath.Join(b.module, "config", "samples", sample))
		if err != nil {
			return err
		}
		for _, obj := range objects {
			if err := b.localize(obj); err != nil {
				return fmt.Errorf("fitting %s to the bed: %w", sample, err)
			}
			if err := b.apply(ctx, obj); err != nil {
				return fmt.Errorf("applying %s: %w", sample, err)
			}
		}
	}
	return nil
}

func (b *Bed) apply(ctx context.Context, obj *unstructured.Unstructured) error {
	err := b.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(obj), client.FieldOwner("bed"), client.ForceOwnership)
	if meta.IsNoMatchError(err) {
		return fmt.Errorf("%s is not installed: %w", obj.GetKind(), err)
	}
	return err
}

func readManifests(path string) ([]*unstructured.Unstructured, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading manifests: %w", err)
	}
	defer func() { _ = file.Close() }()
	decoder := yaml.NewYAMLOrJSONDecoder(file, 4096)
	var objects []*unstructured.Unstructured
	for {
		obj := &unstructured.Unstructured{}
		err := decoder.Decode(obj)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("parsing %s: %w", path, err)
		}
		if len(obj.Object) > 0 {
			objects = append(objects, obj)
		}
	}
}
