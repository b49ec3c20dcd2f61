package gitrepo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// stretch is how many commits are fetched with their folders at once, to be looked at one by one.
const stretch = 64

// firstWith is FirstWith at a commit.
func (v *visit) firstWith(ctx context.Context, tip plumbing.Hash, paths []string) (string, error) {
	s := &search{visit: v, paths: paths}
	for _, depth := range []int{nearby, 0} {
		if err := v.learn(ctx, tip, depth); err != nil {
			return "", err
		}
		line, complete := v.past.line(tip)
		if !complete && !v.past.whole {
			line = line[:min(len(line), stretch)]
		}
		known := slices.IndexFunc(line[:min(len(line), nearby)], func(hash plumbing.Hash) bool { return v.firstSince(hash, paths) != "" })
		if known >= 0 {
			line = line[:known+1]
		}
		s.line = line
		if err := s.run(ctx); err != nil {
			return "", err
		}
		switch {
		case s.next == 0:
			return "", nil
		case s.next == len(line) && known >= 0:
			return v.firstSince(line[known], paths), nil
		case s.next < len(line) || complete:
			return line[s.next-1].String(), nil
		}
	}
	return s.line[s.next-1].String(), nil // the oldest that the server has
}

// firstSince is an answer given before.
func (v *visit) firstSince(tip plumbing.Hash, paths []string) string {
	known, _ := v.history.answer(v.repo.key(append([]string{tip.String()}, firstWith(paths)...)...))
	commit, _ := known.(string)
	return commit
}

// search goes back along a line of commits.
type search struct {
	visit *visit
	line  []plumbing.Hash
	paths []string
	next  int // the first that does not have all the paths, as far as is known
}

func (s *search) run(ctx context.Context) error {
	for s.next < len(s.line) {
		got, err := s.visit.folders(ctx, s.line[s.next], min(stretch, len(s.line)-s.next))
		if err != nil {
			return err
		}
		lacks, err := s.scan(ctx, got.objects)
		if err != nil || lacks {
			return err
		}
		if lacks, err = s.leap(ctx); err != nil || lacks {
			return err
		}
	}
	return nil
}

// scan goes on to the first commit that lacks a path, or is not among the objects.
func (s *search) scan(ctx context.Context, objects storer.EncodedObjectStorer) (lacks bool, err error) {
	f := &finder{objects: objects}
	for ; s.next < len(s.line) && has(objects, s.line[s.next]); s.next++ {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		all, err := f.hasAll(s.line[s.next], s.paths)
		if err != nil || !all {
			return err == nil, err
		}
	}
	return false, nil
}

// leap goes on to less than a stretch before a commit that lacks a path. It leaps farther and
// farther as long as there is none: the nearest one is wanted.
func (s *search) leap(ctx context.Context) (lacks bool, err error) {
	high := len(s.line)
	for step := stretch; high-s.next > stretch; {
		probe := min(s.next+step, (s.next+high)/2)
		got, err := s.visit.folders(ctx, s.line[probe], 1)
		if err != nil {
			return false, err
		}
		if has(got.objects, s.line[s.next]) { // all history
			return s.scan(ctx, got.objects)
		}
		all, err := (&finder{objects: got.objects}).hasAll(s.line[probe], s.paths)
		switch {
		case err != nil:
			return false, err
		case all:
			s.next, step = probe+1, 2*step
		default:
			high = probe
		}
	}
	return false, nil
}

// finder tells what is in the folders of commits that follow each other. What it found in a folder
// it does not look for again in the next commit.
type finder struct {
	objects storer.EncodedObjectStorer
	last    map[spot]bool
	current map[spot]bool
}

// spot is a path in a folder.
type spot struct {
	folder plumbing.Hash
	path   string
}

func (f *finder) hasAll(hash plumbing.Hash, paths []string) (bool, error) {
	commit, err := object.GetCommit(f.objects, hash)
	if err != nil {
		return false, fmt.Errorf("reading commit %s: %w", hash, err)
	}
	f.last, f.current = f.current, map[spot]bool{}
	for _, path := range paths {
		if found, err := f.has(spot{folder: commit.TreeHash, path: path}); err != nil || !found {
			return false, err
		}
	}
	return true, nil
}

func (f *finder) has(at spot) (found bool, err error) {
	found, known := f.last[at]
	if !known {
		found, err = f.look(at)
	}
	f.current[at] = found
	return found, err
}

func (f *finder) look(at spot) (bool, error) {
	tree, err := object.GetTree(f.objects, at.folder)
	if err != nil {
		return false, fmt.Errorf("reading a folder: %w", err)
	}
	name, rest, below := strings.Cut(at.path, "/")
	i := indexOf(tree, name)
	switch {
	case i < 0:
		return false, nil
	case !below:
		return tree.Entries[i].Mode.IsFile(), nil
	case tree.Entries[i].Mode != filemode.Dir:
		return false, nil
	default:
		return f.has(spot{folder: tree.Entries[i].Hash, path: rest})
	}
}
