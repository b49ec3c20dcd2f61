package gates

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/common/model"
)

const (
	// patience is how long an answer may take.
	patience = 10 * time.Second
	// longest is how many bytes an answer may have: a judgement needs a few samples.
	longest = 1 << 20
)

// Prometheus asks instant queries of whatever has Prometheus's HTTP API. It sends no
// credentials.
type Prometheus struct {
	// HTTP is the client to ask with; http.DefaultClient without one.
	HTTP *http.Client
}

// Ask asks a query now. Errors that only a person can put right are a Refusal; none of them has
// more of an answer in it than what Prometheus says of the query, as an address may be anybody's.
func (p *Prometheus) Ask(ctx context.Context, address, query string) (Answer, error) {
	where, err := endpoint(address, query)
	if err != nil {
		return Answer{}, err
	}
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(within, http.MethodGet, where.String(), http.NoBody)
	if err != nil {
		return Answer{}, refuse("asking %s: %v", address, err)
	}
	request.Header.Set("Accept", "application/json")
	asker := *cmp.Or(p.HTTP, http.DefaultClient)
	asker.CheckRedirect = sameHost
	response, err := asker.Do(request)
	if err != nil {
		return Answer{}, unanswered(ctx, address, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, longest+1))
	switch {
	case err != nil:
		return Answer{}, unanswered(ctx, address, err)
	case len(body) > longest:
		return Answer{}, refuse("%s answers with more than 1 MiB: aggregate the query, with sum or max for example", address)
	}
	return read(address, response.StatusCode, body)
}

// endpoint is where Prometheus answers instant queries; Thanos would leave out what it cannot reach
// unless told not to (https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries,
// https://thanos.io/tip/components/query.md/#partial-response-strategy).
func endpoint(address, query string) (*url.URL, error) {
	base, err := url.Parse(address)
	switch {
	case err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https":
		return nil, refuse("address %q is no URL: write for example http://prometheus.monitoring.svc:9090", address)
	case base.User != nil:
		return nil, refuse("the address has credentials in it, which everybody could read: name one that answers without")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, refuse("address %q goes on after its path: leave out what begins with ? or #", address)
	}
	where := base.JoinPath("api", "v1", "query")
	where.RawQuery = url.Values{"query": {query}, "timeout": {patience.String()}, "partial_response": {"false"}}.Encode()
	return where, nil
}

var errElsewhere = errors.New("it redirects to another host: name that one as the address, if it is meant")

// sameHost follows redirects only to where somebody wanted to ask anyway.
func sameHost(to *http.Request, via []*http.Request) error {
	const most = 3
	from := via[0].URL
	switch {
	case to.URL.Host != from.Host, from.Scheme == "https" && to.URL.Scheme != "https":
		return errElsewhere
	case len(via) > most:
		return errors.New("it redirects again and again")
	}
	return nil
}

// unanswered says why there is no answer, in words that are the same each time: those of the
// network have the port of the asker in them.
func unanswered(ctx context.Context, address string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("asking %s: %w", address, ctx.Err())
	}
	if failure, is := errors.AsType[*url.Error](err); is {
		err = failure.Err
	}
	if errors.Is(err, errElsewhere) {
		return refuse("asking %s: %v", address, err)
	}
	if timeout, is := errors.AsType[net.Error](err); is && timeout.Timeout() {
		return fmt.Errorf("asking %s: no answer within %s; does a NetworkPolicy or a security group let Portolan through?", address, patience)
	}
	if unknown, is := errors.AsType[*net.DNSError](err); is {
		return fmt.Errorf("asking %s: the name %s is not known; is the address right?", address, unknown.Name)
	}
	if invalid, is := errors.AsType[x509.CertificateInvalidError](err); is && invalid.Reason == x509.Expired { // it has the time in it
		return fmt.Errorf("asking %s: its certificate has expired, or is not valid yet", address)
	}
	if failure, is := errors.AsType[*net.OpError](err); is {
		return fmt.Errorf("asking %s: %w; does Prometheus run there?", address, failure.Err)
	}
	return fmt.Errorf("asking %s: %w", address, err)
}

// read makes an Answer of what came back, or says what to do about it.
func read(address string, code int, body []byte) (Answer, error) {
	var reply struct {
		Status string `json:"status"`
		Error  string `json:"error"`
		Data   struct {
			Type   model.ValueType `json:"resultType"`
			Result json.RawMessage `json:"result"`
		} `json:"data"`
	}
	notPrometheus := json.Unmarshal(body, &reply) != nil || reply.Status != "success" && reply.Status != "error"
	const most = 300
	switch {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return Answer{}, refuse("%s answers with %d %s, and Portolan has no credentials for it: name an address that answers without, a proxy's for example",
			address, code, http.StatusText(code))
	case code == http.StatusTooManyRequests, code >= http.StatusInternalServerError && notPrometheus:
		return Answer{}, fmt.Errorf("%s answers with %d %s", address, code, http.StatusText(code))
	case notPrometheus:
		return Answer{}, refuse("%s answers with %d and not as Prometheus does: is the address right, without /api/v1?", address, code)
	case code >= http.StatusInternalServerError: // timed out, or aborted
		return Answer{}, fmt.Errorf("%s cannot answer: %s", address, clip(reply.Error, most))
	case reply.Status == "error":
		return Answer{}, refuse("%s refuses the query: %s", address, clip(reply.Error, most))
	}
	return samples(reply.Data.Type, reply.Data.Result)
}

func samples(kind model.ValueType, result json.RawMessage) (Answer, error) {
	switch kind {
	case model.ValScalar:
		var scalar model.Scalar
		if err := json.Unmarshal(result, &scalar); err != nil {
			return Answer{}, fmt.Errorf("decoding a scalar: %w", err)
		}
		return Answer{Samples: []Sample{{Value: float64(scalar.Value)}}}, nil
	case model.ValVector:
		var vector model.Vector
		if err := json.Unmarshal(result, &vector); err != nil {
			return Answer{}, fmt.Errorf("decoding a vector: %w", err)
		}
		var a Answer
		for _, s := range vector {
			if s.Histogram != nil { // whose value would be 0
				return Answer{}, refuse("the query gives histograms: make numbers of them, with histogram_quantile for example")
			}
			sample := Sample{Value: float64(s.Value)}
			if len(s.Metric) > 0 {
				sample.Labels = s.Metric.String()
			}
			a.Samples = append(a.Samples, sample)
		}
		return a, nil
	default:
		return Answer{}, refuse("the query gives a %s: ask for one number, or one for each of some labels", kind)
	}
}
