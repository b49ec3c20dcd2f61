package aws

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func certificate(arn, domain, status string) string {
	return fmt.Sprintf(`{"CertificateArn":%q,"DomainName":%q,"Status":%q}`, arn, domain, status)
}

func certificates(next string, all ...string) http.HandlerFunc {
	if next != "" {
		next = `,"NextToken":"` + next + `"`
	}
	return reply(200, `{"CertificateSummaryList":[`+strings.Join(all, ",")+`]`+next+`}`)
}

// certTagged answers ListTagsForCertificate from the tags by ARN; what has none does not exist.
func certTagged(tags map[string]string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for arn, of := range tags {
			if strings.Contains(string(body), `"`+arn+`"`) {
				reply(200, `{"Tags":[`+of+`]}`)(rw, r)
				return
			}
		}
		refuse(listCertTags, 400, "ResourceNotFoundException", "Could not find certificate.")(rw, r)
	}
}

func TestCertificateARN(t *testing.T) {
	const ours, theirs = `{"Key":"portolan.dev/object","Value":"prod"},{"Key":"x","Value":"y"}`, `{"Key":"portolan.dev/object","Value":"test"}`
	wanted := map[string]string{"portolan.dev/object": "prod", "x": "y"}
	cases := map[string]struct {
		certificates []string
		tags         map[string]string
		want         string
	}{
		"the one with the tags": {
			certificates: []string{certificate("arn:1", "example.com", "ISSUED"), certificate("arn:2", "example.com", "ISSUED")},
			tags:         map[string]string{"arn:1": theirs, "arn:2": ours}, want: "arn:2",
		},
		"one that is not issued yet": {
			certificates: []string{certificate("arn:1", "example.com", "PENDING_VALIDATION")}, tags: map[string]string{"arn:1": ours}, want: "arn:1",
		},
		"an issued one before a pending one": {
			certificates: []string{certificate("arn:1", "example.com", "PENDING_VALIDATION"), certificate("arn:3", "example.com", "ISSUED"), certificate("arn:2", "example.com", "ISSUED")},
			tags:         map[string]string{"arn:1": ours, "arn:2": ours, "arn:3": ours}, want: "arn:2",
		},
		"not one that failed": {
			certificates: []string{certificate("arn:1", "example.com", "FAILED"), certificate("arn:2", "example.com", "VALIDATION_TIMED_OUT")},
			tags:         map[string]string{"arn:1": ours, "arn:2": ours},
		},
		"not one of another domain": {
			certificates: []string{certificate("arn:1", "www.example.com", "ISSUED")}, tags: map[string]string{"arn:1": ours},
		},
		"not one with some of the tags": {
			certificates: []string{certificate("arn:1", "example.com", "ISSUED")}, tags: map[string]string{"arn:1": `{"Key":"x","Value":"y"}`},
		},
		"not one that has gone": {
			certificates: []string{certificate("arn:1", "example.com", "ISSUED")},
		},
		"the one after one that has gone": {
			certificates: []string{certificate("arn:1", "example.com", "ISSUED"), certificate("arn:2", "Example.com.", "ISSUED")},
			tags:         map[string]string{"arn:2": ours}, want: "arn:2",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(listCertificates, inTurn(certificates("more"), certificates("", tc.certificates...)))
			w.on(listCertTags, certTagged(tc.tags))
			found, err := s.CertificateARN(t.Context(), "", "eu-west-1", "example.com", wanted)
			g.Expect(found).To(Equal(tc.want))
			if tc.want == "" {
				g.Expect(ClassOf(err)).To(Equal(NotFound))
				g.Expect(err).To(MatchError("acm:ListCertificates: ResourceNotFoundException: no certificate for example.com has the tags"))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
		})
	}
}

func TestCertificatesOfEveryKindOfKeyAreListed(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(listCertificates, certificates(""))
	_, err := s.CertificateARN(t.Context(), "", "eu-west-1", "example.com", nil)
	g.Expect(ClassOf(err)).To(Equal(NotFound))
	asked := w.requests(listCertificates)
	g.Expect(asked).To(HaveLen(1))
	g.Expect(asked[0].region).To(Equal("eu-west-1"))
	g.Expect(asked[0].body).To(And(ContainSubstring(`"EC_prime256v1"`), ContainSubstring(`"RSA_4096"`)))
	g.Expect(asked[0].body).To(ContainSubstring(`"CertificateStatuses":["ISSUED","PENDING_VALIDATION","INACTIVE"]`))
}

func TestCertificateARNFailsWithEachOfItsCalls(t *testing.T) {
	for _, action := range []string{listCertificates, listCertTags} {
		t.Run(action, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(listCertificates, certificates("", certificate("arn:1", "example.com", "ISSUED")))
			w.on(action, refuse(action, 400, "AccessDeniedException", "No."))
			_, err := s.CertificateARN(t.Context(), "", "eu-west-1", "example.com", map[string]string{"a": "b"})
			g.Expect(ClassOf(err)).To(Equal(AccessDenied))
			g.Expect(err).To(MatchError(HavePrefix(action)))
		})
	}
}
