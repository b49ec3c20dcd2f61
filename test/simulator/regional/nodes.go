package regional

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	nodegroupType  = "eks/nodegroup"
	nodegroupLabel = "eks.amazonaws.com/nodegroup"
	kubeletVersion = "v1.37.0-eks-simulated"
)

// zoneLetters are given to the nodes of a group in turn.
const zoneLetters = "abc"

// nodegroup is what nodes need to know about their group.
type nodegroup struct {
	name    string
	desired int
	labels  map[string]string
	taints  []corev1.Taint
}

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
	var errs []error
	for _, held := range r.nodegroups() {
		group, err := nodegroupOf(held)
		if err == nil {
			err = r.scale(ctx, wait, group, members[group.name])
		}
		errs = append(errs, err)
		delete(members, group.name)
	}
	for _, orphans := range members {
		errs = append(errs, r.removeNodes(ctx, orphans))
	}
	return errors.Join(errs...)
}

func (r *Region) nodegroups() []cloud.Resource {
	return r.options.Cloud.List(func(held cloud.Resource) bool {
		return held.Type == nodegroupType && held.Region == r.options.AWSRegion &&
			strings.HasPrefix(held.ID, r.options.Name+"/")
	})
}

// nodegroupOf reads the group from what EKS holds. A group that is coming or going has no nodes.
func nodegroupOf(held cloud.Resource) (nodegroup, error) {
	_, name, _ := strings.Cut(held.ID, "/")
	group := nodegroup{name: name}
	if held.State == "CREATING" || held.State == "CREATE_FAILED" || held.State == "DELETING" {
		return group, nil
	}
	var err error
	if group.desired, err = strconv.Atoi(held.Data["desired"]); err != nil {
		return group, fmt.Errorf("reading the desired size of %s: %w", held.Key, err)
	}
	if text := held.Data["labels"]; text != "" {
		if err := json.Unmarshal([]byte(text), &group.labels); err != nil {
			return group, fmt.Errorf("reading the labels of %s: %w", held.Key, err)
		}
	}
	if group.taints, err = taintsOf(held.Data["taints"]); err != nil {
		return group, fmt.Errorf("reading the taints of %s: %w", held.Key, err)
	}
	return group, nil
}

// taintsOf translates EKS's spelling of effects (NO_SCHEDULE) to Kubernetes' (NoSchedule).
func taintsOf(text string) ([]corev1.Taint, error) {
	if text == "" {
		return nil, nil
	}
	effects := map[string]corev1.TaintEffect{
		"NO_SCHEDULE":        corev1.TaintEffectNoSchedule,
		"NO_EXECUTE":         corev1.TaintEffectNoExecute,
		"PREFER_NO_SCHEDULE": corev1.TaintEffectPreferNoSchedule,
	}
	var taints []corev1.Taint
	if err := json.Unmarshal([]byte(text), &taints); err != nil {
		return nil, err
	}
	for i, taint := range taints {
		effect, ok := effects[string(taint.Effect)]
		if !ok {
			return nil, fmt.Errorf("unknown effect %q", taint.Effect)
		}
		taints[i].Effect = effect
	}
	return taints, nil
}

func (r *Region) scale(ctx context.Context, wait *countdowns, group nodegroup, nodes []corev1.Node) error {
	slices.SortFunc(nodes, func(a, b corev1.Node) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
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
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec:       corev1.NodeSpec{ProviderID: fmt.Sprintf("aws:///%s/%s", zone, r.options.Cloud.NewID("i")), Taints: group.taints},
	}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: ip.String()}}
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
	node.Status.NodeInfo.KubeletVersion = kubeletVersion
	return client.IgnoreNotFound(r.client.Status().Patch(ctx, node, client.MergeFrom(before)))
}

func nodeReady(node corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}
