package gitrepo

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// unknownFor is how long a commit that was not there is not looked for again: it may
// be pushed later, but each look can cost the whole history.
const unknownFor = time.Minute

// question is about a commit of a repository.
type question struct {
	repository [sha256.Size]byte
	commit     string
}

// String is different for different questions.
func (q question) String() string { return fmt.Sprintf("%x/%s", q.repository, q.commit) }

// answers remembers what is known about commits.
type answers struct {
	clock clock.PassiveClock

	mu    sync.Mutex
	known *recent[question, *answer]
}

// answer is what is known about one commit: that it is not there, all its files, or
// whether those exist that were asked about.
type answer struct {
	question question
	unknown  error
	until    time.Time // of unknown
	complete bool
	files    []string
	asked    map[string]bool
}

func (a *answer) weight() int { return 1 + len(a.files) + len(a.asked) }

func newAnswers(clk clock.PassiveClock, limit int) *answers {
	return &answers{clock: clk, known: newRecent[question, *answer](limit)}
}

// missing answers when it knows about all the paths. The error is that of a commit
// that was not there a moment ago.
func (a *answers) missing(q question, paths []string) (missing []string, answered bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.known.get(q)
	if !ok {
		return nil, false, nil
	}
	if known.unknown != nil {
		if a.clock.Now().Before(known.until) {
			return nil, true, known.unknown
		}
		return nil, false, nil
	}
	for _, name := range paths {
		exists, ok := known.has(canonical(name))
		if !ok {
			return nil, false, nil
		}
		if !exists {
			missing = append(missing, name)
		}
	}
	return missing, true, nil
}

func (a *answer) has(name string) (exists, known bool) {
	if a.complete {
		_, exists = slices.BinarySearch(a.files, name)
		return exists, true
	}
	exists, known = a.asked[name]
	return exists, known
}

// learn keeps the list of files, or what was found out about the paths.
func (a *answers) learn(q question, found *contents, paths, missing []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	learned := &answer{question: q, complete: found.root == nil, files: found.files}
	if !learned.complete {
		learned.asked = map[string]bool{}
		if known, ok := a.known.get(q); ok {
			maps.Copy(learned.asked, known.asked)
		}
		for _, name := range paths {
			learned.asked[canonical(name)] = !slices.Contains(missing, name)
		}
	}
	a.put(learned)
}

// learnUnknown keeps that a commit is not there and no other failure.
func (a *answers) learnUnknown(q question, err error) {
	if !errors.Is(err, ErrUnknownRevision) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.put(&answer{question: q, unknown: err, until: a.clock.Now().Add(unknownFor)})
}

func (a *answers) put(learned *answer) { a.known.put(learned.question, learned, learned.weight()) }
