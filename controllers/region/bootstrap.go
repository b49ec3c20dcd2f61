package region

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/bootstrap"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// reconcileBootstrap installs the bootstrap list in its order, as soon as the API server
// accepts Portolan: nothing of it waits for nodes.
func (r *Reconciler) reconcileBootstrap(ctx context.Context, s *scope) error {
	switch {
	case s.plan == nil:
		return step.Blocked(v1alpha1.RegionPlanned)
	case len(s.plan.Profile.Bootstrap) == 0 && len(s.region.Status.Bootstrap) == 0:
		s.installed = true
		return step.NotRequired("the profile has no bootstrap list")
	case s.remote == nil || s.remote.Connected() != nil:
		return step.Blocked(v1alpha1.RegionAccessReady)
	case s.plan.Gossip != nil && s.region.Status.Network.GossipSecurityGroupID == "":
		return step.Blocked(v1alpha1.RegionNetworkReady)
	}
	statuses, outcome := r.installAll(ctx, s)
	if outcome == nil {
		outcome = r.uninstall(ctx, s)
	}
	s.installed = outcome == nil || step.ReasonOf(outcome) == v1alpha1.ReasonRemoving
	if outcome == nil || len(statuses) > 0 { // else the record that something was installed stays
		s.region.Status.Bootstrap = statuses
	}
	return outcome
}

// installAll brings the items to what the profile says, each when the one before it is installed.
func (r *Reconciler) installAll(ctx context.Context, s *scope) ([]v1alpha1.BootstrapStatus, error) {
	var outcome error
	statuses := make([]v1alpha1.BootstrapStatus, 0, len(s.plan.Profile.Bootstrap))
	for _, item := range s.plan.Profile.Bootstrap {
		if outcome != nil {
			statuses = append(statuses, v1alpha1.BootstrapStatus{Name: item.Name, State: v1alpha1.BootstrapPending})
			continue
		}
		outcome = r.install(ctx, s, item)
		statuses = append(statuses, bootstrapStatus(item.Name, outcome))
	}
	return statuses, outcome
}

// uninstall removes what items had installed that are not on the list any more.
func (r *Reconciler) uninstall(ctx context.Context, s *scope) error {
	keep := make([]string, 0, len(s.plan.Profile.Bootstrap))
	installed := make([]string, 0, len(s.plan.Profile.Bootstrap))
	for _, item := range s.plan.Profile.Bootstrap {
		keep = append(keep, item.Name)
		installed = append(installed, r.seen.recall(seenBootstrap(s.region, item.Name)))
	}
	state, err := fingerprint(keep, installed, s.remote.Endpoint())
	if err != nil {
		return err
	}
	what := seenOf(s.region) + "bootstrap"
	if r.seen.settled(what, state, r.Resync) {
		return nil
	}
	left, err := r.Installs.Prune(ctx, s.remote.Client(), keep)
	if err != nil {
		return step.Poll(r.SlowPoll, v1alpha1.ReasonInstallFailed, "removing items that left the list: %w", err)
	}
	if len(left) > 0 {
		return step.Poll(r.Poll, v1alpha1.ReasonRemoving, "removing what the bootstrap list does not have any more: %s", strings.Join(left, ", "))
	}
	r.seen.settle(what, state)
	return nil
}

func bootstrapStatus(name string, outcome error) v1alpha1.BootstrapStatus {
	status := v1alpha1.BootstrapStatus{Name: name, State: v1alpha1.BootstrapInstalled}
	if outcome != nil {
		status.State, status.Message = v1alpha1.BootstrapFailed, step.Truncate(outcome.Error())
		if step.ReasonOf(outcome) == v1alpha1.ReasonInstalling {
			status.State = v1alpha1.BootstrapInstalling
		}
	}
	return status
}

// install brings one item to what the profile says. An item that was found installed is
// looked at again with the next resync only.
func (r *Reconciler) install(ctx context.Context, s *scope, item v1alpha1.BootstrapItem) error {
	data, err := r.manifestsOf(ctx, s, item)
	if err != nil {
		return err
	}
	variables := bootstrap.Variables{
		Environment: s.environment.Name, Region: string(s.region.Spec.AWSRegion), Account: s.environment.Spec.AWS.AccountID,
		Cluster: s.plan.Cluster, VPCID: s.region.Status.Network.VPCID,
		GossipSecurityGroupID: s.region.Status.Network.GossipSecurityGroupID,
		KubernetesVersion:     s.plan.Profile.KubernetesVersion,
	}
	state, err := fingerprint(item, data, variables, s.remote.Endpoint())
	if err != nil {
		return err
	}
	what := seenBootstrap(s.region, item.Name)
	if r.seen.settled(what, state, r.Resync) {
		return nil
	}
	rendered, err := r.Charts.Render(ctx, item, data, variables)
	if err != nil {
		return step.Stuck(r.SlowPoll, v1alpha1.ReasonInstallFailed, "item %s: %w", item.Name, err)
	}
	err = r.Installs.Install(ctx, s.remote.Client(), item.Name, rendered)
	switch {
	case step.IsWaiting(err):
		return err
	case err != nil:
		return step.Poll(r.SlowPoll, v1alpha1.ReasonInstallFailed, "item %s: %w", item.Name, err)
	}
	r.seen.settle(what, state)
	return nil
}

func seenBootstrap(region *v1alpha1.Region, item string) string {
	return seenOf(region) + "bootstrap/" + item
}

// manifestsOf reads the ConfigMap that an item names.
func (r *Reconciler) manifestsOf(ctx context.Context, s *scope, item v1alpha1.BootstrapItem) (map[string]string, error) {
	if item.Manifests == nil || item.Manifests.ConfigMapRef == nil {
		return nil, nil
	}
	manifests := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: s.region.Namespace, Name: item.Manifests.ConfigMapRef.Name}
	if err := r.Live.Get(ctx, key, manifests); err != nil {
		return nil, step.Stuck(r.SlowPoll, v1alpha1.ReasonInstallFailed, "item %s: reading ConfigMap %s: %w", item.Name, key.Name, err)
	}
	return manifests.Data, nil
}

func fingerprint(parts ...any) (string, error) {
	raw, err := json.Marshal(parts)
	if err != nil {
		return "", fmt.Errorf("hashing: %w", err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8]), nil
}
