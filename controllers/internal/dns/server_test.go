package dns

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
)

// authority is a real DNS server on loopback, over UDP and TCP on one port.
type authority struct {
	address string

	mu      sync.Mutex
	answers map[string]func(*dns.Msg)
	asked   []string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{answers: map[string]func(*dns.Msg){}}
	packets, stream := listen(t)
	a.address = packets.LocalAddr().String()
	for transport, server := range map[string]*dns.Server{"udp": {PacketConn: packets}, "tcp": {Listener: stream}} {
		server.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { a.serve(transport, w, q) })
		started, stopped := make(chan struct{}), make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		go func() {
			defer close(stopped)
			_ = server.ActivateAndServe()
		}()
		<-started
		t.Cleanup(func() {
			_ = server.Shutdown()
			<-stopped
		})
	}
	return a
}

// listen retries: the port that the kernel chose for UDP may be taken for TCP.
func listen(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	var last error
	for range 20 {
		packets, err := net.ListenPacket("udp", "127.0.0.1:0")
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		stream, err := net.Listen("tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, stream
		}
		last = err
		_ = packets.Close()
	}
	t.Fatal(last)
	return nil, nil
}

func (a *authority) serve(transport string, w dns.ResponseWriter, q *dns.Msg) {
	name := strings.ToLower(q.Question[0].Name)
	kind := dns.TypeToString[q.Question[0].Qtype]
	a.mu.Lock()
	a.asked = append(a.asked, transport+" "+kind+" "+name)
	change := a.answers[transport+" "+kind+" "+name]
	if change == nil {
		change = a.answers[kind+" "+name]
	}
	a.mu.Unlock()

	reply := new(dns.Msg).SetReply(q)
	reply.Authoritative = true
	reply.Rcode = dns.RcodeNameError
	if change != nil {
		reply.Rcode = dns.RcodeSuccess
		change(reply)
	}
	if reply.Opcode != silence {
		_ = w.WriteMsg(reply)
	}
}

// silence is an opcode that keeps the server from answering.
const silence = 15

// on changes the answer to a "TYPE name." question, or to "transport TYPE name.".
func (a *authority) on(question string, change func(*dns.Msg)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[question] = change
}

func (a *authority) questions() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.asked...)
}

func (a *authority) port() string {
	_, port, _ := net.SplitHostPort(a.address)
	return port
}

func answers(records ...string) func(*dns.Msg) {
	return func(m *dns.Msg) { m.Answer = parse(records) }
}

func fails(rcode int) func(*dns.Msg) {
	return func(m *dns.Msg) { m.Rcode = rcode }
}

// delegates is a referral with glue.
func delegates(ns []string, glue ...string) func(*dns.Msg) {
	return func(m *dns.Msg) {
		m.Authoritative = false
		m.Ns, m.Extra = parse(ns), parse(glue)
	}
}

func parse(records []string) []dns.RR {
	var parsed []dns.RR
	for _, record := range records {
		rr, err := dns.NewRR(record)
		if err != nil {
			panic(err)
		}
		parsed = append(parsed, rr)
	}
	return parsed
}
