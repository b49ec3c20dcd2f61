// Package delivery brings a region's seeds to its pods: by the annotation of its cluster
// Secret, by a ConfigMap in the region or by a commit. It writes what it is told and only
// what differs; whose turn it is, is the caller's business.
package delivery

import (
	"context"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

// Target is a region that seeds are delivered to.
type Target struct {
	Region *v1alpha1.Region
	// Remote is nil while the regional cluster cannot be reached.
	Remote *remote.Cluster
}

// Write is what a region should have.
type Write struct {
	Target

	// Text is the list of seeds as the workload reads it.
	Text string
}

// Found is what a region has.
type Found struct {
	// Text that is delivered; empty where nothing is, or not to the end.
	Text string
	// Known is false while the place could not be looked at, or cannot be written to yet.
	Known bool
	// Unfinished tells that Write has something to do whatever the text is: the place for it is
	// still to be made, or a workload was not restarted for what is there, be it that a Write
	// was interrupted or that somebody else changed it. Writing restarts pods, as ever, and
	// those of an unfinished region do not restart until then.
	Unfinished bool
	// Err is why the place could not be looked at.
	Err error
}

// Holds tells whether a text is delivered, so that Write would change nothing.
func (f Found) Holds(text string) bool {
	return f.Known && f.Err == nil && !f.Unfinished && f.Text == text
}

// Delivery is one way by which seeds reach the pods of a ring.
type Delivery interface {
	// Read says what each region has, in the order of the targets.
	Read(ctx context.Context, targets []Target) []Found
	// Write delivers, and returns an error for each in their order, nil where it is done.
	// A text that is there already is not written again.
	Write(ctx context.Context, writes []Write) []error
	// Applied is the text that a pod was started with; ok is false where the pod does not
	// tell. Where pods carry only a hash, it is wanted or not known: ask for what the region
	// has and for what it should have.
	Applied(pod *corev1.Pod, wanted string) (text string, ok bool)
}

// atOnce bounds how many regions are asked or written to at the same time.
const atOnce = 32

// each calls f for 0 to n-1, a bounded number at once, and collects the answers.
func each[T any](n int, f func(int) T) []T {
	answers := make([]T, n)
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range n {
		group.Go(func() error {
			answers[i] = f(i)
			return nil // one that fails holds up no other
		})
	}
	_ = group.Wait() // they return nothing
	return answers
}

// literal is the value that stands in a pod's spec for an environment variable. A pod without
// the variable was started without seeds: charts leave it out where there are none. One that
// is taken from elsewhere does not stand there.
func literal(pod *corev1.Pod, variable string) (string, bool) {
	for _, c := range pod.Spec.Containers {
		for _, e := range c.Env {
			if e.Name == variable {
				return e.Value, e.ValueFrom == nil
			}
		}
	}
	return "", true
}
