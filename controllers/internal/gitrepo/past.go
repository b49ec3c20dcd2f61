package gitrepo

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

const (
	// keptCommits is how many commits are remembered of all repositories together: some 60 MB.
	keptCommits = 400_000
	// forgottenAfter is how long the commits of a repository nobody asks about are remembered.
	forgottenAfter = time.Hour
	// keptTips is how many commits are named to a server so that it does not send them again.
	keptTips = 32
)

// past is what is known of how the commits of a repository hang together. It belongs to the
// one whose turn it is.
type past struct {
	turn chan struct{} // full while somebody asks
	used time.Time     // the pasts' to change
	size int           // the pasts' to change

	commits map[plumbing.Hash]ancestry
	tips    []plumbing.Hash // the last ones that were brought with all before them
	whole   bool            // all parents are known that the source has
}

type ancestry struct {
	parents   []plumbing.Hash
	committed int64 // in seconds
}

func (p *past) has(commit plumbing.Hash) bool {
	_, known := p.commits[commit]
	return known
}

func (p *past) forget() { p.commits = map[plumbing.Hash]ancestry{} }

// add learns about commits and all before them that are among the objects: all or nothing, since
// what is before a known commit is not looked at again.
func (p *past) add(ctx context.Context, objects storer.EncodedObjectStorer, commits ...plumbing.Hash) error {
	learned := map[plumbing.Hash]ancestry{}
	for pending := slices.Clone(commits); len(pending) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		hash := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if _, again := learned[hash]; again || p.has(hash) {
			continue
		}
		commit, err := object.GetCommit(objects, hash)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading commit %s: %w", hash, err)
		}
		learned[hash] = ancestry{parents: commit.ParentHashes, committed: commit.Committer.When.Unix()}
		pending = append(pending, commit.ParentHashes...)
	}
	maps.Copy(p.commits, learned)
	return nil
}

// ended takes note that everything before some commits was learned.
func (p *past) ended(tips []plumbing.Hash) {
	p.whole = true
	p.tips = append(p.tips, slices.DeleteFunc(slices.Clone(tips), func(tip plumbing.Hash) bool { return !p.has(tip) })...)
	p.tips = slices.Clone(p.tips[max(0, len(p.tips)-keptTips):])
}

// before returns a commit and all before it, unless it comes across one of which stop is
// true. All of them are known when complete.
func (p *past) before(commit plumbing.Hash, stop func(plumbing.Hash) bool) (seen map[plumbing.Hash]bool, complete bool) {
	seen, complete = map[plumbing.Hash]bool{}, true
	for pending := []plumbing.Hash{commit}; len(pending) > 0; {
		hash := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if seen[hash] || stop(hash) {
			continue
		}
		known, ok := p.commits[hash]
		if !ok {
			complete = false
			continue
		}
		seen[hash] = true
		pending = append(pending, known.parents...)
	}
	return seen, complete
}

// contains tells whether a commit is the tip or before it, if that is sure.
func (p *past) contains(tip, commit plumbing.Hash) (found, sure bool) {
	_, complete := p.before(tip, func(hash plumbing.Hash) bool {
		found = found || hash == commit
		return found
	})
	return found, found || complete
}

// line returns a commit, its first parent, the first parent of that, and so on.
func (p *past) line(commit plumbing.Hash) (line []plumbing.Hash, complete bool) {
	for {
		known, ok := p.commits[commit]
		if !ok {
			return line, false
		}
		line = append(line, commit)
		if len(known.parents) == 0 {
			return line, true
		}
		commit = known.parents[0]
	}
}

// between returns what is before to and not before from, children before their parents,
// otherwise the newest first.
func (p *past) between(from, to plumbing.Hash) (commits []plumbing.Hash, complete bool) {
	old, _ := p.before(from, func(plumbing.Hash) bool { return false })
	added, complete := p.before(to, func(hash plumbing.Hash) bool { return old[hash] })
	children := map[plumbing.Hash]int{}
	for hash := range added {
		for _, parent := range p.commits[hash].parents {
			children[parent]++
		}
	}
	ready := &newest{past: p}
	if added[to] {
		ready.commits = append(ready.commits, to)
	}
	for len(ready.commits) > 0 {
		hash := heap.Pop(ready).(plumbing.Hash)
		commits = append(commits, hash)
		for _, parent := range p.commits[hash].parents {
			if children[parent]--; children[parent] == 0 && added[parent] {
				heap.Push(ready, parent)
			}
		}
	}
	return commits, complete
}

// depth is how many generations back from a commit the farthest of others is.
func (p *past) depth(commit plumbing.Hash, others []plumbing.Hash) int {
	missing := map[plumbing.Hash]bool{}
	for _, other := range others {
		missing[other] = true
	}
	seen := map[plumbing.Hash]bool{commit: true}
	generation := []plumbing.Hash{commit}
	for depth := 0; ; depth++ {
		var next []plumbing.Hash
		for _, hash := range generation {
			delete(missing, hash)
			for _, parent := range p.commits[hash].parents {
				if !seen[parent] {
					seen[parent] = true
					next = append(next, parent)
				}
			}
		}
		if len(missing) == 0 || len(next) == 0 {
			return depth
		}
		generation = next
	}
}

// newest is a heap.
type newest struct {
	past    *past
	commits []plumbing.Hash
}

// Len implements heap.Interface.
func (n *newest) Len() int { return len(n.commits) }

// Less implements heap.Interface.
func (n *newest) Less(i, j int) bool {
	a, b := n.commits[i], n.commits[j]
	if first, second := n.past.commits[a].committed, n.past.commits[b].committed; first != second {
		return first > second
	}
	return a.String() < b.String()
}

// Swap implements heap.Interface.
func (n *newest) Swap(i, j int) { n.commits[i], n.commits[j] = n.commits[j], n.commits[i] }

// Push implements heap.Interface.
func (n *newest) Push(x any) { n.commits = append(n.commits, x.(plumbing.Hash)) }

// Pop implements heap.Interface.
func (n *newest) Pop() any {
	last := n.commits[len(n.commits)-1]
	n.commits = n.commits[:len(n.commits)-1]
	return last
}

// pasts are the repositories that were asked about last. The zero value is ready.
type pasts struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]*past
}

func (ps *pasts) of(key [sha256.Size]byte, now time.Time) *past {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.known[key]
	if p == nil {
		if ps.known == nil {
			ps.known = map[[sha256.Size]byte]*past{}
		}
		p = &past{turn: make(chan struct{}, 1), commits: map[plumbing.Hash]ancestry{}}
		ps.known[key] = p
	}
	p.used = now
	return p
}

// done takes note of what was learned and makes room. Who waits for the turn of one that is
// forgotten learns again.
func (ps *pasts) done(p *past, now time.Time, limit int) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.size, p.used = len(p.commits), now
	<-p.turn
	total := 0
	for key, other := range ps.known {
		if now.Sub(other.used) >= forgottenAfter && len(other.turn) == 0 {
			delete(ps.known, key)
			continue
		}
		total += other.size
	}
	for total > limit && len(ps.known) > 0 {
		total -= ps.forgetOldest()
	}
}

func (ps *pasts) forgetOldest() int {
	var oldest [sha256.Size]byte
	var found *past
	for key, p := range ps.known {
		if found == nil || p.used.Before(found.used) {
			oldest, found = key, p
		}
	}
	delete(ps.known, oldest)
	return found.size
}
