package github

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
)

const token = "ghp_secret"

var (
	start = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	infra = gitrepo.Repository{URL: "https://github.com/unkeyed/infra", Auth: gitrepo.Auth{Username: "x-access-token", Password: token}}
	seven = PullRequest{Title: "Bound the queue", Author: "ada", Labels: []string{"bug", "queue"}, Commit: "c0ffee"}
)

const sevenJSON = `{"title":"Bound the queue","author":{"login":"ada"},"labels":{"nodes":[{"name":"bug"},{"name":"queue"}]},"mergeCommit":{"oid":"c0ffee"}}`

func repository(fields string) string { return `{"data":{"repository":{` + fields + `}}}` }

// hub is a GitHub.
type hub struct {
	*PullRequests
	clock  *clocktesting.FakePassiveClock
	answer http.HandlerFunc
	asked  []string // bodies
	last   *http.Request
}

func newHub(t *testing.T, code int, body string) *hub {
	t.Helper()
	h := &hub{clock: clocktesting.NewFakePassiveClock(start)}
	h.says(code, body)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.asked, h.last = append(h.asked, string(body)), r
		h.answer(w, r)
	}))
	t.Cleanup(server.Close)
	h.PullRequests = New(server.Client(), h.clock)
	h.api = server.URL + "/graphql"
	return h
}

// says makes it answer; headers are pairs.
func (h *hub) says(code int, body string, headers ...string) {
	h.answer = func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

func (h *hub) later(by time.Duration) { h.clock.SetTime(h.clock.Now().Add(by)) }

func TestWhatIsAsked(t *testing.T) {
	g := NewWithT(t)
	h := newHub(t, http.StatusOK, repository(`"p7":`+sevenJSON+`,"p9":null`))
	g.Expect(h.Enrich(t.Context(), infra, []int32{9, 7, 7})).To(Equal(map[int32]PullRequest{7: seven}))
	g.Expect(h.last.Method).To(Equal(http.MethodPost))
	g.Expect(h.last.URL.Path).To(Equal("/graphql"))
	g.Expect(h.last.Header.Get("Authorization")).To(Equal("Bearer " + token))
	var sent struct {
		Query     string            `json:"query"`
		Variables map[string]string `json:"variables"`
	}
	g.Expect(json.Unmarshal([]byte(h.asked[0]), &sent)).To(Succeed())
	g.Expect(sent.Variables).To(Equal(map[string]string{"owner": "unkeyed", "name": "infra"}))
	const fields = "{ title author { login } labels(first: 20) { nodes { name } } mergeCommit { oid } }"
	g.Expect(sent.Query).To(Equal("query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {" +
		" p7: pullRequest(number: 7) " + fields + " p9: pullRequest(number: 9) " + fields + " } }"))
}

func TestNothingIsAskedWhereThereIsNothingToKnow(t *testing.T) {
	elsewhere, public, key := infra, infra, infra
	elsewhere.URL = "https://git.example.com/unkeyed/infra"
	public.Auth = gitrepo.Auth{}
	key.URL, key.Auth.SSHPrivateKey = "ssh://git@github.com/unkeyed/infra", "key"
	for name, tc := range map[string]struct {
		repo    gitrepo.Repository
		numbers []int32
	}{
		"elsewhere":            {elsewhere, []int32{7}},
		"without a token":      {public, []int32{7}},
		"with a key":           {key, []int32{7}},
		"without pull request": {infra, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			h := newHub(t, http.StatusOK, repository(`"p7":`+sevenJSON))
			g.Expect(h.Enrich(t.Context(), tc.repo, tc.numbers)).To(BeEmpty())
			g.Expect(h.asked).To(BeEmpty())
		})
	}
}

func TestAtMostTwentyAreAskedAbout(t *testing.T) {
	g := NewWithT(t)
	h := newHub(t, http.StatusOK, repository(""))
	numbers := make([]int32, 100)
	for i := range numbers {
		numbers[i] = int32(i + 1)
	}
	g.Expect(h.Enrich(t.Context(), infra, numbers)).To(BeEmpty())
	g.Expect(strings.Count(h.asked[0], "pullRequest(")).To(Equal(20))
}

