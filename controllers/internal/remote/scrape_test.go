package remote_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

func TestRoute(t *testing.T) {
	pods := http.NewServeMux()
	pods.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("up 1")) })
	pods.Handle("GET /moved", http.RedirectHandler("/metrics", http.StatusFound))
	pods.HandleFunc("GET /long", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Repeat("#", 8<<20+1)))
	})
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
			raw, err := remote.NewRoute().Scrape(t.Context(), pod, int32(here.Port()), tc.path)
			if tc.wantErr != "" {
				g.Expect(err).To(MatchError(ContainSubstring(tc.wantErr)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(raw)).To(Equal(tc.want))
		})
	}
}
