package bootstrap_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"helm.sh/helm/v4/pkg/registry"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/bootstrap"
)

const manifestType = "application/vnd.oci.image.manifest.v1+json"

// push serves a chart as an OCI registry would, and returns the item that installs it.
func (b *bed) push(name, version string, files map[string]string) v1alpha1.BootstrapItem {
	config := `{"apiVersion":"v2","name":"` + name + `","version":"` + version + `"}`
	files["Chart.yaml"] = "apiVersion: v2\nname: " + name + "\nversion: " + version + "\n"
	archive := string(pack(name, files))
	blob := func(mediaType, content string) map[string]any {
		digest := "sha256:" + sum([]byte(content))
		b.put("/v2/charts/"+name+"/blobs/"+digest, content)
		return map[string]any{"mediaType": mediaType, "digest": digest, "size": len(content)}
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": blob(registry.ConfigMediaType, config),
		"layers": []any{blob(registry.ChartLayerMediaType, archive)},
	})
	Expect(err).NotTo(HaveOccurred())
	b.put("/v2/charts/"+name+"/manifests/"+strings.ReplaceAll(version, "+", "_"), string(manifest))
	b.put("/v2/charts/"+name+"/manifests/sha256:"+sum(manifest), string(manifest))
	b.put("/v2/", "{}")
	b.put("/v2/charts/"+name+"/tags/list", `{"name":"charts/`+name+`","tags":["1.0.0","1.2.0","1.10.0","latest"]}`)
	return v1alpha1.BootstrapItem{Name: name, Helm: &v1alpha1.HelmChart{
		Repository: b.registryURL(), Chart: name, Version: version, Namespace: "platform",
	}}
}

func (b *bed) registryURL() string { return strings.Replace(b.URL, "http://", "oci://", 1) + "/charts" }

// newRegistry is a repository that types its answers as registries do.
func newRegistry(t *testing.T, o bootstrap.Options) *bed {
	t.Helper()
	b := newBed(t, o)
	files := b.Config.Handler
	b.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/manifests/") {
			w.Header().Set("Content-Type", manifestType)
		}
		files.ServeHTTP(w, r)
	})
	return b
}

func TestOCI(t *testing.T) {
	for name, tc := range map[string]struct {
		version string
		prepare func(b *bed, item *v1alpha1.BootstrapItem)
		options bootstrap.Options
		want    []string
	}{
		"a chart": {version: "1.0.0"},
		"a version with build metadata, which tags cannot spell": {version: "1.0.0+build"},
		"a repository with a slash at the end":                   {version: "1.0.0", prepare: func(_ *bed, item *v1alpha1.BootstrapItem) { item.Helm.Repository += "/" }},
		"a repository whose index points to a registry": {
			version: "1.0.0",
			prepare: func(b *bed, item *v1alpha1.BootstrapItem) {
				item.Helm.Repository = b.URL
				b.put("/index.yaml", "entries: {c: [{name: c, version: 1.0.0, urls: ["+b.registryURL()+"/c:1.0.0]}]}")
			},
		},
		"no such version": {
			version: "1.0.0",
			prepare: func(_ *bed, item *v1alpha1.BootstrapItem) { item.Helm.Version = "1.0.1" },
			want:    []string{"oci://127.0.0.1", "/charts has no version 1.0.1 of chart c: use another, the newest are 1.10.0, 1.2.0, 1.0.0"},
		},
		"no such chart": {
			version: "1.0.0",
			prepare: func(_ *bed, item *v1alpha1.BootstrapItem) { item.Helm.Chart = "d" },
			want:    []string{"/charts/d cannot be fetched: not found; check the address"},
		},
		"a broken registry": {
			version: "1.0.0",
			prepare: func(b *bed, _ *v1alpha1.BootstrapItem) { b.fail("/v2/charts/c/manifests/1.0.0", http.StatusForbidden) },
			want:    []string{"/charts/c cannot be fetched", "403"},
		},
		"an answer that takes too long": {
			version: "1.0.0", options: bootstrap.Options{Timeout: 50 * time.Millisecond},
			prepare: func(b *bed, _ *v1alpha1.BootstrapItem) { b.held() },
			want:    []string{"cannot be fetched: context deadline exceeded"},
		},
		"a chart that is too large": {
			version: "1.0.0", options: bootstrap.Options{MaxBytes: 200},
			want: []string{"/charts/c is larger than Portolan accepts"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			b := newRegistry(t, tc.options)
			item := b.push("c", tc.version, map[string]string{"templates/a.yaml": object("Service", "s")})
			if tc.prepare != nil {
				tc.prepare(b, &item)
			}
			rendered, err := b.render(t, item)
			for _, part := range tc.want {
				g.Expect(err).To(MatchError(ContainSubstring(part)))
			}
			if tc.want == nil {
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(names(rendered)).To(Equal([]string{"Namespace platform", "Service s"}))
			}
		})
	}
}
