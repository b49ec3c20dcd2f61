package region

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
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

const (
	// effectiveAfter is how many polls after its creation an association is taken to be
	// effective: EKS says "eventually consistent" and means seconds.
	effectiveAfter = 4
	// maxLateRestarts bounds how often a service account's pods are restarted that started
	// after that: what they lack, another restart may not bring.
	maxLateRestarts = 5
)

// restartPods evicts the pods that were admitted before their identity was effective: EKS
// gives credentials at admission only. One pod of each service account goes at a time and
// only as its disruption budget allows.
func (r *Reconciler) restartPods(ctx context.Context, s *scope) error {
	accounts, err := r.effectiveSince(ctx, s)
	if err != nil || len(accounts) == 0 {
		return err
	}
	pods, err := s.remote.PodsWithoutIdentity(slices.Collect(maps.Keys(accounts)))
	if err != nil {
		return reachable(s.remote)
	}
	var restarting, hopeless []string
	visited := map[types.NamespacedName]bool{}
	for _, pod := range pods {
		if r.hopeless(s.region, pod, accounts[pod.ServiceAccount]) {
			hopeless = append(hopeless, pod.Name.String())
			continue
		}
		restarting = append(restarting, pod.Name.String())
		if visited[pod.ServiceAccount] {
			continue
		}
		visited[pod.ServiceAccount] = true
		if err := r.restart(ctx, s, pod, accounts[pod.ServiceAccount]); err != nil {
			return err
		}
	}
	switch {
	case len(restarting) > 0:
		return step.Poll(r.Poll, v1alpha1.ReasonRestartingPods,
			"restarting pods that started before their pod identity was effective: %s", strings.Join(restarting, ", "))
	case len(hopeless) > 0:
		return step.Poll(r.SlowPoll, v1alpha1.ReasonRestartingPods,
			"pods start without their pod identity again and again: %s; check that add-on eks-pod-identity-agent runs on their nodes, then delete them", strings.Join(hopeless, ", "))
	}
	return nil
}

// hopeless tells whether a pod started long after its identity was effective and the likes
// of it were restarted often enough.
func (r *Reconciler) hopeless(region *v1alpha1.Region, pod remote.UnidentifiedPod, effective time.Time) bool {
	return pod.CreatedAt.After(effective) && r.lateRestarts(region, pod) >= maxLateRestarts
}

func (r *Reconciler) lateRestarts(region *v1alpha1.Region, pod remote.UnidentifiedPod) int {
	n, err := strconv.Atoi(r.seen.recall(seenRestarts(region, pod)))
	if err != nil {
		return 0
	}
	return n
}

func seenRestarts(region *v1alpha1.Region, pod remote.UnidentifiedPod) string {
	return seenOf(region) + "restarts/" + pod.ServiceAccount.String()
}

// restart evicts a pod. One that started late is given the time in which its identity
// may have become effective, so that it is not restarted for nothing.
func (r *Reconciler) restart(ctx context.Context, s *scope, pod remote.UnidentifiedPod, effective time.Time) error {
	late := pod.CreatedAt.After(effective)
	if late && r.Clock.Since(pod.CreatedAt) < effectiveAfter*r.Poll {
		return nil
	}
	done, err := r.evict(ctx, s, pod)
	if err != nil {
		return err
	}
	if late && done {
		r.seen.settle(seenRestarts(s.region, pod), strconv.Itoa(r.lateRestarts(s.region, pod)+1))
	}
	return nil
}

// evict tells whether the pod goes; a disruption budget may forbid it for now.
func (r *Reconciler) evict(ctx context.Context, s *scope, pod remote.UnidentifiedPod) (done bool, err error) {
	done, err = s.remote.Evict(ctx, pod.Name, pod.UID)
	if err != nil {
		return false, fmt.Errorf("evicting pod %s: %w", pod.Name, err)
	}
	if done {
		s.region.Status.RestartedPods++
	}
	return done, nil
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
