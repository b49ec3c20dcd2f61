package charts_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"path"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"helm.sh/helm/v4/pkg/repo/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/test/simulator/charts"
)

func start(t *testing.T) *charts.Server {
	t.Helper()
	server, err := charts.Start()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	t.Cleanup(server.Stop)
	return server
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	g := NewWithT(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	g.Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(request)
	g.Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	g.Expect(response.StatusCode).To(Equal(http.StatusOK), url)
	content, err := io.ReadAll(response.Body)
	g.Expect(err).NotTo(HaveOccurred())
	return content
}

// fetch loads a chart as Helm does: by the index, whose digest has to be right.
func fetch(t *testing.T, server *charts.Server, name string) *chart.Chart {
	t.Helper()
	g := NewWithT(t)
	index := &repo.IndexFile{}
	g.Expect(yaml.Unmarshal(get(t, server.URL()+"/index.yaml"), index)).To(Succeed())
	version, err := index.Get(name, "1.0.0")
	g.Expect(err).NotTo(HaveOccurred())
	url, err := repo.ResolveReferenceURL(server.URL(), version.URLs[0])
	g.Expect(err).NotTo(HaveOccurred())
	archive := get(t, url)
	g.Expect(version.Digest).To(Equal(sum(archive)))
	loaded, err := loader.LoadArchive(bytes.NewReader(archive))
	g.Expect(err).NotTo(HaveOccurred())
	return loaded
}

func render(t *testing.T, c *chart.Chart, values map[string]any) (string, error) {
	t.Helper()
	all, err := util.ToRenderValues(c, values, common.ReleaseOptions{Name: "release", Namespace: "kube-system"}, nil)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	files, err := engine.Engine{}.RenderWithContext(t.Context(), c, all)
	var text strings.Builder
	for name, content := range files {
		if path.Ext(name) == ".yaml" {
			text.WriteString("---\n" + content)
		}
	}
	return text.String(), err
}

func sum(content []byte) string {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:])
}

func TestChartsRender(t *testing.T) {
	server := start(t)
	controller := map[string]any{
		"clusterName": "prod", "region": "eu-west-1", "vpcId": "vpc-1",
		"tolerations": []any{map[string]any{"key": "node-class", "operator": "Exists"}},
	}
	without := func(key string) map[string]any {
		values := map[string]any{}
		for k, v := range controller {
			if k != key {
				values[k] = v
			}
		}
		return values
	}
	for name, tc := range map[string]struct {
		chart     string
		values    map[string]any
		want      []string
		wantError string
	}{
		"the controller, with what it needs": {
			chart: "aws-load-balancer-controller", values: controller,
			want: []string{
				"kind: ServiceAccount", "kind: ClusterRole\n", "kind: Deployment",
				"--cluster-name=prod", "--aws-region=eu-west-1", "--aws-vpc-id=vpc-1", "- key: node-class",
			},
		},
		"the controller without a cluster": {chart: "aws-load-balancer-controller", values: without("clusterName"), wantError: "clusterName is required"},
		"the controller without a region":  {chart: "aws-load-balancer-controller", values: without("region"), wantError: "region is required"},
		"the controller without a VPC":     {chart: "aws-load-balancer-controller", values: without("vpcId"), wantError: "vpcId is required"},
		"the platform": {
			chart: "platform",
			want:  []string{"kind: Namespace", "name: networking", "serviceAccountName: external-dns", "app.kubernetes.io/name: external-dns"},
		},
		"the CRDs, which are no templates": {chart: "crds"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			text, err := render(t, fetch(t, server, tc.chart), tc.values)
			if tc.wantError != "" {
				g.Expect(err).To(MatchError(ContainSubstring(tc.wantError)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			for _, part := range tc.want {
				g.Expect(text).To(ContainSubstring(part))
			}
		})
	}
}

func TestCRDs(t *testing.T) {
	g := NewWithT(t)
	var groups []string
	for _, file := range fetch(t, start(t), "crds").CRDObjects() {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		g.Expect(yaml.UnmarshalStrict(file.File.Data, crd)).To(Succeed())
		g.Expect(crd.Name).To(Equal(crd.Spec.Names.Plural + "." + crd.Spec.Group))
		groups = append(groups, crd.Spec.Group)
	}
	g.Expect(groups).To(ConsistOf("monitoring.coreos.com", "external-secrets.io"))
}

func TestManifests(t *testing.T) {
	g := NewWithT(t)
	server := start(t)
	content := get(t, server.ManifestURL())
	g.Expect(sum(content)).To(Equal(server.ManifestSHA256()))
	g.Expect(string(content)).To(ContainSubstring("kind: StorageClass"))
	g.Expect(server.Requests()).To(Equal(1))
}

func TestArchivesAreReproducible(t *testing.T) {
	g := NewWithT(t)
	first, second := start(t), start(t)
	const archive = "/platform-1.0.0.tgz"
	g.Expect(get(t, first.URL()+archive)).To(Equal(get(t, second.URL()+archive)))
}

func TestUnknownPath(t *testing.T) {
	g := NewWithT(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, start(t).URL()+"/platform-9.9.9.tgz", http.NoBody)
	g.Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(request)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(response.Body.Close()).To(Succeed())
	g.Expect(response.StatusCode).To(Equal(http.StatusNotFound))
}

func TestStop(t *testing.T) {
	g := NewWithT(t)
	server := start(t)
	g.Expect(get(t, server.URL()+"/index.yaml")).NotTo(BeEmpty())
	server.Stop()
	server.Stop()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL()+"/index.yaml", http.NoBody)
	g.Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(request) //nolint:bodyclose // there is no response
	g.Expect(err).To(HaveOccurred())
	g.Expect(response).To(BeNil())
}
