package region

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// reconcileApplications asks the gate about every application of the profile, at the
// revision that the region's cluster Secret pins.
func (r *Reconciler) reconcileApplications(ctx context.Context, s *scope) error {
	if !s.registered {
		return step.Blocked(v1alpha1.RegionRegistered)
	}
	if len(s.plan.Profile.Applications) == 0 {
		s.healthy = true
		return step.NotRequired("the profile lists no applications")
	}
	secret, err := r.ArgoCD.Get(ctx, s.region)
	switch {
	case err != nil:
		return err
	case secret == nil: // deleted since the step before looked
		return step.Blocked(v1alpha1.RegionRegistered)
	}
	found, err := r.ArgoCD.Applications(ctx, s.region)
	if meta.IsNoMatchError(err) {
		return step.Poll(r.SlowPoll, v1alpha1.ReasonArgoCDNotInstalled, "the management cluster has no kind Application: install Argo CD")
	}
	if errors.Is(err, argocd.ErrUnreachable) {
		return step.Poll(r.Poll, v1alpha1.ReasonClusterUnreachable, "%w", err)
	}
	if err != nil {
		return err
	}
	first, err := r.judgeApplications(ctx, s, found, secret.Annotations)
	if err != nil {
		return err
	}
	status := s.region.Status.Applications
	s.healthy = len(status.Blocked) == 0
	if len(status.Blocked) > 0 {
		return step.Wait(v1alpha1.ReasonApplicationsNotHealthy, "%d of %d applications are healthy; %s", status.Healthy, status.Total, first)
	}
	return nil
}

// judgeApplications writes down how many applications are healthy at their pins, and says of the first
// that is not what is missing.
func (r *Reconciler) judgeApplications(ctx context.Context, s *scope, found map[string]*argocd.Application, annotations map[string]string) (first string, err error) {
	broken, err := r.ArgoCD.BrokenSetsOf(ctx, s.region)
	if err != nil {
		return "", err
	}
	status := &v1alpha1.ApplicationsStatus{Total: int32(len(s.plan.Profile.Applications))}
	for _, app := range s.plan.Profile.Applications {
		pin := annotations[v1alpha1.AnnotationRevisionPrefix+app.Name]
		verdict := argocd.Evaluate(found[app.Name], pin)
		if verdict.Healthy {
			status.Healthy++
			continue
		}
		if err := r.retries.Retry(ctx, r.ArgoCD, found[app.Name], pin, verdict, r.Clock.Now()); err != nil {
			return "", err
		}
		if first == "" {
			first = app.Name + " is " + broken.Explain(found[app.Name], verdict).String()
		}
		status.Blocked = append(status.Blocked, v1alpha1.BlockedApplication{Name: app.Name, Reason: verdict.Reason})
	}
	s.region.Status.Applications = status
	return first, nil
}
