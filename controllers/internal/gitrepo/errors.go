package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
)

// What Repositories, Editor and History report. Messages name the repository without credentials and stay
// the same from one try to the next.
var (
	// ErrUnknownRevision means that the repository does not have the commit.
	ErrUnknownRevision = errors.New("unknown revision")
	// ErrCredentials means that the repository wants other credentials.
	ErrCredentials = errors.New("credentials refused")
	// ErrNotFound means that there is no such repository, or none that the credentials may see.
	ErrNotFound = errors.New("repository not found")
	// ErrUnreachable means that the repository did not answer as it should.
	ErrUnreachable = errors.New("repository unreachable")
	// ErrNoBranch means that the repository does not have the branch.
	ErrNoBranch = errors.New("no such branch")
	// ErrPushRefused means that the credentials may read and not write, or that the server
	// does not let them change this branch, for example because it is protected.
	ErrPushRefused = errors.New("push refused")
	// ErrConflict means that others changed the branch whenever a commit was to follow the last one.
	ErrConflict = errors.New("others keep changing the branch")
)

// errRefused means that the server does not hand out the commit on its own.
var errRefused = errors.New("not served by its hash")

// errNamed is errRefused from a server that says which commit it does not have.
var errNamed = fmt.Errorf("%w: it is none of the server's", errRefused)

// explain turns what a transport says into one of this package's errors. What the
// transport says itself is not wrapped: it may hold the URL with its credentials.
func explain(repository Repository, err error) error {
	switch {
	case err == nil, errors.Is(err, ErrUnknownRevision), errors.Is(err, ErrCredentials), errors.Is(err, ErrNotFound), errors.Is(err, ErrNoBranch):
		return err
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return fmt.Errorf("%w: the repository is empty", ErrUnknownRevision)
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed),
		errors.Is(err, transport.ErrInvalidAuthMethod):
		return ErrCredentials
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return fmt.Errorf("%w, or the credentials do not allow to see it", ErrNotFound)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: no complete answer within %s", ErrUnreachable, fetchTimeout)
	case errors.Is(err, context.Canceled):
		return context.Canceled
	default:
		return fmt.Errorf("%w: %s", ErrUnreachable, repository.redact(reasonOf(err)))
	}
}

// reasonOf leaves out URLs and local ports; the ports differ on every try.
func reasonOf(err error) string {
	if unexpected, ok := errors.AsType[*plumbing.UnexpectedError](err); ok {
		err = unexpected.Err // it has no Unwrap
	}
	if answer, ok := errors.AsType[*http.Err](err); ok {
		return fmt.Sprintf("the server answers with status %d", answer.StatusCode())
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Sprintf("%s: %s", lookup.Name, lookup.Err)
	}
	if operation, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Sprintf("%s: %s", operation.Op, operation.Err)
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		return request.Err.Error()
	}
	return err.Error()
}

// refusal finds the server's no among the reasons why there is no answer with
// objects. A server that names the commit which it refuses has looked for it; others
// end the answer without a word.
func refusal(ctx context.Context, err error, wants []plumbing.Hash) error {
	_, failed := errors.AsType[*plumbing.UnexpectedError](err)
	_, misused := errors.AsType[*plumbing.PermanentError](err)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case failed, misused, errors.Is(err, transport.ErrAuthenticationRequired),
		errors.Is(err, transport.ErrAuthorizationFailed), errors.Is(err, transport.ErrRepositoryNotFound):
		return fmt.Errorf("asking for commits: %w", err)
	case len(wants) == 1 && strings.Contains(err.Error(), wants[0].String()): // go-git drops the error's type
		return errNamed
	default:
		return errRefused
	}
}
