package gates

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// answering is a Prometheus that always says the same.
func answering(t *testing.T, code int, body string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return server
}

func success(kind, result string) string {
	return fmt.Sprintf(`{"status":"success","data":{"resultType":%q,"result":%s}}`, kind, result)
}

func TestAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		body string
		want Answer
	}{
		"a scalar":     {success("scalar", `[1700000000.5,"0.25"]`), scalar(0.25)},
		"nothing":      {success("vector", `[]`), Answer{}},
		"without name": {success("vector", `[{"metric":{},"value":[1700000000,"3"]}]`), scalar(3)},
		"a vector": {
			success("vector", `[{"metric":{"job":"api","__name__":"up"},"value":[1700000000,"1"]},{"metric":{"job":"b"},"value":[1700000000,"+Inf"]}]`),
			Answer{Samples: []Sample{{`up{job="api"}`, 1}, {`{job="b"}`, inf}}},
		},
		"with what it warns of": {`{"status":"success","warnings":["x"],"data":{"resultType":"scalar","result":[1,"1"]}}`, scalar(1)},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			p := &Prometheus{}
			g.Expect(p.Ask(t.Context(), answering(t, http.StatusOK, tc.body).URL, "up")).To(Equal(tc.want))
		})
	}
}

func TestNoAnswer(t *testing.T) {
	const refused = `{"status":"error","errorType":"bad_data","error":"1:4: parse error: unexpected end of input"}`
	for name, tc := range map[string]struct {
		code     int
		body     string
		want     string
		byPeople bool
	}{
		"a bad query":        {http.StatusBadRequest, refused, "refuses the query: 1:4: parse error: unexpected end of input", true},
		"a query too large":  {http.StatusUnprocessableEntity, refused, "refuses the query: 1:4", true},
		"a timeout":          {http.StatusServiceUnavailable, `{"status":"error","errorType":"timeout","error":"query timed out"}`, "cannot answer: query timed out", false},
		"no credentials":     {http.StatusUnauthorized, "secret", "answers with 401 Unauthorized, and Portolan has no credentials", true},
		"no rights":          {http.StatusForbidden, "secret", "answers with 403 Forbidden", true},
		"too many questions": {http.StatusTooManyRequests, "secret", "answers with 429 Too Many Requests", false},
		"a proxy's trouble":  {http.StatusBadGateway, "<html>secret</html>", "answers with 502 Bad Gateway", false},
		"somebody else":      {http.StatusOK, "<html>secret</html>", "answers with 200 and not as Prometheus does: is the address right", true},
		"another page":       {http.StatusNotFound, "secret", "answers with 404 and not as Prometheus does: is the address right", true},
		"other JSON":         {http.StatusOK, `{"data":{"resultType":"scalar","result":[1,"secret"]}}`, "answers with 200 and not as Prometheus does", true},
		"a range":            {http.StatusOK, success("matrix", `[]`), "the query gives a matrix: ask for one number", true},
		"a text":             {http.StatusOK, success("string", `[1,"secret"]`), "the query gives a string", true},
		"histograms": {
			http.StatusOK, success("vector", `[{"metric":{},"histogram":[1,{"count":"1","sum":"1","buckets":[]}]}]`),
			"the query gives histograms: make numbers of them", true,
		},
		"more than can be read": {http.StatusOK, success("vector", "["+strings.Repeat(" ", longest)+"]"), "more than 1 MiB: aggregate the query", true},
		"a long complaint": {
			http.StatusBadRequest, `{"status":"error","error":"` + strings.Repeat("x", 5000) + `"}`, "refuses the query: " + strings.Repeat("x", 300) + "…", true,
		},
		"a long excuse": {
			http.StatusInternalServerError, `{"status":"error","error":"` + strings.Repeat("x", 5000) + `"}`, "cannot answer: " + strings.Repeat("x", 300) + "…", false,
		},
		"half a number": {http.StatusOK, success("scalar", `[1]`), "decoding a scalar", false},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			p := &Prometheus{}
			_, err := p.Ask(t.Context(), answering(t, tc.code, tc.body).URL, "up")
			g.Expect(err).To(MatchError(ContainSubstring(tc.want)))
			g.Expect(IsRefusal(err)).To(Equal(tc.byPeople))
			g.Expect(err.Error()).NotTo(ContainSubstring("secret"), "the address may be anybody's")
			g.Expect(len(err.Error())).To(BeNumerically("<", 500))
		})
	}
}

