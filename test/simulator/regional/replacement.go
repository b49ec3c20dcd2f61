package regional

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// Facts by which the inside of a cluster and simulated EKS (package ack) work together.
// nodesRunBy is on a cluster whose nodes live here; the others tell how the update of a node
// group with the ID of updateOf ended.
const (
	nodesRunBy    = "nodesRunBy"
	updateOf      = "updateOf"
	updateFailure = "updateFailure"
)

// evictionPatience is how long EKS tries to evict the pods of a node
// (docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html, upgrade phase).
const evictionPatience = 15 * time.Minute

// leastPatience is in real time, as are the API server's answers: a quick simulation would
// otherwise give up on pods that nothing protects.
const leastPatience = 3 * time.Second

// cordonAnnotation is on nodes that an update has cordoned, and not somebody else.
const cordonAnnotation = "simulator.portolan.dev/cordoned-for"

// replaceNodes takes an update of a group one step on: a new node first, then the oldest of
// the old ones is cordoned, drained and ended.
func (r *Region) replaceNodes(ctx context.Context, wait *countdowns, group nodegroup, nodes []corev1.Node) error {
	current, old := splitByVersion(group, nodes)
	if err := r.keepNodes(ctx, wait, group, nodes); err != nil {
		return err
	}
	wanted := group.desired
	if len(old) > 0 {
		wanted++
	}
	if len(nodes) < wanted {
		return r.launchNode(ctx, group, len(nodes))
	}
	if slices.ContainsFunc(current, func(node corev1.Node) bool { return !nodeReady(node) }) {
		return nil // its boot rings
	}
	if len(old) > 0 {
		return r.retire(ctx, wait, group, &old[0])
	}
	return r.endUpdate(group, "")
}

// splitByVersion puts the node that is on its way out first among the old ones, then the oldest.
func splitByVersion(group nodegroup, nodes []corev1.Node) (current, old []corev1.Node) {
	for _, node := range nodes {
		if group.fits(node) {
			current = append(current, node)
		} else {
			old = append(old, node)
		}
	}
	slices.SortFunc(old, func(a, b corev1.Node) int {
		_, aLeaves := a.Annotations[cordonAnnotation]
		_, bLeaves := b.Annotations[cordonAnnotation]
		switch {
		case aLeaves != bLeaves && aLeaves:
			return -1
		case aLeaves != bLeaves:
			return 1
		default:
			return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
		}
	})
	return current, old
}

// retire drains a node and ends it, unless its pods stay for too long.
func (r *Region) retire(ctx context.Context, wait *countdowns, group nodegroup, node *corev1.Node) error {
	late := wait.over("drain/"+group.update.id+"/"+node.Name, func() time.Duration {
		return max(leastPatience, r.options.Cloud.Scale(evictionPatience))
	})
	if err := r.cordon(ctx, node, group.update.id); err != nil {
		return err
	}
	left, err := r.drain(ctx, node)
	switch {
	case err == nil && len(left) == 0 || late && group.update.force:
		return r.removeNodes(ctx, []corev1.Node{*node})
	case late && len(left) > 0: // for whatever reason
		return r.endUpdate(group, fmt.Sprintf("Reached max retries while trying to evict pods from nodes in node group %s: "+
			"pod %s/%s on node %s", group.name, left[0].Namespace, left[0].Name, node.Name))
	default:
		return err // without one, pods and budgets ring when they change
	}
}

// endUpdate tells EKS how the update ended.
func (r *Region) endUpdate(group nodegroup, failure string) error {
	err := r.options.Cloud.Update(group.key, func(held *cloud.Resource) {
		held.Data[updateOf], held.Data[updateFailure] = group.update.id, failure
	})
	if refusal, ok := errors.AsType[*cloud.Error](err); ok && refusal.Code == cloud.CodeNotFound {
		return nil
	}
	return err
}

// drain asks the API server to evict the pods of a node and returns those that are still there.
func (r *Region) drain(ctx context.Context, node *corev1.Node) ([]corev1.Pod, error) {
	pods := &corev1.PodList{}
	if err := r.client.List(ctx, pods); err != nil {
		return nil, err
	}
	left := slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool { return pod.Spec.NodeName != node.Name || ofDaemonSet(pod) })
	var errs []error
	for _, pod := range left {
		if pod.DeletionTimestamp.IsZero() {
			errs = append(errs, r.evict(ctx, &pod))
		}
	}
	return left, errors.Join(errs...)
}

func ofDaemonSet(pod corev1.Pod) bool {
	owner := metav1.GetControllerOf(&pod)
	return owner != nil && owner.Kind == "DaemonSet"
}

// evict leaves a pod that a disruption budget protects.
func (r *Region) evict(ctx context.Context, pod *corev1.Pod) error {
	eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
	err := r.client.SubResource("eviction").Create(ctx, pod, eviction)
	if apierrors.IsTooManyRequests(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// cordon keeps a node from getting pods while an update drains it.
func (r *Region) cordon(ctx context.Context, node *corev1.Node, update string) error {
	if node.Spec.Unschedulable && node.Annotations[cordonAnnotation] == update {
		return nil
	}
	before := node.DeepCopy()
	node.Spec.Unschedulable = true
	metav1.SetMetaDataAnnotation(&node.ObjectMeta, cordonAnnotation, update)
	return client.IgnoreNotFound(r.client.Patch(ctx, node, client.MergeFrom(before)))
}

// uncordon takes back what an update that came to nothing has done.
func (r *Region) uncordon(ctx context.Context, node *corev1.Node) error {
	if _, ours := node.Annotations[cordonAnnotation]; !ours {
		return nil
	}
	before := node.DeepCopy()
	node.Spec.Unschedulable = false
	delete(node.Annotations, cordonAnnotation)
	return client.IgnoreNotFound(r.client.Patch(ctx, node, client.MergeFrom(before)))
}
