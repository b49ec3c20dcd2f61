package region

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// complete holds a region whose pins lack its configuration files, or have none that can be parsed: Argo CD remembers the error
// of rendering them, so it must never get to see it. Pins may have moved since the plan was made.
func (r *Reconciler) complete(ctx context.Context, s *scope, b birth) error {
	source := s.environment.Spec.ArgoCD.Repository
	if source == nil {
		return nil
	}
	repository, err := r.ArgoCD.Repository(ctx, source.URL, source.CredentialsSecretRef)
	if err != nil {
		return step.Poll(r.SlowPoll, v1alpha1.ReasonNoRepository, "%w", err)
	}
	var lacking []string
	wanted := "a revision that has them"
	for _, app := range s.plan.Profile.Applications {
		lacks, malformed, err := r.lacks(ctx, s, repository, app.Name, b.keys[v1alpha1.AnnotationRevisionPrefix+app.Name])
		if err != nil {
			return err
		}
		if lacks != "" {
			lacking = append(lacking, lacks)
		}
		if malformed {
			wanted = "a revision that has them, and correct"
		}
	}
	if len(lacking) > 0 {
		return step.Poll(r.Poll, v1alpha1.ReasonRevisionLacksRegionConfig,
			"%s: promote the environment to %s", strings.Join(lacking, "; "), wanted)
	}
	return nil
}

// lacks says which files the pin of an application does not have, or has malformed, or nothing.
func (r *Reconciler) lacks(ctx context.Context, s *scope, repository gitrepo.Repository, application, pin string) (text string, malformed bool, err error) {
	paths, err := plan.ConfigFiles(s.environment, s.region.Spec.AWSRegion, application)
	if err != nil {
		return "", false, err
	}
	missing, broken, err := r.lookAt(ctx, repository, pin, paths)
	switch {
	case errors.Is(err, gitrepo.ErrUnknownRevision):
		return fmt.Sprintf("%s is pinned at %.7s, which the repository does not have", application, pin), false, nil
	case errors.Is(err, gitrepo.ErrUnreachable):
		return "", false, step.Poll(r.Poll, v1alpha1.ReasonRepositoryUnreachable, "looking for the files of %s at %.7s: %w", application, pin, err)
	case errors.Is(err, gitrepo.ErrCredentials), errors.Is(err, gitrepo.ErrNotFound):
		return "", false, step.Poll(r.SlowPoll, v1alpha1.ReasonNoRepository, "looking for the files of %s at %.7s: %w", application, pin, err)
	case err != nil:
		return "", false, fmt.Errorf("looking for the files of %s at %.7s: %w", application, pin, err)
	}
	var found []string
	if len(missing) > 0 {
		found = append(found, "lacks "+strings.Join(missing, ", "))
	}
	if len(broken) > 0 {
		found = append(found, "has "+strings.Join(broken, ", "))
	}
	if len(found) == 0 {
		return "", false, nil
	}
	return fmt.Sprintf("%s at %.7s %s", application, pin, strings.Join(found, " and ")), len(broken) > 0, nil
}
