package promotion

import (
	"cmp"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// mistaken refuses what would go wrong unnoticed, or only when a region has moved.
func (r *Reconciler) mistaken(s *scope) error {
	return first(s.circular(), s.unexpandable(), r.misnamed(s))
}

// circular refuses to commit pins to the branch that they follow. That two URLs are of one repository, the
// API server cannot tell.
func (s *scope) circular() error {
	track, git, repository := s.promotion.Spec.Track, s.promotion.Spec.Delivery.Git, s.environment.Spec.ArgoCD.Repository
	if track == nil || git == nil || repository == nil || cmp.Or(git.Branch, defaultBranch) != track.Branch ||
		!(gitrepo.Repository{URL: cmp.Or(git.URL, repository.URL)}).Is(repository.URL) {
		return nil
	}
	return step.Terminal(v1alpha1.ReasonInvalidDelivery,
		"spec.delivery.git commits to branch %s of %s, which spec.track follows, so that each commit would be promoted in turn: use another branch or url",
		track.Branch, repository.URL)
}

// unexpandable finds out with an example which query is no template.
func (s *scope) unexpandable() error {
	example := &v1alpha1.Region{}
	example.Name, example.Spec.AWSRegion, example.Spec.EnvironmentRef = "example", "eu-west-1", s.promotion.Spec.EnvironmentRef
	for _, g := range s.promotion.Spec.Gates.Prometheus {
		if _, err := plan.Expand(g.Query, queryVariables(example)); err != nil {
			return step.Terminal(v1alpha1.ReasonInvalidTemplate, "the query of gate %s in spec.gates.prometheus: %w", g.Name, err)
		}
	}
	return nil
}

// misnamed refuses an override that holds nothing back: of an application that there is not, or that
// another Promotion pins. An application that is listed may still come with its profile.
func (r *Reconciler) misnamed(s *scope) error {
	known := s.listed()
	for _, o := range s.promotion.Spec.Overrides {
		owner := plan.Responsible(s.promotions, s.environment.Name, o.Application)
		switch {
		case !slices.Contains(known, o.Application):
			return step.Stuck(r.SlowPoll, v1alpha1.ReasonUnknownApplication, "spec.overrides names %s, which no profile of the Environment lists; they list %s",
				o.Application, strings.Join(known, ", "))
		case owner == nil:
			return step.Stuck(r.SlowPoll, v1alpha1.ReasonUnknownApplication, "spec.overrides names %s, which spec.applications does not: add it there", o.Application)
		case owner.Name != s.promotion.Name:
			return step.Stuck(r.SlowPoll, v1alpha1.ReasonUnknownApplication, "spec.overrides names %s, which Promotion %s pins: do it there", o.Application, owner.Name)
		}
	}
	for _, app := range s.promotion.Spec.Applications {
		if !slices.Contains(known, app) {
			return step.Wait(v1alpha1.ReasonUnknownApplication, "spec.applications names %s, which no profile of the Environment lists yet; they list %s",
				app, strings.Join(known, ", "))
		}
	}
	return nil
}

// listed are the applications of all profiles of the Environment.
func (s *scope) listed() []string {
	var names []string
	for _, profile := range s.environment.Spec.Profiles {
		for _, app := range profile.Applications {
			names = append(names, app.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
