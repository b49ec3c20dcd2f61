package regional

import (
	"context"
	"errors"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// reconcileNamespaces empties namespaces that are being deleted and lets them go.
func (r *Region) reconcileNamespaces(ctx context.Context, _ *countdowns) error {
	namespaces := &corev1.NamespaceList{}
	if err := r.client.List(ctx, namespaces); err != nil {
		return err
	}
	var errs []error
	for _, namespace := range namespaces.Items {
		if !namespace.DeletionTimestamp.IsZero() {
			errs = append(errs, r.finishNamespace(ctx, &namespace))
		}
	}
	return errors.Join(errs...)
}

func (r *Region) finishNamespace(ctx context.Context, namespace *corev1.Namespace) error {
	contents := []client.Object{
		&appsv1.Deployment{}, &appsv1.StatefulSet{}, &appsv1.DaemonSet{}, &corev1.Service{}, &corev1.Pod{},
		&corev1.ConfigMap{}, &corev1.Secret{}, &corev1.ServiceAccount{}, &policyv1.PodDisruptionBudget{},
		&rbacv1.RoleBinding{}, &rbacv1.Role{},
	}
	for _, kind := range contents {
		if err := r.direct.DeleteAllOf(ctx, kind, client.InNamespace(namespace.Name)); err != nil {
			return err
		}
	}
	empty, err := r.emptied(ctx, namespace.Name)
	if err != nil || !empty {
		return err
	}
	namespace.Spec.Finalizers = nil
	return client.IgnoreNotFound(r.direct.SubResource("finalize").Update(ctx, namespace))
}

// emptied looks at the kinds that take time to go; their watches wake the loop again.
func (r *Region) emptied(ctx context.Context, namespace string) (bool, error) {
	for _, left := range []client.ObjectList{
		&appsv1.DeploymentList{}, &appsv1.StatefulSetList{}, &appsv1.DaemonSetList{}, &corev1.ServiceList{}, &corev1.PodList{},
	} {
		if err := r.direct.List(ctx, left, client.InNamespace(namespace)); err != nil {
			return false, err
		}
		if meta.LenList(left) > 0 {
			return false, nil
		}
	}
	return true, nil
}
