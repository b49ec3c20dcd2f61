package gossipring

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-dev/portolan/controllers/plan"
)

// settleApplied compares the seeds of the pods with those that are written.
func settleApplied(s *scope, m *member) {
	m.concealed = s.conceals(m)
	if !m.hasPods || s.delivery == nil || m.unfinished || m.concealed {
		return
	}
	text, ok := s.startedWith(m)
	if m.rolling = m.rolling || !ok; m.rolling || m.malformed != nil {
		return
	}
	m.applied, m.malformed = s.parse(text)
	if m.malformed != nil && m.reform { // they are about to get another form
		m.applied, m.malformed = plan.SeedsIn(text), nil
	}
	m.foreign = m.isForeign()
}

// conceals tells whether nobody knows what a member's pods run with: with a ConfigMap they have a hash of
// what is written, and that cannot be read.
func (s *scope) conceals(m *member) bool {
	return m.hidden && s.ring.Spec.Seeds.Delivery.ConfigMap != nil
}

// isForeign tells whether the pods run with something else than what is written, and will go on to:
// the ring has another delivery now, whose place has what it once got from there, or nothing. Pods
// that are about to pick up what somebody has written there look the same.
func (m *member) isForeign() bool {
	return m.deliverable && !m.rolling && !m.reform && m.malformed == nil && !slices.Equal(m.applied, m.written) &&
		!slices.Equal(m.written, m.desired) && (len(m.written) == 0 || hashOf(m.written) != m.before.WrittenSeedsHash)
}

// startedWith is the text that all of a member's pods were started with; ok is false while
// they differ.
func (s *scope) startedWith(m *member) (text string, ok bool) {
	for i, pod := range m.pods {
		its, told := s.delivery.Applied(pod, m.text)
		if !told && s.ring.Spec.Seeds.Delivery.ConfigMap == nil {
			m.malformed = fmt.Errorf("the pods take %s from elsewhere, so that nobody can tell what they run with: give it a literal value, or deliver by ConfigMap",
				s.ring.Spec.Workload.Env)
			return "", true
		}
		if container := s.obscuring(m, pod); container != "" {
			m.guessed = true
			m.malformed = fmt.Errorf("container %s has envFrom and no %s of its own, so that nobody can tell what the pods run with: "+
				"if they are not about to restart with it, set the variable itself, to a literal value, or deliver by ConfigMap", container, s.ring.Spec.Workload.Env)
			return "", true
		}
		if i == 0 {
			text = its
		}
		if !told || its != text {
			return "", false
		}
	}
	return text, true
}

// obscuring is the container that may take the seeds from what envFrom names, which nobody reads: a
// running pod has what was there when it started. A pod that is older than the seeds has none yet, where
// charts leave the variable out.
func (s *scope) obscuring(m *member, pod *corev1.Pod) (container string) {
	if s.ring.Spec.Seeds.Delivery.ConfigMap != nil || len(m.written) == 0 || m.writtenAt != nil && !pod.CreationTimestamp.After(m.writtenAt.Time) {
		return ""
	}
	for _, c := range slices.Backward(pod.Spec.Containers) {
		if slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == s.ring.Spec.Workload.Env }) {
			return ""
		}
		if len(c.EnvFrom) > 0 {
			container = c.Name
		}
	}
	return container
}
