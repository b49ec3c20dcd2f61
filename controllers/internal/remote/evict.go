package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Evict asks the API server to evict a pod, which disruption budgets may forbid for now:
// done is false then. It is true when the pod is on its way out or already gone, and never
// evicts a pod that has replaced it.
func (c *Cluster) Evict(ctx context.Context, pod types.NamespacedName, uid types.UID) (done bool, err error) {
	if _, err = c.evict(ctx, pod, uid); err == nil || comeBack(err) {
		return err == nil, nil
	}
	return false, err
}

// ErrBudget means that a disruption budget does not let a pod go for now.
var ErrBudget = errors.New("refused for now")

// ErrRefused means that the API server has answered, and that the pod stays.
var ErrRefused = errors.New("refused")

// EvictPod is Evict for those who have to tell what keeps a pod: the error is ErrBudget when
// a disruption budget does, ErrRefused when the API server otherwise does, any other when nobody
// knows, and nil when the pod is on its way out, gone or replaced.
func (c *Cluster) EvictPod(ctx context.Context, pod *corev1.Pod) error {
	name := types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
	_, err := c.evict(ctx, name, pod.UID)
	budget := budgetOf(err, pod.Namespace)
	switch {
	case err == nil:
		return nil
	case budget != "":
		return fmt.Errorf("evicting pod %s: %w: %s", name, ErrBudget, budget)
	case stays(err):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	default:
		return err
	}
}

// evict has no error when the pod is on its way out, or gone or replaced already.
func (c *Cluster) evict(ctx context.Context, pod types.NamespacedName, uid types.UID) (gone bool, err error) {
	eviction := &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
		DeleteOptions: &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}},
	}
	// Without retries: the API server's "not now" names a time to come back, and the
	// client would sleep until then.
	err = c.requests.CoreV1().RESTClient().Post().
		Namespace(pod.Namespace).Resource("pods").Name(pod.Name).SubResource("eviction").
		Body(eviction).MaxRetries(0).Do(ctx).Error()
	switch {
	case err == nil:
		return false, nil
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		return true, nil
	default:
		return false, fmt.Errorf("evicting pod %s: %w", pod, err)
	}
}

// comeBack tells whether an eviction is to be asked for again: a budget refuses it for now, the API
// server is busy, or other evictions under the same budget were faster.
func comeBack(err error) bool { return apierrors.IsTooManyRequests(err) || apierrors.IsTimeout(err) }

// stays tells whether an error is the API server's word that the pod stays. Where several budgets cover
// the pod it has no reason and the code of a fault, and where other evictions under one budget were faster
// the reason of a timeout, with a time to come back (kubernetes 1.37,
// pkg/registry/core/pod/storage/eviction.go). Other faults and timeouts may have come after the eviction.
func stays(err error) bool {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return false
	}
	status := answer.Status()
	_, later := apierrors.SuggestsClientDelay(err)
	return status.Code >= http.StatusBadRequest && status.Code < http.StatusInternalServerError ||
		status.Reason == metav1.StatusReasonTimeout && later ||
		strings.Contains(status.Message, "more than one PodDisruptionBudget")
}

// budgetOf names the disruption budget that refused an eviction. The API server tells its
// name in the cause's message only, which begins with the same words in all cases
// (kubernetes 1.37, pkg/registry/core/pod/storage/eviction.go); the rest of it counts pods,
// and would change with each of them.
func budgetOf(err error, namespace string) string {
	var status apierrors.APIStatus
	if !apierrors.IsTooManyRequests(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return ""
	}
	causes := status.Status().Details.Causes
	i := slices.IndexFunc(causes, func(cause metav1.StatusCause) bool { return cause.Type == policyv1.DisruptionBudgetCause })
	if i < 0 {
		return "" // the API server is busy
	}
	rest, known := strings.CutPrefix(causes[i].Message, "The disruption budget ")
	name, _, _ := strings.Cut(rest, " ")
	if !known || name == "" {
		return "a PodDisruptionBudget in namespace " + namespace + " allows no disruption"
	}
	return "PodDisruptionBudget " + namespace + "/" + name + " allows no disruption"
}
