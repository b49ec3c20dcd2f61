package environment

import (
	"fmt"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// records is what the Environment's status says about regions that had their turns.
func records(regions []regionState, rollout v1alpha1.Rollout) []v1alpha1.RegionRevision {
	var all []v1alpha1.RegionRevision
	for i := range regions {
		r := &regions[i]
		record := v1alpha1.RegionRevision{Region: r.name, Revision: r.recorded}
		switch {
		case r.aside:
			record.State = v1alpha1.RevisionPaused
		case r.current():
			record.State = v1alpha1.RevisionCurrent
		case r.changing():
			record.State = v1alpha1.RevisionChanging
		default:
			record.State, record.Message = v1alpha1.RevisionWaiting, step.Truncate(waitsFor(r, regions, rollout))
		}
		all = append(all, record)
	}
	return all
}

// waitsFor says why a region has not had its turn.
func waitsFor(r *regionState, regions []regionState, rollout v1alpha1.Rollout) string {
	switch {
	case r.target == "":
		return r.missing
	case rollout.Paused:
		return "spec.rollout.paused is true"
	case r.unready():
		return inTheWay(regions, (*regionState).changing)
	default:
		return inTheWay(regions, (*regionState).busy)
	}
}

const remedy = ": put it right, pause its Region, or raise spec.rollout.maxConcurrentRegions"

// inTheWay names the regions that count and says what becomes of them.
func inTheWay(regions []regionState, counts func(*regionState) bool) string {
	var moving, broken, edited []string
	for i := range regions {
		r := &regions[i]
		switch {
		case !counts(r):
		case (r.changing() || r.recorded != r.has) && !r.failed:
			moving = append(moving, r.name)
		case !r.ready:
			broken = append(broken, fmt.Sprintf("%s is not Ready (%s)", r.name, r.reason))
		default:
			edited = append(edited, r.name)
		}
	}
	var parts []string
	if len(moving) > 0 {
		parts = append(parts, fmt.Sprintf("%s %s being changed", listing(moving), plural(moving, "is", "are")))
	}
	if len(edited) > 0 {
		parts = append(parts, fmt.Sprintf("%s %s an edit of %s own Region", listing(edited), plural(edited, "follows", "follow"), plural(edited, "its", "their")))
	}
	if len(broken) > 0 {
		parts = append(parts, listing(broken)+remedy)
	}
	return strings.Join(parts, "; ")
}

// progress is the outcome of the step: who is being changed, who waits, and what for if
// nothing moves.
func progress(regions []regionState, records []v1alpha1.RegionRevision, rollout v1alpha1.Rollout) error {
	var waiting []string
	for _, r := range records {
		if r.State == v1alpha1.RevisionWaiting {
			waiting = append(waiting, r.Region)
		}
	}
	changing := inTheWay(regions, (*regionState).changing)
	switch {
	case changing == "" && len(waiting) == 0:
		return nil
	case changing == "":
		return step.Wait(v1alpha1.ReasonRolloutHeld, "%s", held(records))
	case len(waiting) == 0:
		return step.Wait(v1alpha1.ReasonRollingOut, "%s", changing)
	}
	because := ""
	if rollout.Paused {
		because = ": spec.rollout.paused is true"
	}
	return step.Wait(v1alpha1.ReasonRollingOut, "%s; %s %s%s", changing, listing(waiting), plural(waiting, "waits", "wait"), because)
}

// held says what the regions wait for, those with the same cause together.
func held(records []v1alpha1.RegionRevision) string {
	var causes []string
	waiting := map[string][]string{}
	for _, r := range records {
		if r.State != v1alpha1.RevisionWaiting {
			continue
		}
		if waiting[r.Message] == nil {
			causes = append(causes, r.Message)
		}
		waiting[r.Message] = append(waiting[r.Message], r.Region)
	}
	var parts []string
	for _, cause := range causes {
		names := waiting[cause]
		parts = append(parts, fmt.Sprintf("%s %s: %s", listing(names), plural(names, "waits", "wait"), cause))
	}
	return strings.Join(parts, "; ")
}

// listing names a few and counts the others.
func listing(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

func plural(of []string, one, many string) string {
	if len(of) == 1 {
		return one
	}
	return many
}
