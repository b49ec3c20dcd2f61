package gitrepo

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	. "github.com/onsi/gomega"
)

func TestCommitFailures(t *testing.T) {
	guarded := func(user func(service string) string) func(*depot) {
		return func(d *depot) {
			d.around(func(git http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					service := r.URL.Query().Get("service") + r.URL.Path
					if name, password, _ := r.BasicAuth(); name != user(service) || password != secret {
						http.Error(w, "no "+r.Header.Get("Authorization"), http.StatusUnauthorized)
						return
					}
					r.Header.Set("Remote-User", "robot")
					git.ServeHTTP(w, r)
				})
			})
		}
	}
	cases := map[string]struct {
		settings    []string
		prepare     func(*depot)
		branch      string
		want        error
		wantMessage string
		readable    bool
	}{
		"wrong password": {
			prepare: guarded(func(string) string { return "else" }), want: ErrCredentials, wantMessage: "credentials refused",
		},
		"a password that is good for reading": {
			prepare: guarded(func(service string) string {
				if strings.Contains(service, "receive-pack") {
					return "else"
				}
				return "robot"
			}),
			want: ErrCredentials, readable: true,
		},
		"no write access": {
			settings: []string{"http.receivepack=false"}, want: ErrPushRefused, wantMessage: "the credentials do not allow to push", readable: true,
		},
		"a protected branch": {
			prepare: func(d *depot) { d.hook("pre-receive", "echo GH006: Protected branch; exit 1") },
			want:    ErrPushRefused, wantMessage: "push refused: pre-receive hook declined", readable: true,
		},
		"a refusal that tells secrets": {
			prepare: func(d *depot) {
				d.around(pushes(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
					report := pktline.NewEncoder(w)
					_ = report.EncodeString("unpack ok\n", "ng refs/heads/main "+secret+" is no good\n", "")
				}))
			},
			want: ErrPushRefused, wantMessage: "push refused: [redacted] is no good", readable: true,
		},
		"a server that breaks at the push": {
			prepare: func(d *depot) {
				d.around(pushes(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
					http.Error(w, secret, http.StatusBadGateway)
				}))
			},
			want: ErrUnreachable, wantMessage: "answers with status 502", readable: true,
		},
		"a push without an answer": {
			prepare: func(d *depot) { d.around(pushes(func(http.ResponseWriter, *http.Request, http.Handler) {})) },
			want:    ErrUnreachable, wantMessage: "did not say whether it took the commit", readable: true,
		},
		"no such branch": {branch: "other", want: ErrNoBranch, wantMessage: "no such branch: other"},
		"a tag":          {prepare: func(d *depot) { d.git("tag", "v1", "main") }, branch: "v1", want: ErrNoBranch},
		"no commits": {
			prepare: func(d *depot) { d.git("update-ref", "-d", "refs/heads/main") }, want: ErrNoBranch, wantMessage: "the repository is empty",
		},
		"no repository": {prepare: func(d *depot) {
			d.around(func(http.Handler) http.Handler { return http.NotFoundHandler() })
		}, want: ErrNotFound},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			d := newDepot(t, tc.settings...)
			head := d.git("rev-parse", "main")
			if tc.prepare != nil {
				tc.prepare(d)
			}
			b := d.branch()
			b.Auth = Auth{Username: "robot", Password: secret}
			if tc.branch != "" {
				b.Name = tc.branch
			}
			e := newEditor()
			_, changed, err := e.Commit(t.Context(), b, "ours", []Change{plus("values.yaml", "x")})
			g.Expect(err).To(MatchError(tc.want))
			g.Expect(err).To(MatchError(ContainSubstring(tc.wantMessage)))
			g.Expect(err).To(MatchError(ContainSubstring("committing to branch " + b.Name + " of " + d.URL)))
			expectNoSecret(t, err.Error())
			g.Expect(changed).To(BeFalse())
			_, _, again := newEditor().Commit(t.Context(), b, "ours", []Change{plus("values.yaml", "x")})
			g.Expect(again.Error()).To(Equal(err.Error()))
			files, err := e.Read(t.Context(), b, []string{"values.yaml"}, time.Hour)
			if tc.readable {
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(files).To(HaveKeyWithValue("values.yaml", []byte("seeds: a # why\n"))) // not what was not pushed
				g.Expect(d.git("rev-parse", "main")).To(Equal(head))
				return
			}
			g.Expect(err).To(MatchError(tc.want))
			g.Expect(err).To(MatchError(ContainSubstring("reading branch " + b.Name)))
		})
	}
}

