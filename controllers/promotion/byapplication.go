package promotion

import (
	"context"
	"fmt"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
)

// byApplication sets the revision of Applications themselves.
type byApplication struct {
	clusters   *argocd.Clusters
	repository string // whose sources move; empty for all from git
}

// pinned has no answer for a branch or a tag.
func (w *byApplication) pinned(_ *v1alpha1.Region, found *argocd.Application, _ string, annotated v1alpha1.GitRevision) v1alpha1.GitRevision {
	if found == nil {
		return annotated
	}
	return commitOrNone(found.TargetRevision(w.repository))
}

func (w *byApplication) deliver(ctx context.Context, moves []move, _ *v1alpha1.PromotionRollout) (made map[move]bool, err error) {
	var failures []error
	made = make(map[move]bool, len(moves))
	for _, m := range moves {
		changed, err := w.retarget(ctx, m)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		made[m] = changed
	}
	return made, first(failures...)
}

func (w *byApplication) retarget(ctx context.Context, m move) (changed bool, err error) {
	if m.found == nil { // it is made with whatever its owner says, and moved then
		return false, nil
	}
	if owner := m.found.Owner(); owner != "" { // it would put its own back at once
		return false, &ownedError{applications: []string{fmt.Sprintf("%s by %s", m.found.Name, owner)}}
	}
	return m.found.TargetRevision(w.repository) != string(m.pin), w.clusters.Retarget(ctx, m.found, w.repository, string(m.pin))
}

func (w *byApplication) rival(ctx context.Context, m move) (who, where string, err error) {
	if m.found == nil { // only the annotation is there to be changed
		return (&bySecret{w.clusters}).rival(ctx, m)
	}
	return "somebody", "targetRevision of Application " + m.found.Name, nil
}

// ownedError names Applications whose revision somebody else sets.
type ownedError struct{ applications []string }

func (e *ownedError) Error() string {
	return fmt.Sprintf("spec.delivery.application is for Applications that nobody else manages: %s; deliver by clusterSecret or git, and let that read it",
		strings.Join(clipped(e.applications), ", "))
}

// owned are Applications of the environment whose revision would be put back at once.
func (s *scope) owned() error {
	if s.promotion.Spec.Delivery.Application == nil {
		return nil
	}
	var names []string
	for _, region := range s.world.regions {
		for _, app := range region.apps {
			if found := s.found[region.name][app.name]; found.Owner() != "" {
				names = append(names, fmt.Sprintf("%s by %s", found.Name, found.Owner()))
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &ownedError{names}
}

// commitOrNone is empty for anything but a full commit hash.
func commitOrNone(revision string) v1alpha1.GitRevision {
	const digits = 40
	if len(revision) != digits || strings.Trim(revision, "0123456789abcdef") != "" {
		return ""
	}
	return v1alpha1.GitRevision(revision)
}
