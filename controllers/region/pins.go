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

// complete holds a region whose pins lack its configuration files: Argo CD remembers the error
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
	for _, app := range s.plan.Profile.Applications {
		lacks, err := r.lacks(ctx, s, repository, app.Name, b.keys[v1alpha1.AnnotationRevisionPrefix+app.Name])
		if err != nil {
			return err
		}
		if lacks != "" {
			lacking = append(lacking, lacks)
		}
	}
	if len(lacking) > 0 {
		return step.Poll(r.Poll, v1alpha1.ReasonRevisionLacksRegionConfig,
			"%s: promote the environment to a revision that has them", strings.Join(lacking, "; "))
	}
	return nil
}

// lacks says which files the pin of an application does not have, or nothing.
func (r *Reconciler) lacks(ctx context.Context, s *scope, repository gitrepo.Repository, application, pin string) (string, error) {
	paths, err := plan.ConfigFiles(s.environment, s.region.Spec.AWSRegion, application)
	if err != nil {
		return "", err
	}
	missing, err := r.Files.Missing(ctx, repository, pin, paths)
	switch {
	case errors.Is(err, gitrepo.ErrUnknownRevision):
		return fmt.Sprintf("%s is pinned at %.7s, which the repository does not have", application, pin), nil
	case errors.Is(err, gitrepo.ErrUnreachable):
		return "", step.Poll(r.Poll, v1alpha1.ReasonRepositoryUnreachable, "looking for the files of %s at %.7s: %w", application, pin, err)
	case errors.Is(err, gitrepo.ErrCredentials), errors.Is(err, gitrepo.ErrNotFound):
		return "", step.Poll(r.SlowPoll, v1alpha1.ReasonNoRepository, "looking for the files of %s at %.7s: %w", application, pin, err)
	case err != nil:
		return "", fmt.Errorf("looking for the files of %s at %.7s: %w", application, pin, err)
	case len(missing) > 0:
		return fmt.Sprintf("%s at %.7s lacks %s", application, pin, strings.Join(missing, ", ")), nil
	}
	return "", nil
}
