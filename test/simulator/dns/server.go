package dns

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/miekg/dns"
)

const bindAttempts = 10

// Server answers for its zones over UDP and TCP. It is safe for concurrent use.
type Server struct {
	addr    string
	servers []*dns.Server
	serving sync.WaitGroup
	stop    sync.Once
	queries atomic.Int64

	mu    sync.RWMutex
	zones []*zone
}

// Start serves the zones on a free port of 127.0.0.1.
func Start(zones ...string) (*Server, error) {
	packets, connections, err := bind()
	if err != nil {
		return nil, fmt.Errorf("binding the DNS server: %w", err)
	}
	s := &Server{addr: packets.LocalAddr().String()}
	for _, name := range zones {
		s.zones = append(s.zones, newZone(name))
	}
	s.serve(&dns.Server{PacketConn: packets})
	s.serve(&dns.Server{Listener: connections})
	return s, nil
}

// bind finds a port that is free for both protocols.
func bind() (net.PacketConn, net.Listener, error) {
	var failed error
	for range bindAttempts {
		packets, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, err
		}
		connections, err := net.Listen("tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, connections, nil
		}
		_ = packets.Close()
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, nil, err
		}
		failed = err
	}
	return nil, nil, failed
}

// serve returns when the server runs: shutting one down that does not is an
// error, and would leave its socket open.
func (s *Server) serve(server *dns.Server) {
	started := make(chan struct{})
	server.Handler = dns.HandlerFunc(s.handle)
	server.NotifyStartedFunc = func() { close(started) }
	s.servers = append(s.servers, server)
	s.serving.Go(func() { _ = server.ActivateAndServe() })
	<-started
}

// Addr is where the server listens, as host:port.
func (s *Server) Addr() string { return s.addr }

// Queries is the number of questions received so far.
func (s *Server) Queries() int { return int(s.queries.Load()) }

// Stop closes the sockets and returns when every query is answered. It may be
// called any number of times.
func (s *Server) Stop() {
	s.stop.Do(func() {
		for _, server := range s.servers {
			_ = server.Shutdown() // fails only for a server that does not run
		}
	})
	s.serving.Wait()
}

func (s *Server) handle(w dns.ResponseWriter, request *dns.Msg) {
	s.queries.Add(1)
	response := s.answer(request)
	if opt := request.IsEdns0(); opt != nil {
		response.SetEdns0(dns.DefaultMsgSize, false)
	}
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
		response.Truncate(payload(request))
	}
	_ = w.WriteMsg(response) // a client that has gone asks again
}

func payload(request *dns.Msg) int {
	if opt := request.IsEdns0(); opt != nil {
		return max(int(opt.UDPSize()), dns.MinMsgSize)
	}
	return dns.MinMsgSize
}

func (s *Server) answer(request *dns.Msg) *dns.Msg {
	switch {
	case request.Opcode != dns.OpcodeQuery:
		return new(dns.Msg).SetRcode(request, dns.RcodeNotImplemented)
	case len(request.Question) != 1:
		return new(dns.Msg).SetRcode(request, dns.RcodeFormatError)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	question := request.Question[0]
	zone := s.zoneOf(question.Name)
	if zone == nil || question.Qclass != dns.ClassINET {
		return new(dns.Msg).SetRcode(request, dns.RcodeRefused)
	}
	return zone.answer(request)
}

// zoneOf returns the most specific zone that holds the name.
func (s *Server) zoneOf(name string) *zone {
	var found *zone
	for _, z := range s.zones {
		if dns.IsSubDomain(z.origin, name) && (found == nil || len(z.origin) > len(found.origin)) {
			found = z
		}
	}
	return found
}
