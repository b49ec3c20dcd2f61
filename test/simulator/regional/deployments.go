package regional

import (
	"context"
	"errors"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

func (r *Region) reconcileDeployments(ctx context.Context, _ *countdowns) error {
	deployments, pods := &appsv1.DeploymentList{}, &corev1.PodList{}
	if err := r.client.List(ctx, deployments); err != nil {
		return err
	}
	if err := r.client.List(ctx, pods); err != nil {
		return err
	}
	owned := podsByDeployment(pods.Items)
	var errs []error
	for _, deployment := range deployments.Items {
		errs = append(errs, r.reconcileDeployment(ctx, &deployment, owned[deployment.UID]))
		delete(owned, deployment.UID)
	}
	for _, orphans := range owned {
		errs = append(errs, r.removePods(ctx, orphans))
	}
	return errors.Join(errs...)
}

// podsByDeployment leaves out pods that are on their way out: they count for nothing.
func podsByDeployment(pods []corev1.Pod) map[types.UID][]corev1.Pod {
	owned := map[types.UID][]corev1.Pod{}
	for _, pod := range pods {
		if owner := deploymentOf(pod); owner != nil && pod.DeletionTimestamp.IsZero() {
			owned[owner.UID] = append(owned[owner.UID], pod)
		}
	}
	return owned
}

func deploymentOf(pod corev1.Pod) *metav1.OwnerReference {
	if owner := metav1.GetControllerOf(&pod); owner != nil && owner.Kind == "Deployment" {
		return owner
	}
	return nil
}

func (r *Region) reconcileDeployment(ctx context.Context, deployment *appsv1.Deployment, pods []corev1.Pod) error {
	if !deployment.DeletionTimestamp.IsZero() {
		return r.finishDeployment(ctx, deployment, pods)
	}
	hash, err := templateHash(deployment.Spec.Template)
	if err != nil {
		return err
	}
	plan := planDeployment(deployment.Spec, hash, pods)
	refusal := ""
	if plan.create > 0 {
		if refusal, err = r.refusal(ctx, deployment, hash); err != nil {
			return err
		}
	}
	if err := r.reportDeployment(ctx, deployment, hash, pods, refusal); err != nil {
		return err
	}
	if refusal != "" {
		plan.create = 0 // until the loop is woken by what is missing
	}
	for range plan.create {
		if err := r.createPod(ctx, deployment, hash); err != nil {
			return err
		}
	}
	return r.removePods(ctx, plan.remove)
}

// finishDeployment does the garbage collector's part of a deletion in the foreground.
func (r *Region) finishDeployment(ctx context.Context, deployment *appsv1.Deployment, pods []corev1.Pod) error {
	if err := r.removePods(ctx, pods); err != nil {
		return err
	}
	return r.dropFinalizers(ctx, deployment, metav1.FinalizerDeleteDependents)
}

func (r *Region) createPod(ctx context.Context, deployment *appsv1.Deployment, hash string) error {
	template := deployment.Spec.Template.DeepCopy()
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Namespace = deployment.Namespace
	pod.Name = deployment.Name + "-" + hash + "-" + rand.String(5)
	metav1.SetMetaDataLabel(&pod.ObjectMeta, appsv1.DefaultDeploymentUniqueLabelKey, hash)
	owner := appsv1.SchemeGroupVersion.WithKind("Deployment")
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(deployment, owner)}
	r.admit(pod, time.Now())
	err := r.client.Create(ctx, pod)
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil
	}
	return err
}

// removePods has no grace period: the pods' processes end when their pods are gone.
func (r *Region) removePods(ctx context.Context, pods []corev1.Pod) error {
	for _, pod := range pods {
		if err := r.client.Delete(ctx, &pod, client.GracePeriodSeconds(0)); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

func (r *Region) reportDeployment(ctx context.Context, deployment *appsv1.Deployment, hash string, pods []corev1.Pod, refusal string) error {
	before := deployment.DeepCopy()
	deployment.Status = deploymentStatus(deployment, hash, pods)
	deployment.Status.Conditions = withRefusal(deployment.Status.Conditions, refusal)
	if equality.Semantic.DeepEqual(before.Status, deployment.Status) {
		return nil
	}
	return client.IgnoreNotFound(r.client.Status().Patch(ctx, deployment, client.MergeFrom(before)))
}

func deploymentStatus(deployment *appsv1.Deployment, hash string, pods []corev1.Pod) appsv1.DeploymentStatus {
	replicas := ptr.Deref(deployment.Spec.Replicas, 1)
	current, _ := splitByHash(pods, hash)
	ready := int32(countReady(pods))
	status := deployment.Status
	status.ObservedGeneration = deployment.Generation
	status.Replicas = int32(len(pods))
	status.UpdatedReplicas = int32(len(current))
	status.ReadyReplicas, status.AvailableReplicas = ready, ready
	status.UnavailableReplicas = max(0, status.Replicas-ready, replicas-ready)
	available := appsv1.DeploymentCondition{
		Type: appsv1.DeploymentAvailable, Status: corev1.ConditionFalse, Reason: "MinimumReplicasUnavailable",
		Message: "Deployment does not have minimum availability.",
	}
	if ready >= replicas {
		available.Status, available.Reason = corev1.ConditionTrue, "MinimumReplicasAvailable"
		available.Message = "Deployment has minimum availability."
	}
	status.Conditions = withCondition(status.Conditions, available)
	return status
}

// withRefusal has a condition only while pods are refused.
func withRefusal(conditions []appsv1.DeploymentCondition, refusal string) []appsv1.DeploymentCondition {
	if refusal == "" {
		return slices.DeleteFunc(slices.Clone(conditions), func(c appsv1.DeploymentCondition) bool {
			return c.Type == appsv1.DeploymentReplicaFailure
		})
	}
	return withCondition(conditions, appsv1.DeploymentCondition{
		Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: refusal,
	})
}

// withCondition keeps the times of a condition that did not change.
func withCondition(conditions []appsv1.DeploymentCondition, wanted appsv1.DeploymentCondition) []appsv1.DeploymentCondition {
	conditions = slices.Clone(conditions)
	i := slices.IndexFunc(conditions, func(c appsv1.DeploymentCondition) bool { return c.Type == wanted.Type })
	if i >= 0 && conditions[i].Status == wanted.Status && conditions[i].Message == wanted.Message {
		return conditions
	}
	wanted.LastUpdateTime = metav1.Now()
	wanted.LastTransitionTime = wanted.LastUpdateTime
	if i < 0 {
		return append(conditions, wanted)
	}
	if conditions[i].Status == wanted.Status {
		wanted.LastTransitionTime = conditions[i].LastTransitionTime
	}
	conditions[i] = wanted
	return conditions
}

// dropFinalizers removes the given finalizers of ours from an object that is being deleted.
func (r *Region) dropFinalizers(ctx context.Context, object client.Object, finalizers ...string) error {
	before := object.DeepCopyObject().(client.Object)
	changed := false
	for _, finalizer := range finalizers {
		changed = controllerutil.RemoveFinalizer(object, finalizer) || changed
	}
	if !changed {
		return nil
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	return client.IgnoreNotFound(r.client.Patch(ctx, object, patch))
}
