package delivery

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	applyappsv1 "k8s.io/client-go/applyconfigurations/apps/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// workload is one of those that read the ConfigMap.
type workload struct {
	client.Object

	resource string
	template *corev1.PodTemplateSpec
}

func workloadOf(kind v1alpha1.WorkloadKind) *workload {
	switch kind {
	case v1alpha1.WorkloadStatefulSet:
		o := &appsv1.StatefulSet{}
		return &workload{Object: o, resource: "statefulsets", template: &o.Spec.Template}
	case v1alpha1.WorkloadDaemonSet:
		o := &appsv1.DaemonSet{}
		return &workload{Object: o, resource: "daemonsets", template: &o.Spec.Template}
	default:
		o := &appsv1.Deployment{}
		return &workload{Object: o, resource: "deployments", template: &o.Spec.Template}
	}
}

// annotated is what to apply for annotations of the pod template. With its UID, applying fails
// where the workload is gone, instead of making a new one of nothing but annotations.
func (w *workload) annotated(annotations map[string]string) runtime.ApplyConfiguration {
	template := applycorev1.PodTemplateSpec().WithAnnotations(annotations)
	name, namespace, uid := w.GetName(), w.GetNamespace(), w.GetUID()
	switch w.Object.(type) {
	case *appsv1.StatefulSet:
		return applyappsv1.StatefulSet(name, namespace).WithUID(uid).WithSpec(applyappsv1.StatefulSetSpec().WithTemplate(template))
	case *appsv1.DaemonSet:
		return applyappsv1.DaemonSet(name, namespace).WithUID(uid).WithSpec(applyappsv1.DaemonSetSpec().WithTemplate(template))
	default:
		return applyappsv1.Deployment(name, namespace).WithUID(uid).WithSpec(applyappsv1.DeploymentSpec().WithTemplate(template))
	}
}

// workload returns one that is to be restarted, or nil when it is not there.
func (d *configMap) workload(ctx context.Context, cluster client.Client, ref v1alpha1.WorkloadReference) (*workload, error) {
	w := workloadOf(ref.Kind)
	err := cluster.Get(ctx, client.ObjectKey{Namespace: d.namespace, Name: ref.Name}, w.Object)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // absence is an answer
	}
	return w, d.explain(err, "get", w.resource, ref.Name)
}

// restart writes the hash into a workload's pod template, if it is not there. A workload that
// goes meanwhile is like one that was never there; for one that is replaced at the same time,
// the API server refuses the UID, and the next Write finds the new one.
func (d *configMap) restart(ctx context.Context, cluster client.Client, ref v1alpha1.WorkloadReference, hash string) error {
	w, err := d.workload(ctx, cluster, ref)
	if err != nil || w == nil || w.template.Annotations[d.annotation] == hash {
		return err
	}
	err = cluster.Apply(ctx, w.annotated(map[string]string{d.annotation: hash}), d.owner, client.ForceOwnership)
	if apierrors.IsConflict(err) { // the UID is nobody's: ownership is forced
		return nil
	}
	return asked(err, d.explain(err, "patch", w.resource, ref.Name))
}
