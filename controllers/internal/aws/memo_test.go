package aws

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"
)

func TestMemoDoesNotKeepAnAnswerThatWasDroppedWhileLoading(t *testing.T) {
	g := NewWithT(t)
	m := newMemo[string, string](clocktesting.NewFakeClock(time.Unix(0, 0)), always[string](time.Hour))
	started, release, stale := make(chan struct{}), make(chan struct{}), make(chan string)
	go func() {
		value, _ := m.get(t.Context(), "k", func(context.Context) (string, error) {
			close(started)
			<-release
			return "before the change", nil
		})
		stale <- value
	}()
	<-started
	m.drop("k")

	fresh := func(context.Context) (string, error) { return "after the change", nil }
	g.Expect(m.get(t.Context(), "k", fresh)).To(Equal("after the change"))
	close(release)
	g.Expect(<-stale).To(Equal("before the change"))
	g.Expect(m.get(t.Context(), "k", nil)).To(Equal("after the change"))
}

func TestMemoCallerThatGivesUpDoesNotFailTheOthers(t *testing.T) {
	g := NewWithT(t)
	m := newMemo[string, string](clocktesting.NewFakeClock(time.Unix(0, 0)), always[string](time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	started, release, gaveUp := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		_, err := m.get(ctx, "k", func(ctx context.Context) (string, error) {
			close(started)
			<-release
			return "loaded", ctx.Err()
		})
		gaveUp <- err
	}()
	<-started
	cancel()
	g.Expect(<-gaveUp).To(MatchError(context.Canceled))
	close(release)
	g.Expect(m.get(t.Context(), "k", nil)).To(Equal("loaded"))
}
