package regional

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/ptr"
)

// maxSurge is how many pods a rolling update runs above the wanted number. It never
// runs below: every Deployment with rolling updates behaves as with maxUnavailable 0.
const maxSurge = 1

// rollout is the next step of a rolling update.
type rollout struct {
	create int
	remove []corev1.Pod
}

func planDeployment(spec appsv1.DeploymentSpec, hash string, pods []corev1.Pod) rollout {
	if _, old := splitByHash(pods, hash); len(old) > 0 && spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return rollout{remove: old}
	}
	return planRollout(int(ptr.Deref(spec.Replicas, 1)), hash, pods)
}

// planRollout moves a Deployment's pods towards the wanted number of pods with the
// given template hash. pods are the live ones.
func planRollout(replicas int, hash string, pods []corev1.Pod) rollout {
	current, old := splitByHash(pods, hash)
	plan := rollout{create: max(0, min(replicas-len(current), replicas+maxSurge-len(pods)))}
	if surplus := len(current) - replicas; surplus > 0 {
		plan.remove = slices.Clone(current[:surplus])
	}
	available := countReady(pods) - countReady(plan.remove)
	for _, pod := range old {
		if podReady(pod) {
			if available <= replicas {
				continue
			}
			available--
		}
		plan.remove = append(plan.remove, pod)
	}
	return plan
}

// splitByHash returns both kinds in the order in which Kubernetes removes pods: those
// that are not ready first, then the youngest.
func splitByHash(pods []corev1.Pod, hash string) (current, old []corev1.Pod) {
	for _, pod := range slices.SortedFunc(slices.Values(pods), removalOrder) {
		if pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey] == hash {
			current = append(current, pod)
		} else {
			old = append(old, pod)
		}
	}
	return current, old
}

func removalOrder(a, b corev1.Pod) int {
	switch aReady, bReady := podReady(a), podReady(b); {
	case aReady == bReady:
		return cmp.Or(-compareAge(a, b), cmp.Compare(a.Name, b.Name))
	case aReady:
		return 1
	default:
		return -1
	}
}

// compareAge orders the oldest first. Creation times are in seconds only; addresses
// are handed out in sequence and tell the rest.
func compareAge(a, b corev1.Pod) int {
	return cmp.Or(
		a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		podAddress(a).Compare(podAddress(b)),
	)
}

// templateHash names a version of the pod template, in letters that suit object names.
func templateHash(template corev1.PodTemplateSpec) (string, error) {
	text, err := json.Marshal(template)
	if err != nil {
		return "", fmt.Errorf("encoding the pod template: %w", err)
	}
	hash := fnv.New32a()
	_, _ = hash.Write(text) // a hash never fails to write
	return rand.SafeEncodeString(fmt.Sprint(hash.Sum32())), nil
}
