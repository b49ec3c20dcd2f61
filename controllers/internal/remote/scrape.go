package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Scrape reads those of a pod's metrics whose names begin with about, through the API server's proxy.
func (c *Cluster) Scrape(ctx context.Context, pod *corev1.Pod, port int32, path, about string) ([]byte, error) {
	body, err := c.requests.CoreV1().Pods(pod.Namespace).
		ProxyGet("http", pod.Name, strconv.Itoa(int(port)), path, nil).Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("scraping pod %s: %s", pod.Name, Explain(err))
	}
	defer body.Close()
	return exposition(pod, body, about)
}

// Route reads the metrics of pods at their own addresses, for management clusters that have a
// route to them.
type Route struct{ http *http.Client }

// NewRoute returns a Route that takes no proxy: proxies are for the outside.
func NewRoute() *Route {
	return &Route{&http.Client{
		Timeout:       requestTimeout,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it redirects") },
	}}
}

// awsLocal is where AWS keeps what is link-local elsewhere
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html).
var awsLocal = netip.MustParsePrefix("fd00:ec2::/32")

// Scrape reads those of a pod's metrics whose names begin with about. Nothing is asked of a link-local address, which is where a cloud
// keeps the credentials of the machine that asks, whatever a regional cluster says of its pods.
func (r *Route) Scrape(ctx context.Context, pod *corev1.Pod, port int32, path, about string) ([]byte, error) {
	address, err := netip.ParseAddr(pod.Status.PodIP)
	switch {
	case err != nil:
		return nil, fmt.Errorf("scraping pod %s: it has no address", pod.Name)
	case address.Unmap().IsLinkLocalUnicast() || awsLocal.Contains(address.WithZone("")):
		return nil, fmt.Errorf("scraping pod %s: its address %s is link-local", pod.Name, address)
	}
	at := url.URL{Scheme: "http", Host: net.JoinHostPort(address.String(), strconv.Itoa(int(port))), Path: path}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("scraping pod %s: %w", pod.Name, err)
	}
	response, err := r.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("scraping pod %s: %w", pod.Name, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("scraping pod %s: it answers with %s", pod.Name, response.Status)
	}
	return exposition(pod, response.Body, about)
}

// maxExposition is how many bytes of metrics a pod may have: a path may lead to something else, which
// may have no end.
const maxExposition = 8 << 20

// longestLine is how much is read at once; nothing that is looked for has a longer one.
const longestLine = 64 << 10

// exposition keeps of a pod's metrics what is looked for: hundreds of pods may be read at once, and all
// that some have is megabytes. The first line stays as well: it shows what is no exposition at all.
func exposition(pod *corev1.Pod, body io.Reader, about string) ([]byte, error) {
	limited := &io.LimitedReader{R: body, N: maxExposition + 1}
	lines := bufio.NewReaderSize(limited, longestLine)
	var kept []byte
	for first := true; ; first = false {
		line, err := lines.ReadSlice('\n')
		if first || concerns(line, about) {
			kept = append(kept, line...)
		}
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of a line
			_, err = lines.ReadSlice('\n')
		}
		switch {
		case limited.N == 0:
			return nil, fmt.Errorf("scraping pod %s: it has more than 8 MiB of metrics", pod.Name)
		case errors.Is(err, io.EOF):
			return kept, nil
		case err != nil:
			return nil, fmt.Errorf("scraping pod %s: %w", pod.Name, err)
		}
	}
}

// concerns tells whether a line is about a metric: a sample, its type or its help.
func concerns(line []byte, about string) bool {
	text := string(line[:min(len(line), len("# TYPE ")+len(about))])
	return strings.HasPrefix(text, about) || text == "# TYPE "+about || text == "# HELP "+about
}

// longestRefusal is how much is read of an answer that is an error: it may be a pod's, through the proxy.
const longestRefusal = 64 << 10

// brief cuts refusals short, all of which client-go reads.
type brief struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b brief) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(request)
	if err == nil && response.StatusCode >= http.StatusMultipleChoices {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, longestRefusal), response.Body}
	}
	return response, err //nolint:wrapcheck // the client wraps it
}
