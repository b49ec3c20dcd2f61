package regional

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// configAnnotation is on nodes: the labels and taints that they have from their group, so
// that those that it gives up can be taken away and others' are left alone.
const configAnnotation = "simulator.portolan.dev/nodegroup-config"

// nodeConfig is what a group gives to its nodes, also to those that exist when
// UpdateNodegroupConfig changes it
// (docs.aws.amazon.com/eks/latest/userguide/node-taints-managed-node-groups.html).
type nodeConfig struct {
	Labels map[string]string `json:"labels,omitempty"`
	Taints []corev1.Taint    `json:"taints,omitempty"`
}

func (g nodegroup) config() string {
	text, err := json.Marshal(nodeConfig{Labels: g.labels, Taints: g.taints})
	if err != nil {
		return "" // cannot happen: the configuration is plain data
	}
	return string(text)
}

func (r *Region) configureNode(ctx context.Context, group nodegroup, node *corev1.Node) error {
	before := node.DeepCopy()
	if !applyConfig(group, node) {
		return nil
	}
	return client.IgnoreNotFound(r.client.Patch(ctx, node, client.MergeFrom(before)))
}

// applyConfig reports whether the group's configuration is another than the node has seen.
func applyConfig(group nodegroup, node *corev1.Node) bool {
	seen := node.Annotations[configAnnotation]
	if seen == group.config() {
		return false
	}
	was := nodeConfig{}
	_ = json.Unmarshal([]byte(seen), &was) // a node without it had nothing from its group
	for name := range was.Labels {
		delete(node.Labels, name)
	}
	if node.Labels == nil {
		node.Labels = map[string]string{}
	}
	maps.Copy(node.Labels, group.labels)
	kept := slices.DeleteFunc(slices.Clone(node.Spec.Taints), func(taint corev1.Taint) bool {
		same := func(other corev1.Taint) bool { return taint.MatchTaint(&other) }
		return slices.ContainsFunc(was.Taints, same) || slices.ContainsFunc(group.taints, same)
	})
	node.Spec.Taints = append(kept, group.taints...)
	metav1.SetMetaDataAnnotation(&node.ObjectMeta, configAnnotation, group.config())
	return true
}
