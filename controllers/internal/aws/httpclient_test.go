package aws

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

type clientFunc func(*http.Request) (*http.Response, error)

func (f clientFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

func TestBodiesAreSentByReading(t *testing.T) {
	cases := map[string]struct {
		body io.Reader
		want string
	}{
		"with a body":  {bytes.NewReader([]byte("Action=DescribeTags")), "Action=DescribeTags"},
		"an empty one": {http.NoBody, ""},
		"without":      {nil, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://aws.test", tc.body)
			g.Expect(err).NotTo(HaveOccurred())
			before, answer := request.Body, &http.Response{Body: http.NoBody}
			client := plainBodies{clientFunc(func(r *http.Request) (*http.Response, error) {
				if tc.want == "" {
					g.Expect(r).To(BeIdenticalTo(request))
					return answer, nil
				}
				_, writesItself := r.Body.(io.WriterTo)
				g.Expect(writesItself).To(BeFalse())
				g.Expect(io.ReadAll(r.Body)).To(BeEquivalentTo(tc.want))
				g.Expect(r.ContentLength).To(BeEquivalentTo(len(tc.want)))
				return answer, nil
			})}
			got, err := client.Do(request)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got.Body.Close()).To(Succeed())
			g.Expect(got).To(BeIdenticalTo(answer))
			if tc.want != "" {
				g.Expect(request.Body).To(BeIdenticalTo(before))
			}
		})
	}
}

func TestLargeAnswersOfAFastServerArriveAtOnce(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeTags, tags("", [3]string{"vpc-0", "vpc", "prod" + strings.Repeat("x", 1<<16)}))
	g.Expect(s.base.HTTPClient).To(BeAssignableToTypeOf(plainBodies{}), "without it, some of these answers are cut off")
	const times = 50
	for range times {
		g.Expect(s.TaggedResources(t.Context(), "", "eu-west-1", "prod")).To(HaveLen(1))
		s.ForgetTagged("", "eu-west-1", "prod")
	}
	g.Expect(w.requests(describeTags)).To(HaveLen(times))
}
