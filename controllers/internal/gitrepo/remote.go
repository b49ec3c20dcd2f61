package gitrepo

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/client"
	"github.com/go-git/go-git/v5/storage/memory"
)

// remote is where a repository is served. It speaks the protocol itself where
// go-git's Fetch cannot ask for a commit without the contents of its files.
type remote struct {
	endpoint *transport.Endpoint
	auth     transport.AuthMethod
}

const (
	protocolFile  = "file"
	protocolHTTP  = "http"
	protocolHTTPS = "https"
	protocolSSH   = "ssh"
)

func remoteOf(endpoint *transport.Endpoint, auth Auth) (remote, error) {
	switch endpoint.Protocol {
	case protocolHTTP, protocolHTTPS, protocolSSH:
	default:
		return remote{}, fmt.Errorf("%s:// is not supported", endpoint.Protocol)
	}
	method, err := methodOf(endpoint, auth)
	return remote{endpoint: endpoint, auth: method}, err
}

// session is a conversation with a server, good for one fetch.
type session struct {
	transport.UploadPackSession

	refs *packp.AdvRefs
}

// fetched are the objects of one answer.
type fetched struct {
	objects  storer.EncodedObjectStorer
	complete bool // nothing was cut off at a depth
}

// order is what a session is to fetch.
type order struct {
	wants    []plumbing.Hash
	haves    []plumbing.Hash // what nothing is sent of, nor of what is before it
	depth    int             // of commits, 0 for all of their history
	bare     bool            // without folders too, where the server can leave them out
	contents bool            // of files too, where the server can leave them out
}

// open starts a conversation in which to fetch.
func (r remote) open(ctx context.Context) (*session, error) { return within(ctx, r.dial) }

// within does not wait longer than ctx says, though the SSH transport would.
func within[S interface{ close() }](ctx context.Context, dial func(context.Context) (S, error)) (S, error) {
	type opened struct {
		session S
		err     error
	}
	opening := make(chan opened)
	go func() {
		s, err := dial(ctx)
		select {
		case opening <- opened{session: s, err: err}:
		case <-ctx.Done():
			if err == nil {
				s.close()
			}
		}
	}()
	select {
	case <-ctx.Done():
		var none S
		return none, ctx.Err()
	case o := <-opening:
		return o.session, o.err
	}
}

func (r remote) dial(ctx context.Context) (*session, error) {
	protocol, err := client.NewClient(r.endpoint)
	if err != nil {
		return nil, fmt.Errorf("choosing a transport: %w", err)
	}
	conversation, err := protocol.NewUploadPackSession(r.endpoint, r.auth)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	s := &session{UploadPackSession: conversation}
	if s.refs, err = conversation.AdvertisedReferencesContext(ctx); err != nil {
		s.close()
		return nil, fmt.Errorf("reading the references: %w", err)
	}
	return s, nil
}

// close has nothing to report: what was wanted has been read by then.
func (s *session) close() { _ = s.Close() }

func (s *session) serves(c capability.Capability) bool { return s.refs.Capabilities.Supports(c) }

// mayServe tells whether it makes sense to ask for the commit by its hash.
func (s *session) mayServe(commit plumbing.Hash) bool {
	if s.serves(capability.AllowReachableSHA1InWant) || s.serves(capability.AllowTipSHA1InWant) {
		return true
	}
	for _, tip := range s.refs.References {
		if tip == commit {
			return true
		}
	}
	return false
}

// heads are the branches.
func (s *session) heads() []plumbing.Hash {
	var heads []plumbing.Hash
	for name, hash := range s.refs.References {
		if strings.HasPrefix(name, "refs/heads/") && !slices.Contains(heads, hash) {
			heads = append(heads, hash)
		}
	}
	return heads
}

func (s *session) tip(b Branch) (plumbing.Hash, error) {
	tip, exists := s.refs.References[b.reference().String()]
	if !exists {
		return plumbing.ZeroHash, fmt.Errorf("%w: %s", ErrNoBranch, b.Name)
	}
	return tip, nil
}

// fetch reads objects, and of commits the trees too.
func (s *session) fetch(ctx context.Context, o order, maxBytes int64) (fetched, error) {
	objects := memory.NewStorage()
	complete, err := s.fetchInto(ctx, objects, o, maxBytes)
	return fetched{objects: objects, complete: complete}, err
}

// fetchInto tells whether nothing was cut off at a depth.
func (s *session) fetchInto(ctx context.Context, objects storer.Storer, o order, maxBytes int64) (complete bool, err error) {
	request, err := s.request(o)
	if err != nil {
		return false, fmt.Errorf("asking for commits: %w", err)
	}
	answer, err := s.UploadPack(ctx, request)
	if err != nil {
		return false, refusal(ctx, err, o.wants)
	}
	defer func() { _ = answer.Close() }()
	pack := &bounded{reader: packOf(request, answer), left: maxBytes, limit: maxBytes}
	if err := packfile.UpdateObjectStorage(objects, pack); err != nil {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		return false, fmt.Errorf("reading the commits: %w", err)
	}
	return len(answer.Shallows) == 0, nil
}

// request asks for as little as the server is able to send.
func (s *session) request(o order) (*packp.UploadPackRequest, error) {
	request := packp.NewUploadPackRequestFromCapabilities(s.refs.Capabilities)
	request.Wants, request.Haves = o.wants, o.haves
	var asked []capability.Capability
	if o.depth > 0 && s.serves(capability.Shallow) {
		request.Depth = packp.DepthCommits(o.depth)
		asked = append(asked, capability.Shallow)
	}
	if !o.contents && s.serves(capability.Filter) {
		request.Filter = packp.FilterBlobNone()
		if o.bare {
			request.Filter = packp.FilterTreeDepth(0)
		}
		asked = append(asked, capability.Filter)
	}
	if s.serves(capability.NoProgress) {
		asked = append(asked, capability.NoProgress)
	}
	for _, c := range asked {
		if err := request.Capabilities.Set(c); err != nil {
			return nil, fmt.Errorf("setting %s: %w", c, err)
		}
	}
	return request, nil
}

func packOf(request *packp.UploadPackRequest, answer io.Reader) io.Reader {
	switch {
	case request.Capabilities.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, answer)
	case request.Capabilities.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, answer)
	default:
		return answer
	}
}

// bounded fails where io.LimitedReader would end.
type bounded struct {
	reader      io.Reader
	left, limit int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the answer is larger than %d MiB", b.limit>>20)
	}
	n, err := b.reader.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err //nolint:wrapcheck // a reader passes io.EOF on as it is
}
