package git

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// request is a client's upload-request (gitprotocol-pack, "Packfile Negotiation"). What
// the client has already is sent again, which is allowed.
type request struct {
	wants    []plumbing.Hash
	depth    int // 0 means all history
	blobs    bool
	sideband bool
	done     bool // and not only a round of negotiation before
}

// parseRequest reads the lines itself: go-git's decoder does not know filters.
func parseRequest(body io.Reader) (request, error) {
	asked := request{blobs: true}
	lines := pktline.NewScanner(body)
	for lines.Scan() {
		verb, rest, _ := strings.Cut(strings.TrimSpace(string(lines.Bytes())), " ")
		switch verb {
		case "want":
			hash, capabilities, _ := strings.Cut(rest, " ")
			asked.wants = append(asked.wants, plumbing.NewHash(hash))
			asked.sideband = asked.sideband || strings.Contains(capabilities, capability.Sideband64k.String())
		case "deepen":
			depth, err := strconv.Atoi(rest)
			if err != nil || depth < 1 {
				return request{}, fmt.Errorf("invalid deepen: %s", rest)
			}
			asked.depth = depth
		case "filter":
			if rest != string(packp.FilterBlobNone()) {
				return request{}, fmt.Errorf("filter %s is not supported", rest)
			}
			asked.blobs = false
		case "done":
			asked.done = true
		}
	}
	return asked, lines.Err()
}

// selection is what answers a request.
type selection struct {
	objects  []plumbing.Hash
	shallows []plumbing.Hash
	chosen   map[plumbing.Hash]bool
}

// choose refuses commits that are in no branch's history. As git does, it hands out
// files by their hash without looking whether a branch has them.
func (asked request) choose(repository *gogit.Repository) (*selection, error) {
	reachable, err := history(repository)
	if err != nil {
		return nil, err
	}
	s := &selection{chosen: map[plumbing.Hash]bool{}}
	var layer []*object.Commit
	for _, want := range asked.wants {
		switch {
		case reachable[want] != nil:
			layer = append(layer, reachable[want])
		case isBlob(repository, want):
			s.add(want)
		default:
			return nil, fmt.Errorf("not our ref %s", want)
		}
	}
	for depth := 1; len(layer) > 0; depth++ {
		var next []*object.Commit
		for _, commit := range layer {
			if !s.add(commit.Hash) {
				continue
			}
			if err := s.addTree(repository.Storer, commit.TreeHash, asked.blobs); err != nil {
				return nil, err
			}
			if depth == asked.depth && len(commit.ParentHashes) > 0 {
				s.shallows = append(s.shallows, commit.Hash)
				continue
			}
			for _, parent := range commit.ParentHashes {
				next = append(next, reachable[parent])
			}
		}
		layer = next
	}
	return s, nil
}

func isBlob(repository *gogit.Repository, hash plumbing.Hash) bool {
	_, err := repository.BlobObject(hash)
	return err == nil
}

func history(repository *gogit.Repository) (map[plumbing.Hash]*object.Commit, error) {
	heads, err := branches(repository)
	if err != nil {
		return nil, err
	}
	reachable := map[plumbing.Hash]*object.Commit{}
	for _, head := range heads {
		commits, err := repository.Log(&gogit.LogOptions{From: head})
		if err != nil {
			return nil, err
		}
		if err := commits.ForEach(func(c *object.Commit) error {
			reachable[c.Hash] = c
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return reachable, nil
}

func (s *selection) add(hash plumbing.Hash) (added bool) {
	if s.chosen[hash] {
		return false
	}
	s.chosen[hash] = true
	s.objects = append(s.objects, hash)
	return true
}

func (s *selection) addTree(objects storer.EncodedObjectStorer, hash plumbing.Hash, blobs bool) error {
	if !s.add(hash) {
		return nil
	}
	tree, err := object.GetTree(objects, hash)
	if err != nil {
		return err
	}
	for _, entry := range tree.Entries {
		if entry.Mode == filemode.Submodule {
			continue // another repository's
		}
		if entry.Mode.IsFile() {
			if blobs {
				s.add(entry.Hash)
			}
			continue
		}
		if err := s.addTree(objects, entry.Hash, blobs); err != nil {
			return err
		}
	}
	return nil
}

func (s *selection) send(w io.Writer, objects storer.EncodedObjectStorer, asked request) error {
	if asked.depth > 0 {
		if err := (&packp.ShallowUpdate{Shallows: s.shallows}).Encode(w); err != nil {
			return err
		}
	}
	if !asked.done && asked.depth > 0 {
		return nil
	}
	lines := pktline.NewEncoder(w)
	if err := lines.EncodeString("NAK\n"); err != nil {
		return err
	}
	switch {
	case !asked.done:
		return nil
	case !asked.sideband:
		return s.pack(w, objects)
	}
	if err := s.pack(sideband.NewMuxer(sideband.Sideband64k, w), objects); err != nil {
		return err
	}
	return lines.Flush()
}

func (s *selection) pack(w io.Writer, objects storer.EncodedObjectStorer) error {
	const window = 0 // deltas are not worth the time
	_, err := packfile.NewEncoder(w, objects, false).Encode(s.objects, window)
	return err
}