func TestAnswers(t *testing.T) {
	long := strings.Repeat("ü\\n# x ", 2000)
	var labels []string
	for i := range 100 {
		labels = append(labels, fmt.Sprintf(`{"name":"%d%s"}`, i, long))
	}
	for name, tc := range map[string]struct {
		body string
		want map[int32]PullRequest
	}{
		"what is known":      {repository(`"p7":` + sevenJSON), map[int32]PullRequest{7: seven}},
		"an account is gone": {repository(`"p7":{"title":"x","author":null,"labels":null,"mergeCommit":null}`), map[int32]PullRequest{7: {Title: "x"}}},
		"others than asked":  {repository(`"p8":` + sevenJSON), map[int32]PullRequest{}},
		"one is an issue": {
			`{"data":{"repository":{"p7":` + sevenJSON + `,"p9":null}},"errors":[{"type":"NOT_FOUND","path":["repository","p9"]}]}`,
			map[int32]PullRequest{7: seven},
		},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(newHub(t, http.StatusOK, tc.body).Enrich(t.Context(), infra, []int32{7, 9})).To(Equal(tc.want))
		})
	}
	t.Run("more than people write", func(t *testing.T) {
		g := NewWithT(t)
		found, err := newHub(t, http.StatusOK, repository(`"p7":{"title":"`+long+`","author":{"login":"`+long+`"},"labels":{"nodes":[`+
			strings.Join(labels[:20], ",")+`,{"name":"x"},{"name":"y"}]},"mergeCommit":{"oid":"`+long+`"}}`)).Enrich(t.Context(), infra, []int32{7})
		g.Expect(err).NotTo(HaveOccurred())
		const replaced = 2 // bytes more than the half of a character
		g.Expect(len(found[7].Title)).To(BeNumerically("<=", maxTitle+replaced))
		g.Expect(found[7].Labels).To(HaveLen(maxLabels))
		for _, text := range append(found[7].Labels, found[7].Author, found[7].Commit) {
			g.Expect(len(text)).To(BeNumerically("<=", maxName+replaced))
			g.Expect(utf8.ValidString(text)).To(BeTrue())
		}
	})
}

func TestNoAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		code int
		body string
		want string
	}{
		"another token":         {http.StatusUnauthorized, token, "it answers with 401 Unauthorized"},
		"no rights":             {http.StatusForbidden, token, "it answers with 403 Forbidden"},
		"too many questions":    {http.StatusTooManyRequests, token, "it answers with 429 Too Many Requests"},
		"trouble":               {http.StatusBadGateway, "<html>" + token, "it answers with 502 Bad Gateway"},
		"somebody else":         {http.StatusOK, "<html>" + token, "the answer is not GitHub's"},
		"other JSON":            {http.StatusOK, `{"data":{}}`, "the answer is not GitHub's"},
		"another type":          {http.StatusOK, repository(`"p7":{"title":7}`), "the answer is not GitHub's"},
		"an unknown repository": {http.StatusOK, `{"data":{"repository":null},"errors":[{"type":"NOT_FOUND"}]}`, `it answers with "NOT_FOUND"`},
		"no rights to read pull requests": {
			http.StatusOK, `{"data":{"repository":{"p7":null}},"errors":[{"type":"FORBIDDEN","message":"` + token + `"}]}`, `it answers with "FORBIDDEN"`,
		},
		"a limit": {http.StatusOK, `{"errors":[{"type":"RATE_LIMITED"}]}`, `it answers with "RATE_LIMITED"`},
		"a long complaint": {
			http.StatusOK, `{"errors":[{"type":"` + strings.Repeat("x", 5000) + `"}]}`, `it answers with "` + strings.Repeat("x", 40) + `"`,
		},
		"more than can be read": {http.StatusOK, repository(strings.Repeat(" ", longest)), "the answer has more than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			h := newHub(t, tc.code, tc.body)
			found, err := h.Enrich(t.Context(), infra, []int32{7})
			g.Expect(err).To(MatchError("asking GitHub about pull requests of unkeyed/infra: " + tc.want))
			g.Expect(err.Error()).NotTo(ContainSubstring(token))
			g.Expect(found).To(BeEmpty())
			g.Expect(h.asked).To(HaveLen(1))
		})
	}
}

func TestATokenDoesNotFollowRedirects(t *testing.T) {
	for _, code := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			g := NewWithT(t)
			thief := newHub(t, http.StatusOK, repository(`"p7":`+sevenJSON))
			h := newHub(t, code, "")
			h.says(code, "", "Location", thief.api)
			found, err := h.Enrich(t.Context(), infra, []int32{7})
			g.Expect(err).To(MatchError(ContainSubstring("it answers with " + strconv.Itoa(code))))
			g.Expect(found).To(BeEmpty())
			g.Expect(thief.asked).To(BeEmpty())
		})
	}
}

func TestNobodyIsThere(t *testing.T) {
	g := NewWithT(t)
	h := newHub(t, http.StatusOK, "")
	h.api = "http://127.0.0.1:1/graphql"
	_, err := h.Enrich(t.Context(), infra, []int32{7})
	g.Expect(err).To(MatchError(And(ContainSubstring("no answer: connect: connection refused"), Not(ContainSubstring("127.0.0.1")))))
}

// slow is a network in which nothing comes back.
type slow struct{ limit time.Duration }

