package regional

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// States of a load balancer.
const (
	stateProvisioning = "provisioning"
	stateActive       = "active"
)

const (
	loadBalancerType = "elbv2/loadbalancer"
	// loadBalancerFinalizer is the AWS load balancer controller's.
	loadBalancerFinalizer = "service.k8s.aws/resources"
)

// Longest parts of a load balancer's name, which has to fit a DNS label.
const (
	longestNamespace = 16
	longestService   = 24
)

// balancers are what the load balancers listen with, by Service, what they know about their
// targets' health and what is written about their target groups. Only their loop touches the
// maps while it runs.
type balancers struct {
	listeners map[types.UID]map[opening]listener
	checks    map[types.UID]*healthChecks
	targets   map[types.UID]map[string]string // by target group
}

func newBalancers() *balancers {
	return &balancers{
		listeners: map[types.UID]map[opening]listener{},
		checks:    map[types.UID]*healthChecks{},
		targets:   map[types.UID]map[string]string{},
	}
}

func (b *balancers) stop() {
	for service := range b.listeners {
		b.close(service)
	}
}

func (b *balancers) close(service types.UID) {
	for _, l := range b.listeners[service] {
		l.stop()
	}
	delete(b.listeners, service)
	delete(b.checks, service)
}

// loadBalancer is how a Service's load balancer is called.
type loadBalancer struct {
	key  cloud.Key
	arn  string
	host string
}

func (r *Region) loadBalancerOf(service *corev1.Service) loadBalancer {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(r.options.Name + "/" + string(service.UID))) // a hash never fails to write
	name := fmt.Sprintf("k8s-%.*s-%.*s-%.10x", longestNamespace, service.Namespace, longestService, service.Name, hash.Sum(nil)[:5])
	return loadBalancer{
		key:  cloud.Key{Type: loadBalancerType, Region: r.options.AWSRegion, ID: name},
		arn:  r.options.Cloud.ARN("elasticloadbalancing", r.options.AWSRegion, fmt.Sprintf("loadbalancer/net/%s/%016x", name, hash.Sum64())),
		host: fmt.Sprintf("%s.elb.%s.amazonaws.com", name, r.options.AWSRegion),
	}
}

func (r *Region) reconcileLoadBalancers(ctx context.Context, wait *countdowns) error {
	services := &corev1.ServiceList{}
	if err := r.client.List(ctx, services); err != nil {
		return err
	}
	var errs []error
	for _, service := range services.Items {
		wanted := service.Spec.Type == corev1.ServiceTypeLoadBalancer && service.DeletionTimestamp.IsZero()
		switch {
		case wanted:
			errs = append(errs, r.ensureLoadBalancer(ctx, wait, &service))
		case controllerutil.ContainsFinalizer(&service, loadBalancerFinalizer):
			errs = append(errs, r.deleteLoadBalancer(ctx, wait, &service))
		case !service.DeletionTimestamp.IsZero():
			errs = append(errs, r.releaseService(ctx, &service))
		}
	}
	return errors.Join(errs...)
}

func (r *Region) ensureLoadBalancer(ctx context.Context, wait *countdowns, service *corev1.Service) error {
	before := service.DeepCopy()
	if controllerutil.AddFinalizer(service, loadBalancerFinalizer) {
		if err := r.client.Patch(ctx, service, client.MergeFrom(before)); err != nil {
			return client.IgnoreNotFound(err)
		}
	}
	lb := r.loadBalancerOf(service)
	held, err := r.createLoadBalancer(lb, service)
	if err != nil {
		return err
	}
	if err := r.nameLoadBalancer(ctx, lb, service); err != nil {
		return err
	}
	if err := r.registerTargets(ctx, wait, lb, service); err != nil {
		return err
	}
	if held.State != stateActive && !wait.over("create/"+string(service.UID), r.sampled("elbv2/loadbalancer")) {
		return nil
	}
	return r.openLoadBalancer(ctx, lb, held, service)
}

// nameLoadBalancer tells the Service the name that AWS has given with the load balancer, which does
// not answer before that is active.
func (r *Region) nameLoadBalancer(ctx context.Context, lb loadBalancer, service *corev1.Service) error {
	if ingress := service.Status.LoadBalancer.Ingress; len(ingress) == 1 && ingress[0].Hostname == lb.host {
		return nil
	}
	before := service.DeepCopy()
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: lb.host}}
	return client.IgnoreNotFound(r.client.Status().Patch(ctx, service, client.MergeFrom(before)))
}

