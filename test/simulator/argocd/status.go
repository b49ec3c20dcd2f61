package argocd

import (
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// compared reports whether the last comparison was about the present spec.
func (a *application) compared() bool {
	return a.Status.Sync != nil && equality.Semantic.DeepEqual(a.Status.Sync.ComparedTo, comparedTo{Source: a.Spec.Source, Destination: a.Spec.Destination})
}

func (a *application) health() string {
	if a.Status.Health == nil {
		return healthy
	}
	return a.Status.Health.Status
}

// record takes over what was found. The revision is that of the source, found or not.
func (a *application) record(found comparison, now time.Time) {
	a.Status.Sync = &syncStatus{
		Status:     found.status,
		Revision:   revision(a.Spec.Source),
		ComparedTo: comparedTo{Source: a.Spec.Source, Destination: a.Spec.Destination},
	}
	a.Status.Resources = found.resources
	if a.Status.Health == nil || a.Status.Health.Status != found.health {
		a.Status.Health = &healthStatus{Status: found.health, LastTransitionTime: timestamp(now)}
	}
	a.Status.Conditions = a.conditionsAfter(found, now)
}

// conditionsAfter keeps the time of a condition that says what it said before.
func (a *application) conditionsAfter(found comparison, now time.Time) []condition {
	var conditions []condition
	for _, c := range []*condition{found.failure, a.syncError(found)} {
		if c == nil {
			continue
		}
		c.LastTransitionTime = *timestamp(now)
		for _, before := range a.Status.Conditions {
			if before.Type == c.Type && before.Message == c.Message {
				c.LastTransitionTime = before.LastTransitionTime
			}
		}
		conditions = append(conditions, *c)
	}
	return conditions
}

// timestamp has the precision that survives in a status.
func timestamp(t time.Time) *metav1.Time {
	seconds := metav1.NewTime(t.UTC().Truncate(time.Second))
	return &seconds
}
