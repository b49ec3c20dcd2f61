package gossipring

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestLooks(t *testing.T) {
	const every = time.Minute
	ring := client.ObjectKey{Namespace: "fleet", Name: "api"}
	dublin := lookKey{ring: ring, region: client.ObjectKey{Namespace: "fleet", Name: "dublin"}}
	var asked atomic.Int32
	ask := func(question string) job[string] {
		return job[string]{key: dublin, question: question, every: every, ask: func(context.Context) string {
			asked.Add(1)
			return "answer to " + question
		}}
	}

	t.Run("are taken when they are due", func(t *testing.T) {
		g, clk := NewWithT(t), testingclock.NewFakeClock(start)
		l := newLooks[string](clk)
		asked.Store(0)
		l.refresh(t.Context(), []job[string]{ask("one")})
		answer, ok := l.last(dublin, "one", every)
		g.Expect(ok).To(BeTrue())
		g.Expect(answer).To(Equal("answer to one"))

		clk.Step(every - time.Second)
		l.refresh(t.Context(), []job[string]{ask("one")})
		g.Expect(asked.Load()).To(BeEquivalentTo(1), "the answer is young")
		clk.Step(time.Second)
		l.refresh(t.Context(), []job[string]{ask("one")})
		g.Expect(asked.Load()).To(BeEquivalentTo(2))

		l.refresh(t.Context(), []job[string]{ask("two")})
		g.Expect(asked.Load()).To(BeEquivalentTo(3), "another question")
		_, ok = l.last(dublin, "one", every)
		g.Expect(ok).To(BeFalse(), "an answer to another question is worth nothing")

		l.expire(dublin)
		l.refresh(t.Context(), []job[string]{ask("two")})
		g.Expect(asked.Load()).To(BeEquivalentTo(4))
		clk.Step(2 * every)
		_, ok = l.last(dublin, "two", every)
		g.Expect(ok).To(BeFalse(), "too old to be believed")

		l.keep(ring, nil)
		_, ok = l.last(dublin, "two", time.Hour)
		g.Expect(ok).To(BeFalse(), "forgotten")
	})

	t.Run("are worth nothing when they began before a change", func(t *testing.T) {
		g := NewWithT(t)
		l := newLooks[string](testingclock.NewFakeClock(start))
		begun := l.begin(ask("one"))
		l.expire(dublin)
		l.take(t.Context(), ask("one"), begun)
		_, ok := l.last(dublin, "one", every)
		g.Expect(ok).To(BeFalse())
		asked.Store(0)
		l.refresh(t.Context(), []job[string]{ask("one")})
		g.Expect(asked.Load()).To(BeEquivalentTo(1))
	})

	t.Run("are never two at once where they change what they look at", func(t *testing.T) {
		g := NewWithT(t)
		l := newVisits[string](testingclock.NewFakeClock(start))
		begun := l.begin(ask("install"))
		g.Expect(l.busy(ring)).To(BeTrue())
		g.Expect(l.begin(ask("remove"))).To(BeNil(), "what is under way might put back what is removed")
		l.take(t.Context(), ask("install"), begun)
		g.Expect(l.busy(ring)).To(BeFalse())
		removing := l.begin(ask("remove"))
		g.Expect(removing).NotTo(BeNil())
		l.expire(dublin)
		g.Expect(l.begin(ask("remove"))).To(BeNil(), "it is still under way")
		l.take(t.Context(), ask("remove"), removing)
		_, ok := l.last(dublin, "remove", every)
		g.Expect(ok).To(BeFalse(), "it began before the change")
		g.Expect(l.begin(ask("remove"))).NotTo(BeNil())
	})

	t.Run("do not wait for a region that does not answer, and do not ask it twice", func(t *testing.T) {
		g, clk := NewWithT(t), testingclock.NewFakeClock(start)
		l := newLooks[string](clk)
		release, began := make(chan struct{}), make(chan struct{}, 2)
		hangs := job[string]{key: dublin, question: "one", every: every, ask: func(context.Context) string {
			began <- struct{}{}
			<-release
			return "late"
		}}
		passed := make(chan struct{})
		go func() {
			l.refresh(t.Context(), []job[string]{hangs})
			close(passed)
		}()
		<-began
		g.Eventually(clk.HasWaiters).Should(BeTrue())
		clk.Step(passPatience)
		g.Eventually(passed).Should(BeClosed())

		l.refresh(t.Context(), []job[string]{hangs})
		g.Expect(began).To(BeEmpty(), "one look is under way")
		close(release)
		g.Eventually(func() bool { _, ok := l.last(dublin, "one", every); return ok }).Should(BeTrue())
	})
}

func TestChanges(t *testing.T) {
	g, clk := NewWithT(t), testingclock.NewFakeClock(start)
	ring := client.ObjectKey{Namespace: "fleet", Name: "api"}
	c := newChanges()
	g.Expect(c.since(ring, "one", clk)).To(BeZero())
	clk.Step(time.Minute)
	g.Expect(c.since(ring, "one", clk)).To(Equal(time.Minute))
	g.Expect(c.since(ring, "two", clk)).To(BeZero())
	clk.Step(time.Second)
	c.forget(ring)
	g.Expect(c.since(ring, "two", clk)).To(BeZero())
}
