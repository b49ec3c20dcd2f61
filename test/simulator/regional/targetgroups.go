package regional

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const targetGroupType = "elbv2/targetgroup"

// target is a pod behind a load balancer's port, as DescribeTargetHealth tells.
type target struct {
	ID     string `json:"id"` // the pod's address
	Port   uint16 `json:"port"`
	Health string `json:"health"`
	Reason string `json:"reason"`
}

// protocolBoth is what the AWS load balancer controller makes of a Service's port that is
// there for TCP and for UDP, where the Service has its annotation for that: one listener and
// one target group (its documentation, "Service annotations", TCP_UDP listener).
const protocolBoth = "TCP_UDP"

// portGroup are the ports of a Service with one number.
type portGroup struct {
	corev1.ServicePort

	protocol string
}

func portGroups(service *corev1.Service) []portGroup {
	var groups []portGroup
	for _, port := range service.Spec.Ports {
		i := slices.IndexFunc(groups, func(g portGroup) bool { return g.Port == port.Port })
		if i < 0 {
			groups = append(groups, portGroup{ServicePort: port, protocol: string(openingOf(port).protocol)})
			continue
		}
		groups[i].protocol = protocolBoth
	}
	return groups
}

// registerTargets keeps a target group for each port of the Service. What it wrote
// before it does not write again.
func (r *Region) registerTargets(ctx context.Context, wait *countdowns, lb loadBalancer, service *corev1.Service) error {
	pods, err := r.podsBehind(ctx, service)
	if err != nil {
		return err
	}
	groups := portGroups(service)
	checks := r.checkTargets(ctx, wait, service.UID, groups, pods)
	written := r.balancers.targets[service.UID]
	if written == nil {
		written = map[string]string{}
		r.balancers.targets[service.UID] = written
	}
	gone := maps.Clone(written)
	for _, port := range groups {
		group := targetGroupOf(lb, port)
		delete(gone, group.ID)
		text, err := json.Marshal(targetsOf(port, pods, checks.of))
		if err != nil {
			return err
		}
		if written[group.ID] == string(text) {
			continue
		}
		if err := r.writeTargets(group, lb, service, port, string(text)); err != nil {
			return err
		}
		written[group.ID] = string(text)
	}
	for id := range gone {
		if err := r.deleteHeld(cloud.Key{Type: targetGroupType, Region: r.options.AWSRegion, ID: id}); err != nil {
			return err
		}
		delete(written, id)
	}
	return nil
}

func targetGroupOf(lb loadBalancer, port portGroup) cloud.Key {
	return cloud.Key{Type: targetGroupType, Region: lb.key.Region, ID: fmt.Sprintf("%s-%d", lb.key.ID, port.Port)}
}

func (r *Region) writeTargets(group cloud.Key, lb loadBalancer, service *corev1.Service, port portGroup, targets string) error {
	if _, held := r.options.Cloud.Get(group); held {
		return r.options.Cloud.Update(group, func(held *cloud.Resource) {
			held.Data["protocol"], held.Data["targets"] = port.protocol, targets
		})
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(group.ID)) // a hash never fails to write
	return r.options.Cloud.Create(cloud.Resource{
		Key:   group,
		ARN:   r.options.Cloud.ARN("elasticloadbalancing", group.Region, fmt.Sprintf("targetgroup/%s/%016x", group.ID, hash.Sum64())),
		State: "active",
		Tags:  r.controllerTags(service, fmt.Sprintf("%s/%s:%d", service.Namespace, service.Name, port.Port)),
		Data: map[string]string{
			"loadBalancerARN": lb.arn,
			"port":            fmt.Sprint(port.Port),
			"protocol":        port.protocol,
			"targets":         targets,
		},
	})
}

func (r *Region) deregisterTargets(lb loadBalancer, service *corev1.Service) error {
	delete(r.balancers.targets, service.UID)
	groups := r.options.Cloud.List(func(held cloud.Resource) bool {
		return held.Type == targetGroupType && held.Region == lb.key.Region && held.Data["loadBalancerARN"] == lb.arn
	})
	for _, group := range groups {
		if err := r.deleteHeld(group.Key); err != nil {
			return err
		}
	}
	return nil
}

// deleteHeld lets others be quicker.
func (r *Region) deleteHeld(key cloud.Key) error {
	if _, held := r.options.Cloud.Get(key); !held {
		return nil
	}
	return r.options.Cloud.Delete(key)
}

func (r *Region) podsBehind(ctx context.Context, service *corev1.Service) ([]corev1.Pod, error) {
	if len(service.Spec.Selector) == 0 {
		return nil, nil
	}
	pods := &corev1.PodList{}
	selector := client.MatchingLabelsSelector{Selector: labels.SelectorFromSet(service.Spec.Selector)}
	err := r.client.List(ctx, pods, client.InNamespace(service.Namespace), selector)
	return pods.Items, err
}

// addressesOf are the running pods that have the port.
func addressesOf(port portGroup, pods []corev1.Pod) []netip.AddrPort {
	var addresses []netip.AddrPort
	for _, pod := range pods {
		if number, ok := targetPort(port.ServicePort, pod); ok && podRunning(pod) {
			addresses = append(addresses, netip.AddrPortFrom(podAddress(pod), number))
		}
	}
	slices.SortFunc(addresses, netip.AddrPort.Compare)
	return addresses
}

// targetsOf is sorted and never null in JSON.
func targetsOf(port portGroup, pods []corev1.Pod, healthOf func(netip.AddrPort) checked) []target {
	targets := []target{}
	for _, address := range addressesOf(port, pods) {
		t := target{ID: address.Addr().String(), Port: address.Port()}
		t.Health, t.Reason = healthOf(address).health()
		targets = append(targets, t)
	}
	return targets
}
