package dns_test

import (
	"errors"
	"net"
	"testing"

	. "github.com/onsi/gomega"
)

func TestWithheldNamesAreMissing(t *testing.T) {
	g, s := NewWithT(t), start(t)
	missing := func(name string) bool {
		_, err := s.LookupHost(t.Context(), name)
		failure, ok := errors.AsType[*net.DNSError](err)
		return ok && failure.IsNotFound
	}
	release := s.Withhold("Gossip.aws.example.test")
	g.Expect(missing("gossip.aws.example.test")).To(BeTrue())
	s.SetCNAME("gossip.aws.example.test", "other.elb.amazonaws.com")
	s.SetA("other.elb.amazonaws.com", second)
	g.Expect(missing("gossip.aws.example.test")).To(BeTrue(), "what is registered in the meantime, too")
	g.Expect(missing("near.aws.example.test")).To(BeFalse(), "others are there")
	release()
	g.Expect(s.LookupHost(t.Context(), "gossip.aws.example.test")).To(HaveExactElements(second))
}
