package gossipring

import (
	"errors"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// notDelivered says why the seeds of some of the members can be neither read nor written where
// they should be, and what to do: each reason once, because one repository has those of all.
func (r *Reconciler) notDelivered(s *scope, members []*member) error {
	var reasons []string
	concerned := map[string][]string{}
	for _, m := range members {
		if m.undelivered == nil || s.passes(m.undelivered) {
			continue
		}
		reason := m.undelivered.Error() + remedy(m.undelivered)
		if concerned[reason] == nil {
			reasons = append(reasons, reason)
		}
		concerned[reason] = append(concerned[reason], m.name)
	}
	if len(reasons) == 0 {
		return nil
	}
	for i, reason := range reasons {
		reasons[i] = "the seeds of " + strings.Join(concerned[reason], ", ") + ": " + reason
	}
	const format = "%s"
	if s.ring.Spec.Seeds.Delivery.Git == nil { // an access entry takes effect late, a regional Argo CD comes back
		return step.Poll(r.Poll, v1alpha1.ReasonSeedsNotDelivered, format, strings.Join(reasons, "; "))
	}
	return step.Stuck(r.Poll, v1alpha1.ReasonSeedsNotDelivered, format, strings.Join(reasons, "; "))
}

// remedy is what to do where the error does not say it.
func remedy(err error) string {
	switch {
	case errors.Is(err, gitrepo.ErrCredentials):
		return ": put credentials that it accepts into the Secret that credentialsSecretRef names"
	case errors.Is(err, gitrepo.ErrPushRefused):
		return ": let the credentials push to this branch, or name another one in spec.seeds.delivery.git.branch"
	case errors.Is(err, gitrepo.ErrNoBranch):
		return ": create it, or name another one in spec.seeds.delivery.git.branch"
	case errors.Is(err, gitrepo.ErrNotFound):
		return ": correct the URL, or give the credentials access"
	default:
		return ""
	}
}
