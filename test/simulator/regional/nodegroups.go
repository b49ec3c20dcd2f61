package regional

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// newestVersion is that of nodes whose cluster was not made through EKS.
const newestVersion = "1.37"

// nodegroup is what nodes need to know about their group.
type nodegroup struct {
	key     cloud.Key
	name    string
	desired int
	labels  map[string]string
	taints  []corev1.Taint
	// kubelet is the version of new nodes.
	kubelet string
	subnets []cloud.Resource
	update  update
}

// update is a change of the group's version that EKS is carrying out.
type update struct {
	id, version string
	// force lets nodes go although pods on them could not be evicted.
	force bool
	// ended says that the outcome is known to EKS.
	ended bool
}

func (g nodegroup) rolling() bool { return g.update.version != "" && !g.update.ended }

// fits says whether a node has the version that the group's nodes should have.
func (g nodegroup) fits(node corev1.Node) bool {
	return node.Status.NodeInfo.KubeletVersion == g.kubelet
}

// subnet is where the group launches its nodes in turn.
func (g nodegroup) subnet(index int) (cloud.Resource, bool) {
	if len(g.subnets) == 0 {
		return cloud.Resource{}, false
	}
	return g.subnets[index%len(g.subnets)], true
}

func kubeletVersion(kubernetes string) string {
	return "v" + cmp.Or(kubernetes, newestVersion) + ".0-eks-simulated"
}

// updateOfGroup reads what simulated EKS notes of an update, and what rollOut has noted. An
// update that failed leaves the group with the version that it had.
func updateOfGroup(held cloud.Resource) (update, error) {
	text := held.Data["pendingUpdate"]
	if held.State != "UPDATING" || text == "" {
		return update{}, nil
	}
	facts := map[string]string{}
	if err := json.Unmarshal([]byte(text), &facts); err != nil {
		return update{}, err
	}
	u := update{
		id: held.Data["updateID"], version: facts["version"], force: held.Data["forceUpdate"] == "true",
		ended: held.Data[updateOf] == held.Data["updateID"],
	}
	if u.ended && held.Data[updateFailure] != "" {
		u.version = ""
	}
	return u, nil
}

func (r *Region) clusterKey() cloud.Key {
	return cloud.Key{Type: "eks/cluster", Region: r.options.AWSRegion, ID: r.options.Name}
}

// subnetsOf are the group's, or the cluster's where it names none.
func (r *Region) subnetsOf(group cloud.Resource) []cloud.Resource {
	owner, _ := r.options.Cloud.Get(r.clusterKey())
	for _, parents := range [][]cloud.Key{group.Parents, owner.Parents} {
		var subnets []cloud.Resource
		for _, key := range parents {
			if home, found := r.options.Cloud.Get(key); found && key.Type == "ec2/subnet" {
				subnets = append(subnets, home)
			}
		}
		if len(subnets) > 0 {
			return slices.Clip(subnets)
		}
	}
	return nil
}

func (r *Region) nodegroups() []cloud.Resource {
	return r.options.Cloud.List(func(held cloud.Resource) bool {
		return held.Type == nodegroupType && held.Region == r.options.AWSRegion &&
			strings.HasPrefix(held.ID, r.options.Name+"/")
	})
}

// nodegroupOf reads the group from what EKS holds. A group that is coming or going has no nodes.
func nodegroupOf(held, owner cloud.Resource) (nodegroup, error) {
	_, name, _ := strings.Cut(held.ID, "/")
	group := nodegroup{key: held.Key, name: name}
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
	if group.update, err = updateOfGroup(held); err != nil {
		return group, fmt.Errorf("reading the update of %s: %w", held.Key, err)
	}
	group.kubelet = kubeletVersion(cmp.Or(group.update.version, held.Data["version"], owner.Data["version"]))
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
