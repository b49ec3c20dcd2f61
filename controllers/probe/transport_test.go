package probe

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/hashicorp/memberlist"
	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"
)

// reader is a connection of which only the reading counts.
type reader struct {
	net.Conn
	io.Reader
}

func (r reader) Read(b []byte) (int, error) { return r.Reader.Read(b) }

func TestFromMember(t *testing.T) {
	cases := map[string]struct {
		content string
		want    bool
	}{
		"nothing":                    {},
		"an encrypted frame":         {content: "\x0a\x00\x00\x00\x03abc", want: true},
		"and what follows":           {content: "\x0a\x00\x00\x00\x03abcdef", want: true},
		"a frame that is cut off":    {content: "\x0a\x00\x00\x00\x03ab"},
		"the head of a frame":        {content: "\x0a\x00\x00\x00"},
		"text after an empty line":   {content: "\nhello, who are you?\n"},
		"an error":                   {content: "\x0d\x81\xa5Error\xa3bad", want: true},
		"a state":                    {content: "\x06\x83\xa5Nodes\x01", want: true},
		"something compressed":       {content: "\x09\x82\xa4Algo\x00", want: true},
		"text after a tab":           {content: "\thello"},
		"text after an empty line 2": {content: "\r\nhello"},
		"a web server":               {content: "HTTP/1.1 400 Bad Request\r\n\r\n"},
		"a handshake of TLS":         {content: "\x15\x03\x03\x00\x02\x02\x46"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			for _, content := range []io.Reader{strings.NewReader(tc.content), iotest.OneByteReader(strings.NewReader(tc.content))} {
				a := &answer{Conn: reader{Reader: content}}
				_, err := io.Copy(io.Discard, struct{ io.Reader }{a})
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(a.fromMember()).To(Equal(tc.want))
			}
		})
	}
	var never *answer
	NewWithT(t).Expect(never.fromMember()).To(BeFalse())
}

// TestAListOfNobody holds memberlist to what the package relies on: a list that turns its own node
// away is empty, and says so.
func TestAListOfNobody(t *testing.T) {
	g := NewWithT(t)
	trap := startNode(t, "node")
	transport, s := newTransport(t.Context(), clock.RealClock{}, trap.address()), &stranger{}
	list, err := memberlist.Create(s.settings(transport, ringKey, timeout))
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { g.Expect(list.Shutdown()).To(Succeed()) }()
	g.Expect(list.NumMembers()).To(BeZero())

	_, err = list.Join([]string{trap.address().String()})
	g.Expect(err).To(MatchError(ContainSubstring(errStranger.Error())))
	g.Expect(list.NumMembers()).To(BeZero())
	g.Expect(trap.merged).To(BeEmpty(), "told about nobody")
	g.Expect(trap.NumMembers()).To(Equal(1))
}

func TestAPortThatOpensLate(t *testing.T) {
	g := NewWithT(t)
	reserved, err := net.ListenPacket("udp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	to := reserved.LocalAddr().(*net.UDPAddr).AddrPort()
	g.Expect(reserved.Close()).To(Succeed())

	transport := newTransport(t.Context(), clock.RealClock{}, to)
	defer func() { g.Expect(transport.Shutdown()).To(Succeed()) }()
	_, err = transport.WriteTo([]byte("refused"), "")
	g.Expect(err).NotTo(HaveOccurred())

	late, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(to))
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = late.Close() }()
	g.Eventually(func() error {
		_, err := transport.WriteTo([]byte("ask"), "")
		return err
	}, wait).Should(Succeed())
	b := make([]byte, 16)
	_, from, err := late.ReadFrom(b)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = late.WriteTo([]byte("answer"), from)
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(transport.PacketCh(), wait).Should(Receive(HaveField("Buf", []byte("answer"))))
}
