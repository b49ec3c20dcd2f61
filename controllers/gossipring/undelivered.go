package gossipring

import (
	"errors"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// notDelivered says why the seeds of some of the members can be neither read nor written where
// they should be, and what to do: each reason once, because one repository has those of all.
func (r *Reconciler) notDelivered(s *scope, members []*member) error {
	var reasons []string
	concerned, passing := map[string][]string{}, true
	for _, m := range members {
		if m.undelivered == nil || s.isFirst(m) {
			continue
		}
		passing = passing && s.passes(m.undelivered)
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
	if passing || s.ring.Spec.Seeds.Delivery.Git == nil { // an access entry takes effect late, a regional Argo CD comes back
		return step.Poll(r.Poll, v1alpha1.ReasonSeedsNotDelivered, format, strings.Join(reasons, "; "))
	}
	return step.Stuck(r.Poll, v1alpha1.ReasonSeedsNotDelivered, format, strings.Join(reasons, "; "))
}

// isFirst tells whether a member's seeds are better tried again at once than reported: a moment may
// cure it, and nobody's failed the last time. What fails again must not make the pass fail, which
// would have nobody looked at for longer and longer.
func (s *scope) isFirst(m *member) bool {
	return !m.failing && !s.refusing && s.passes(m.undelivered)
}

// passes tells whether an error of a delivery is one that a moment may cure.
func (s *scope) passes(err error) bool {
	if s.ring.Spec.Seeds.Delivery.Git != nil {
		return errors.Is(err, gitrepo.ErrConflict) || errors.Is(err, gitrepo.ErrUnreachable)
	}
	return s.fromCache() && !errors.Is(err, argocd.ErrUnreachable)
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
