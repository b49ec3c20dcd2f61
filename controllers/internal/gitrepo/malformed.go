package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"go.yaml.in/yaml/v3"
)

// parsedBytes is the size up to which a file is parsed: the parser takes a hundred times as much.
const parsedBytes = 1 << 20

// Malformed is a file that is no YAML, though its name says so.
type Malformed struct {
	// Path as it was asked about.
	Path string
	// Why is what the parser says, with the line where it knows that; nothing of the file.
	Why string
}

// String is the part of a sentence that follows "has".
func (m Malformed) String() string { return fmt.Sprintf("%s, which is no YAML (%s)", m.Path, m.Why) }

// Malformed returns those of the paths that end in .yaml or .yml and that a parser does not
// take, as the commit has them, in the order given. What does not exist, is no regular file or
// is larger than 1 MiB is not parsed. Errors are those of Missing.
func (r *Repositories) Malformed(ctx context.Context, repo Repository, commit string, paths []string) ([]Malformed, error) {
	q, err := repo.question(commit)
	if err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(canonicals(paths), func(name string) bool { return !isYAML(name) })
	found, err := r.verdicts.about(ctx, q, names, func(ctx context.Context, open []string) (map[string]string, error) {
		return r.parse(ctx, repo, q, open)
	})
	if err != nil {
		return nil, fmt.Errorf("reading files of commit %s in %s: %w", q.commit, repo, err)
	}
	var malformed []Malformed
	for _, name := range paths {
		if why := found[canonical(name)]; why != "" {
			malformed = append(malformed, Malformed{Path: name, Why: why})
		}
	}
	return malformed, nil
}

func isYAML(name string) bool {
	extension := path.Ext(name)
	return extension == ".yaml" || extension == ".yml"
}

// parse finds out what is wrong with files, by name; "" is nothing.
func (r *Repositories) parse(ctx context.Context, repo Repository, q question, names []string) (map[string]string, error) {
	if _, _, err := r.answers.missing(q, nil); err != nil {
		return nil, err
	}
	found, err := r.parseAt(ctx, repo, plumbing.NewHash(q.commit), names)
	err = explain(repo, err)
	r.answers.learnUnknown(q, err)
	return found, err
}

func (r *Repositories) parseAt(ctx context.Context, repo Repository, commit plumbing.Hash, names []string) (map[string]string, error) {
	w, err := r.walk(ctx, repo, commit, names)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if found[name], err = w.fault(name); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// walk brings the contents of files at a commit.
func (r *Repositories) walk(ctx context.Context, repo Repository, commit plumbing.Hash, names []string) (w *walker, err error) {
	from, err := repo.source()
	if err != nil {
		return nil, err
	}
	in := func(objects storer.EncodedObjectStorer) error {
		if !has(objects, commit) {
			return ErrUnknownRevision
		}
		var err error
		w, err = newWalker(objects, commit)
		return err
	}
	if from.inPlace != nil {
		err = in(from.inPlace.Storer)
		return w, err
	}
	err = from.remote.alone(ctx, commit, func(s *session) (err error) {
		w, err = from.remote.files(ctx, s, commit, names, r.limits.packBytes)
		return err
	})
	if errors.Is(err, errRefused) {
		err = r.branches(ctx, from.remote, order{contents: true}, in)
	}
	return w, err
}

// fault is what is wrong with a file, or nothing.
func (w *walker) fault(name string) (string, error) {
	entry, err := w.find(name)
	if err != nil || entry == nil || kinds[entry.Mode] != "" {
		return "", err
	}
	blob, err := object.GetBlob(w.objects, entry.Hash)
	if err != nil {
		return "", fmt.Errorf("reading %s: finding its contents: %w", name, err)
	}
	if blob.Size > parsedBytes {
		return "", nil
	}
	content, err := contentOf(w.objects, entry.Hash)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	return faultOf(content), nil
}

// faultOf is what a parser has against a text, or nothing. The nodes that it makes refer to
// each other by anchors and aliases, which are not expanded.
func faultOf(content []byte) string {
	documents := yaml.NewDecoder(bytes.NewReader(content))
	for {
		err := documents.Decode(&yaml.Node{})
		if errors.Is(err, io.EOF) {
			return ""
		}
		if err != nil {
			return faultIn(err)
		}
	}
}

// names in quotes are of the file; what else the parser quotes is punctuation that it expects.
var quotedName = regexp.MustCompile(`'[\w-]*\w[\w-]*' ?`)

// faultIn leaves out who says it and what it quotes.
func faultIn(err error) string {
	text, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "yaml: "), "\n")
	return quotedName.ReplaceAllString(text, "")
}