func TestWhatIsAsked(t *testing.T) {
	g := NewWithT(t)
	var asked *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r
		_, _ = w.Write([]byte(success("scalar", `[1,"1"]`)))
	}))
	t.Cleanup(server.Close)
	query := `sum(rate(x{code=~"5.."}[5m])) & 1`
	g.Expect((&Prometheus{HTTP: server.Client()}).Ask(t.Context(), server.URL+"/select/prometheus/", query)).To(Equal(scalar(1)))
	g.Expect(asked.Method).To(Equal(http.MethodGet))
	g.Expect(asked.URL.Path).To(Equal("/select/prometheus/api/v1/query"))
	g.Expect(asked.URL.Query()).To(Equal(url.Values{"query": {query}, "timeout": {"10s"}, "partial_response": {"false"}}))
}

func TestAddressesThatAreNone(t *testing.T) {
	for _, address := range []string{"", "prometheus:9090", "http://", "file:///etc/passwd", "ftp://x/", "http://user:secret@x", "http://x:y:z", "http://x/?tenant=1", "http://x/#part"} {
		t.Run(address, func(t *testing.T) {
			g := NewWithT(t)
			_, err := (&Prometheus{}).Ask(t.Context(), address, "up")
			g.Expect(IsRefusal(err)).To(BeTrue())
			g.Expect(err.Error()).NotTo(ContainSubstring("secret"))
		})
	}
}

func TestRedirects(t *testing.T) {
	g := NewWithT(t)
	target := answering(t, http.StatusOK, success("scalar", `[1,"1"]`))
	to := target.URL
	hops := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			_, _ = w.Write([]byte(success("scalar", `[1,"2"]`)))
			return
		}
		hops++
		http.Redirect(w, r, to, http.StatusFound)
	}))
	t.Cleanup(server.Close)
	ask := func() (Answer, error) { return (&Prometheus{}).Ask(t.Context(), server.URL, "up") }

	_, err := ask()
	g.Expect(err).To(MatchError(ContainSubstring("it redirects to another host: name that one as the address")))
	g.Expect(IsRefusal(err)).To(BeTrue())

	to = "/end"
	g.Expect(ask()).To(Equal(scalar(2)))

	to, hops = "/again", 0
	_, err = ask()
	g.Expect(err).To(MatchError(ContainSubstring("it redirects again and again")))
	g.Expect(hops).To(Equal(4))
}

func TestADowngradeIsNotFollowed(t *testing.T) {
	g := NewWithT(t)
	via := &http.Request{URL: &url.URL{Scheme: "https", Host: "x"}}
	g.Expect(sameHost(&http.Request{URL: &url.URL{Scheme: "http", Host: "x"}}, []*http.Request{via})).To(MatchError(errElsewhere))
	g.Expect(sameHost(&http.Request{URL: &url.URL{Scheme: "https", Host: "x"}}, []*http.Request{via})).To(Succeed())
}

func TestAnAddressThatDoesNotAnswer(t *testing.T) {
	closed := answering(t, http.StatusOK, "")
	closed.Close()
	encrypted := httptest.NewUnstartedServer(http.NotFoundHandler())
	encrypted.Config.ErrorLog = nil
	encrypted.StartTLS()
	t.Cleanup(encrypted.Close)
	expired := &http.Client{Transport: failing{&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired, Detail: "at this very moment"}}}}
	late := &http.Client{Transport: failing{context.DeadlineExceeded}}
	for name, tc := range map[string]struct {
		client        *http.Client
		address, want string
	}{
		"nobody listens":         {nil, closed.URL, "connect: connection refused; does Prometheus run there?"},
		"nobody knows the name":  {nil, "http://nowhere.invalid", "asking http://nowhere.invalid: the name nowhere.invalid is not known; is the address right?"},
		"nobody vouches for it":  {nil, encrypted.URL, "certificate"},
		"its certificate is old": {expired, "https://x", "asking https://x: its certificate has expired, or is not valid yet"},
		"it takes too long":      {late, "https://x", "asking https://x: no answer within 10s; does a NetworkPolicy"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			p := &Prometheus{HTTP: tc.client}
			_, err := p.Ask(t.Context(), tc.address, "up")
			g.Expect(err).To(MatchError(ContainSubstring(tc.want)))
			g.Expect(IsRefusal(err)).To(BeFalse())
			_, again := p.Ask(t.Context(), tc.address, "up")
			g.Expect(again).To(MatchError(err.Error()), "conditions must not change with every try")
		})
	}
}

func TestAskingEndsWithItsCaller(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	_, err := (&Prometheus{}).Ask(ctx, server.URL, "up")
	g.Expect(err).To(MatchError(context.Canceled))

	soon, cancel := context.WithDeadline(t.Context(), time.Now())
	t.Cleanup(cancel)
	_, err = (&Prometheus{}).Ask(soon, server.URL, "up")
	g.Expect(err).To(MatchError(context.DeadlineExceeded), "the patience is not Prometheus's")
}

// failing is a network in which everything ends alike.
type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }
