package region

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// nextVersion is the Kubernetes version that the control plane is brought to now. It goes up
// one minor at a time, and the next only when add-ons and nodes have followed the last.
// What it waits for is returned with the version that is kept meanwhile.
func (r *Reconciler) nextVersion(ctx context.Context, s *scope) (version string, waits error, err error) {
	wanted, running := s.plan.Profile.KubernetesVersion, runningVersion(s.region)
	if running == "" {
		return wanted, nil, nil
	}
	switch order := plan.CompareVersions(running, wanted); {
	case order == 0:
		return wanted, nil, nil
	case order > 0:
		return running, step.Terminal(v1alpha1.ReasonVersionSkew,
			"EKS runs Kubernetes %s and never goes back to %s: set kubernetesVersion of profile %s to %s or above",
			running, wanted, s.plan.Profile.Name, running), nil
	}
	behind, err := r.behind(ctx, s.region, running)
	if err != nil {
		return "", nil, err
	}
	if len(behind) > 0 {
		return running, step.Wait(v1alpha1.ReasonUpgrading, "on the way from %s to %s: %s follow first",
			running, wanted, strings.Join(behind, ", ")), nil
	}
	next := plan.NextMinor(running)
	return next, step.Wait(v1alpha1.ReasonUpgrading, "from %s to %s on the way to %s", running, next, wanted), nil
}

// runningVersion is the version that EKS was last seen to run.
func runningVersion(region *v1alpha1.Region) string {
	if c := region.Status.Cluster; c != nil {
		return c.Version
	}
	return ""
}

// behind are the add-ons and node groups that have not followed the control plane.
func (r *Reconciler) behind(ctx context.Context, region *v1alpha1.Region, running string) ([]string, error) {
	var behind []string
	addons := &eks.AddonList{}
	groups := &eks.NodegroupList{}
	for _, list := range []client.ObjectList{addons, groups} {
		if err := r.Client.List(ctx, list, client.InNamespace(region.Namespace), client.MatchingLabels(plan.Labels(region))); err != nil {
			return nil, fmt.Errorf("listing what follows the control plane: %w", err)
		}
	}
	for i := range addons.Items {
		a := &addons.Items[i]
		if !followed(a, running) {
			behind = append(behind, "add-on "+deref(a.Spec.Name))
		}
	}
	for i := range groups.Items {
		g := &groups.Items[i]
		if deref(g.Spec.Version) != running || !ack.Settled(g) || deref(g.Status.Status) != eksActive {
			behind = append(behind, "node group "+deref(g.Spec.Name))
		}
	}
	slices.Sort(behind)
	return behind, nil
}

// followed tells whether an add-on works at the version that goes with the control plane's.
func followed(a *eks.Addon, running string) bool {
	chosen, _ := chosenFor(a)
	return chosen == running && ack.Settled(a) && deref(a.Status.Status) == eksActive
}

// seeVersion asks EKS what a cluster runs whose object cannot tell: one that was taken over,
// or whose version EKS refuses.
func (r *Reconciler) seeVersion(ctx context.Context, s *scope, observed *eks.Cluster) error {
	adopted := observed.Annotations[ack.AnnotationAdopted] == "true" && s.region.Status.Cluster.Version == ""
	if s.observe || !adopted && !ack.Refused(observed) {
		return nil
	}
	what := seenOf(s.region) + "version"
	if r.seen.settled(what, deref(observed.Spec.Version), r.SlowPoll) {
		return nil
	}
	version, err := r.Cloud.ClusterVersion(ctx, s.environment.Spec.AWS.RoleARN, string(s.region.Spec.AWSRegion), s.plan.Cluster)
	if aws.ClassOf(err) == aws.NotFound {
		return nil
	}
	if err != nil {
		return r.fromAWS(err)
	}
	r.seen.settle(what, deref(observed.Spec.Version))
	s.region.Status.Cluster.Version = version
	return nil
}

// annotationKubernetes on an add-on is the Kubernetes version that its version was chosen for,
// followed by that version where Portolan chose it.
const annotationKubernetes = "portolan.dev/kubernetes-version"

// chosenFor reads the annotation.
func chosenFor(a *eks.Addon) (kubernetes, version string) {
	kubernetes, version, _ = strings.Cut(a.Annotations[annotationKubernetes], " ")
	return kubernetes, version
}

// addonFor is an add-on at the version that goes with the control plane's. One that the
// profile pins changes when the control plane has arrived; the others take EKS's default for
// each minor version, unless they are ahead of it. EKS never moves an add-on by itself.
func (r *Reconciler) addonFor(ctx context.Context, s *scope, a plan.Addon) (*eks.Addon, error) {
	running, wanted := s.version, s.plan.Profile.KubernetesVersion
	current := &eks.Addon{}
	key := client.ObjectKey{Namespace: s.region.Namespace, Name: s.plan.Name(a.Name)}
	err := r.Client.Get(ctx, key, current)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading Addon %s: %w", key.Name, err)
	}
	exists := err == nil
	lastFor, chosen := chosenFor(current)
	switch {
	case a.Version != "" && running == wanted:
		chosen = ""
	case !exists: // EKS chooses
		a.Version, chosen = "", ""
	case a.Version != "": // keeps what it has until the control plane has arrived
		a.Version = deref(current.Spec.AddonVersion)
	case lastFor == running:
		a.Version = chosen
	default:
		if chosen, err = r.defaultVersion(ctx, s, a.Name, deref(current.Spec.AddonVersion)); err != nil {
			return nil, err
		}
		a.Version = chosen
	}
	desired := s.blueprint().addon(a)
	desired.Annotations[annotationKubernetes] = strings.TrimSpace(running + " " + chosen)
	return desired, nil
}

// defaultVersion is EKS's choice for the running Kubernetes version, or the present version
// where that is newer.
func (r *Reconciler) defaultVersion(ctx context.Context, s *scope, addon, present string) (string, error) {
	offered, err := r.Survey.AddonVersions(ctx, s.environment.Spec.AWS.RoleARN, string(s.region.Spec.AWSRegion), s.version, addon)
	if err != nil {
		return "", r.fromAWS(err)
	}
	for _, v := range offered[addon] { // the newest first
		if v.Default || v.Version == present {
			return v.Version, nil
		}
	}
	return present, nil
}

// releaseVersion has to go when the version of a node group changes: ACK wrote it at the
// creation, and EKS refuses a version with another's release.
func (r *Reconciler) followVersion(ctx context.Context, group *eks.Nodegroup, version string) error {
	if group.UID == "" || deref(group.Spec.Version) == version || !group.DeletionTimestamp.IsZero() {
		return nil
	}
	err := ack.PatchSeen(ctx, r.Client, group, map[string]any{"spec": map[string]any{"version": version, "releaseVersion": nil}}, fieldOwner)
	if err != nil {
		return fmt.Errorf("moving Nodegroup %s to Kubernetes %s: %w", group.Name, version, err)
	}
	return nil
}

// sized gives a node group the number of nodes to begin with. From then on it is an autoscaler's to
// change, so that what was applied first stays; a group that takes another's place begins
// with as many as that has.
func sized(desired *eks.Nodegroup, current *eks.Nodegroup, replaced int64) {
	config := desired.Spec.ScalingConfig
	size := max(deref64(config.DesiredSize), replaced)
	if current.UID != "" && current.Spec.ScalingConfig != nil {
		size = ptr.Deref(current.Spec.ScalingConfig.DesiredSize, size)
	}
	config.DesiredSize = new(min(max(size, deref64(config.MinSize)), deref64(config.MaxSize)))
	// With an autoscaler, ACK sends the size that AWS has, which EKS refuses when it lies
	// outside of new bounds (eks-controller, pull request 170).
	actual := current.Status.DesiredSize
	if actual != nil && (*actual < deref64(config.MinSize) || *actual > deref64(config.MaxSize)) {
		desired.Annotations[annotationDesiredSize] = "ack-eks-controller"
		config.DesiredSize = new(min(max(*actual, deref64(config.MinSize)), deref64(config.MaxSize))) // as few nodes as possible come or go
	}
}

func deref64(n *int64) int64 { return ptr.Deref(n, 0) }
