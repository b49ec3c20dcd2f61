package regional

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	nodegroupType  = "eks/nodegroup"
	nodegroupLabel = "eks.amazonaws.com/nodegroup"
)

// zoneLetters are given to the nodes of a group in turn.
const zoneLetters = "abc"

func (r *Region) reconcileNodes(ctx context.Context, wait *countdowns) error {
	nodes := &corev1.NodeList{}
	if err := r.client.List(ctx, nodes); err != nil {
		return err
	}
	members := map[string][]corev1.Node{}
	for _, node := range nodes.Items {
		group := node.Labels[nodegroupLabel]
		members[group] = append(members[group], node)
	}
	owner, _ := r.options.Cloud.Get(r.clusterKey())
	var errs []error
	for _, held := range r.nodegroups() {
		group, err := nodegroupOf(held, owner)
		if err == nil {
			group.subnets = r.subnetsOf(held)
			err = r.scale(ctx, wait, group, members[group.name])
		}
		errs = append(errs, err)
		delete(members, group.name)
	}
	for _, orphans := range members {
		errs = append(errs, r.removeNodes(ctx, orphans))
	}
	return errors.Join(append(errs, r.reconcileInterfaces(ctx))...)
}

// scale makes the group as large as it should be. Nodes of a version that the group no
// longer has, or not yet, go before others, and what an update had cordoned is used again.
func (r *Region) scale(ctx context.Context, wait *countdowns, group nodegroup, nodes []corev1.Node) error {
	if group.rolling() {
		return r.replaceNodes(ctx, wait, group, nodes)
	}
	slices.SortFunc(nodes, func(a, b corev1.Node) int {
		return cmp.Or(compareFit(group, a, b), a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	if surplus := len(nodes) - group.desired; surplus > 0 {
		if err := r.removeNodes(ctx, nodes[group.desired:]); err != nil {
			return err
		}
		nodes = nodes[:group.desired]
	}
	for i := len(nodes); i < group.desired; i++ {
		if err := r.launchNode(ctx, group, i); err != nil {
			return err
		}
	}
	for i := range nodes {
		if err := r.uncordon(ctx, &nodes[i]); err != nil {
			return err
		}
	}
	return r.keepNodes(ctx, wait, group, nodes)
}

// compareFit puts the nodes that have the group's version first.
func compareFit(group nodegroup, a, b corev1.Node) int {
	switch aFits, bFits := group.fits(a), group.fits(b); {
	case aFits == bFits:
		return 0
	case aFits:
		return -1
	default:
		return 1
	}
}

// keepNodes boots the nodes that are there and gives them the group's labels and taints.
func (r *Region) keepNodes(ctx context.Context, wait *countdowns, group nodegroup, nodes []corev1.Node) error {
	for i := range nodes {
		if err := r.configureNode(ctx, group, &nodes[i]); err != nil {
			return err
		}
	}
	return r.bootNodes(ctx, wait, nodes)
}

func (r *Region) bootNodes(ctx context.Context, wait *countdowns, nodes []corev1.Node) error {
	for _, node := range nodes {
		booted := nodeReady(node) || wait.over(node.Name, r.sampled("node/boot"))
		if !booted || nodeReady(node) {
			continue
		}
		if err := r.markNodeReady(ctx, &node); err != nil {
			return err
		}
	}
	return nil
}

func (r *Region) removeNodes(ctx context.Context, nodes []corev1.Node) error {
	for _, node := range nodes {
		if err := r.client.Delete(ctx, &node); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

func (r *Region) launchNode(ctx context.Context, group nodegroup, index int) error {
	ip, err := r.addresses.next()
	if err != nil {
		return err
	}
	region := r.options.AWSRegion
	name := fmt.Sprintf("ip-%s.%s.compute.internal", strings.ReplaceAll(ip.String(), ".", "-"), region)
	zone := region + string(zoneLetters[index%len(zoneLetters)])
	if home, known := group.subnet(index); known {
		zone = cmp.Or(home.Data["availabilityZone"], zone)
	}
	labels := map[string]string{
		nodegroupLabel:                 group.name,
		corev1.LabelHostname:           name,
		corev1.LabelOSStable:           "linux",
		corev1.LabelArchStable:         "amd64",
		corev1.LabelTopologyRegion:     region,
		corev1.LabelTopologyZone:       zone,
		corev1.LabelInstanceTypeStable: "m7i.large",
	}
	maps.Copy(labels, group.labels)
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, Annotations: map[string]string{configAnnotation: group.config()}},
		Spec:       corev1.NodeSpec{ProviderID: fmt.Sprintf("aws:///%s/%s", zone, r.options.Cloud.NewID("i")), Taints: group.taints},
	}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: ip.String()}}
	node.Status.NodeInfo.KubeletVersion = group.kubelet
	return r.client.Create(ctx, node)
}

func (r *Region) markNodeReady(ctx context.Context, node *corev1.Node) error {
	before := node.DeepCopy()
	node.Spec.Taints = slices.DeleteFunc(node.Spec.Taints, func(t corev1.Taint) bool {
		return t.Key == corev1.TaintNodeNotReady // put there by the API server's admission
	})
	if err := r.client.Patch(ctx, node, client.MergeFrom(before)); err != nil {
		return client.IgnoreNotFound(err)
	}
	before = node.DeepCopy()
	now := metav1.Now()
	node.Status.Conditions = []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady",
		Message: "kubelet is posting ready status", LastHeartbeatTime: now, LastTransitionTime: now,
	}}
	node.Status.Capacity = corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("2"),
		corev1.ResourceMemory: resource.MustParse("8Gi"),
		corev1.ResourcePods:   resource.MustParse("110"),
	}
	node.Status.Allocatable = node.Status.Capacity
	return client.IgnoreNotFound(r.client.Status().Patch(ctx, node, client.MergeFrom(before)))
}

func nodeReady(node corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}
