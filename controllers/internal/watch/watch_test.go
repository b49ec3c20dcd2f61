package watch

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func TestEventsOfAMomentMakeOnePass(t *testing.T) {
	byName := func(_ context.Context, obj client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: obj.GetName()}}}
	}
	named := func(name string) client.Object {
		obj := &corev1.ConfigMap{}
		obj.Name = name
		return obj
	}
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	for name, notify := range map[string]func(handler.EventHandler, queue){
		"creation": func(h handler.EventHandler, q queue) { h.Create(t.Context(), event.CreateEvent{Object: named("a")}, q) },
		"update": func(h handler.EventHandler, q queue) {
			h.Update(t.Context(), event.UpdateEvent{ObjectOld: named("a"), ObjectNew: named("a")}, q)
		},
		"deletion": func(h handler.EventHandler, q queue) { h.Delete(t.Context(), event.DeleteEvent{Object: named("a")}, q) },
		"anything": func(h handler.EventHandler, q queue) {
			h.Generic(t.Context(), event.GenericEvent{Object: named("a")}, q)
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			clk := clocktesting.NewFakeClock(time.Unix(0, 0))
			q := workqueue.NewTypedRateLimitingQueueWithConfig(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request](),
				workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{Clock: clk})
			t.Cleanup(q.ShutDown)
			h := Gathered(byName)
			for range 100 {
				notify(h, q)
			}
			g.Expect(q.Len()).To(BeZero())
			g.Eventually(func() int { // the queue's own goroutine takes them in one by one
				clk.Step(gathering)
				return q.Len()
			}).Should(Equal(1))
			r, _ := q.Get()
			g.Expect(r.Name).To(Equal("a"))
			q.Done(r)
		})
	}
}

func TestAnUpdateWakesWhoHadTheObjectBefore(t *testing.T) {
	g := NewWithT(t)
	clk := clocktesting.NewFakeClock(time.Unix(0, 0))
	q := workqueue.NewTypedRateLimitingQueueWithConfig(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request](),
		workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{Clock: clk})
	t.Cleanup(q.ShutDown)
	before, after := &corev1.ConfigMap{}, &corev1.ConfigMap{}
	before.Labels, after.Labels = map[string]string{"of": "a"}, map[string]string{"of": "b"}
	Gathered(func(_ context.Context, obj client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: obj.GetLabels()["of"]}}}
	}).Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: after}, q)
	g.Eventually(func() int {
		clk.Step(gathering)
		return q.Len()
	}).Should(Equal(2))
}

func TestRetriesBecomeRarerAndNeverRare(t *testing.T) {
	g, limiter := NewWithT(t), Retries(time.Second)
	var pauses []time.Duration
	for range 30 {
		pauses = append(pauses, limiter.When(reconcile.Request{}))
	}
	g.Expect(pauses[:3]).To(HaveExactElements(firstRetry, 2*firstRetry, 4*firstRetry))
	g.Expect(pauses[29]).To(Equal(time.Second))
	limiter.Forget(reconcile.Request{})
	g.Expect(limiter.When(reconcile.Request{})).To(Equal(firstRetry))
}
