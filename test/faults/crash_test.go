package faults

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// Fewer writes than these cannot be a life of a region: the suite would prove nothing.
var fewest = map[side]int{kube: 70, aws: 8, regional: 5}

// patience is for an act with all of its crashes, on a machine that has more to do.
const patience = 10 * time.Minute

// act is a part of a region's life.
type act struct {
	name string
	do   func(context.Context, *world)
	done func(context.Context, *world, Gomega)
}

var acts = []act{
	{
		name: "bring-up",
		do:   func(ctx context.Context, w *world) { Expect(w.Client.Create(ctx, theRegion())).To(Succeed()) },
		done: func(ctx context.Context, w *world, g Gomega) { w.ready(ctx, g) },
	},
	{
		name: "change",
		do:   func(ctx context.Context, w *world) { w.change(ctx) },
		done: func(ctx context.Context, w *world, g Gomega) {
			w.changed(ctx, g)
			w.ready(ctx, g)
		},
	},
	{
		name: "deletion",
		do:   func(ctx context.Context, w *world) { w.remove(ctx) },
		done: func(ctx context.Context, w *world, g Gomega) { w.gone(ctx, g) },
	},
}

var _ = Describe("An operator that dies before and after each of its writes", Ordered, func() {
	BeforeAll(func(ctx SpecContext) {
		Expect(undisturbed.StartOperator(undisturbed.lifetime)).To(Succeed())
		var err error
		disturbed.reaper, err = startReaper(disturbed.lifetime, disturbed.Bed)
		Expect(err).NotTo(HaveOccurred())
		undisturbed.prepare(ctx)
		disturbed.prepare(ctx)
	}, NodeTimeout(time.Minute))

	ReportAfterEach(func(report SpecReport) {
		if report.Failed() {
			undisturbed.tell("undisturbed")
			disturbed.tell("disturbed")
		}
	})

	for _, a := range acts {
		It("leaves everything as if it had not, after the "+a.name, NodeTimeout(patience), func(ctx SpecContext) {
			started := time.Now()
			disturbed.reaper.next(a.name)
			var both sync.WaitGroup
			for _, w := range []*world{undisturbed, disturbed} {
				both.Go(func() {
					defer GinkgoRecover()
					a.do(ctx, w)
					Eventually(func(g Gomega) { a.done(ctx, w, g) }).
						WithContext(ctx).WithTimeout(patience).WithPolling(100 * time.Millisecond).Should(Succeed())
				})
			}
			both.Wait()
			GinkgoWriter.Printf("%s took %s\n%s\n", a.name, time.Since(started).Round(time.Second), disturbed.reaper.summary())
			Eventually(func(g Gomega) {
				expected, actual := undisturbed.snapshot(ctx, g), disturbed.snapshot(ctx, g)
				g.Expect(lacking(expected, actual)).To(BeEmpty(), "what there is without crashes and not with them")
				g.Expect(lacking(actual, expected)).To(BeEmpty(), "what there is with crashes and not without them")
			}).WithContext(ctx).WithTimeout(20 * time.Second).Should(Succeed())
		})
	}

	It("has died often enough to prove something", func() {
		AddReportEntry("crash points", disturbed.reaper.summary())
		fmt.Fprintln(os.Stdout, disturbed.reaper.summary())
		for s, least := range fewest {
			writes, crashes := disturbed.reaper.count(s)
			Expect(writes).To(BeNumerically(">=", least), string(s))
			Expect(crashes).To(BeNumerically(">=", 2*writes-1-writes/10), string(s)+": overtaken writes are the exception")
		}
		Expect(disturbed.DeniedCalls()).To(BeEmpty(), "calls that the shipped policies do not allow")
	})
})
