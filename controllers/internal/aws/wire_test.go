package aws

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"
)

const (
	requestID = "7a62c49f-347e-4fc4-9331-6e8e1111aaaa"

	describeSecret = "secretsmanager:DescribeSecret"
	replicateTo    = "secretsmanager:ReplicateSecretToRegions"
	stopIn         = "secretsmanager:RemoveRegionsFromReplication"
	describeZones  = "ec2:DescribeAvailabilityZones"
	describeNATs   = "ec2:DescribeNatGateways"
	describeNodes  = "eks:DescribeNodegroup"
	callerIdentity = "sts:GetCallerIdentity"
	assumeRole     = "sts:AssumeRole"
)

// wire answers in the protocols of the four services, as told per IAM action.
type wire struct {
	url string

	mu      sync.Mutex
	answers map[string]http.HandlerFunc
	seen    []request
}

type request struct {
	action, region, accessKey, body string
	form                            url.Values
}

var credentialScope = regexp.MustCompile(`Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request`)

func newWire(t *testing.T) *wire {
	t.Helper()
	w := &wire{answers: map[string]http.HandlerFunc{}}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	scope := credentialScope.FindStringSubmatch(r.Header.Get("Authorization"))
	if scope == nil {
		http.Error(rw, "unsigned request", http.StatusForbidden)
		return
	}
	seen := request{action: actionOn(r, scope[3]), accessKey: scope[1], region: scope[2], body: string(body), form: r.Form}
	w.mu.Lock()
	w.seen = append(w.seen, seen)
	answer := w.answers[seen.action]
	w.mu.Unlock()
	if answer == nil {
		http.Error(rw, "unexpected "+seen.action, http.StatusNotImplemented)
		return
	}
	rw.Header().Set("X-Amzn-Requestid", requestID)
	answer(rw, r)
}

func actionOn(r *http.Request, service string) string {
	switch service {
	case "secretsmanager":
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		return service + ":" + operation
	case "eks":
		return service + ":DescribeNodegroup"
	default:
		if err := r.ParseForm(); err != nil {
			return service + ":" + err.Error()
		}
		return service + ":" + r.Form.Get("Action")
	}
}

func (w *wire) on(action string, answer http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[action] = answer
}

func (w *wire) requests(action string) []request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.seen), func(r request) bool { return r.action != action })
}

func reply(status int, body string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	}
}

// refuse answers with an error in the protocol of the action's service.
func refuse(action string, status int, code, message string) http.HandlerFunc {
	switch service, _, _ := strings.Cut(action, ":"); service {
	case "secretsmanager":
		return reply(status, fmt.Sprintf(`{"__type":%q,"Message":%q}`, code, message))
	case "eks":
		return func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("X-Amzn-Errortype", code)
			reply(status, fmt.Sprintf(`{"message":%q}`, message))(rw, r)
		}
	case "ec2":
		return reply(status, fmt.Sprintf(`<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>%s</RequestID></Response>`,
			code, message, requestID))
	default:
		return reply(status, fmt.Sprintf(`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>`,
			code, message, requestID))
	}
}

func isolate(t *testing.T, endpoint string) {
	t.Helper()
	nowhere := t.TempDir() + "/absent"
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL":            endpoint,
		"AWS_ACCESS_KEY_ID":           "AKIDOWN",
		"AWS_SECRET_ACCESS_KEY":       "secret",
		"AWS_REGION":                  "eu-central-1",
		"AWS_CONFIG_FILE":             nowhere,
		"AWS_SHARED_CREDENTIALS_FILE": nowhere,
		"AWS_EC2_METADATA_DISABLED":   "true",
		"NO_PROXY":                    "*",
	} {
		t.Setenv(name, value)
	}
	for _, name := range []string{
		"AWS_CA_BUNDLE", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL_EKS",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT",
		"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy",
	} {
		t.Setenv(name, "")
	}
}

func withoutBackoff(s *Sessions) {
	s.backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
}

func newSessions(t *testing.T, endpoint string, options ...Option) (*Sessions, *clocktesting.FakeClock) {
	t.Helper()
	isolate(t, endpoint)
	clk := clocktesting.NewFakeClock(time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC))
	s, err := New(t.Context(), clk, append(options, withoutBackoff)...)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return s, clk
}

// call runs the method of Sessions that makes the action's call.
func call(ctx context.Context, s *Sessions, action string) error {
	var err error
	switch action {
	case describeSecret:
		_, err = s.ReplicaStates(ctx, "", "us-east-1", "db")
	case replicateTo:
		err = s.Replicate(ctx, "", "us-east-1", "db", "", "eu-west-1")
	case stopIn:
		err = s.StopReplication(ctx, "", "us-east-1", "db", "eu-west-1")
	case describeZones:
		_, err = s.AvailabilityZones(ctx, "", "eu-west-1")
	case describeNATs:
		_, err = s.NATGatewayGone(ctx, "", "eu-west-1", "nat-0123456789abcdef0")
	case describeNodes:
		_, err = s.NodegroupExists(ctx, "", "eu-west-1", "prod-euw1", "system")
	case callerIdentity:
		_, err = s.RoleARN(ctx, "")
	default:
		err = fmt.Errorf("no method makes %s", action)
	}
	return err
}
