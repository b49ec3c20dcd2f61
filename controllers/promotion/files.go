package promotion

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// Files tells which files a revision lacks, and which of those it has are no YAML, though named so.
type Files interface {
	Missing(ctx context.Context, repo gitrepo.Repository, commit string, paths []string) ([]string, error)
	Malformed(ctx context.Context, repo gitrepo.Repository, commit string, paths []string) ([]gitrepo.Malformed, error)
}

// complete asks for the configuration files of every region that the target would go to, seen or not.
func (r *Reconciler) complete(ctx context.Context, s *scope, repository gitrepo.Repository, wanted target) error {
	needs := map[string][]string{} // files by revision
	for _, region := range s.moving() {
		apps, err := s.pinnedIn(region)
		if err != nil && len(s.environment.Spec.ArgoCD.Repository.ConfigFiles) > 0 {
			return step.Poll(r.Poll, v1alpha1.ReasonRegionUnknown, "nobody can tell which files %s needs: %w", region.Name, err)
		}
		if err := r.addNeeds(needs, s, region, apps, wanted.PinSet); err != nil {
			return err
		}
	}
	for _, revision := range wanted.revisions() {
		paths := needs[revision]
		slices.Sort(paths)
		if err := r.has(ctx, s, repository, revision, slices.Compact(paths)); err != nil {
			return err
		}
	}
	return nil
}

// addNeeds adds the files that applications of a region need, by revision.
func (r *Reconciler) addNeeds(needs map[string][]string, s *scope, region *v1alpha1.Region, apps []string, pins plan.PinSet) error {
	for _, app := range apps {
		paths, err := plan.ConfigFiles(s.environment, region.Spec.AWSRegion, app)
		if err != nil {
			return step.Stuck(r.SlowPoll, v1alpha1.ReasonNoRepository, "spec.argocd.repository.configFiles of the Environment: %w", err)
		}
		revision := string(pins.Of(app))
		needs[revision] = append(needs[revision], paths...)
	}
	return nil
}

// withhold notes which regions lack files at pins that they never had, and tells whether there are any.
func (r *Reconciler) withhold(ctx context.Context, s *scope, d *decision) bool {
	s.world.withheld = map[string]string{}
	for _, w := range d.writes {
		if !w.fresh {
			continue
		}
		err := s.silent
		if err == nil {
			err = r.fits(ctx, s, w)
		}
		if err == nil {
			continue
		}
		if errors.Is(err, gitrepo.ErrUnreachable) || errors.Is(err, gitrepo.ErrCredentials) || errors.Is(err, gitrepo.ErrNotFound) {
			s.silent = err
		}
		again := cmp.Or(step.PollAfter(err), r.SlowPoll)
		s.withheldFor = min(cmp.Or(s.withheldFor, again), again)
		s.world.withheld[w.region.name] = err.Error()
	}
	return len(s.world.withheld) > 0
}

// fits asks for the files that a region needs at pins that it does not have yet.
func (r *Reconciler) fits(ctx context.Context, s *scope, w pinning) error {
	needs := map[string][]string{}
	if err := r.addNeeds(needs, s, s.regionOf(w.region.name), w.region.differing(w.pins), w.pins); err != nil {
		return err
	}
	maps.DeleteFunc(needs, func(_ string, paths []string) bool { return len(paths) == 0 })
	if len(needs) == 0 {
		return nil
	}
	repository, err := r.repository(ctx, s, "spec.onFailure")
	if err != nil {
		return err
	}
	for _, revision := range slices.Sorted(maps.Keys(needs)) {
		if err := r.has(ctx, s, repository, revision, needs[revision]); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reconciler) has(ctx context.Context, s *scope, repository gitrepo.Repository, revision string, paths []string) error {
	missing, err := r.Files.Missing(ctx, repository, revision, paths)
	switch {
	case errors.Is(err, gitrepo.ErrUnknownRevision):
		return step.Stuck(r.SlowPoll, v1alpha1.ReasonUnknownRevision, "%s has no commit %s%s", repository, revision, r.hint(ctx, s, repository))
	case err != nil:
		return r.noAnswer(s, "looking into "+revision, err)
	case len(missing) > 0:
		return step.Stuck(r.SlowPoll, v1alpha1.ReasonRevisionLacksRegionConfig, "%s lacks %s%s",
			revision, strings.Join(clipped(missing), ", "), r.oldest(ctx, s, repository, missing))
	}
	return r.wellFormed(ctx, s, repository, revision, paths)
}

func (r *Reconciler) wellFormed(ctx context.Context, s *scope, repository gitrepo.Repository, revision string, paths []string) error {
	malformed, err := r.Files.Malformed(ctx, repository, revision, paths)
	if err != nil {
		return r.noAnswer(s, "looking into "+revision, err)
	}
	if len(malformed) == 0 {
		return nil
	}
	var texts []string
	for _, file := range malformed {
		texts = append(texts, file.String())
	}
	return step.Stuck(r.SlowPoll, v1alpha1.ReasonRevisionLacksRegionConfig, "%s has %s: correct it and roll out the commit that does",
		revision, strings.Join(clipped(texts), ", "))
}

// clipped names the first files and counts the rest.
func clipped(names []string) []string {
	const most = 5
	if len(names) <= most {
		return names
	}
	return append(slices.Clone(names[:most]), fmt.Sprintf("%d more", len(names)-most))
}

// oldest names the first commit that has what is missing.
func (r *Reconciler) oldest(ctx context.Context, s *scope, repository gitrepo.Repository, missing []string) string {
	commit, known := s.recall(r.Poll, func(maxAge time.Duration) (string, error) {
		return r.Commits.FirstWith(ctx, repository, s.branch(), missing, maxAge)
	})
	switch {
	case !known:
		return ""
	case commit == "":
		return fmt.Sprintf(", and so does %s: add them", s.branch())
	default:
		return fmt.Sprintf("; the oldest commit of %s that has them is %s", s.branch(), commit)
	}
}
