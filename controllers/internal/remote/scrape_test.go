package remote_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

func TestProxy(t *testing.T) {
	const pod = "GET /api/v1/namespaces/api/pods/http:p:9090/proxy"
	api := http.NewServeMux()
	api.HandleFunc(pod+"/metrics", answer("up 1"))
	const noise, ours = "down{a=\"b\"} 2.5", "# HELP up is it?\n# TYPE up gauge\nup{a=\"c\"} 1\nupper 3"
	lines := strings.Repeat(noise+"\n", 8<<20/len(noise)-10)[:8<<20-200]
	api.HandleFunc(pod+"/whole", answer("# HELP go\n"+lines+"\n"+ours))
	api.HandleFunc(pod+"/page", answer("<html>"+strings.Repeat("up ", 1<<20)))
	api.HandleFunc(pod+"/long", answer(lines+lines))
	var refused atomic.Int64 // MiB
	api.HandleFunc(pod+"/refused", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		for refused.Load() < 64 {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
			refused.Add(1)
		}
	})
	server := httptest.NewTLSServer(api)
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	cluster, err := remote.New(fixedToken("t"), clock.RealClock{}, 0).Ensure(key, remote.Target{Name: "prod", Endpoint: server.URL, CA: string(ca)})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for name, tc := range map[string]struct {
		path, want, wantErr string
	}{
		"a pod":                 {path: "/metrics", want: "up 1"},
		"one with all it may":   {path: "/whole", want: "# HELP go\n" + ours},
		"what is no exposition": {path: "/page", want: ("<html>" + strings.Repeat("up ", 1<<20))[:64<<10]},
		"a path that is none":   {path: "/other", wantErr: "scraping pod p: the API server answers with NotFound"},
		"one that has too much": {path: "/long", wantErr: "scraping pod p: it has more than 8 MiB of metrics"},
		"one that refuses":      {path: "/refused", wantErr: "scraping pod p: the API server answers: the server responded with the status code 418"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			raw, err := cluster.Scrape(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "api", Name: "p"}}, 9090, tc.path, "up")
			if tc.wantErr != "" {
				g.Expect(err).To(MatchError(HavePrefix(tc.wantErr)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(raw)).To(Equal(tc.want))
		})
	}
	NewWithT(t).Expect(refused.Load()).To(BeNumerically("<", 32), "nobody reads all of a refusal")
}

func TestRoute(t *testing.T) {
	pods := http.NewServeMux()
	pods.HandleFunc("GET /metrics", answer("up 1"))
	pods.Handle("GET /moved", http.RedirectHandler("/metrics", http.StatusFound))
	pods.HandleFunc("GET /long", answer(strings.Repeat("#", 8<<20+1)))
	server := httptest.NewServer(pods)
	t.Cleanup(server.Close)
	here := netip.MustParseAddrPort(server.Listener.Addr().String())
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:3128")
	for name, tc := range map[string]struct{ ip, path, want, wantErr string }{
		"a pod":                          {ip: here.Addr().String(), path: "/metrics", want: "up 1"},
		"a path that is none":            {ip: here.Addr().String(), path: "/other", wantErr: "it answers with 404"},
		"one that redirects":             {ip: here.Addr().String(), path: "/moved", wantErr: "it redirects"},
		"one that never ends":            {ip: here.Addr().String(), path: "/long", wantErr: "more than 8 MiB"},
		"a pod without address":          {path: "/metrics", wantErr: "it has no address"},
		"the credentials of the machine": {ip: "169.254.169.254", path: "/latest", wantErr: "is link-local"},
		"the same, as IPv6 writes it":    {ip: "::ffff:169.254.169.254", path: "/latest", wantErr: "is link-local"},
		"AWS's of IPv6":                  {ip: "fd00:ec2::254", path: "/latest", wantErr: "is link-local"},
		"a link-local IPv6 address":      {ip: "fe80::1", path: "/v1/credentials", wantErr: "is link-local"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Status: corev1.PodStatus{PodIP: tc.ip}}
			raw, err := remote.NewRoute().Scrape(t.Context(), pod, int32(here.Port()), tc.path, "up")
			if tc.wantErr != "" {
				g.Expect(err).To(MatchError(ContainSubstring(tc.wantErr)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(raw)).To(Equal(tc.want))
		})
	}
}
