package regional

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
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

var errNoHealthyTarget = errors.New("no healthy target")

type dialFunc func(context.Context) (net.Conn, error)

// proxy passes the connections of one listener on to targets.
type proxy struct {
	dial    dialFunc
	running sync.WaitGroup
	stop    func()
}

// serveProxy runs until stop or the end of ctx.
func serveProxy(ctx context.Context, listener net.Listener, dial dialFunc) *proxy {
	ctx, cancel := context.WithCancel(ctx)
	p := &proxy{dial: dial}
	p.stop = func() {
		cancel()
		_ = listener.Close()
		p.running.Wait()
	}
	p.running.Go(func() { p.accept(ctx, listener) })
	return p
}

func (p *proxy) accept(ctx context.Context, listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.relay(ctx, conn) })
	}
}

func (p *proxy) relay(ctx context.Context, caller net.Conn) {
	defer func() { _ = caller.Close() }()
	target, err := p.dial(ctx)
	if err != nil {
		return
	}
	defer func() { _ = target.Close() }()
	defer context.AfterFunc(ctx, func() {
		_ = caller.Close()
		_ = target.Close()
	})()
	var sending sync.WaitGroup
	sending.Go(func() { forward(target, caller) })
	forward(caller, target)
	sending.Wait()
}

// forward copies until from ends and then ends only this direction: memberlist's
// exchanges are answered on half-closed connections.
func forward(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	_ = to.Close()
}

// healthyTarget dials a pod behind the Service that accepts connections, which is what
// the target group's health check asks for.
func (r *Region) healthyTarget(key client.ObjectKey, port int32) dialFunc {
	return func(ctx context.Context) (net.Conn, error) {
		targets, err := r.targets(ctx, key, port)
		if err != nil {
			return nil, err
		}
		for _, i := range rand.Perm(len(targets)) {
			dialing, cancel := context.WithTimeout(ctx, targetTimeout)
			conn, err := r.options.Network.DialContext(dialing, "tcp", targets[i].String())
			cancel()
			if err == nil {
				return conn, nil
			}
		}
		return nil, errNoHealthyTarget
	}
}

// targets are the running pods behind a Service's port.
func (r *Region) targets(ctx context.Context, key client.ObjectKey, port int32) ([]netip.AddrPort, error) {
	service, pods := &corev1.Service{}, &corev1.PodList{}
	if err := r.cache.Get(ctx, key, service); err != nil {
		return nil, fmt.Errorf("reading service %s: %w", key, err)
	}
	i := slices.IndexFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == port })
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
