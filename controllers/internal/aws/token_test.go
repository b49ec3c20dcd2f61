package aws

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestClusterTokenIsAPresignedIdentityForOneCluster(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	token, expires, err := s.ClusterToken(t.Context(), "", "eu-west-1", "production001-euw1")
	g.Expect(err).NotTo(HaveOccurred())

	presigned := decode(g, token)
	g.Expect(presigned.String()).To(HavePrefix(w.url))
	g.Expect(w.requests(callerIdentity)).To(BeEmpty(), "presigning calls nobody")
	query := presigned.Query()
	g.Expect(query.Get("Version")).To(Equal("2011-06-15"))
	g.Expect(query.Get("Action")).To(Equal("GetCallerIdentity"))
	g.Expect(query.Get("X-Amz-Expires")).To(Equal("60"))
	g.Expect(query.Get("X-Amz-SignedHeaders")).To(Equal("host;x-k8s-aws-id"))
	g.Expect(query.Get("X-Amz-Credential")).To(MatchRegexp(`^AKIDOWN/\d{8}/eu-west-1/sts/aws4_request$`))
	g.Expect(query.Get("X-Amz-Signature")).To(HaveLen(64))

	signed, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(expires).To(Equal(signed.Add(14 * time.Minute)))
}

func TestClusterTokensDifferByCluster(t *testing.T) {
	g := NewWithT(t)
	s, _ := newSessions(t, "http://sts.test")
	signatures := map[string]bool{}
	for _, cluster := range []string{"one", "two"} {
		token, _, err := s.ClusterToken(t.Context(), "", "eu-west-1", cluster)
		g.Expect(err).NotTo(HaveOccurred())
		signatures[decode(g, token).Query().Get("X-Amz-Signature")] = true
	}
	g.Expect(signatures).To(HaveLen(2), "the signed header makes a token useless for another cluster")
}

func TestClusterTokenUsesTheRegionalSTS(t *testing.T) {
	g := NewWithT(t)
	s, _ := newSessions(t, "")
	token, _, err := s.ClusterToken(t.Context(), "", "ap-south-1", "prod")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(decode(g, token).Scheme).To(Equal("https"))
	g.Expect(decode(g, token).Host).To(Equal("sts.ap-south-1.amazonaws.com"))
}

func TestClusterTokenEndsWithTheAssumedSession(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	sessionEnd := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	w.on(assumeRole, assumedUntil(sessionEnd))

	token, expires, err := s.ClusterToken(t.Context(), targetRole, "eu-west-1", "prod")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(decode(g, token).Query().Get("X-Amz-Credential")).To(HavePrefix("ASIATARGET/"))
	g.Expect(decode(g, token).Query().Get("X-Amz-Security-Token")).To(Equal("t"))
	g.Expect(expires).To(BeTemporally("<=", sessionEnd))
}

func decode(g *WithT, token string) *url.URL {
	encoded, ok := strings.CutPrefix(token, "k8s-aws-v1.")
	g.Expect(ok).To(BeTrue())
	decoded, err := base64.RawURLEncoding.DecodeString(encoded)
	g.Expect(err).NotTo(HaveOccurred())
	presigned, err := url.Parse(string(decoded))
	g.Expect(err).NotTo(HaveOccurred())
	return presigned
}
