package regional

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// datagramTarget is where a flow of datagrams goes: the virtual address of a pod and the
// real one behind it.
type datagramTarget struct{ virtual, actual netip.AddrPort }

// datagramRoute finds targets, and tells whether one is still as it was.
type datagramRoute struct {
	pick func(context.Context) (datagramTarget, error)
	good func(datagramTarget) bool
}

// datagrams pass from one socket to targets, and answers back to whom they answer. As in a
// Network Load Balancer a flow stays with its target until it is idle for a while (AWS:
// Elastic Load Balancing, Network Load Balancers, "Connection idle timeout").
type datagrams struct {
	socket net.PacketConn
	route  datagramRoute
	idle   time.Duration

	cancel  context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	flows map[netip.AddrPort]*datagramFlow // by sender
}

// datagramFlow is one sender's socket towards its target.
type datagramFlow struct {
	net.Conn

	sender net.Addr
	target datagramTarget
}

// serveDatagrams runs until stop or the end of ctx.
func serveDatagrams(ctx context.Context, socket net.PacketConn, route datagramRoute, idle time.Duration) *datagrams {
	d := &datagrams{socket: socket, route: route, idle: idle, flows: map[netip.AddrPort]*datagramFlow{}}
	ctx, d.cancel = context.WithCancel(ctx)
	d.running.Go(func() { d.receive(ctx) })
	d.running.Go(func() {
		<-ctx.Done()
		_ = socket.Close()
	})
	return d
}

func (d *datagrams) stop() {
	d.cancel()
	d.running.Wait()
}

func (d *datagrams) receive(ctx context.Context) {
	buffer := make([]byte, maxPacket)
	for {
		size, sender, err := d.socket.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an answer came back from a sender that has gone
		}
		if flow := d.flowOf(ctx, sender); flow != nil {
			_ = flow.SetReadDeadline(time.Now().Add(d.idle))
			_, _ = flow.Write(buffer[:size]) // what does not arrive is lost, as on any network
		}
	}
}

// flowOf is nil while there is no target.
func (d *datagrams) flowOf(ctx context.Context, sender net.Addr) *datagramFlow {
	from := sender.(*net.UDPAddr).AddrPort()
	d.mu.Lock()
	flow := d.flows[from]
	d.mu.Unlock()
	if flow != nil {
		if d.route.good(flow.target) {
			return flow
		}
		d.end(from, flow)
	}
	target, err := d.route.pick(ctx)
	if err != nil {
		return nil
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", target.actual.String())
	if err != nil {
		return nil
	}
	flow = &datagramFlow{Conn: conn, sender: sender, target: target}
	_ = flow.SetReadDeadline(time.Now().Add(d.idle))
	d.mu.Lock()
	d.flows[from] = flow
	d.mu.Unlock()
	d.running.Go(func() { d.answer(ctx, from, flow) })
	return flow
}

// answer brings a flow's answers back until it is idle or its target's port is closed.
func (d *datagrams) answer(ctx context.Context, from netip.AddrPort, flow *datagramFlow) {
	defer d.end(from, flow)
	defer context.AfterFunc(ctx, func() { _ = flow.Close() })()
	buffer := make([]byte, maxPacket)
	for {
		size, err := flow.Read(buffer)
		if err != nil {
			return
		}
		_ = flow.SetReadDeadline(time.Now().Add(d.idle))
		_, _ = d.socket.WriteTo(buffer[:size], flow.sender)
	}
}

// end leaves a flow alone that has replaced this one.
func (d *datagrams) end(from netip.AddrPort, flow *datagramFlow) {
	_ = flow.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.flows[from] == flow {
		delete(d.flows, from)
	}
}
