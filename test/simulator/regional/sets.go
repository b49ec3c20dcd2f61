package regional

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// set is a StatefulSet or a DaemonSet: pods that have places of their own and are replaced
// there, one after the other.
type set struct {
	client.Object

	kind     string
	template corev1.PodTemplateSpec
	places   []place
	// orderly sets start a pod only when the one before is ready.
	orderly bool
	// report writes what has become of the pods into the status.
	report func(hash string, pods []corev1.Pod)
}

// place is where a set keeps one pod: a number or a node.
type place struct{ pod, node string }

// reconcileSets is what the controllers of StatefulSets and DaemonSets do, as far as their
// pods go: neither volumes nor update strategies.
func (r *Region) reconcileSets(ctx context.Context, _ *countdowns) error {
	stateful, daemons := &appsv1.StatefulSetList{}, &appsv1.DaemonSetList{}
	nodes, pods := &corev1.NodeList{}, &corev1.PodList{}
	for _, list := range []client.ObjectList{stateful, daemons, nodes, pods} {
		if err := r.client.List(ctx, list); err != nil {
			return err
		}
	}
	owned := podsBySet(pods.Items)
	var errs []error
	reconcile := func(s set) {
		errs = append(errs, r.reconcileSet(ctx, s, owned[s.GetUID()]))
		delete(owned, s.GetUID())
	}
	for i := range stateful.Items {
		reconcile(statefulSet(&stateful.Items[i]))
	}
	for i := range daemons.Items {
		reconcile(daemonSet(&daemons.Items[i], nodes.Items))
	}
	for _, orphans := range owned {
		errs = append(errs, r.removePods(ctx, orphans))
	}
	return errors.Join(errs...)
}

// podsBySet leaves out pods that are on their way out.
func podsBySet(pods []corev1.Pod) map[types.UID][]corev1.Pod {
	owned := map[types.UID][]corev1.Pod{}
	for _, pod := range pods {
		owner := metav1.GetControllerOf(&pod)
		if owner != nil && (owner.Kind == "StatefulSet" || owner.Kind == "DaemonSet") && pod.DeletionTimestamp.IsZero() {
			owned[owner.UID] = append(owned[owner.UID], pod)
		}
	}
	return owned
}

func statefulSet(held *appsv1.StatefulSet) set {
	s := set{Object: held, kind: "StatefulSet", template: held.Spec.Template, orderly: held.Spec.PodManagementPolicy != appsv1.ParallelPodManagement}
	for i := range ptr.Deref(held.Spec.Replicas, 1) {
		s.places = append(s.places, place{pod: fmt.Sprintf("%s-%d", held.Name, i)})
	}
	s.report = func(hash string, pods []corev1.Pod) {
		ready, updated := int32(countReady(pods)), int32(countUpdated(pods, hash))
		status := &held.Status
		status.ObservedGeneration, status.Replicas = held.Generation, int32(len(pods))
		status.ReadyReplicas, status.AvailableReplicas, status.UpdatedReplicas = ready, ready, updated
		status.UpdateRevision = held.Name + "-" + hash
		status.CurrentReplicas = status.Replicas - updated
		if int(updated) == len(s.places) {
			status.CurrentRevision, status.CurrentReplicas = status.UpdateRevision, updated
		}
	}
	return s
}

// daemonSet has a place on each node that its pods tolerate. They tolerate cordons.
func daemonSet(held *appsv1.DaemonSet, nodes []corev1.Node) set {
	s := set{Object: held, kind: "DaemonSet", template: held.Spec.Template}
	for _, node := range nodes {
		node.Spec.Unschedulable = false
		if node.DeletionTimestamp.IsZero() && refusalOf(node, corev1.Pod{Spec: held.Spec.Template.Spec}) == "" {
			s.places = append(s.places, place{pod: held.Name + "-" + node.Name, node: node.Name})
		}
	}
	s.report = func(hash string, pods []corev1.Pod) {
		ready := int32(countReady(pods))
		status := &held.Status
		status.ObservedGeneration, status.DesiredNumberScheduled = held.Generation, int32(len(s.places))
		status.CurrentNumberScheduled, status.UpdatedNumberScheduled = int32(len(pods)), int32(countUpdated(pods, hash))
		status.NumberReady, status.NumberAvailable = ready, ready
		status.NumberUnavailable = max(0, status.DesiredNumberScheduled-ready)
	}
	return s
}

func countUpdated(pods []corev1.Pod, hash string) int {
	updated := 0
	for _, pod := range pods {
		if pod.Labels[appsv1.ControllerRevisionHashLabelKey] == hash {
			updated++
		}
	}
	return updated
}

func (r *Region) reconcileSet(ctx context.Context, s set, pods []corev1.Pod) error {
	if !s.GetDeletionTimestamp().IsZero() {
		if err := r.removePods(ctx, pods); err != nil {
			return err
		}
		return r.dropFinalizers(ctx, s.Object, metav1.FinalizerDeleteDependents)
	}
	hash, err := templateHash(s.template)
	if err != nil {
		return err
	}
	before := s.DeepCopyObject().(client.Object)
	s.report(hash, pods)
	if !equality.Semantic.DeepEqual(before, s.Object) {
		if err := r.client.Status().Patch(ctx, s.Object, client.MergeFrom(before)); err != nil {
			return client.IgnoreNotFound(err)
		}
	}
	create, remove := planSet(s.places, s.orderly, hash, pods)
	for _, at := range create {
		if err := r.createSetPod(ctx, s, at, hash); err != nil {
			return err
		}
	}
	return r.removePods(ctx, remove)
}

// planSet fills empty places and takes, when all are filled, the pod of an older template that
// is in the last of them. It waits for the pods behind that one to be ready.
func planSet(places []place, orderly bool, hash string, pods []corev1.Pod) (create []place, remove []corev1.Pod) {
	at := map[string]corev1.Pod{}
	for _, pod := range pods {
		if slices.ContainsFunc(places, func(p place) bool { return p.pod == pod.Name }) {
			at[pod.Name] = pod
		} else {
			remove = append(remove, pod)
		}
	}
	for _, p := range places {
		pod, filled := at[p.pod]
		if !filled {
			create = append(create, p)
		}
		if orderly && !podReady(pod) {
			break
		}
	}
	if len(create)+len(remove) > 0 {
		return create, remove
	}
	for _, p := range slices.Backward(places) {
		pod, filled := at[p.pod]
		switch {
		case filled && countUpdated([]corev1.Pod{pod}, hash) == 0:
			return nil, []corev1.Pod{pod}
		case !filled, !podReady(pod):
			return nil, nil
		}
	}
	return nil, nil
}

func (r *Region) createSetPod(ctx context.Context, s set, at place, hash string) error {
	template := s.template.DeepCopy()
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Namespace, pod.Name, pod.Spec.NodeName = s.GetNamespace(), at.pod, at.node
	metav1.SetMetaDataLabel(&pod.ObjectMeta, appsv1.ControllerRevisionHashLabelKey, hash)
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(s.Object, appsv1.SchemeGroupVersion.WithKind(s.kind))}
	r.admit(pod, time.Now())
	err := r.client.Create(ctx, pod)
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) || apierrors.IsAlreadyExists(err) {
		return nil // its namespace or its predecessor is on its way out
	}
	return err
}
