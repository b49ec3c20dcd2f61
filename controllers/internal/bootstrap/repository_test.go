package bootstrap_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/gomega"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/repo/v1"
	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// repository is a chart repository in memory that counts what it is asked.
type repository struct {
	*httptest.Server

	mu     sync.Mutex
	index  *repo.IndexFile
	files  map[string][]byte
	status map[string]int
	asked  map[string]int
	hold   chan struct{}
}

func newRepository() *repository {
	r := &repository{index: repo.NewIndexFile(), files: map[string][]byte{}, status: map[string]int{}, asked: map[string]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	r.publishIndex()
	return r
}

func (r *repository) serve(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	r.asked[q.URL.Path]++
	content, ok := r.files[q.URL.Path]
	status, hold := r.status[q.URL.Path], r.hold
	r.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-q.Context().Done():
			return
		}
	}
	switch {
	case status != 0:
		w.WriteHeader(status)
	case !ok:
		http.NotFound(w, q)
	default:
		_, _ = w.Write(content)
	}
}

// held makes all requests wait until release is called.
func (r *repository) held() (release func()) {
	hold := make(chan struct{})
	r.mu.Lock()
	r.hold = hold
	r.mu.Unlock()
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.hold = nil
		close(hold)
	}
}

func (r *repository) requests(path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked[path]
}

func (r *repository) put(path, content string) (address, sha256 string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[path] = []byte(content)
	return r.URL + path, sum([]byte(content))
}

func (r *repository) fail(path string, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status[path] = status
}

// publish adds a chart, and returns the item that installs it.
func (r *repository) publish(name, version string, files map[string]string) v1alpha1.BootstrapItem {
	if _, ok := files["Chart.yaml"]; !ok {
		files = maps.Clone(files)
		files["Chart.yaml"] = fmt.Sprintf("apiVersion: v2\nname: %s\nversion: %s\n", name, version)
	}
	content := pack(name, files)
	chart, err := loader.LoadArchive(bytes.NewReader(content))
	Expect(err).NotTo(HaveOccurred())
	file := name + "-" + version + ".tgz"
	r.mu.Lock()
	r.files["/"+file] = content
	Expect(r.index.MustAdd(chart.Metadata, file, "", sum(content))).To(Succeed())
	r.mu.Unlock()
	r.publishIndex()
	return v1alpha1.BootstrapItem{Name: name, Helm: &v1alpha1.HelmChart{
		Repository: r.URL, Chart: name, Version: version, Namespace: "platform",
	}}
}

func (r *repository) publishIndex() {
	r.mu.Lock()
	defer r.mu.Unlock()
	raw, err := yaml.Marshal(r.index)
	Expect(err).NotTo(HaveOccurred())
	r.files["/index.yaml"] = raw
}

func pack(name string, files map[string]string) []byte {
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	archive := tar.NewWriter(compressed)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		content := strings.TrimPrefix(files[file], "\n")
		Expect(archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name + "/" + file, Mode: 0o644, Size: int64(len(content))})).To(Succeed())
		_, err := archive.Write([]byte(content))
		Expect(err).NotTo(HaveOccurred())
	}
	Expect(archive.Close()).To(Succeed())
	Expect(compressed.Close()).To(Succeed())
	return out.Bytes()
}

func sum(content []byte) string {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:])
}
