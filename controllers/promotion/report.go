package promotion

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// mostRecords is how many rollouts are kept in the history.
const mostRecords = 10

// report writes the status. Without a decision, what was known of the rollout stays.
func (s *scope) report() {
	st := &s.promotion.Status
	st.ObservedGeneration = s.promotion.Generation
	if s.accepted {
		st.TargetRevision = s.world.target.Revision
	}
	d := s.decision
	if d == nil {
		s.setHeld(nil)
		return
	}
	st.Rollout, st.NextWindow = d.rollout, nil
	if d.rollout != nil {
		st.Wave = waveColumn(d.rollout)
	}
	if d.ended != nil {
		remember(st, d.ended)
	}
	if len(d.proven) > 0 {
		st.CurrentRevision = d.rollout.Revision
		st.Verified = verify(st.Verified, plan.PinSet{Revision: d.rollout.Revision, Overrides: d.rollout.Overrides}, d.proven)
	}
	s.setHeld(d)
}

// setHeld keeps the condition Held as long as a person, a window or a pause holds the rollout.
func (s *scope) setHeld(d *decision) {
	conditions := s.promotion.GetConditions()
	if d == nil || !d.held {
		meta.RemoveStatusCondition(conditions, v1alpha1.PromotionHeld)
		return
	}
	if !d.until.IsZero() && d.reason == v1alpha1.ReasonWindowClosed {
		s.promotion.Status.NextWindow = &metav1.Time{Time: d.until}
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: v1alpha1.PromotionHeld, Status: metav1.ConditionTrue, Reason: d.reason, Message: d.message,
		ObservedGeneration: s.promotion.Generation, LastTransitionTime: metav1.NewTime(s.world.now),
	})
}

// waveColumn says which wave is on its way, of how many.
func waveColumn(rollout *v1alpha1.PromotionRollout) string {
	all := len(rollout.Waves)
	for i := range rollout.Waves {
		if !passed(&rollout.Waves[i]) {
			return fmt.Sprintf("%d/%d", i+1, all)
		}
	}
	return fmt.Sprintf("%d/%d", all, all)
}

// remember puts how a rollout ended at the head of the history. Rollouts that only noticed
// another application or region at the same revisions are not worth a line of it.
func remember(st *v1alpha1.PromotionStatus, ended *v1alpha1.PromotionRecord) {
	if len(st.History) > 0 && st.History[0].ID == ended.ID && st.History[0].Outcome == ended.Outcome && ended.Outcome == v1alpha1.RolloutCompleted {
		st.History[0].Applications = ended.Applications
		return
	}
	st.History = append([]v1alpha1.PromotionRecord{*ended}, st.History...)
	st.History = st.History[:min(len(st.History), mostRecords)]
}
