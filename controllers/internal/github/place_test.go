package github

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
)

func TestPlaces(t *testing.T) {
	for url, want := range map[string]place{
		"https://github.com/unkeyed/infra":            {api: publicAPI, owner: "unkeyed", name: "infra"},
		"https://github.com/unkeyed/infra.git":        {api: publicAPI, owner: "unkeyed", name: "infra"},
		"https://GitHub.com:443/unkeyed/infra.git/":   {api: publicAPI, owner: "unkeyed", name: "infra"},
		"https://www.github.com/unkeyed/a.b_c-d":      {api: publicAPI, owner: "unkeyed", name: "a.b_c-d"},
		"https://user:other@github.com/unkeyed/infra": {api: publicAPI, owner: "unkeyed", name: "infra"},
		"https://acme.ghe.com/unkeyed/infra.git":      {api: "https://api.acme.ghe.com/graphql", owner: "unkeyed", name: "infra"},

		"ssh://git@github.com/unkeyed/infra.git":     {}, // the password is a passphrase
		"ssh://git@ssh.github.com:443/unkeyed/infra": {},
		"http://github.com/unkeyed/infra":            {},
		"https://github.com:8443/unkeyed/infra":      {},
		"https://github.com/unkeyed":                 {},
		"https://github.com/unkeyed/":                {},
		"https://github.com/unkeyed/infra/tree/main": {},
		"https://github.com/unkeyed/in%20fra":        {},
		"https://github.com/unkeyed/.git":            {},
		"https://github.com":                         {},
		"https://gist.github.com/unkeyed/infra":      {},
		"https://github.com.example.com/unkeyed/x":   {},
		"https://evilgithub.com/unkeyed/infra":       {},
		"https://github.com@example.com/unkeyed/x":   {},
		"https://ghe.com/unkeyed/infra":              {},
		"https://a.b.ghe.com/unkeyed/infra":          {},
		"https://example.com#.ghe.com/unkeyed/infra": {},
		"https://acme.ghe.com.example.com/unkeyed/x": {},
		"https://github.example.com/unkeyed/infra":   {}, // may be an Enterprise Server, or anything
		"https://gitlab.com/unkeyed/infra":           {},
		"https://git hub.com/unkeyed/infra":          {},
		"file:///github.com/unkeyed/infra":           {},
		"":                                           {},
	} {
		t.Run(url, func(t *testing.T) {
			g := NewWithT(t)
			repo := gitrepo.Repository{URL: url, Auth: gitrepo.Auth{Username: "x", Password: "token"}}
			got, ok := locate(repo)
			g.Expect(ok).To(Equal(want != place{}))
			if ok {
				want.token = "token"
			}
			g.Expect(got).To(Equal(want))

			repo.Auth = gitrepo.Auth{SSHPrivateKey: "key"}
			_, ok = locate(repo)
			g.Expect(ok).To(BeFalse(), "without a token")
		})
	}
}
