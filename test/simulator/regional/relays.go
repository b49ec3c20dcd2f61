package regional

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/gossip"
	"github.com/portolan-dev/portolan/test/simulator/network"
)

const (
	// flowLife is how long packets of one sender go where the first of them went; then the name
	// is looked up anew.
	flowLife = time.Second
	// answerLife is how long answers to them still come back.
	answerLife = 10 * time.Second
	// maxPacket is the largest payload of UDP.
	maxPacket = 65535
	// relayAttempts are made because the TCP port that the kernel picks may be taken for UDP.
	relayAttempts = 10
	lookupTimeout = 2 * time.Second
	// onlyGoLooksUpNames keeps a process from asking anybody for nowhere: for Go it is no name.
	onlyGoLooksUpNames = "GODEBUG=netdns=go"
	// nowhere ends a name that has no address.
	nowhere = "..nowhere"
)

// outward is how a real process in a pod reaches the simulated world.
type outward struct {
	dialer   network.Dialer
	resolver gossip.Resolver
	links    network.Links
	pod      netip.Addr
}

// dial goes to the address that a target has now.
func (o outward) dial(ctx context.Context, t network.Transport, host, port string) (net.Conn, netip.Addr, error) {
	address, err := o.lookup(ctx, host)
	if err != nil {
		return nil, netip.Addr{}, err
	}
	conn, err := o.links.Dial(ctx, o.dialer, o.pod, string(t), net.JoinHostPort(address.String(), port))
	return conn, address, err
}

// lookup returns the first address of a name, which has at least one.
func (o outward) lookup(ctx context.Context, host string) (netip.Addr, error) {
	if address, err := netip.ParseAddr(host); err == nil {
		return address, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addresses, err := o.resolver.LookupHost(ctx, host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("looking up %s: %w", host, err)
	}
	return addresses[0], nil
}

// relay stands on loopback for one target of a pod, TCP and UDP on the same port, as virtual
// addresses lead nowhere from a real process. What the pod cannot reach resets its connections
// and loses its packets: closing a connection in order would look like a member that answers
// and does not like the key.
type relay struct {
	outward

	host, port string // of the target
	listener   net.Listener
	packets    *net.UDPConn
	cancel     context.CancelFunc
	running    sync.WaitGroup

	// resolved tells whether the target had an address when it was looked up last. Only the
	// programs' loop touches it.
	resolved bool

	mu    sync.Mutex
	flows map[netip.AddrPort]*flow
}

// flow is what one sender's packets go through.
type flow struct {
	net.Conn

	until time.Time
	to    netip.Addr
}

// startRelay runs until stop or the end of ctx.
func startRelay(ctx context.Context, o outward, target string) (*relay, error) {
	r := &relay{outward: o, flows: map[netip.AddrPort]*flow{}}
	var err error
	if r.host, r.port, err = net.SplitHostPort(target); err != nil {
		return nil, fmt.Errorf("reading target %s: %w", target, err)
	}
	if err := r.bind(ctx); err != nil {
		return nil, fmt.Errorf("binding a relay to %s: %w", target, err)
	}
	r.lookUp(ctx)
	ctx, r.cancel = context.WithCancel(ctx)
	r.running.Go(func() {
		<-ctx.Done()
		_ = r.listener.Close()
		_ = r.packets.Close()
	})
	r.running.Go(func() { r.accept(ctx) })
	r.running.Go(func() { r.receive(ctx) })
	return r, nil
}

func (r *relay) bind(ctx context.Context) error {
	var errs []error
	for range relayAttempts {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		address := listener.Addr().(*net.TCPAddr).AddrPort()
		if r.packets, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(address)); err == nil {
			r.listener = listener
			return nil
		}
		errs = append(errs, err, listener.Close())
	}
	return errors.Join(errs...)
}

// address is where the process finds its target. One without an address has none for the
// process either, which nobody is asked about.
func (r *relay) address() string {
	if !r.resolved {
		return net.JoinHostPort(r.host+nowhere, r.port)
	}
	return r.listener.Addr().String()
}

func (r *relay) lookUp(ctx context.Context) {
	_, err := r.lookup(ctx, r.host)
	r.resolved = err == nil
}

func (r *relay) stop() {
	r.cancel()
	r.running.Wait()
}

func (r *relay) accept(ctx context.Context) {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.running.Go(func() { r.connect(ctx, conn) })
	}
}

func (r *relay) connect(ctx context.Context, caller net.Conn) {
	target, _, err := r.dial(ctx, network.TCP, r.host, r.port)
	if err != nil {
		reset(caller)
		return
	}
	defer context.AfterFunc(ctx, func() {
		reset(caller)
		reset(target)
	})()
	var sending sync.WaitGroup
	sending.Go(func() { passOn(target, caller) })
	passOn(caller, target)
	sending.Wait()
	_, _ = caller.Close(), target.Close()
}

// passOn copies until from ends, which ends only this direction, and passes a reset on.
func passOn(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		reset(to)
		reset(from)
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	_ = to.Close()
}

// reset ends a connection so that the other side cannot take it for an answer.
func reset(conn net.Conn) {
	if abrupt, ok := conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = abrupt.SetLinger(0)
	}
	_ = conn.Close()
}

func (r *relay) receive(ctx context.Context) {
	buffer := make([]byte, maxPacket)
	for {
		size, sender, err := r.packets.ReadFromUDPAddrPort(buffer)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue // an earlier answer to a sender that has gone
		}
		if out := r.flowOf(ctx, sender); out != nil {
			_, _ = out.Write(buffer[:size])
		}
	}
}

// flowOf returns nil where there is no way.
func (r *relay) flowOf(ctx context.Context, sender netip.AddrPort) *flow {
	r.mu.Lock()
	known := r.flows[sender]
	r.mu.Unlock()
	now := time.Now()
	if known != nil && now.Before(known.until) {
		return known
	}
	conn, to, err := r.dial(ctx, network.UDP, r.host, r.port)
	if err != nil {
		return nil
	}
	_ = conn.SetReadDeadline(now.Add(flowLife + answerLife))
	started := &flow{Conn: conn, until: now.Add(flowLife), to: to}
	r.mu.Lock()
	r.flows[sender] = started
	r.mu.Unlock()
	r.running.Go(func() { r.answer(ctx, sender, started) })
	return started
}

// answer brings back what comes in answer to a flow until it is over.
func (r *relay) answer(ctx context.Context, sender netip.AddrPort, from *flow) {
	defer context.AfterFunc(ctx, func() { _ = from.Close() })()
	defer func() { _ = from.Close() }()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.flows[sender] == from {
			delete(r.flows, sender)
		}
	}()
	buffer := make([]byte, maxPacket)
	for {
		size, err := from.Read(buffer)
		if err != nil {
			return
		}
		if r.links.Pass(from.to, r.pod, network.UDP) {
			_, _ = r.packets.WriteToUDPAddrPort(buffer[:size], sender)
		}
	}
}
