package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/version"
)

const (
	// labelNodeGroup names a node's managed node group: EKS sets it (EKS User Guide,
	// "Simplify node lifecycle with managed node groups").
	labelNodeGroup = "eks.amazonaws.com/nodegroup"
	// annotationCordoned tells the nodes that Drain cordoned from those that people did.
	annotationCordoned = "portolan.dev/cordoned"
)

// NodeCount is how many nodes there are.
type NodeCount struct{ Ready, Total int }

// ReadyNodes counts the nodes that are Ready.
func (c *Cluster) ReadyNodes() (int, error) {
	if err := c.Connected(); err != nil {
		return 0, err
	}
	ready := 0
	for _, obj := range c.nodes.GetStore().List() {
		if n, ok := obj.(*corev1.Node); ok && nodeReady(n) {
			ready++
		}
	}
	return ready, nil
}

// NodeGroups counts the nodes of each EKS node group that has any.
func (c *Cluster) NodeGroups() (map[string]NodeCount, error) {
	if err := c.Connected(); err != nil {
		return nil, err
	}
	groups := map[string]NodeCount{}
	for _, obj := range c.nodes.GetStore().List() {
		n, ok := obj.(*corev1.Node)
		if !ok || n.Labels[labelNodeGroup] == "" {
			continue
		}
		count := groups[n.Labels[labelNodeGroup]]
		count.Total++
		if nodeReady(n) {
			count.Ready++
		}
		groups[n.Labels[labelNodeGroup]] = count
	}
	return groups, nil
}

// KubeletVersions returns the distinct minor versions, such as "1.34", that the nodes of
// an EKS node group run, the oldest first.
func (c *Cluster) KubeletVersions(nodeGroup string) ([]string, error) {
	if err := c.Connected(); err != nil {
		return nil, err
	}
	var found []*version.Version
	for _, n := range c.nodesOf(nodeGroup) {
		kubelet, err := version.ParseGeneric(n.Status.NodeInfo.KubeletVersion)
		if err != nil {
			continue // it has not said yet
		}
		found = append(found, version.MajorMinor(kubelet.Major(), kubelet.Minor()))
	}
	slices.SortFunc(found, func(a, b *version.Version) int {
		if a.LessThan(b) {
			return -1
		}
		return 1
	})
	names := make([]string, 0, len(found))
	for _, v := range found {
		names = append(names, v.String())
	}
	return slices.Compact(names), nil
}

// nodesOf returns the nodes of an EKS node group by name.
func (c *Cluster) nodesOf(nodeGroup string) []*corev1.Node {
	var nodes []*corev1.Node
	for _, obj := range c.nodes.GetStore().List() {
		if n, ok := obj.(*corev1.Node); ok && n.Labels[labelNodeGroup] == nodeGroup {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b *corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	return nodes
}

// cordon keeps new pods from a node.
func (c *Cluster) cordon(ctx context.Context, name string) error {
	return c.patchNode(ctx, name, func(n *corev1.Node) any {
		if n.Spec.Unschedulable {
			return nil
		}
		return map[string]any{
			"metadata": map[string]any{"resourceVersion": n.ResourceVersion, "annotations": map[string]any{annotationCordoned: "true"}},
			"spec":     map[string]any{"unschedulable": true},
		}
	})
}

// Uncordon lets pods onto the nodes of an EKS node group again whose draining was given
// up. Nodes that somebody else cordoned stay as they are.
func (c *Cluster) Uncordon(ctx context.Context, nodeGroup string) error {
	if err := c.Connected(); err != nil {
		return err
	}
	for _, n := range c.nodesOf(nodeGroup) {
		if n.Annotations[annotationCordoned] == "" {
			continue
		}
		if err := c.uncordon(ctx, n.Name); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) uncordon(ctx context.Context, name string) error {
	return c.patchNode(ctx, name, func(n *corev1.Node) any {
		if n.Annotations[annotationCordoned] == "" {
			return nil
		}
		return map[string]any{
			"metadata": map[string]any{"resourceVersion": n.ResourceVersion, "annotations": map[string]any{annotationCordoned: nil}},
			"spec":     map[string]any{"unschedulable": nil},
		}
	})
}

// patchNode applies the merge patch that is to be made of a node, unless it is nil. The
// node is read again: in the cache, one that somebody has just cordoned would look like
// one that is still to be. A node that changes meanwhile is left to the next pass.
func (c *Cluster) patchNode(ctx context.Context, name string, patchOf func(*corev1.Node) any) error {
	n, err := c.requests.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading node %s: %w", name, err)
	}
	content := patchOf(n)
	if content == nil {
		return nil
	}
	patch, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("writing a patch: %w", err)
	}
	_, err = c.requests.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("patching node %s: %w", name, err)
	}
	return nil
}
