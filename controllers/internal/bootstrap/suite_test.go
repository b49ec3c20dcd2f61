package bootstrap_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/controllers/internal/bootstrap"
)

func TestBootstrap(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Bootstrap")
}

// server is the API server of the suite, without anything in between.
var server client.WithWatch

var _ = BeforeSuite(func() {
	log.SetLogger(GinkgoLogr)
	environment := &envtest.Environment{}
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		environment.BinaryAssetsDirectory = "../../../bin/k8s"
	}
	DeferCleanup(environment.Stop) // also what a failed start leaves running
	config, err := environment.Start()
	Expect(err).NotTo(HaveOccurred(), "starting the API server; `make k8s` builds it")
	config.QPS = -1
	server, err = client.NewWithWatch(config, client.Options{})
	Expect(err).NotTo(HaveOccurred())
})

// errCrash is what writes get once the operator is taken to have crashed.
var errCrash = errors.New("crash")

// cluster is a regional cluster with one item, named like its namespace.
type cluster struct {
	client.Client

	name   string
	reads  atomic.Int64
	writes atomic.Int64
	// crashAt is the number of the first write that fails, or 0.
	crashAt int64
	// refuse is a kind whose path the API server pretends not to know.
	refuse string
}

var clusters atomic.Int64

func newCluster() *cluster {
	c := &cluster{name: fmt.Sprintf("item-%d", clusters.Add(1))}
	c.Client = interceptor.NewClient(server, interceptor.Funcs{
		Get: func(ctx context.Context, next client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			c.reads.Add(1)
			return next.Get(ctx, key, obj, opts...)
		},
		List: func(ctx context.Context, next client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			c.reads.Add(1)
			err := next.List(ctx, list, opts...)
			if markers, ok := list.(*corev1.ConfigMapList); ok { // those of other specs are of other clusters
				markers.Items = slices.DeleteFunc(markers.Items, func(m corev1.ConfigMap) bool {
					return !strings.HasPrefix(m.Name+"-", "portolan-bootstrap-"+c.name+"-")
				})
			}
			return err
		},
		Apply: func(ctx context.Context, next client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			if o, ok := obj.(interface{ GetKind() string }); ok && c.refuse != "" && o.GetKind() == c.refuse {
				return apierrors.NewGenericServerResponse(http.StatusNotFound, "PATCH", schema.GroupResource{Resource: "r"}, "s", "404 page not found", 0, true)
			}
			return c.write(func() error { return next.Apply(ctx, obj, opts...) })
		},
		Delete: func(ctx context.Context, next client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			return c.write(func() error { return next.Delete(ctx, obj, opts...) })
		},
	})
	return c
}

func (c *cluster) write(do func() error) error {
	if n := c.writes.Add(1); c.crashAt > 0 && n >= c.crashAt {
		return errCrash
	}
	return do()
}

// rendered is what a Source makes of manifests; NS stands for the item's namespace.
func (c *cluster) rendered(hash string, manifests ...string) *bootstrap.Rendered {
	GinkgoHelper()
	r := &bootstrap.Rendered{Hash: hash}
	for _, text := range append([]string{"{apiVersion: v1, kind: Namespace, metadata: {name: NS}}"}, manifests...) {
		o := &unstructured.Unstructured{}
		Expect(yaml.Unmarshal([]byte(strings.ReplaceAll(text, "NS", c.name)), o)).To(Succeed())
		r.Objects = append(r.Objects, o)
	}
	return r
}

func (c *cluster) install(ctx context.Context, r *bootstrap.Rendered) error {
	return c.installAs(ctx, "", r)
}

// installAs installs another item, named like the cluster with the suffix.
func (c *cluster) installAs(ctx context.Context, suffix string, r *bootstrap.Rendered) error {
	return (&bootstrap.Installer{}).Install(ctx, c, c.name+suffix, r)
}

// prune keeps the items with the suffixes only, of which the first item's is empty.
func (c *cluster) prune(ctx context.Context, suffixes ...string) ([]string, error) {
	keep := make([]string, 0, len(suffixes))
	for _, suffix := range suffixes {
		keep = append(keep, c.name+suffix)
	}
	return (&bootstrap.Installer{}).Prune(ctx, c, keep)
}

func (c *cluster) expectPruned(ctx context.Context, suffixes ...string) {
	GinkgoHelper()
	left, err := c.prune(ctx, suffixes...)
	Expect(err).NotTo(HaveOccurred())
	Expect(left).To(BeEmpty())
}

func (c *cluster) expectInstalled(ctx context.Context, r *bootstrap.Rendered) {
	GinkgoHelper()
	Expect(c.install(ctx, r)).To(Succeed())
}

// state is the ConfigMaps of the item's namespace and what they say.
func (c *cluster) state(ctx context.Context) map[string]string {
	GinkgoHelper()
	all := &corev1.ConfigMapList{}
	Expect(server.List(ctx, all, client.InNamespace(c.name))).To(Succeed())
	state := map[string]string{}
	for _, m := range all.Items {
		state[m.Name] = m.Data["says"]
	}
	return state
}

// markers are the items that the cluster remembers, without what they have in common.
func (c *cluster) markers(ctx context.Context) []string {
	GinkgoHelper()
	all := &corev1.ConfigMapList{}
	Expect(c.List(ctx, all, client.InNamespace(metav1.NamespaceSystem))).To(Succeed())
	names := []string{}
	for _, m := range all.Items {
		names = append(names, strings.TrimPrefix(m.Name, "portolan-bootstrap-"+c.name))
	}
	return names
}

func (c *cluster) marker(ctx context.Context) *corev1.ConfigMap {
	GinkgoHelper()
	found := &corev1.ConfigMap{}
	Expect(server.Get(ctx, client.ObjectKey{Namespace: metav1.NamespaceSystem, Name: "portolan-bootstrap-" + c.name}, found)).To(Succeed())
	return found
}

func says(name, text string, metadata ...string) string {
	extra := ""
	if len(metadata) > 0 {
		extra = ", " + strings.Join(metadata, ", ")
	}
	return fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {namespace: NS, name: %s%s}, data: {says: %s}}", name, extra, text)
}
