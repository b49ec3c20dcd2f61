package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/client"
)

// pushing is a conversation with a server, good for one push.
type pushing struct {
	transport.ReceivePackSession

	refs *packp.AdvRefs
}

// close has nothing to report: what the server said has been read by then.
func (p *pushing) close() { _ = p.Close() }

func (r remote) dialToPush(ctx context.Context) (*pushing, error) {
	protocol, err := client.NewClient(r.endpoint)
	if err != nil {
		return nil, fmt.Errorf("choosing a transport: %w", err)
	}
	conversation, err := protocol.NewReceivePackSession(r.endpoint, r.auth)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	p := &pushing{ReceivePackSession: conversation}
	if p.refs, err = conversation.AdvertisedReferencesContext(ctx); err != nil {
		p.close()
		return nil, fmt.Errorf("reading the references: %w", err)
	}
	return p, nil
}

// refused is what the server says against a push.
type refused struct{ reason string }

func (r *refused) Error() string { return r.reason }

// push makes the branch's head the commit, if it is still the one before. With an error, it tells whether the
// server may have taken the commit.
func (e *Editor) push(ctx context.Context, b Branch, before *snapshot, after *committed) (unheard bool, err error) {
	limited, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	sent, err := b.send(limited, before, after)
	if err == nil || !sent {
		return false, b.explainPush(ctx, err)
	}
	// Whatever went wrong, and however a server puts it into words: the branch tells.
	tip, lost := b.tip(ctx)
	_, said := errors.AsType[*refused](err)
	switch {
	case lost != nil:
		return !said, b.explainPush(ctx, err)
	case tip == after.snapshot.head:
		return false, nil
	case tip != before.head: // somebody may have followed it
		return !said, ErrConflict
	default:
		return false, b.explainPush(ctx, err)
	}
}

// send tells whether the server was asked to do something.
func (b Branch) send(ctx context.Context, before *snapshot, after *committed) (sent bool, err error) {
	to, err := b.remote()
	if err != nil {
		return false, err
	}
	p, err := within(ctx, to.dialToPush)
	if err != nil {
		return false, err
	}
	defer p.close()
	if p.refs.References[b.reference().String()] != before.head {
		return false, ErrConflict
	}
	pack := &bytes.Buffer{}
	const window = 0 // deltas of a few small files are not worth it
	if _, err := packfile.NewEncoder(pack, after.objects, false).Encode(after.added, window); err != nil {
		return false, fmt.Errorf("packing the commit: %w", err)
	}
	request := packp.NewReferenceUpdateRequestFromCapabilities(p.refs.Capabilities)
	// The server compares the old head with the branch's when it changes it: nobody's
	// commit is lost, also when it arrives in this moment.
	request.Commands = []*packp.Command{{Name: b.reference(), Old: before.head, New: after.snapshot.head}}
	request.Packfile = io.NopCloser(pack)
	report, err := p.ReceivePack(ctx, request)
	switch {
	case report == nil && err == nil:
		return true, errors.New("the server did not say whether it took the commit")
	case report != nil && err != nil:
		return true, &refused{reason: reasonIn(report)}
	case err != nil:
		return true, fmt.Errorf("pushing: %w", err)
	default:
		return true, nil
	}
}

func reasonIn(report *packp.ReportStatus) string {
	for _, command := range report.CommandStatuses {
		if command.Error() != nil {
			return command.Status
		}
	}
	return report.UnpackStatus
}

// tip is where the branch is now.
func (b Branch) tip(ctx context.Context) (plumbing.Hash, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	from, err := b.remote()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	s, err := from.open(ctx)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	defer s.close()
	return s.refs.References[b.reference().String()], nil
}

// explainPush is explain for who could read the branch a moment ago.
func (b Branch) explainPush(ctx context.Context, err error) error {
	if said, ok := errors.AsType[*refused](err); ok {
		return fmt.Errorf("%w: %s", ErrPushRefused, b.redact(said.reason))
	}
	switch {
	case err == nil, errors.Is(err, ErrConflict):
		return err
	case errors.Is(err, transport.ErrAuthorizationFailed):
		return fmt.Errorf("%w: the credentials do not allow to push", ErrPushRefused)
	default:
		return b.explain(ctx, err)
	}
}
