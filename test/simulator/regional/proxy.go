package regional

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const targetTimeout = time.Second

var errNoTarget = errors.New("no target listens")

type dialFunc func(context.Context) (net.Conn, error)

// proxy passes the connections of one listener on to targets.
type proxy struct {
	dial    dialFunc
	running sync.WaitGroup
	end     func()
}

// serveProxy runs until stop or the end of ctx.
func serveProxy(ctx context.Context, listener net.Listener, dial dialFunc) *proxy {
	ctx, cancel := context.WithCancel(ctx)
	p := &proxy{dial: dial}
	p.end = func() {
		cancel()
		_ = listener.Close()
		p.running.Wait()
	}
	p.running.Go(func() { p.accept(ctx, listener) })
	return p
}

func (p *proxy) stop() { p.end() }

func (p *proxy) accept(ctx context.Context, listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.relay(ctx, conn) })
	}
}

// relay resets a connection that leads nowhere: closing it in order would look like a
// target that answers and hangs up.
func (p *proxy) relay(ctx context.Context, caller net.Conn) {
	defer func() { _ = caller.Close() }()
	target, err := p.dial(ctx)
	if err != nil {
		reset(caller)
		return
	}
	defer func() { _ = target.Close() }()
	defer context.AfterFunc(ctx, func() {
		_ = caller.Close()
		_ = target.Close()
	})()
	var sending sync.WaitGroup
	sending.Go(func() { passOn(target, caller) })
	passOn(caller, target)
	sending.Wait()
}

// targets are the running pods behind a Service's port.
func (r *Region) targets(ctx context.Context, key client.ObjectKey, at opening) ([]netip.AddrPort, error) {
	service, pods := &corev1.Service{}, &corev1.PodList{}
	if err := r.cache.Get(ctx, key, service); err != nil {
		return nil, fmt.Errorf("reading service %s: %w", key, err)
	}
	i := slices.IndexFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return openingOf(p) == at })
	if i < 0 || len(service.Spec.Selector) == 0 {
		return nil, nil
	}
	selector := client.MatchingLabelsSelector{Selector: labels.SelectorFromSet(service.Spec.Selector)}
	if err := r.cache.List(ctx, pods, client.InNamespace(key.Namespace), selector); err != nil {
		return nil, fmt.Errorf("listing the pods of service %s: %w", key, err)
	}
	var targets []netip.AddrPort
	for _, pod := range pods.Items {
		if number, ok := targetPort(service.Spec.Ports[i], pod); ok && podRunning(pod) {
			targets = append(targets, netip.AddrPortFrom(podAddress(pod), number))
		}
	}
	return targets, nil
}

func targetPort(port corev1.ServicePort, pod corev1.Pod) (uint16, bool) {
	number := port.TargetPort.IntVal
	if port.TargetPort.Type == intstr.String {
		number = namedPort(port.TargetPort.StrVal, pod)
	}
	parsed, err := strconv.ParseUint(strconv.Itoa(int(number)), 10, 16)
	return uint16(parsed), err == nil && parsed > 0
}

func namedPort(name string, pod corev1.Pod) int32 {
	for _, container := range pod.Spec.Containers {
		for _, port := range container.Ports {
			if port.Name == name {
				return port.ContainerPort
			}
		}
	}
	return 0
}
