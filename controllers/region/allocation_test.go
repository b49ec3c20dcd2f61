package region_test

import (
	"context"
	"fmt"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/region"
)

// rounds is how often two Regions race for a block.
const rounds = 15

var _ = Describe("the allocation of a block", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) { b = newBed(ctx) })

	It("gives it to exactly one of two Regions that want it at the same time, also from two replicas", func(ctx SpecContext) {
		replicas := [2]*region.Reconciler{b.newReconciler(), b.newReconciler()}
		for round := range rounds {
			environment := named(b.Namespace, fmt.Sprintf("env%d", round))
			b.ExpectApplied(ctx, environment)
			racers := [2]*v1alpha1.Region{racer(environment, "left"), racer(environment, "right")}
			b.ExpectApplied(ctx, racers[0], racers[1])
			race(ctx, replicas, racers)

			b.ExpectRefreshed(ctx, environment)
			Expect(environment.Status.Allocations).To(HaveLen(1))
			Expect(planned(racers)).To(ConsistOf("True", "False (CIDROverlap)"))
			b.ExpectDeleted(ctx, environment)
		}
	})

	It("gives it to exactly one of two environments that want it at the same time", func(ctx SpecContext) {
		for round := range rounds {
			environments := [2]*v1alpha1.Environment{
				named(b.Namespace, fmt.Sprintf("left%d", round)), named(b.Namespace, fmt.Sprintf("right%d", round)),
			}
			b.ExpectApplied(ctx, environments[0], environments[1])
			racers := [2]*v1alpha1.Region{racer(environments[0], "region"), racer(environments[1], "region")}
			b.ExpectApplied(ctx, racers[0], racers[1])
			race(ctx, [2]*region.Reconciler{b.reconciler, b.reconciler}, racers)

			b.ExpectRefreshed(ctx, environments[0], environments[1])
			Expect(append(environments[0].Status.Allocations, environments[1].Status.Allocations...)).To(HaveLen(1))
			Expect(planned(racers)).To(ConsistOf("True", "False (CIDROverlap)"))
			b.ExpectDeleted(ctx, environments[0])
			b.ExpectDeleted(ctx, environments[1])
		}
	})
})

func named(namespace, name string) *v1alpha1.Environment {
	return build.Environment(namespace, func(e *v1alpha1.Environment) { e.Name = name })
}

func racer(environment *v1alpha1.Environment, name string) *v1alpha1.Region {
	return build.Region(environment.Namespace, "eu-west-1", func(r *v1alpha1.Region) {
		r.Name = environment.Name + "-" + name
		r.Spec.EnvironmentRef.Name = environment.Name
	})
}

// race reconciles both Regions at once and then, as after a back-off, each again.
func race(ctx context.Context, reconcilers [2]*region.Reconciler, racers [2]*v1alpha1.Region) {
	GinkgoHelper()
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range racers {
		done.Go(func() {
			defer GinkgoRecover()
			start.Wait()
			_, _ = reconcilers[i].Reconcile(ctx, racers[i]) // who comes second fails with a conflict
		})
	}
	start.Done()
	done.Wait()
	for i := range racers {
		testenv.ExpectReconciled(ctx, env, reconcilers[i], racers[i])
	}
}

func planned(racers [2]*v1alpha1.Region) []string {
	var all []string
	for _, r := range racers {
		c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.RegionPlanned)
		outcome := string(c.Status)
		if c.Reason != v1alpha1.ReasonSucceeded {
			outcome += " (" + c.Reason + ")"
		}
		all = append(all, outcome)
	}
	return all
}
