package region

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// recordTimes notes when each step could begin and when it was first done. Both are
// kept for good: they tell how long a region took, not how it is.
func recordTimes(region *v1alpha1.Region, steps []step.Step[*scope], now time.Time) {
	for _, s := range steps {
		c := meta.FindStatusCondition(region.Status.Conditions, s.Condition)
		if s.Condition == v1alpha1.RegionInSync || c.Reason == v1alpha1.ReasonBlocked || c.Reason == v1alpha1.ReasonNotRequired {
			continue
		}
		times := timesOf(region, s.Condition)
		if times.StartedAt == nil {
			times.StartedAt = &metav1.Time{Time: now}
		}
		if times.FinishedAt == nil && c.Status == metav1.ConditionTrue {
			times.FinishedAt = &metav1.Time{Time: now}
		}
	}
}

func timesOf(region *v1alpha1.Region, name string) *v1alpha1.StepTimes {
	i := slices.IndexFunc(region.Status.Steps, func(t v1alpha1.StepTimes) bool { return t.Name == name })
	if i < 0 {
		region.Status.Steps = append(region.Status.Steps, v1alpha1.StepTimes{Name: name})
		i = len(region.Status.Steps) - 1
	}
	return &region.Status.Steps[i]
}
