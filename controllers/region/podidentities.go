package region

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// ensureIdentities associates service accounts with their roles and tells whether all are.
func (r *Reconciler) ensureIdentities(ctx context.Context, s *scope, a *ack.Applier) bool {
	all := true
	for _, p := range s.plan.PodRoles {
		role := s.podRoles[p.Suffix]
		if role == "" {
			all = false // its role is pending in IdentityReady
			continue
		}
		_, ok := ack.Ensure(ctx, a, s.blueprint().podIdentity(p, role))
		all = all && ok
	}
	return all
}

// effectiveAfter is how many polls after its creation an association is taken to be
// effective: EKS says "eventually consistent" and means seconds.
const effectiveAfter = 4

// restartPods evicts the pods that were admitted before their identity was effective: EKS
// gives credentials at admission only. One pod of each service account goes at a time and
// only as its disruption budget allows. A pod that was admitted long after the association
// is left alone: what it lacks, a restart does not bring.
func (r *Reconciler) restartPods(ctx context.Context, s *scope) error {
	accounts, err := r.effectiveSince(ctx, s)
	if err != nil || len(accounts) == 0 {
		return err
	}
	names := make([]types.NamespacedName, 0, len(accounts))
	for account := range accounts {
		names = append(names, account)
	}
	pods, err := s.remote.PodsWithoutIdentity(names)
	if err != nil {
		return reachable(s.remote)
	}
	var early, late []string
	evicted := map[types.NamespacedName]bool{}
	for _, pod := range pods {
		account := pod.ServiceAccount
		if pod.CreatedAt.After(accounts[account]) {
			late = append(late, pod.Name.String())
			continue
		}
		early = append(early, pod.Name.String())
		if evicted[account] {
			continue
		}
		evicted[account] = true
		if err := r.evict(ctx, s, pod); err != nil {
			return err
		}
	}
	switch {
	case len(early) > 0:
		return step.Poll(r.Poll, v1alpha1.ReasonRestartingPods,
			"restarting pods that started before their pod identity was effective: %s", strings.Join(early, ", "))
	case len(late) > 0:
		return step.Poll(r.SlowPoll, v1alpha1.ReasonRestartingPods,
			"pods run without their pod identity although it existed when they started: %s; check that add-on eks-pod-identity-agent runs on their nodes, then delete them", strings.Join(late, ", "))
	}
	return nil
}

func (r *Reconciler) evict(ctx context.Context, s *scope, pod remote.UnidentifiedPod) error {
	done, err := s.remote.Evict(ctx, pod.Name, pod.UID)
	if err != nil {
		return fmt.Errorf("evicting pod %s: %w", pod.Name, err)
	}
	if done {
		s.region.Status.RestartedPods++
	}
	return nil
}

// effectiveSince returns, for each service account with an association, the moment from
// which on pods get their credentials.
func (r *Reconciler) effectiveSince(ctx context.Context, s *scope) (map[types.NamespacedName]time.Time, error) {
	accounts := map[types.NamespacedName]time.Time{}
	for _, p := range s.plan.PodRoles {
		association := &eks.PodIdentityAssociation{}
		key := client.ObjectKey{Namespace: s.region.Namespace, Name: s.plan.Name(p.Suffix)}
		if err := r.Client.Get(ctx, key, association); err != nil {
			return nil, fmt.Errorf("reading PodIdentityAssociation %s: %w", key.Name, err)
		}
		account := types.NamespacedName{Namespace: p.Namespace, Name: p.ServiceAccount}
		accounts[account] = association.CreationTimestamp.Add(effectiveAfter * r.Poll)
	}
	return accounts, nil
}
