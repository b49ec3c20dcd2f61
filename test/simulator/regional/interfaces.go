package regional

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// reconcileInterfaces keeps a network interface in AWS for every node, which holds the
// node's subnet. Where the interface lies is decided when it is made.
func (r *Region) reconcileInterfaces(ctx context.Context) error {
	nodes := &corev1.NodeList{}
	if err := r.client.List(ctx, nodes); err != nil {
		return err
	}
	attached := r.attachedInterfaces()
	var errs []error
	for _, node := range nodes.Items {
		instance := instanceOf(node)
		if _, there := attached[instance]; !there && instance != "" {
			errs = append(errs, r.attachInterface(node, instance))
		}
		delete(attached, instance)
	}
	for _, left := range attached {
		errs = append(errs, r.options.Cloud.ReleaseInterface(left.Key))
	}
	return errors.Join(errs...)
}

// attachedInterfaces are those of this cluster, by instance.
func (r *Region) attachedInterfaces() map[string]cloud.Resource {
	attached := map[string]cloud.Resource{}
	for _, held := range r.options.Cloud.List(func(held cloud.Resource) bool {
		return held.Type == cloud.TypeInterface && held.Region == r.options.AWSRegion &&
			held.Data["cluster"] == r.options.Name && held.Data["attachmentID"] != ""
	}) {
		attached[held.Data["instanceID"]] = held
	}
	return attached
}

// instanceOf is the last part of a node's provider ID; nodes that a test made have none.
func instanceOf(node corev1.Node) string {
	id := node.Spec.ProviderID[strings.LastIndex(node.Spec.ProviderID, "/")+1:]
	if !strings.HasPrefix(id, "i-") {
		return ""
	}
	return id
}

// attachInterface makes an interface as the VPC CNI makes them, with its description and
// tags (github.com/aws/amazon-vpc-cni-k8s, pkg/awsutils/awsutils.go, CreateENI).
func (r *Region) attachInterface(node corev1.Node, instance string) error {
	group := cloud.Key{Type: nodegroupType, Region: r.options.AWSRegion, ID: r.options.Name + "/" + node.Labels[nodegroupLabel]}
	held, found := r.options.Cloud.Get(group)
	home, lies := homeOf(node, r.subnetsOf(held))
	if !found || !lies {
		return nil
	}
	owner, _ := r.options.Cloud.Get(r.clusterKey())
	id := r.options.Cloud.NewID("eni")
	return r.options.Cloud.Create(cloud.Resource{
		Key:     cloud.Key{Type: cloud.TypeInterface, Region: r.options.AWSRegion, ID: id},
		ARN:     r.options.Cloud.ARN("ec2", r.options.AWSRegion, "network-interface/"+id),
		State:   "in-use",
		Parents: []cloud.Key{home.Key},
		Tags: map[string]string{
			"cluster.k8s.amazonaws.com/name": r.options.Name, "node.k8s.amazonaws.com/instance_id": instance,
		},
		Data: map[string]string{
			"attachmentID": "eni-attach-" + id[strings.LastIndex(id, "-")+1:], "description": "aws-K8S-" + instance,
			"interfaceType": "interface", "requesterManaged": "false",
			"cluster": r.options.Name, "nodegroup": group.ID, "instanceID": instance, "privateIP": internalIP(node),
			"subnetID": home.ID, "vpcID": cmp.Or(home.Data["vpcID"], vpcOf(home)), "securityGroups": owner.Data["securityGroupID"],
		},
	})
}

// homeOf is the subnet in the node's zone, or the first where none says its zone.
func homeOf(node corev1.Node, subnets []cloud.Resource) (cloud.Resource, bool) {
	if len(subnets) == 0 {
		return cloud.Resource{}, false
	}
	zone := node.Labels[corev1.LabelTopologyZone]
	at := slices.IndexFunc(subnets, func(home cloud.Resource) bool { return home.Data["availabilityZone"] == zone })
	return subnets[max(0, at)], true
}

func vpcOf(subnet cloud.Resource) string {
	for _, parent := range subnet.Parents {
		if parent.Type == "ec2/vpc" {
			return parent.ID
		}
	}
	return ""
}
