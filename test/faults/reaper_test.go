package faults

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"

	"github.com/portolan-dev/portolan/test/bed"
)

// reaper sees every write of the operator, kills it where its fate says so, and gives it
// another life.
type reaper struct {
	bed      *bed.Bed
	lifetime context.Context //nolint:containedctx // the suite's, in which operators live
	detour   bed.Detour
	proxies  []*httptest.Server

	// life is the number of the operator that runs, or 0 between two.
	life atomic.Int64

	mu       sync.Mutex
	fates    fates
	lives    int64
	restarts int
	failures []string
	stopped  bool
}

// startReaper runs the first operator, behind proxies.
func startReaper(ctx context.Context, b *bed.Bed) (*reaper, error) {
	r := &reaper{bed: b, lifetime: ctx}
	if err := r.serve(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begin()
	go func() {
		if err := r.guard(clusterName); err != nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.failures = append(r.failures, err.Error())
		}
	}()
	return r, nil
}

func (r *reaper) stop() {
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	r.bed.StopOperator()
	for _, p := range r.proxies {
		p.Close()
	}
}

// next begins another act: every write in it is new.
func (r *reaper) next(act string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fates.act = act
}

// failure is what went wrong with the operator or us, if anything.
func (r *reaper) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.failures) == 0 {
		return nil
	}
	return fmt.Errorf("%d failures, the first: %s", len(r.failures), r.failures[0])
}

// summary counts the points so far.
func (r *reaper) summary() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all, deaths int
	var parts []string
	for _, s := range []side{kube, aws, regional} {
		writes, crashes := r.fates.count(s)
		all, deaths = all+writes, deaths+crashes
		parts = append(parts, fmt.Sprintf("%d %s", writes, s))
	}
	text := fmt.Sprintf("crash points: %d writes (%s), %d crashes, %d restarts", all, strings.Join(parts, ", "), deaths, r.restarts)
	for _, w := range r.fates.overtaken() {
		text += "\n  died before it only, as it was not made again: " + w
	}
	return text
}

func (r *reaper) count(s side) (writes, crashes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fates.count(s)
}

// begin starts an operator. One that ends by itself is a failure, and gets a successor
// all the same.
func (r *reaper) begin() {
	r.lives++
	life := r.lives
	r.life.Store(life)
	if err := r.bed.StartOperatorVia(r.lifetime, r.detour); err != nil {
		r.failures = append(r.failures, err.Error())
		return
	}
	done := r.bed.OperatorDone()
	go func() {
		<-done
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.life.Load() == life && !r.stopped && r.lifetime.Err() == nil {
			r.failures = append(r.failures, fmt.Sprintf("the operator ended by itself in its life %d", life))
			r.begin()
		}
	}()
}

// kill ends an operator, and tells whoever reads of a failure at which write.
func (r *reaper) kill(when string, w write) {
	GinkgoWriter.Printf("life %d ends %s %s %s\n", r.lives, when, w.side, w.target)
	r.life.Store(0) // whatever else the dead asked for is lost
	r.bed.KillOperator()
	r.restarts++
	r.begin()
}

// meet answers one write of the operator's, or does not.
func (r *reaper) meet(w http.ResponseWriter, request *http.Request, change write, world http.Handler) {
	switch answer := r.judge(request, change, world); answer {
	case nil:
		panic(http.ErrAbortHandler)
	case unanswered:
		world.ServeHTTP(w, request)
	default:
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}
}

// unanswered stands for a write that nobody dies of.
var unanswered = httptest.NewRecorder()

// judge returns the answer to a write, or nil when whoever asks is dead.
func (r *reaper) judge(request *http.Request, change write, world http.Handler) *httptest.ResponseRecorder {
	r.mu.Lock()
	defer r.mu.Unlock()
	if lifeOf(request.Context()) != r.life.Load() || r.stopped {
		return nil
	}
	switch r.fates.of(change) {
	case dieBefore:
		r.kill("before", change)
		return nil
	case dieAfter:
		answer := httptest.NewRecorder()
		world.ServeHTTP(answer, request.WithContext(context.WithoutCancel(request.Context())))
		if answer.Code >= http.StatusMultipleChoices { // refused: nothing was written
			return answer
		}
		r.fates.made(change)
		r.kill("after", change)
		return nil
	default:
		return unanswered
	}
}