func (s *slow) RoundTrip(r *http.Request) (*http.Response, error) {
	if end, limited := r.Context().Deadline(); limited {
		s.limit = time.Until(end)
	}
	return nil, context.DeadlineExceeded
}

func TestAnAnswerIsNotWaitedForLong(t *testing.T) {
	g := NewWithT(t)
	network := &slow{}
	p := New(&http.Client{Transport: network}, clocktesting.NewFakePassiveClock(start))
	_, err := p.Enrich(t.Context(), infra, []int32{7})
	g.Expect(err).To(MatchError("asking GitHub about pull requests of unkeyed/infra: no answer within 10s"))
	g.Expect(network.limit).To(And(BeNumerically(">", 0), BeNumerically("<=", 10*time.Second)))
}

func TestACallerThatLeavesDoesNotSilenceGitHub(t *testing.T) {
	g := NewWithT(t)
	h := newHub(t, http.StatusOK, repository(`"p7":`+sevenJSON))
	answer := h.answer
	ctx, cancel := context.WithCancel(t.Context())
	h.answer = func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}
	_, err := h.Enrich(ctx, infra, []int32{7})
	g.Expect(err).To(MatchError(context.Canceled))
	h.answer = answer
	g.Expect(h.Enrich(t.Context(), infra, []int32{7})).To(HaveKey(int32(7)))
}

func TestAnswersAreRememberedForAnHour(t *testing.T) {
	g := NewWithT(t)
	h := newHub(t, http.StatusOK, repository(`"p7":`+sevenJSON))
	ask := func(repo gitrepo.Repository, numbers ...int32) int {
		found, err := h.Enrich(t.Context(), repo, numbers)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(found).To(Equal(map[int32]PullRequest{7: seven}))
		return len(h.asked)
	}
	g.Expect(ask(infra, 7, 9)).To(Equal(1))
	h.later(kept - time.Second)
	g.Expect(ask(infra, 7, 9)).To(Equal(1), "nor about what is not there")
	g.Expect(ask(infra, 7, 10)).To(Equal(2))
	g.Expect(h.asked[1]).NotTo(ContainSubstring("p7"))

	others, fork := infra, infra
	others.Auth.Password = "another"
	fork.URL += "-fork"
	g.Expect(ask(others, 7)).To(Equal(3))
	g.Expect(ask(fork, 7)).To(Equal(4))
	h.later(2 * time.Second)
	g.Expect(ask(infra, 7)).To(Equal(5))
}

func TestGitHubIsLeftAloneAfterAnError(t *testing.T) {
	reset := strconv.FormatInt(start.Add(20*time.Minute).Unix(), 10)
	for name, tc := range map[string]struct {
		code    int
		body    string
		headers []string
		want    time.Duration
	}{
		"any":                     {http.StatusBadGateway, "", nil, time.Minute},
		"none of GitHub's":        {http.StatusOK, "<html>", nil, time.Minute},
		"asked for":               {http.StatusForbidden, "", []string{"Retry-After", "300"}, 5 * time.Minute},
		"asked for very little":   {http.StatusForbidden, "", []string{"Retry-After", "-9223372036854775808"}, time.Minute},
		"asked for very much":     {http.StatusTooManyRequests, "", []string{"Retry-After", "9223372036854775807"}, time.Hour},
		"a limit":                 {http.StatusTooManyRequests, "", []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", reset}, 20 * time.Minute},
		"a limit, quietly":        {http.StatusOK, `{"errors":[{"type":"RATE_LIMITED"}]}`, []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", reset}, 20 * time.Minute},
		"a limit without end":     {http.StatusForbidden, "", []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "9223372036854775807"}, time.Hour},
		"a limit not yet reached": {http.StatusForbidden, "", []string{"X-RateLimit-Remaining", "9", "X-RateLimit-Reset", reset}, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			h := newHub(t, http.StatusOK, repository(`"p7":`+sevenJSON))
			_, err := h.Enrich(t.Context(), infra, []int32{7})
			g.Expect(err).NotTo(HaveOccurred())
			good := h.answer
			h.says(tc.code, tc.body, tc.headers...)
			_, err = h.Enrich(t.Context(), infra, []int32{8})
			g.Expect(err).To(HaveOccurred())
			h.answer = good
			h.later(tc.want - time.Second)
			if tc.want < kept {
				g.Expect(h.Enrich(t.Context(), infra, []int32{7})).To(HaveLen(1), "what is known is")
			}
			_, err = h.Enrich(t.Context(), infra, []int32{8})
			g.Expect(err).To(MatchError(ContainSubstring("left alone until " + start.Add(tc.want).Format(time.RFC3339))))
			g.Expect(h.asked).To(HaveLen(2))
			h.later(2 * time.Second)
			_, err = h.Enrich(t.Context(), infra, []int32{8})
			g.Expect(err).NotTo(HaveOccurred())
		})
	}
}