func (r *Region) createLoadBalancer(lb loadBalancer, service *corev1.Service) (cloud.Resource, error) {
	if held, ok := r.options.Cloud.Get(lb.key); ok {
		return held, nil
	}
	created := cloud.Resource{
		Key:     lb.key,
		ARN:     lb.arn,
		State:   stateProvisioning,
		Parents: append(r.vpc(), r.securityGroups(service)...),
		Tags:    r.controllerTags(service, "LoadBalancer"),
		Data: map[string]string{
			"address": r.publicAddress(lb.host).String(),
			"cluster": r.options.Name,
			"dnsName": lb.host,
			"service": service.Namespace + "/" + service.Name,
		},
	}
	return created, r.options.Cloud.Create(created)
}

// controllerTags are what the AWS load balancer controller finds its own by
// (its documentation, "Service annotations", Resource Tags).
func (r *Region) controllerTags(service *corev1.Service, resource string) map[string]string {
	return map[string]string{
		"elbv2.k8s.aws/cluster":    r.options.Name,
		"service.k8s.aws/stack":    service.Namespace + "/" + service.Name,
		"service.k8s.aws/resource": resource,
	}
}

func (r *Region) openLoadBalancer(ctx context.Context, lb loadBalancer, held cloud.Resource, service *corev1.Service) error {
	address, err := netip.ParseAddr(held.Data["address"])
	if err != nil {
		return fmt.Errorf("reading the address of %s: %w", lb.key, err)
	}
	if err := r.openListeners(ctx, service, address); err != nil {
		return err
	}
	if held.State == stateActive {
		return nil
	}
	r.options.DNS.SetA(lb.host, address)
	return r.options.Cloud.Update(lb.key, func(held *cloud.Resource) { held.State = stateActive })
}

func (r *Region) deleteLoadBalancer(ctx context.Context, wait *countdowns, service *corev1.Service) error {
	if !wait.over("delete/"+string(service.UID), r.sampled("elbv2/loadbalancer/delete")) {
		return nil
	}
	lb := r.loadBalancerOf(service)
	r.balancers.close(service.UID)
	r.options.DNS.Remove(lb.host)
	if err := r.deregisterTargets(lb, service); err != nil {
		return err
	}
	if err := r.deleteHeld(lb.key); err != nil {
		return err
	}
	return r.releaseService(ctx, service)
}

// releaseService also does the garbage collector's part of a deletion in the foreground.
func (r *Region) releaseService(ctx context.Context, service *corev1.Service) error {
	return r.dropFinalizers(ctx, service, loadBalancerFinalizer, metav1.FinalizerDeleteDependents)
}

// vpc finds the cluster's network, on which its load balancers hang. It is empty when
// the cluster was not made through EKS.
func (r *Region) vpc() []cloud.Key {
	pending := []cloud.Key{{Type: "eks/cluster", Region: r.options.AWSRegion, ID: r.options.Name}}
	for len(pending) > 0 {
		key := pending[0]
		if key.Type == "ec2/vpc" {
			return []cloud.Key{key}
		}
		held, _ := r.options.Cloud.Get(key)
		pending = append(pending[1:], held.Parents...)
	}
	return nil
}

// securityGroupsAnnotation of the AWS Load Balancer Controller names the groups that guard a
// load balancer.
const securityGroupsAnnotation = "service.beta.kubernetes.io/aws-load-balancer-security-groups"

// securityGroups are those that a Service asks for; they cannot be deleted while they are used.
func (r *Region) securityGroups(service *corev1.Service) []cloud.Key {
	var keys []cloud.Key
	for id := range strings.SplitSeq(service.Annotations[securityGroupsAnnotation], ",") {
		if id = strings.TrimSpace(id); id != "" {
			keys = append(keys, cloud.Key{Type: "ec2/securitygroup", Region: r.options.AWSRegion, ID: id})
		}
	}
	return keys
}

// publicAddress derives an address in 52.0.0.0/8 from the name and steps over taken ones.
func (r *Region) publicAddress(host string) netip.Addr {
	taken := map[string]bool{}
	for _, held := range r.options.Cloud.List(func(held cloud.Resource) bool { return held.Type == loadBalancerType }) {
		taken[held.Data["address"]] = true
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(host)) // a hash never fails to write
	sum := hash.Sum32()
	ip := netip.AddrFrom4([4]byte{52, byte(sum >> 16), byte(sum >> 8), byte(sum)})
	for taken[ip.String()] {
		ip = ip.Next()
	}
	return ip
}
