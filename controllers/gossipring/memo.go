package gossipring

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// memo is what one pass worked out of a ring's endpoints and the next need not work out again: N
// members have N² seeds, and what happens in one region changes few of them. The lists in it
// are never changed in place. An empty one remembers nothing.
type memo struct {
	ring       types.UID
	generation int64 // of the ring, whose spec says how seeds are written and who gets which
	last, now  map[string]parsed

	selves  []plan.SeedMember
	desired map[string][]string
	hashes  map[string]string // of those, by Region

	blueprint *blueprint // of the probes of those members
}

// parsed is what a text says.
type parsed struct {
	seeds []string
	err   error
}

// parse reads a text, or knows it from the last pass or from another member.
func (m *memo) parse(text string, read func(string) ([]string, error)) ([]string, error) {
	p, ok := m.now[text]
	if ok {
		return p.seeds, p.err
	}
	if p, ok = m.last[text]; !ok {
		p.seeds, p.err = read(text)
	}
	if m.now == nil {
		m.now = map[string]parsed{}
	}
	m.now[text] = p
	return p.seeds, p.err
}

// desire returns everybody's seeds, which are those of the last pass if the members are.
func (m *memo) desire(selves []plan.SeedMember, seeds func() map[string][]string) map[string][]string {
	if m.desired == nil || !slices.Equal(m.selves, selves) {
		m.selves, m.desired, m.hashes, m.blueprint = selves, seeds(), map[string]string{}, nil
	}
	return m.desired
}

// probes returns what the probes are made of, which is that of the last pass if the members are.
func (m *memo) probes(draw func() *blueprint) *blueprint {
	if m.blueprint == nil {
		m.blueprint = draw()
	}
	return m.blueprint
}

// hashOf returns the hash of the seeds that a member should have.
func (m *memo) hashOf(region string, desired []string) string {
	if m.desired == nil || !slices.Equal(m.desired[region], desired) {
		return hashOf(desired)
	}
	hash, ok := m.hashes[region]
	if !ok {
		hash = hashOf(desired)
		m.hashes[region] = hash
	}
	return hash
}

// memos are those of all rings.
type memos struct {
	mu   sync.Mutex
	kept map[client.ObjectKey]memo
}

func newMemos() *memos { return &memos{kept: map[client.ObjectKey]memo{}} }

// areOfAnother tells whether what is remembered is of another ring, which had this one's name before.
func (m *memos) areOfAnother(ring *v1alpha1.GossipRing) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, known := m.kept[client.ObjectKeyFromObject(ring)]
	return known && before.ring != ring.UID
}

// of returns what is remembered of a ring with its spec. No two passes over one ring overlap.
func (m *memos) of(ring *v1alpha1.GossipRing) memo {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.kept[client.ObjectKeyFromObject(ring)]
	if before.ring != ring.UID || before.generation != ring.Generation {
		return memo{ring: ring.UID, generation: ring.Generation}
	}
	before.last, before.now = before.now, nil // texts that nobody has any more are forgotten
	return before
}

func (m *memos) keep(ring client.ObjectKey, what memo) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept[ring] = what
}

func (m *memos) forget(ring client.ObjectKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kept, ring)
}

// forgetRing drops all that is remembered of a ring that is gone.
func (r *Reconciler) forgetRing(key client.ObjectKey) {
	r.forget(key, nil)
	r.installs.keep(key, nil)
	r.changes.forget(key)
	r.splits.forget(key)
	r.memos.forget(key)
	r.failures.forget(key)
	matrix.forget(key)
	step.Forget(kind, key)
}
