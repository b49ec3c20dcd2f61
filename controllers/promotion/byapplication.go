package promotion

import (
	"context"
	"errors"
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

func (w *byApplication) deliver(ctx context.Context, moves []move, _ *v1alpha1.PromotionRollout) (made []move, err error) {
	for _, m := range moves {
		if owner := m.found.Owner(); owner != "" { // it would put its own back at once
			return nil, &ownedError{applications: []string{fmt.Sprintf("%s by %s", m.found.Name, owner)}}
		}
	}
	var failures []error
	for _, m := range moves {
		if m.found != nil { // else it is made with whatever its owner says, and moved then
			if err := w.clusters.Retarget(ctx, m.found, w.repository, string(m.pin)); err != nil {
				failures = append(failures, err)
				continue
			}
		}
		made = append(made, m)
	}
	return made, errors.Join(failures...)
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
