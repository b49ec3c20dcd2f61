package argocd

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
)

// infra is the reference to the Secret that credentialsOf makes.
var infra = &v1alpha1.LocalReference{Name: "infra"}

func credentialsOf(kind, url string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: infra.Name, Labels: map[string]string{LabelSecretType: kind}},
		Data:       map[string][]byte{"url": []byte(url), "username": []byte("portolan"), "password": []byte("canary")},
	}
}

func TestCredentialsGoToTheirRepositoryOnly(t *testing.T) {
	const theirs = "https://user:canary@git.test/org/infra"
	for name, tc := range map[string]struct {
		kind, secret, url string
		wantError         string
	}{
		"the same":                          {kind: "repository", secret: theirs, url: "https://git.test/org/infra"},
		"the same, spelt as Argo CD may":    {kind: "repository", secret: " https://Git.test:443/org/Infra.git/\n", url: "https://git.test/org/infra"},
		"the same by SSH":                   {kind: "repository", secret: "git@git.test:org/infra.git", url: "ssh://git@git.test/org/infra"},
		"another host":                      {kind: "repository", secret: theirs, url: "https://git.evil/org/infra", wantError: "is not for https://git.evil/org/infra"},
		"another host behind a user":        {kind: "repository", secret: theirs, url: "https://git.test@git.evil/org/infra", wantError: "is not for https://git.evil/org/infra"},
		"a host that begins like it":        {kind: "repository", secret: theirs, url: "https://git.test.evil/org/infra", wantError: "is not for"},
		"another port":                      {kind: "repository", secret: theirs, url: "https://git.test:8443/org/infra", wantError: "is not for"},
		"the same in the clear":             {kind: "repository", secret: theirs, url: "http://git.test/org/infra", wantError: "is not for"},
		"in the clear, as Argo CD does":     {kind: "repository", secret: "http://git.test/org/infra", url: "http://git.test/org/infra"},
		"another repository":                {kind: "repository", secret: theirs, url: "https://git.test/org/other", wantError: "is not for"},
		"one below it":                      {kind: "repository", secret: theirs, url: "https://git.test/org/infra/more", wantError: "is not for"},
		"no URL":                            {kind: "repository", url: "https://git.test/org/infra", wantError: "its url has to be that of the repository"},
		"a URL that shows a password":       {kind: "repository", secret: theirs, url: "https://user:token@git.evil/org/infra", wantError: "is not for https://git.evil/org/infra"},
		"all of a host":                     {kind: "repo-creds", secret: "https://git.test", url: "https://git.test/org/infra"},
		"all of an organisation":            {kind: "repo-creds", secret: "https://git.test/org/", url: "https://git.test/org/infra.git"},
		"all, and it is the only one":       {kind: "repo-creds", secret: theirs, url: "https://git.test/org/infra"},
		"all of an organisation by SSH":     {kind: "repo-creds", secret: "git@git.test:org", url: "ssh://git@git.test/org/infra"},
		"all of a host that begins like it": {kind: "repo-creds", secret: "https://git.test", url: "https://git.test.evil/org/infra", wantError: "is not for"},
		"all of one that begins like it":    {kind: "repo-creds", secret: "https://git.test/org", url: "https://git.test/orgother/infra", wantError: "is not for"},
		"all, and out of it again":          {kind: "repo-creds", secret: "https://git.test/org", url: "https://git.test/org/../other/infra", wantError: "is not for"},
		"all, and out of it in disguise":    {kind: "repo-creds", secret: "https://git.test/org", url: "https://git.test/org/%252e%252e/other/infra", wantError: "is not for"},
		"all in the clear":                  {kind: "repo-creds", secret: "https://git.test/org", url: "http://git.test/org/infra", wantError: "is not for"},
		"all, but no URL":                   {kind: "repo-creds", url: "https://git.test/org/infra", wantError: "is not for"},
		"no credentials of a repository":    {kind: "cluster", secret: theirs, url: "https://git.test/org/infra", wantError: "is not labelled"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			clusters := newHub(t, credentialsOf(tc.kind, tc.secret))
			repository, err := clusters.Repository(t.Context(), tc.url, infra)
			if tc.wantError == "" {
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(repository.Auth).To(Equal(gitrepo.Auth{Username: "portolan", Password: "canary"}))
				return
			}
			g.Expect(err).To(MatchError(And(ContainSubstring(tc.wantError), Not(ContainSubstring("canary")), Not(ContainSubstring("token")))))
			g.Expect(repository.Auth).To(BeZero())
		})
	}
}

func TestAServerOfSomebodyElseNeverSeesCredentials(t *testing.T) {
	g := NewWithT(t)
	var asked, told atomic.Int32
	record := func(r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Authorization") != "" {
			told.Add(1)
		}
	}
	theirs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		record(r)
		http.Error(w, "no", http.StatusUnauthorized)
	}))
	defer theirs.Close()
	elsewhere := strings.Replace(theirs.URL, "127.0.0.1", "localhost", 1)
	ours := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere+r.URL.RequestURI(), http.StatusFound)
	}))
	defer ours.Close()
	editor := gitrepo.NewEditor(clocktesting.NewFakeClock(time.Unix(1, 0)))

	clusters := newHub(t, credentialsOf("repository", ours.URL+"/infra"))
	_, err := clusters.Branch(t.Context(), nil, v1alpha1.GitBranch{URL: theirs.URL + "/infra", Branch: "main", CredentialsSecretRef: infra})
	g.Expect(err).To(HaveOccurred())
	g.Expect(asked.Load()).To(BeZero())

	branch, err := clusters.Branch(t.Context(), nil, v1alpha1.GitBranch{URL: ours.URL + "/infra", Branch: "main", CredentialsSecretRef: infra})
	g.Expect(err).NotTo(HaveOccurred())
	_, err = editor.Read(t.Context(), branch, []string{"a"}, 0)
	g.Expect(err).To(HaveOccurred())
	g.Expect(asked.Load()).NotTo(BeZero(), "the redirect is followed")
	g.Expect(told.Load()).To(BeZero())
}
