package ack_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/test/simulator/ack"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const region = "eu-west-1"

var (
	// management is the one API server of this package.
	management *rest.Config
	// definitions are the CRDs that it has. To parse them takes longer than most tests.
	definitions []*apiextensionsv1.CustomResourceDefinition
	// complete is whether it knows all fields of ACK, not just those of Portolan's views.
	complete bool
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	log.SetLogger(logr.Discard())
	var err error
	if definitions, err = ack.CRDs(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	environment := &envtest.Environment{CRDs: definitions, BinaryAssetsDirectory: binaries()}
	defer func() { // also of what a failed start leaves running
		if err := environment.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	if management, err = environment.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	management.QPS = -1
	if complete = hasAllFields(definitions); complete {
		management.Wrap(refuseUnknownFields)
	}
	return m.Run()
}

// binaries is bin/k8s of the module; KUBEBUILDER_ASSETS, when set, is left to envtest.
func binaries() string {
	if os.Getenv("KUBEBUILDER_ASSETS") != "" {
		return ""
	}
	return filepath.Join("..", "..", "..", "bin", "k8s")
}

// hasAllFields looks for a field that Portolan has no use for.
func hasAllFields(crds []*apiextensionsv1.CustomResourceDefinition) bool {
	return slices.ContainsFunc(crds, func(crd *apiextensionsv1.CustomResourceDefinition) bool {
		_, found := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties["instanceTenancy"]
		return found
	})
}

// refuseUnknownFields lets the API server reject what the CRDs do not know,
// instead of pruning it without a word.
func refuseUnknownFields(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodGet || r.Method == http.MethodDelete {
			return next.RoundTrip(r)
		}
		r = r.Clone(r.Context())
		query := r.URL.Query()
		query.Set("fieldValidation", "Strict")
		r.URL.RawQuery = query.Encode()
		return next.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// bed is one account with controllers over a namespace of its own.
type bed struct {
	*WithT
	t         *testing.T
	client    client.Client
	cloud     *cloud.Cloud
	clusters  *starter
	running   *ack.Controllers
	namespace string
	dns       *zoneFile
	// reported is the account that ACK says it acts in; the cloud's by default.
	reported string
}

// Time scales: fast for most tests, slow where a test has to look in between.
const (
	fast = 1.0 / 6000
	slow = 1.0 / 100
)

func newBed(t *testing.T) *bed {
	t.Helper()
	return newBedAt(t, fast)
}

func newBedAt(t *testing.T, scale float64) *bed {
	t.Helper()
	b := &bed{WithT: NewWithT(t), t: t, clusters: &starter{}, dns: &zoneFile{names: map[string]string{}}}
	b.SetDefaultEventuallyTimeout(20 * time.Second)
	b.SetDefaultEventuallyPollingInterval(10 * time.Millisecond)
	b.cloud = cloud.New(cloud.Options{Seed: 1, TimeScale: scale})
	var err error
	b.client, err = client.New(management, client.Options{})
	b.Expect(err).NotTo(HaveOccurred())
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "ack-"}}
	b.Expect(b.client.Create(t.Context(), namespace)).To(Succeed())
	b.namespace = namespace.Name
	b.start()
	t.Cleanup(b.cleanUp)
	return b
}

func (b *bed) start() {
	b.t.Helper()
	running, err := ack.Start(context.Background(), ack.Options{
		Config: management, Cloud: b.cloud, Hooks: ack.Hooks{ClusterStarter: b.clusters}, DNS: b.dns, Account: b.reported,
	})
	b.Expect(err).NotTo(HaveOccurred())
	b.running = running
}

// cleanUp leaves no object behind that the controllers of another test would take up.
func (b *bed) cleanUp() {
	b.running.Stop()
	for _, crd := range definitions {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(schema.GroupVersionKind{
			Group: crd.Spec.Group, Version: "v1alpha1", Kind: crd.Spec.Names.ListKind,
		})
		b.Expect(b.client.List(context.Background(), list, client.InNamespace(b.namespace))).To(Succeed())
		for i := range list.Items {
			cr := &list.Items[i]
			released := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
			b.Expect(b.client.Patch(context.Background(), cr, released)).To(Succeed())
			b.Expect(client.IgnoreNotFound(b.client.Delete(context.Background(), cr))).To(Succeed())
		}
	}
}

// apply creates a custom resource in the test's region. The manifest leaves out
// what all have in common.
func (b *bed) apply(kind, name, spec string, annotations ...string) *unstructured.Unstructured {
	b.t.Helper()
	all := map[string]string{"services.k8s.aws/region": region}
	for i := 0; i+1 < len(annotations); i += 2 {
		all[annotations[i]] = annotations[i+1]
	}
	return b.applyBare(kind, name, spec, all)
}

func (b *bed) applyBare(kind, name, spec string, annotations map[string]string) *unstructured.Unstructured {
	b.t.Helper()
	parsed := map[string]any{}
	text, err := yaml.YAMLToJSON([]byte(spec))
	b.Expect(err).NotTo(HaveOccurred())
	b.Expect(json.Unmarshal(text, &parsed)).To(Succeed())
	cr := b.object(kind, name)
	cr.SetAnnotations(annotations)
	cr.Object["spec"] = parsed
	b.Expect(b.client.Create(b.t.Context(), cr)).To(Succeed())
	return cr
}

var services = map[string]string{
	"Cluster": "eks", "Nodegroup": "eks", "Addon": "eks", "AccessEntry": "eks", "PodIdentityAssociation": "eks",
	"Role": "iam", "Bucket": "s3", "Certificate": "acm", "RecordSet": "route53",
}

func (b *bed) object(kind, name string) *unstructured.Unstructured {
	service, ok := services[kind]
	if !ok {
		service = "ec2"
	}
	cr := &unstructured.Unstructured{}
	cr.SetGroupVersionKind(schema.GroupVersionKind{Group: service + ".services.k8s.aws", Version: "v1alpha1", Kind: kind})
	cr.SetNamespace(b.namespace)
	cr.SetName(name)
	return cr
}

// refresh reads cr again and returns it, for use in Eventually.
func (b *bed) refresh(cr *unstructured.Unstructured) func() (*unstructured.Unstructured, error) {
	return func() (*unstructured.Unstructured, error) {
		err := b.client.Get(b.t.Context(), client.ObjectKeyFromObject(cr), cr)
		return cr, err
	}
}

// synced waits until ACK calls cr synced.
func (b *bed) synced(cr *unstructured.Unstructured) *unstructured.Unstructured {
	b.t.Helper()
	b.Eventually(b.refresh(cr)).Should(haveCondition("ACK.ResourceSynced", "True", "Resource synced successfully"))
	return cr
}

func (b *bed) delete(cr *unstructured.Unstructured) {
	b.t.Helper()
	b.Expect(b.client.Delete(b.t.Context(), cr)).To(Succeed())
}

// gone waits until cr has left the API server.
func (b *bed) gone(cr *unstructured.Unstructured) {
	b.t.Helper()
	b.Eventually(func() error {
		return client.IgnoreNotFound(b.client.Get(b.t.Context(), client.ObjectKeyFromObject(cr), cr))
	}).
		Should(Succeed())
	b.Eventually(func() error { return b.client.Get(b.t.Context(), client.ObjectKeyFromObject(cr), cr) }).
		Should(MatchError(ContainSubstring("not found")))
}

func (b *bed) get(awsType, in, id string) func() (cloud.Resource, error) {
	return func() (cloud.Resource, error) {
		r, ok := b.cloud.Get(cloud.Key{Type: awsType, Region: in, ID: id})
		if !ok {
			return r, fmt.Errorf("no %s %s", awsType, id)
		}
		return r, nil
	}
}

// starter stands for the API servers of clusters.
type starter struct {
	mu      sync.Mutex
	failure error
	stopped []string
}

func (s *starter) StartCluster(_ context.Context, name, region string) (string, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "https://" + name + "." + region + ".test", []byte("PEM of " + name), s.failure
}

func (s *starter) StopCluster(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = append(s.stopped, name)
}

func (s *starter) Stopped() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.stopped...)
}

// zoneFile stands for the DNS server.
type zoneFile struct {
	mu    sync.Mutex
	names map[string]string
}

func (z *zoneFile) SetCNAME(name, target string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.names[name] = target
}

func (z *zoneFile) Remove(name string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	delete(z.names, name)
}

func (z *zoneFile) Names() map[string]string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return maps.Clone(z.names)
}

// edit changes the spec by a merge patch.
func (b *bed) edit(cr *unstructured.Unstructured, spec string) {
	b.t.Helper()
	text, err := yaml.YAMLToJSON([]byte("{spec: " + spec + "}"))
	b.Expect(err).NotTo(HaveOccurred())
	b.Expect(b.client.Patch(b.t.Context(), cr, client.RawPatch("application/merge-patch+json", text))).To(Succeed())
}

// stored are the resources of a type, by what the test calls them.
func (b *bed) stored(awsType string) func() []cloud.Resource {
	return func() []cloud.Resource {
		return b.cloud.List(func(r cloud.Resource) bool { return r.Type == awsType })
	}
}

// samples counts how often something was drawn.
func (b *bed) samples(what string) func() int {
	return func() int {
		count := 0
		for _, sample := range b.cloud.Samples() {
			if sample.What == what {
				count++
			}
		}
		return count
	}
}
