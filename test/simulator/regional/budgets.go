package regional

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// disruptionTimeout is how long the disruption controller waits for an evicted pod to
// go before it counts the pod again.
const disruptionTimeout = 2 * time.Minute

// reconcileBudgets keeps the numbers by which the API server decides about evictions.
func (r *Region) reconcileBudgets(ctx context.Context, _ *countdowns) error {
	budgets, deployments, pods := &policyv1.PodDisruptionBudgetList{}, &appsv1.DeploymentList{}, &corev1.PodList{}
	for _, list := range []client.ObjectList{budgets, deployments, pods} {
		if err := r.client.List(ctx, list); err != nil {
			return err
		}
	}
	wanted := map[types.UID]int{}
	for _, deployment := range deployments.Items {
		wanted[deployment.UID] = int(ptr.Deref(deployment.Spec.Replicas, 1))
	}
	var errs []error
	for _, budget := range budgets.Items {
		errs = append(errs, r.reconcileBudget(ctx, &budget, pods.Items, wanted))
	}
	return errors.Join(errs...)
}

// reconcileBudget writes with the version it has seen: the API server, too, counts
// down in the status.
func (r *Region) reconcileBudget(ctx context.Context, budget *policyv1.PodDisruptionBudget, pods []corev1.Pod, wanted map[types.UID]int) error {
	selected, err := podsOf(budget, pods)
	if err != nil {
		return err
	}
	before := budget.DeepCopy()
	if budget.Status, err = budgetStatus(budget, selected, wanted, time.Now()); err != nil {
		return err
	}
	if equality.Semantic.DeepEqual(before.Status, budget.Status) {
		return nil
	}
	return client.IgnoreNotFound(r.client.Status().Update(ctx, budget))
}

func podsOf(budget *policyv1.PodDisruptionBudget, pods []corev1.Pod) ([]corev1.Pod, error) {
	selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("reading the selector of %s/%s: %w", budget.Namespace, budget.Name, err)
	}
	var selected []corev1.Pod
	for _, pod := range pods {
		if pod.Namespace == budget.Namespace && selector.Matches(labels.Set(pod.Labels)) {
			selected = append(selected, pod)
		}
	}
	return selected, nil
}

// budgetStatus is the disruption controller's arithmetic.
func budgetStatus(budget *policyv1.PodDisruptionBudget, pods []corev1.Pod, wanted map[types.UID]int, now time.Time) (policyv1.PodDisruptionBudgetStatus, error) {
	expected, desired, err := demand(budget.Spec, pods, wanted)
	if err != nil {
		return budget.Status, fmt.Errorf("reading %s/%s: %w", budget.Namespace, budget.Name, err)
	}
	status := *budget.Status.DeepCopy()
	status.DisruptedPods = underway(status.DisruptedPods, pods, now)
	healthy := 0
	for _, pod := range pods {
		if _, evicted := status.DisruptedPods[pod.Name]; !evicted && pod.DeletionTimestamp.IsZero() && podReady(pod) {
			healthy++
		}
	}
	allowed := max(0, healthy-desired)
	if expected == 0 {
		allowed = 0
	}
	status.ExpectedPods, status.DesiredHealthy = int32(expected), int32(desired)
	status.CurrentHealthy, status.DisruptionsAllowed = int32(healthy), int32(allowed)
	status.ObservedGeneration = budget.Generation
	condition := metav1.Condition{
		Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionFalse,
		Reason: policyv1.InsufficientPodsReason, ObservedGeneration: budget.Generation,
	}
	if allowed > 0 {
		condition.Status, condition.Reason = metav1.ConditionTrue, policyv1.SufficientPodsReason
	}
	meta.SetStatusCondition(&status.Conditions, condition)
	return status, nil
}

// demand returns how many pods there should be and how many of them have to be healthy.
func demand(spec policyv1.PodDisruptionBudgetSpec, pods []corev1.Pod, wanted map[types.UID]int) (expected, desired int, err error) {
	expected = expectedPods(pods, wanted)
	switch {
	case spec.MaxUnavailable != nil:
		unavailable, err := intstr.GetScaledValueFromIntOrPercent(spec.MaxUnavailable, expected, true)
		return expected, max(0, expected-unavailable), err
	case spec.MinAvailable == nil:
		return expected, 0, nil
	case spec.MinAvailable.Type == intstr.Int:
		return len(pods), spec.MinAvailable.IntValue(), nil
	default:
		desired, err := intstr.GetScaledValueFromIntOrPercent(spec.MinAvailable, expected, true)
		return expected, desired, err
	}
}

// expectedPods asks the Deployments for their sizes. A pod on its own counts as itself.
func expectedPods(pods []corev1.Pod, wanted map[types.UID]int) int {
	expected, counted := 0, map[types.UID]bool{}
	for _, pod := range pods {
		owner := deploymentOf(pod)
		switch {
		case owner == nil:
			expected++
		case !counted[owner.UID]:
			counted[owner.UID] = true
			expected += wanted[owner.UID]
		}
	}
	return expected
}

// underway are the evictions whose pods have not begun to go.
func underway(evicted map[string]metav1.Time, pods []corev1.Pod, now time.Time) map[string]metav1.Time {
	left := maps.Clone(evicted)
	here := map[string]bool{}
	for _, pod := range pods {
		here[pod.Name] = pod.DeletionTimestamp.IsZero()
	}
	maps.DeleteFunc(left, func(name string, at metav1.Time) bool {
		return !here[name] || at.Add(disruptionTimeout).Before(now)
	})
	return left
}