func TestCommitNeedsAServer(t *testing.T) {
	g := NewWithT(t)
	for url, want := range map[string]string{
		"file:///tmp": "a file:// repository has no branches to push to", "git://127.0.0.1/x": "git:// is not supported",
	} {
		b := Branch{Repository: Repository{URL: url}, Name: "main"}
		_, _, err := newEditor().Commit(t.Context(), b, "", nil)
		g.Expect(err).To(MatchError(ErrUnreachable))
		g.Expect(err).To(MatchError(ContainSubstring(want)))
	}
}

// A server takes the commit, and nobody hears of it.
func TestCommitIsNotMadeTwice(t *testing.T) {
	taken := func(r *http.Request, git http.Handler) { git.ServeHTTP(httptest.NewRecorder(), r) }
	for name, answer := range map[string]func(w http.ResponseWriter){
		"the connection breaks": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"the answer is empty":   func(http.ResponseWriter) {},
		"a proxy gives up":      func(w http.ResponseWriter) { http.Error(w, "timeout", http.StatusGatewayTimeout) },
		"the answer is garbage": func(w http.ResponseWriter) { _, _ = w.Write([]byte("garbage")) },
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			d := newDepot(t)
			d.around(pushes(func(w http.ResponseWriter, r *http.Request, git http.Handler) {
				taken(r, git)
				answer(w)
			}))
			commit, changed, err := newEditor().Commit(t.Context(), d.branch(), "ours", []Change{to("values.yaml", "x")})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(changed).To(BeTrue())
			g.Expect(d.git("rev-parse", "main")).To(Equal(commit))
		})
	}
	t.Run("the caller gives up", func(t *testing.T) {
		g := NewWithT(t)
		d := newDepot(t)
		ctx, cancel := context.WithCancel(t.Context())
		d.around(pushes(func(_ http.ResponseWriter, r *http.Request, git http.Handler) {
			taken(r, git)
			cancel()
			<-r.Context().Done()
		}))
		e := newEditor()
		_, changed, err := e.Commit(ctx, d.branch(), "ours", []Change{to("values.yaml", "x")})
		g.Expect(err).To(MatchError(context.Canceled))
		g.Expect(changed).To(BeTrue(), "it may have been")
		d.around(nil)
		commit, changed, err := e.Commit(t.Context(), d.branch(), "ours", []Change{to("values.yaml", "x")})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(changed).To(BeFalse())
		g.Expect(d.git("rev-parse", "main")).To(Equal(commit))
		g.Expect(d.git("rev-list", "--count", "main")).To(Equal("3"))
	})
	t.Run("and somebody follows before the server is gone", func(t *testing.T) {
		g := NewWithT(t)
		d := newDepot(t)
		var looks atomic.Int32 // after the push
		pushed := make(chan struct{})
		d.around(func(git http.Handler) http.Handler {
			breaking := pushes(func(_ http.ResponseWriter, r *http.Request, git http.Handler) {
				taken(r, git)
				d.commit("helm/api.yaml", "theirs\n")
				close(pushed)
				panic(http.ErrAbortHandler)
			})(git)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				select {
				case <-pushed:
					if looks.Add(1) > 1 {
						http.Error(w, "gone", http.StatusBadGateway)
						return
					}
				default:
				}
				breaking.ServeHTTP(w, r)
			})
		})
		_, changed, err := newEditor().Commit(t.Context(), d.branch(), "ours", []Change{to("values.yaml", "x")})
		g.Expect(err).To(MatchError(ErrUnreachable))
		g.Expect(changed).To(BeTrue(), "it may have been")
		g.Expect(d.git("log", "--format=%s", "main")).To(HavePrefix("theirs\nours\n"))
	})
	t.Run("and somebody follows", func(t *testing.T) {
		g := NewWithT(t)
		d := newDepot(t)
		once := sync.OnceFunc(func() { d.commit("helm/api.yaml", "theirs\n") })
		d.around(pushes(func(_ http.ResponseWriter, r *http.Request, git http.Handler) {
			taken(r, git)
			once()
			panic(http.ErrAbortHandler)
		}))
		_, _, err := newEditor().Commit(t.Context(), d.branch(), "ours", []Change{to("values.yaml", "x")})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(d.git("log", "--format=%s", "main")).To(Equal("theirs\nours\nsecond\nfirst"))
	})
}
