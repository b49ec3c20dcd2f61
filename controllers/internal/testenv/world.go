package testenv

import (
	"context"
	"errors"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

// Intervals of every reconciler under test; they differ, so that a spec can tell
// from the result which one was meant.
const (
	Poll     = 15 * time.Second
	SlowPoll = 5 * time.Minute
	Resync   = 10 * time.Minute
)

// World is what the reconcilers of one spec work with. No two specs share a
// namespace, and what a spec leaves behind does not reach the next one.
type World struct {
	*Env
	// Namespace of Portolan's and ACK's objects.
	Namespace string
	// Recorder is the client of the reconcilers.
	Recorder *Recorder
	Clock    *clocktesting.FakeClock
	Events   *events.FakeRecorder
	AWS      *fake.AWS
	ACK      *ACK
	ArgoCD   *argocd.Clusters
	Clusters *remote.Clusters
}

// World returns a new one for the running spec.
func (e *Env) World(ctx context.Context) *World {
	GinkgoHelper()
	w := &World{
		Env:       e,
		Namespace: e.namespace(ctx, "portolan-"),
		Recorder:  e.Record(),
		Clock:     clocktesting.NewFakeClock(time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)),
		Events:    events.NewFakeRecorder(eventsPerSpec),
		AWS:       fake.New(),
	}
	w.ACK = newACK(e.Client, w.Clock)
	w.ArgoCD = &argocd.Clusters{Client: w.Recorder, Live: e.Live, Namespace: e.namespace(ctx, "argocd-")}
	w.Clusters = remote.New(w.AWS, w.Clock, Poll)
	w.run(ctx, w.Clusters.Start)

	// Blocks and the names of Regions are unique across namespaces, which envtest never deletes.
	DeferCleanup(func(ctx context.Context) error {
		return client.IgnoreNotFound(e.Client.DeleteAllOf(ctx, &v1alpha1.Environment{}, client.InNamespace(w.Namespace)))
	})
	DeferCleanup(w.removeRegions)
	return w
}

// removeRegions lets no Region of the spec have its name any longer.
func (w *World) removeRegions(ctx context.Context) error {
	list := &v1alpha1.RegionList{}
	if err := w.Env.Client.List(ctx, list, client.InNamespace(w.Namespace)); err != nil {
		return fmt.Errorf("listing the Regions of a spec: %w", err)
	}
	for i := range list.Items {
		region := &list.Items[i]
		free := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
		err := errors.Join(client.IgnoreNotFound(w.Env.Client.Patch(ctx, region, free)), client.IgnoreNotFound(w.Env.Client.Delete(ctx, region)))
		if err != nil {
			return fmt.Errorf("removing Region %s: %w", region.Name, err)
		}
	}
	return nil
}

// eventsPerSpec is more than any spec emits: the recorder blocks when it is full.
const eventsPerSpec = 10000

func (e *Env) namespace(ctx context.Context, prefix string) string {
	GinkgoHelper()
	namespace := &corev1.Namespace{}
	namespace.GenerateName = prefix
	Expect(e.Client.Create(ctx, namespace)).To(Succeed())
	return namespace.Name
}

// run keeps start running until the spec ends.
func (w *World) run(ctx context.Context, start func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // ctx ends with the node that calls us
	done := make(chan error, 1)
	go func() { done <- start(ctx) }()
	DeferCleanup(func() error {
		cancel()
		return <-done
	})
}

// EmittedEvents returns and forgets the events that were emitted so far, as
// "<type> <reason> <note>".
func (w *World) EmittedEvents() []string {
	var emitted []string
	for {
		select {
		case e := <-w.Events.Events:
			emitted = append(emitted, e)
		default:
			return emitted
		}
	}
}
