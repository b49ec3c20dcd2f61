package remote

import (
	"cmp"
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Drained is how far a node group is emptied.
type Drained struct {
	// Nodes of the group that are still there.
	Nodes int
	// Cordoned tells whether all of them are seen to take no new pods: before that, Pods
	// may be empty only because a pod that was just bound is not known yet.
	Cordoned bool
	// Pods that still have to go, sorted.
	Pods []UndrainedPod
}

// Done tells whether nothing that runs on the nodes would miss them.
func (d Drained) Done() bool { return d.Cordoned && len(d.Pods) == 0 }

// UndrainedPod is a pod that still has to go from its node.
type UndrainedPod struct {
	// Name of the pod.
	Name types.NamespacedName
	// Node that it is on.
	Node string
	// Why it stays: empty while it only takes its time.
	Why string
}

// evictionsAtOnce bounds what one Drain asks of an API server: every eviction is a write
// to a disruption budget, too, and those under one budget stand in each other's way.
const evictionsAtOnce = 10

// Drain cordons the nodes of an EKS node group and, once they are seen to be cordoned,
// evicts what runs on them. It returns what is left, and is called again until that is Done.
//
// As with `kubectl drain`, pods of DaemonSets and static pods stay, finished pods do not
// count, and pods that are being deleted are waited for. Unlike it, pods that nothing
// replaces are evicted as well: their node goes in any case. No pod is ever deleted in
// another way than by its eviction, so that disruption budgets hold.
func (c *Cluster) Drain(ctx context.Context, nodeGroup string) (Drained, error) {
	if err := c.Connected(); err != nil {
		return Drained{}, err
	}
	nodes := c.nodesOf(nodeGroup)
	d := Drained{Nodes: len(nodes), Cordoned: true}
	names := make(map[string]bool, len(nodes))
	for _, n := range nodes {
		names[n.Name] = true
		if n.Spec.Unschedulable {
			continue
		}
		d.Cordoned = false
		if err := c.cordon(ctx, n.Name); err != nil {
			return d, err
		}
	}
	pods := c.undrained(names)
	answers := make([]answer, len(pods))
	var err error
	if d.Cordoned { // or the leaving of pods would not be announced
		answers, err = c.evictAll(ctx, pods)
	}
	for i, p := range pods {
		if !answers[i].gone {
			name := types.NamespacedName{Namespace: p.Namespace, Name: p.Name}
			d.Pods = append(d.Pods, UndrainedPod{Name: name, Node: p.Spec.NodeName, Why: budgetOf(answers[i].err, p.Namespace)})
		}
	}
	return d, err
}

// undrained returns the pods that have to go from the nodes, by name.
func (c *Cluster) undrained(nodes map[string]bool) []*corev1.Pod {
	var pods []*corev1.Pod
	for _, obj := range c.pods.GetStore().List() {
		if p, ok := obj.(*corev1.Pod); ok && nodes[p.Spec.NodeName] && hasToGo(p) {
			pods = append(pods, p)
		}
	}
	slices.SortFunc(pods, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return pods
}

// answer to an eviction, as evict returns it.
type answer struct {
	gone bool
	err  error
}

// evictAll evicts the pods that are not on their way out yet, and returns the answers in
// their order, with the first failure that is not one for now.
func (c *Cluster) evictAll(ctx context.Context, pods []*corev1.Pod) ([]answer, error) {
	answers := make([]answer, len(pods))
	var evictions errgroup.Group
	evictions.SetLimit(evictionsAtOnce)
	for i, p := range pods {
		if !p.DeletionTimestamp.IsZero() {
			continue
		}
		evictions.Go(func() error {
			gone, err := c.evict(ctx, types.NamespacedName{Namespace: p.Namespace, Name: p.Name}, p.UID)
			answers[i] = answer{gone: gone, err: err}
			return nil // one that fails holds up no other
		})
	}
	_ = evictions.Wait()        // they return nothing
	for _, a := range answers { // in the pods' order, so that the text is stable
		if a.err != nil && !comeBack(a.err) {
			return answers, a.err
		}
	}
	return answers, nil
}

// hasToGo tells whether a pod counts when its node is emptied. The pods of DaemonSets
// would only come back, and static pods go with their node.
func hasToGo(p *corev1.Pod) bool {
	owner := metav1.GetControllerOf(p)
	_, static := p.Annotations[corev1.MirrorPodAnnotationKey]
	return !static && !finished(p) && (owner == nil || owner.Kind != "DaemonSet")
}

func finished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// announceDrained tells of nodes that go and of pods that do not keep a cordoned node any
// more, be it that they are gone, with no after, or that they have finished.
func (c *Cluster) announceDrained(before, after any) {
	switch o := before.(type) {
	case *corev1.Node:
		if after == nil {
			c.changed(Draining)
		}
	case *corev1.Pod:
		p, remains := after.(*corev1.Pod)
		if hasToGo(o) && (!remains || !hasToGo(p)) && c.cordoned(o.Spec.NodeName) {
			c.changed(Draining)
		}
	}
}

func (c *Cluster) cordoned(node string) bool {
	obj, _, _ := c.nodes.GetStore().GetByKey(node)
	n, ok := obj.(*corev1.Node)
	return ok && n.Spec.Unschedulable
}
