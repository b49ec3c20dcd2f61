package gitrepo

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"golang.org/x/sync/singleflight"
	"k8s.io/utils/clock"
)

// fetchTimeout ends a fetch, whoever waits for it.
const fetchTimeout = 60 * time.Second

// Repositories answers questions about git repositories and remembers the answers,
// which never change. It is safe for concurrent use.
type Repositories struct {
	fetches  singleflight.Group
	answers  *answers
	verdicts *verdicts
	limits   limits
}

// limits bound what a repository can cost.
type limits struct {
	packBytes   int64 // of one answer
	keptEntries int   // of one commit: a bigger tree is not kept, only what was asked about it
}

// New returns Repositories that know nothing yet.
func New(clk clock.PassiveClock) *Repositories {
	return &Repositories{
		answers:  newAnswers(clk, 2*defaultLimits.keptEntries),
		verdicts: newVerdicts(keptVerdicts),
		limits:   defaultLimits,
	}
}

var defaultLimits = limits{packBytes: 256 << 20, keptEntries: 200_000}

// Missing returns those of the paths that the tree of the commit does not have as
// files, in the order given. The error is ErrUnknownRevision when the repository
// does not have the commit, ErrCredentials, ErrNotFound or ErrUnreachable when it
// cannot be looked into.
func (r *Repositories) Missing(ctx context.Context, repo Repository, commit string, paths []string) ([]string, error) {
	q, err := repo.question(commit)
	if err != nil {
		return nil, err
	}
	missing, answered, err := r.answers.missing(q, paths)
	if err == nil && !answered {
		missing, err = r.look(ctx, repo, q, paths)
	}
	if err != nil {
		return nil, fmt.Errorf("looking for commit %s in %s: %w", q.commit, repo, err)
	}
	return missing, nil
}

// question is about a commit, given by its full hash.
func (r Repository) question(commit string) (question, error) {
	if !plumbing.IsHash(commit) {
		return question{}, fmt.Errorf("looking for %q in %s: %w: not a full commit hash", commit, r, ErrUnknownRevision)
	}
	return question{repository: r.identity(), commit: strings.ToLower(commit)}, nil
}

func (r *Repositories) look(ctx context.Context, repo Repository, q question, paths []string) ([]string, error) {
	found, err := r.share(ctx, repo, q)
	if err != nil {
		return nil, err
	}
	missing, err := found.missing(paths)
	if err != nil {
		return nil, explain(repo, err)
	}
	r.answers.learn(q, found, paths, missing)
	return missing, nil
}

// share lets all who ask about a commit wait for one fetch. It does not end with the
// one who asked first: the others wait for it, and who asks again finds the answer.
func (r *Repositories) share(ctx context.Context, repo Repository, q question) (*contents, error) {
	fetching := r.fetches.DoChan(q.String(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		found, err := r.fetch(ctx, repo, plumbing.NewHash(q.commit))
		err = explain(repo, err)
		r.answers.learnUnknown(q, err)
		return found, err
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-fetching:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(*contents), nil
	}
}

// canonical is how git spells a path; "" means none of git's.
func canonical(name string) string {
	name = path.Clean(strings.TrimLeft(name, "/"))
	if name == "." || name == ".." || strings.HasPrefix(name, "../") {
		return ""
	}
	return name
}
