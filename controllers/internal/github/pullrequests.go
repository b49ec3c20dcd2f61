package github

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/utils/clock"

	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
)

const (
	// most is how many pull requests are asked about at once.
	most = 20
	// patience is how long an answer may take.
	patience = 10 * time.Second
	// longest is how many bytes an answer may have.
	longest = 1 << 20
	// kept is how long an answer is remembered: titles and labels may change.
	kept = time.Hour
	// remembered is how many pull requests and pauses are.
	remembered = 4096
)

// PullRequest is what GitHub says of one. The texts are what people wrote, and only cut.
type PullRequest struct {
	Title string
	// Author is the login of who opened it; empty where the account is gone.
	Author string
	Labels []string
	// Commit is the hash of what merging it made, empty before. A commit may name any number in its
	// subject: with another hash, it is not the one that this pull request became.
	Commit string
}

// PullRequests asks about pull requests, and remembers.
type PullRequests struct {
	http  *http.Client
	clock clock.PassiveClock
	// known has a *PullRequest for each question, nil where there is none, and for each key the
	// moment until which GitHub is left alone.
	known *cache.LRUExpireCache
	// api is asked instead of GitHub by tests.
	api string
}

// New returns a PullRequests that asks with a client.
func New(client *http.Client, clk clock.PassiveClock) *PullRequests {
	asker := *client
	// The token is for GitHub's API, which does not redirect queries.
	asker.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &PullRequests{http: &asker, clock: clk, known: cache.NewLRUExpireCacheWithClock(remembered, clk)}
}

// key tells apart who asks where, so that nobody gets answers that only somebody else's token
// opens. It keeps no secret.
type key [sha256.Size]byte

type question struct {
	of     key
	number int32
}

// Enrich says what GitHub knows of the first 20 of some pull requests. It knows nothing of a
// repository that is not there, or comes without a token. What is found is good in spite of an
// error, which has nothing secret in it. After an error, GitHub is left alone for a minute, or for as long
// as it asks for.
func (p *PullRequests) Enrich(ctx context.Context, repo gitrepo.Repository, numbers []int32) (map[int32]PullRequest, error) {
	at, ok := locate(repo)
	if !ok {
		return nil, nil
	}
	if p.api != "" {
		at.api = p.api
	}
	self := key(sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", at.api, at.owner, at.name, at.token)))
	found, unknown := p.recall(self, numbers)
	if len(unknown) == 0 {
		return found, nil
	}
	if until, paused := p.known.Get(self); paused {
		return found, fmt.Errorf("GitHub is left alone until %s", until.(time.Time).UTC().Format(time.RFC3339))
	}
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := p.ask(within, at, unknown)
	switch {
	case ctx.Err() != nil:
		return found, ctx.Err()
	case err != nil:
		pause := pauseOf(err)
		p.known.Add(self, p.clock.Now().Add(pause), pause)
		return found, fmt.Errorf("asking GitHub about pull requests of %s/%s: %w", at.owner, at.name, err)
	}
	for _, number := range unknown {
		pr := answer[number]
		p.known.Add(question{self, number}, pr, kept)
		if pr != nil {
			found[number] = *pr
		}
	}
	return found, nil
}

// recall returns what is remembered, and what is to be asked.
func (p *PullRequests) recall(self key, numbers []int32) (found map[int32]PullRequest, unknown []int32) {
	found = map[int32]PullRequest{}
	numbers = slices.Compact(slices.Sorted(slices.Values(numbers[:min(len(numbers), most)])))
	for _, number := range numbers {
		known, ok := p.known.Get(question{self, number})
		switch pr, _ := known.(*PullRequest); {
		case !ok:
			unknown = append(unknown, number)
		case pr != nil:
			found[number] = *pr
		}
	}
	return found, unknown
}
