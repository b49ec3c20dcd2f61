package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
)

const (
	// AuthorName and AuthorEmail are who commits.
	AuthorName = "Portolan"
	// AuthorEmail is the author's address.
	AuthorEmail = "portolan@portolan.dev"

	// attempts is how often a commit is made when others are faster, and pauseBefore how
	// long the second one waits at most; each later one waits up to twice as long.
	attempts    = 5
	pauseBefore = 200 * time.Millisecond
)

// Branch is a branch of a repository.
type Branch struct {
	Repository

	Name string
}

// String leaves out everything secret.
func (b Branch) String() string { return fmt.Sprintf("branch %s of %s", b.Name, b.Repository) }

// GoString leaves out everything secret.
func (b Branch) GoString() string { return b.String() }

// Change changes one file. Edit gets nil for a file that does not exist, and is called
// again when the branch has changed meanwhile. What it returns is the file's contents; nil leaves
// the file as it is.
type Change struct {
	Path string
	Edit func(before []byte) ([]byte, error)
}

// Editor reads and changes files at the heads of branches. It is safe for concurrent use.
type Editor struct {
	clock  clock.Clock
	limits limits
	heads  heads
}

// NewEditor returns an Editor that knows nothing yet.
func NewEditor(clk clock.Clock) *Editor {
	return &Editor{clock: clk, limits: defaultLimits}
}

// Read returns files at the head of a branch; one that is missing, or no regular file, is
// not in the map. What was read, or committed, less than maxAge ago is remembered. Errors are those
// of Repositories.Missing, and ErrNoBranch.
func (e *Editor) Read(ctx context.Context, b Branch, paths []string, maxAge time.Duration) (map[string][]byte, error) {
	h := e.heads.of(b, e.clock.Now())
	seen := h.seen.Load()
	if !e.suffices(seen, paths, maxAge) {
		var err error
		if seen, err = e.share(ctx, b, h, paths, maxAge); err != nil {
			return nil, fmt.Errorf("reading %s: %w", b, err)
		}
	}
	files := map[string][]byte{}
	for _, path := range paths {
		if f := seen.files[canonical(path)]; f.regular() {
			files[path] = bytes.Clone(f.content)
		}
	}
	return files, nil
}

// Commit makes all the changes in one commit and returns it, or the head when they
// change nothing. When others were faster, the changes are made again to what they
// left; nobody's commits are ever replaced. Beside the errors of Read there are those of the
// edits, ErrPushRefused and ErrConflict; with any of them there is no commit, unless the server
// took it and did not get to say so: the next Commit finds it then. Where it may have, changed is true.
func (e *Editor) Commit(ctx context.Context, b Branch, message string, changes []Change) (commit string, changed bool, err error) {
	h := e.heads.of(b, e.clock.Now())
	if err := h.take(ctx); err != nil {
		return "", false, fmt.Errorf("waiting for other commits to %s: %w", b, err)
	}
	defer h.release()
	unheard := false
	for attempt := range attempts {
		if err := e.pause(ctx, attempt); err != nil {
			return "", unheard, fmt.Errorf("committing to %s: %w", b, err)
		}
		if commit, changed, err = e.try(ctx, b, h, message, changes); err == nil {
			return commit, changed, nil
		}
		if unheard = unheard || changed; !errors.Is(err, ErrConflict) {
			break
		}
	}
	return "", unheard, fmt.Errorf("committing to %s: %w", b, err)
}

// pause lets the others finish, and two who met not meet again.
func (e *Editor) pause(ctx context.Context, attempt int) error {
	if attempt == 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-e.clock.After(wait.Jitter(pauseBefore<<(attempt-1)/2, 1)):
		return nil
	}
}

func (e *Editor) try(ctx context.Context, b Branch, h *head, message string, changes []Change) (commit string, changed bool, err error) {
	paths := make([]string, len(changes))
	for i, change := range changes {
		paths[i] = change.Path
	}
	before, err := e.look(ctx, b, h, paths)
	if err != nil {
		return "", false, err
	}
	edited, err := before.edit(changes)
	if err != nil {
		return "", false, err
	}
	if len(edited) == 0 {
		return before.head.String(), false, nil
	}
	after, err := before.commit(edited, message, e.clock.Now())
	if err != nil {
		return "", false, err
	}
	if unheard, err := e.push(ctx, b, before, after); err != nil {
		h.seen.Store(nil) // what the branch holds now is not known
		return "", unheard, err
	}
	after.snapshot.at = e.clock.Now()
	h.seen.Store(after.snapshot)
	return after.snapshot.head.String(), true, nil
}

// edit returns the files that change.
func (s *snapshot) edit(changes []Change) (map[string]*file, error) {
	edited := map[string]*file{}
	for _, change := range changes {
		name := canonical(change.Path)
		if name == "" {
			return nil, fmt.Errorf("editing %q: not a path within the repository", change.Path)
		}
		before := edited[name]
		if before == nil {
			before = s.files[name]
		}
		if before != nil && !before.regular() {
			return nil, fmt.Errorf("editing %s: it is %s", change.Path, kinds[before.mode])
		}
		var content []byte
		if before != nil {
			content = append([]byte{}, before.content...)
		}
		content, err := change.Edit(content)
		switch {
		case err != nil:
			return nil, fmt.Errorf("editing %s: %w", change.Path, err)
		case content != nil:
			edited[name] = before.with(content)
		}
	}
	maps.DeleteFunc(edited, func(name string, f *file) bool {
		old := s.files[name]
		return old != nil && bytes.Equal(old.content, f.content)
	})
	return edited, nil
}
