package gitrepo

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/transport"
	. "github.com/onsi/gomega"
)

const secret = "s3cr3t/+token"

func TestFailures(t *testing.T) {
	status := func(code int) func(*testing.T) string {
		return func(t *testing.T) string {
			return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.Error(w, "you came with "+r.Header.Get("Authorization")+" "+secret, code)
			})).URL
		}
	}
	cases := map[string]struct {
		url         func(*testing.T) string
		want        error
		wantMessage string
	}{
		"wrong credentials":       {url: status(http.StatusUnauthorized), want: ErrCredentials, wantMessage: "credentials refused"},
		"too few rights":          {url: status(http.StatusForbidden), want: ErrCredentials, wantMessage: "credentials refused"},
		"no repository":           {url: status(http.StatusNotFound), want: ErrNotFound, wantMessage: "do not allow to see it"},
		"a server that is broken": {url: status(http.StatusBadGateway), want: ErrUnreachable, wantMessage: "answers with status 502"},
		"no git server":           {url: status(http.StatusOK), want: ErrUnreachable},
		"nobody there":            {url: closedServer, want: ErrUnreachable, wantMessage: "connection refused"},
		"no repository on disk": {
			url:  func(t *testing.T) string { return "file://" + t.TempDir() },
			want: ErrNotFound, wantMessage: "repository not found",
		},
		"another protocol": {url: func(*testing.T) string { return "git://127.0.0.1" }, want: ErrUnreachable, wantMessage: "git:// is not supported"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			base := tc.url(t)
			inURL := strings.Replace(base, "://", "://"+url.UserPassword("robot", secret).String()+"@", 1) + "/repository.git"
			for _, repository := range []Repository{
				{URL: base + "/repository.git", Auth: Auth{Password: secret}},
				{URL: inURL},
				{URL: strings.Replace(inURL, "robot:", "", 1)},
			} {
				if strings.HasPrefix(base, "file:") {
					repository.URL = base
				}
				_, err := newRepositories().Missing(t.Context(), repository, nowhere, nil)
				g.Expect(err).To(MatchError(tc.want))
				g.Expect(err).To(MatchError(ContainSubstring(tc.wantMessage)))
				g.Expect(err).To(MatchError(ContainSubstring(base))) // the URL without credentials
				_, again := newRepositories().Missing(t.Context(), repository, nowhere, nil)
				g.Expect(again.Error()).To(Equal(err.Error()))
				expectNoSecret(t, err.Error())
			}
		})
	}
}

func closedServer(*testing.T) string {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	return s.URL
}

func expectNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, spelling := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
		NewWithT(t).Expect(text).NotTo(ContainSubstring(spelling))
	}
}

func TestCredentialsAreSent(t *testing.T) {
	o := standard(t)
	cases := map[string]struct {
		auth     Auth
		userinfo *url.Userinfo
		wantUser string
	}{
		"user and password": {auth: Auth{Username: "robot", Password: secret}, wantUser: "robot"},
		"a token":           {auth: Auth{Password: secret}, wantUser: tokenUser},
		"in the URL":        {userinfo: url.UserPassword("robot", secret), wantUser: "robot"},
		"better than in the URL": {
			auth: Auth{Username: "robot", Password: secret}, userinfo: url.UserPassword("other", "other"), wantUser: "robot",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			behind := smart(o)
			s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if user, password, _ := r.BasicAuth(); user != tc.wantUser || password != secret {
					http.Error(w, "no", http.StatusUnauthorized)
					return
				}
				behind.ServeHTTP(w, r)
			}))
			repository := s.repository()
			repository.Auth = tc.auth
			if tc.userinfo != nil {
				repository.URL = strings.Replace(repository.URL, "://", "://"+tc.userinfo.String()+"@", 1)
			}
			g.Expect(newRepositories().Missing(t.Context(), repository, o.commits["tip"], []string{"values.yaml"})).To(BeEmpty())
		})
	}
}

func TestSSHNeedsAKey(t *testing.T) {
	for name, key := range map[string]string{"none": "", "not one": secret} {
		t.Run(name, func(t *testing.T) {
			repository := Repository{URL: "ssh://git@127.0.0.1:1/repository.git", Auth: Auth{SSHPrivateKey: key}}
			_, err := newRepositories().Missing(t.Context(), repository, nowhere, nil)
			NewWithT(t).Expect(err).To(MatchError(ErrCredentials))
			expectNoSecret(t, err.Error())
		})
	}
}

// go-git's SSH transport connects without a context.
func TestDoesNotWaitForAServerThatSaysNothing(t *testing.T) {
	g := NewWithT(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = listener.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if conn, err := listener.Accept(); err == nil {
			cancel()
			defer func() { _ = conn.Close() }()
			<-t.Context().Done()
		}
	}()
	endpoint, err := transport.NewEndpoint("ssh://" + listener.Addr().String() + "/repository.git")
	g.Expect(err).NotTo(HaveOccurred())
	method, err := methodOf(endpoint, Auth{SSHPrivateKey: newKey(g)})
	g.Expect(err).NotTo(HaveOccurred())
	hosts := filepath.Join(t.TempDir(), "known_hosts")
	g.Expect(os.WriteFile(hosts, nil, 0o600)).To(Succeed())
	t.Setenv("SSH_KNOWN_HOSTS", hosts)
	_, err = remote{endpoint: endpoint, auth: method}.open(ctx)
	g.Expect(err).To(MatchError(context.Canceled))
}

func newKey(g *WithT) string {
	_, key, err := ed25519.GenerateKey(nil)
	g.Expect(err).NotTo(HaveOccurred())
	der, err := x509.MarshalPKCS8PrivateKey(key)
	g.Expect(err).NotTo(HaveOccurred())
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestNothingSecretIsShown(t *testing.T) {
	g := NewWithT(t)
	repository := Repository{
		URL:  "https://robot:" + url.QueryEscape(secret) + "@git.example.com:8443/org/repository.git?token=" + url.QueryEscape(secret),
		Auth: Auth{Username: "robot", Password: secret, SSHPrivateKey: secret},
	}
	g.Expect(repository.String()).To(Equal("https://git.example.com:8443/org/repository.git"))
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		expectNoSecret(t, fmt.Sprintf(format, repository))
		expectNoSecret(t, fmt.Sprintf(format, &repository.Auth))
		expectNoSecret(t, fmt.Sprintf(format, struct{ Auth Auth }{repository.Auth}))
	}
	text, err := json.Marshal(repository.Auth)
	g.Expect(err).NotTo(HaveOccurred())
	expectNoSecret(t, string(text))
	g.Expect(Repository{URL: "https://%zz" + secret}.String()).To(Equal(redacted))
}
