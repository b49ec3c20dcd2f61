package ack

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/addons"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// clusterStages are in ACK's order (eks-controller v1.20, pkg/resource/cluster/hook.go,
// customUpdate): the version comes last.
var clusterStages = append(configStages(
	[]string{"LoggingUpdate", "logging"},
	[]string{"EndpointAccessUpdate", "endpointPublicAccess", "endpointPrivateAccess", "publicAccessCIDRs"},
	[]string{"VpcConfigUpdate", "securityGroups"},
	[]string{"AccessConfigUpdate", "authenticationMode"},
	[]string{"UpgradePolicyUpdate", "supportType"},
	[]string{"DeletionProtectionUpdate", "deletionProtection"},
), stage{
	facts: []string{"version"}, action: "eks:UpdateClusterVersion", update: "VersionUpdate", sampled: "eks/cluster/update",
})

// configStages are the calls of UpdateClusterConfig, which takes one type of update at a time.
func configStages(updates ...[]string) []stage {
	stages := make([]stage, len(updates))
	for i, one := range updates {
		stages[i] = stage{
			update: one[0], facts: one[1:], action: "eks:UpdateClusterConfig", sampled: "eks/cluster/config",
		}
	}
	return stages
}

// nodeSkew is how many minors nodes may be behind the control plane. EKS itself allows one
// more with current kubelets (docs.aws.amazon.com/eks/latest/userguide/update-cluster.html);
// the simulator keeps the distance at which nodes can still be updated in time.
const nodeSkew = 2

// oneMinorUp is ACK's way to a version that is several minors away, which EKS would refuse:
// one at a time, and never back (eks-controller, pkg/resource/cluster/hook.go, updateVersion).
func oneMinorUp(desired *cloud.Resource, latest cloud.Resource) error {
	wanted, observed := desired.Data["version"], latest.Data["version"]
	if wanted == "" || wanted == observed {
		return nil
	}
	to, from := minorOf(wanted), minorOf(observed)
	if to <= from {
		return errGivenUp(fmt.Sprintf("desired cluster version is less than the observed version: %s < %s", wanted, observed))
	}
	desired.Data["version"] = fmt.Sprintf("1.%d", from+1)
	return nil
}

// minorOf is also that of a version that EKS does not offer; -1 if there is none.
func minorOf(version string) int {
	minor := -1
	if _, err := fmt.Sscanf(version, "1.%d", &minor); err != nil {
		return -1
	}
	return minor
}

// admitKubernetes refuses what EKS has never heard of, or has forgotten
// (rancher/rancher#27777 has the words).
func admitKubernetes(version string) error {
	if _, known := addons.Minor(version); !known {
		return refuse("InvalidParameterException", "unsupported Kubernetes version")
	}
	return nil
}

// amendCluster makes the checks of UpdateClusterVersion.
func amendCluster(a account, was, desired cloud.Resource) error {
	from, to := was.Data["version"], desired.Data["version"]
	if from == to {
		return nil
	}
	if minorOf(to) != minorOf(from)+1 {
		// terraform-aws-modules/terraform-aws-eks#2607 has the words.
		return refuse("InvalidParameterException", "Unsupported Kubernetes minor version update from %s to %s", from, to)
	}
	var behind []string
	for _, group := range childrenOf(a, was, "eks/nodegroup") {
		if minorOf(to)-minorOf(group.Data["version"]) > nodeSkew {
			behind = append(behind, baseName(group))
		}
	}
	if len(behind) > 0 {
		// hashicorp/terraform-provider-aws#19478 has the words.
		return refuse("InvalidRequestException", "Nodegroups %s must be updated to match cluster version %s before updating cluster version",
			strings.Join(behind, ", "), from)
	}
	return nil
}

// admitNodeVersion refuses nodes that are newer than their control plane.
func admitNodeVersion(owner cloud.Resource, version string) error {
	if minorOf(version) > minorOf(owner.Data["version"]) {
		return refuse("InvalidParameterException",
			"Nodegroup Kubernetes version %s should not be newer than Cluster kubernetes version %s", version, owner.Data["version"])
	}
	return nil
}

// amendNodegroup makes the checks of UpdateNodegroupVersion besides those of a creation.
func amendNodegroup(_ account, was, desired cloud.Resource) error {
	if from, to := was.Data["version"], desired.Data["version"]; minorOf(to) < minorOf(from) {
		return refuse("InvalidParameterException", "Nodegroup Kubernetes version cannot be updated from %s to %s", from, to)
	}
	return nil
}

// forceUpdate is the fact of a node group whose update does not wait for disruption budgets.
const forceUpdate = "forceUpdate"

// nodegroupSettings reads the annotation by which ACK sets UpdateNodegroupVersion's force
// (eks-controller, apis/v1alpha1/annotation.go).
func nodegroupSettings(annotations map[string]string) map[string]string {
	return map[string]string{forceUpdate: fmt.Sprint(annotations["eks.services.k8s.aws/force-update-version"] == "true")}
}

// nodegroupLeaves reads the annotation that leaves the size to an autoscaler, likewise.
func nodegroupLeaves(annotations map[string]string) []string {
	if annotations["eks.services.k8s.aws/desired-size-managed-by"] == "external-autoscaler" {
		return []string{"desired"}
	}
	return nil
}

// Facts by which the simulated inside of a cluster and EKS work together: package regional
// writes them. nodesRunBy is on a cluster whose nodes something simulates; the others are
// on a node group, about the update with the ID of updateOf.
const (
	nodesRunBy    = "nodesRunBy"
	updateOf      = "updateOf"
	updateFailure = "updateFailure"
)

// rollOutNodes waits until the nodes of the group are those of its new version. Where
// nothing simulates nodes, that takes the time that was drawn for it.
func rollOutNodes(ctx context.Context, a account, r cloud.Resource) error {
	if !strings.Contains(r.Data[pendingUpdate], `"version"`) || !nodesRun(a, r) {
		sleepUntil(ctx, deadline(r))
		return nil
	}
	owner := cloud.Key{Type: "eks/cluster", Region: r.Region, ID: r.Data["cluster"]}
	await(ctx, a, func(other cloud.Resource) bool { return other.Key == r.Key || other.Key == owner }, func() bool {
		now, exists := a.Get(r.Key)
		return !exists || now.State != r.State || now.Data[updateOf] == r.Data[updateID] || !nodesRun(a, r)
	})
	now, _ := a.Get(r.Key)
	if now.State == r.State && now.Data[updateOf] != r.Data[updateID] { // whoever ran the nodes has left
		sleepUntil(ctx, time.Now().Add(a.Sample("eks/nodegroup/update")))
		return nil
	}
	if now.Data[updateFailure] != "" {
		return &cloud.Error{Code: "PodEvictionFailure", Message: now.Data[updateFailure]}
	}
	return nil
}

func nodesRun(a account, group cloud.Resource) bool {
	owner, _ := a.Get(cloud.Key{Type: "eks/cluster", Region: group.Region, ID: group.Data["cluster"]})
	return owner.Data[nodesRunBy] != ""
}

// releaseInterfaces ends the network interfaces of the group's instances, also when the
// API server that knew them as nodes is gone.
func releaseInterfaces(a account, group cloud.Resource) {
	held := a.List(func(r cloud.Resource) bool {
		return r.Type == cloud.TypeInterface && r.Region == group.Region && r.Data["nodegroup"] == group.ID && r.Data["attachmentID"] != ""
	})
	for _, one := range held {
		_ = a.ReleaseInterface(one.Key) // nothing hangs on it
	}
}
