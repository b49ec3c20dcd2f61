// Package faults kills the real operator before and after each write that it makes in
// the life of a region, and compares what comes of it with a life without a crash.
package faults

import (
	"context"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/format"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/portolan-dev/portolan/test/bed"
)

// timeScale lets an AWS minute take a quarter of a second: what is waited for are restarts.
const timeScale = 1.0 / 240

// The two worlds are equal and know nothing of each other: names need no translation.
var undisturbed, disturbed *world

func TestFaults(t *testing.T) {
	RegisterFailHandler(Fail)
	format.MaxLength = 0 // a difference is only of use in full
	RunSpecs(t, "Crash at every write")
}

var _ = BeforeSuite(func() {
	ctrl.SetLogger(logr.Discard())
	ctx, cancel := context.WithCancel(context.Background())
	DeferCleanup(cancel)
	seed := uint64(GinkgoRandomSeed())
	var starting sync.WaitGroup
	for _, w := range []**world{&undisturbed, &disturbed} {
		starting.Go(func() {
			defer GinkgoRecover()
			b, err := bed.Start(ctx, bed.Options{TimeScale: timeScale, Seed: seed})
			Expect(err).NotTo(HaveOccurred())
			*w = newWorld(ctx, b)
		})
	}
	starting.Wait()
	for _, w := range []*world{undisturbed, disturbed} {
		DeferCleanup(w.stop)
	}
})
