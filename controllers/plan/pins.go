package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// PinSet is a revision and the applications that are pinned elsewhere.
type PinSet struct {
	Revision  v1alpha1.GitRevision
	Overrides []v1alpha1.RevisionOverride
}

// Of returns an application's revision.
func (p PinSet) Of(application string) v1alpha1.GitRevision {
	for _, o := range p.Overrides {
		if o.Application == application {
			return o.Revision
		}
	}
	return p.Revision
}

// ID names the pins: the revision, followed by a hash of the overrides if there are any.
func (p PinSet) ID() string {
	if len(p.Overrides) == 0 {
		return string(p.Revision)
	}
	const length = 8
	lines := make([]string, 0, len(p.Overrides))
	for _, o := range p.Overrides {
		lines = append(lines, fmt.Sprintf("%s=%s\n", o.Application, o.Revision))
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return string(p.Revision) + "+" + hex.EncodeToString(sum[:])[:length]
}

// Pin returns the revision that an environment's Promotions have for an application of a region
// that is born, and whether they have one: that of the rollout which was accepted last, or what
// was there before one that failed. A region of the rollout that is born once more, because its
// Secret was lost, has what it had before until its turn. A revision that was never accepted
// counts only when there was none before it.
func Pin(promotions []v1alpha1.Promotion, environment, region, application string) (v1alpha1.GitRevision, bool) {
	p := Responsible(promotions, environment, application)
	if p == nil {
		return "", false
	}
	pin := pinOf(p, region, application)
	return pin, pin != ""
}

func pinOf(p *v1alpha1.Promotion, region, application string) v1alpha1.GitRevision {
	rollout := p.Status.Rollout
	if rollout == nil {
		return PinSet{Revision: p.Spec.Revision, Overrides: p.Spec.Overrides}.Of(application)
	}
	if before := unmoved(rollout, region, application); before != "" {
		return before
	}
	return BornWith(rollout, application)
}

// unmoved is the revision that a region whose turn in a rollout has not come had before it, if any.
func unmoved(rollout *v1alpha1.PromotionRollout, region, application string) v1alpha1.GitRevision {
	waits := func(p v1alpha1.RegionProgress) bool { return p.Region == region && p.MovedAt == nil }
	if rollout.FinishedAt != nil || !slices.ContainsFunc(rollout.Waves, func(w v1alpha1.WaveStatus) bool {
		return slices.ContainsFunc(w.Regions, waits)
	}) {
		return ""
	}
	for _, previous := range rollout.Previous {
		if slices.Contains(previous.Regions, region) {
			return PinSet{Overrides: previous.Pins}.Of(application)
		}
	}
	return ""
}

// BornWith is the revision of an application in regions that came after a rollout began: the
// rollout's, or, of one that failed, what most regions had before.
func BornWith(rollout *v1alpha1.PromotionRollout, application string) v1alpha1.GitRevision {
	pins := PinSet{Revision: rollout.Revision, Overrides: rollout.Overrides}
	if !failed(rollout) {
		return pins.Of(application)
	}
	var most int
	for _, previous := range rollout.Previous {
		if before := (PinSet{Overrides: previous.Pins}).Of(application); before != "" && len(previous.Regions) > most {
			most, pins = len(previous.Regions), PinSet{Revision: before}
		}
	}
	return pins.Of(application)
}

// Accepted are the pins of regions that come after a rollout began: the rollout's, or, of one that
// failed, what there was before, by the revision that most applications had.
func Accepted(rollout *v1alpha1.PromotionRollout) PinSet {
	if !failed(rollout) {
		return PinSet{Revision: rollout.Revision, Overrides: rollout.Overrides}
	}
	counts := map[v1alpha1.GitRevision]int{}
	var pins PinSet
	for _, app := range rollout.Applications {
		pin := BornWith(rollout, app)
		if counts[pin]++; counts[pin] > counts[pins.Revision] {
			pins.Revision = pin
		}
	}
	for _, app := range rollout.Applications {
		if pin := BornWith(rollout, app); pin != pins.Revision {
			pins.Overrides = append(pins.Overrides, v1alpha1.RevisionOverride{Application: app, Revision: pin})
		}
	}
	return pins
}

func failed(rollout *v1alpha1.PromotionRollout) bool {
	switch rollout.Phase {
	case v1alpha1.RolloutHalted, v1alpha1.RolloutRollingBack, v1alpha1.RolloutRolledBack:
		return true
	default:
		return false
	}
}

// Responsible returns the Promotion that pins an application, or nil. One that names
// the application wins over one that pins all; among equals the first by name wins.
func Responsible(promotions []v1alpha1.Promotion, environment, application string) *v1alpha1.Promotion {
	var named, general *v1alpha1.Promotion
	for i := range promotions {
		p := &promotions[i]
		switch {
		case p.Spec.EnvironmentRef.Name != environment || !p.DeletionTimestamp.IsZero():
		case slices.Contains(p.Spec.Applications, application):
			named = firstByName(named, p)
		case len(p.Spec.Applications) == 0:
			general = firstByName(general, p)
		}
	}
	if named != nil {
		return named
	}
	return general
}

func firstByName(a, b *v1alpha1.Promotion) *v1alpha1.Promotion {
	if a == nil || b.Name < a.Name {
		return b
	}
	return a
}
