package promotion

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// holdings finds what keeps regions from beginning to move.
func (r *Reconciler) holdings(s *scope) error {
	s.world.closed = nil
	if s.promotion.Spec.Paused {
		s.world.closed = &holding{reason: v1alpha1.ReasonPaused, message: "spec.paused is true"}
	}
	windows, err := plan.NewWindows(s.promotion.Spec.Windows)
	switch {
	case err != nil: // nobody can tell whether it is open
		s.world.closed = cmp.Or(s.world.closed, &holding{reason: v1alpha1.ReasonInvalidWindow, message: err.Error()})
		return step.Terminal(v1alpha1.ReasonInvalidWindow, "%w", err)
	case s.world.closed != nil || s.world.policy.emergency():
		return nil
	}
	switch opening := windows.At(s.world.now); {
	case opening.Open:
	case opening.Until.IsZero():
		s.world.closed = &holding{reason: v1alpha1.ReasonWindowClosed, message: "no window opens within a year: " + opening.By}
	default:
		s.world.closed = &holding{
			reason:  v1alpha1.ReasonWindowClosed,
			message: fmt.Sprintf("no region begins to move before %s: %s", opening.Until.UTC().Format(time.RFC3339), opening.By),
			until:   opening.Until,
		}
	}
	return nil
}

// approve asks for people's approval of a target that was not accepted yet.
func (s *scope) approve() error {
	asked := s.promotion.Spec.Approval
	switch {
	case asked == nil:
		return step.NotRequired("spec.approval asks for none")
	case !s.accepted:
		return step.Blocked(v1alpha1.PromotionValid)
	}
	id := s.world.target.ID()
	s.world.approvedBy = approvers(s.promotion.Annotations, id)
	required := max(1, int(asked.Required))
	if len(s.world.approvedBy) >= required {
		return nil
	}
	if rollout := s.promotion.Status.Rollout; rollout != nil && rollout.ID == id { // began before it was asked for
		return nil
	}
	message := fmt.Sprintf("%d of %d approvals: kubectl annotate promotion -n %s %s %s<any name>='<your user name> %s'",
		len(s.world.approvedBy), required, s.promotion.Namespace, s.promotion.Name, v1alpha1.AnnotationApprovalPrefix, id)
	s.world.unapproved = &holding{reason: v1alpha1.ReasonAwaitingApproval, message: message}
	return step.Wait(v1alpha1.ReasonAwaitingApproval, "%s", message)
}

// mostApprovers is how many a status holds.
const mostApprovers = 16

// approvers are the people who approved an id, each once. That the name is the requester's own is
// seen to by the ValidatingAdmissionPolicy approve-promotions.
func approvers(annotations map[string]string, id string) []string {
	var names []string
	for key, value := range annotations {
		name, approved := strings.CutSuffix(value, " "+id) // user names may hold blanks
		if approved && name != "" && strings.HasPrefix(key, v1alpha1.AnnotationApprovalPrefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), mostApprovers)]
}
