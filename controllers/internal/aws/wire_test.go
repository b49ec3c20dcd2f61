package aws

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
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

	describeRegions    = "ec2:DescribeRegions"
	describeOfferings  = "ec2:DescribeInstanceTypeOfferings"
	describeTypes      = "ec2:DescribeInstanceTypes"
	describeVPCs       = "ec2:DescribeVpcs"
	describePeerings   = "ec2:DescribeVpcPeeringConnections"
	describeAddresses  = "ec2:DescribeAddresses"
	describeSubnets    = "ec2:DescribeSubnets"
	describeTags       = "ec2:DescribeTags"
	describeInterfaces = "ec2:DescribeNetworkInterfaces"
	describeCluster    = "eks:DescribeCluster"
	listClusters       = "eks:ListClusters"
	getQuota           = "servicequotas:GetServiceQuota"
	listZones          = "route53:ListHostedZonesByName"
	getRole            = "iam:GetRole"
	getBucketTags      = "s3:GetBucketTagging"
	describeListener   = "globalaccelerator:DescribeListener"
	describeAcc        = "globalaccelerator:DescribeAccelerator"
	listGroups         = "globalaccelerator:ListEndpointGroups"
	createGroup        = "globalaccelerator:CreateEndpointGroup"
	updateGroup        = "globalaccelerator:UpdateEndpointGroup"
	deleteGroup        = "globalaccelerator:DeleteEndpointGroup"
	addEndpoints       = "globalaccelerator:AddEndpoints"
	removeEndpoints    = "globalaccelerator:RemoveEndpoints"
	describeGroup      = "globalaccelerator:DescribeEndpointGroup"
	describeFirewalls  = "ec2:DescribeSecurityGroups"
	describeEndpoints  = "ec2:DescribeVpcEndpoints"
	describeELBTags    = "elasticloadbalancing:DescribeTags"
	describeTargets    = "elasticloadbalancing:DescribeTargetGroups"
	describeHealth     = "elasticloadbalancing:DescribeTargetHealth"
	deleteBalancer     = "elasticloadbalancing:DeleteLoadBalancer"
	deleteTargets      = "elasticloadbalancing:DeleteTargetGroup"
	deleteFirewall     = "ec2:DeleteSecurityGroup"
	deleteInterface    = "ec2:DeleteNetworkInterface"
	describeAddons     = "eks:DescribeAddonVersions"
	listCertTags       = "acm:ListTagsForCertificate"
)

// wire answers in the protocols of the services, as told per IAM action.
type wire struct {
	url string

	mu      sync.Mutex
	answers map[string]http.HandlerFunc
	seen    []request
}

type request struct {
	action, region, accessKey, body, path string
	form                                  url.Values // of the query protocols, or the query of a REST call
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
	seen := request{action: actionOn(r, scope[3]), accessKey: scope[1], region: scope[2],
		body: string(body), path: r.URL.Path, form: r.Form}
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
	case "acm", "secretsmanager", "servicequotas", "globalaccelerator":
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		return service + ":" + operation
	case "eks", "route53", "s3":
		_ = r.ParseForm()
		return service + ":" + operationAt(r)
	default:
		if err := r.ParseForm(); err != nil {
			return service + ":" + err.Error()
		}
		return service + ":" + r.Form.Get("Action")
	}
}

var operationsByPath = []struct{ pattern, operation string }{
	{"/clusters/*/node-groups/*", "DescribeNodegroup"},
	{"/clusters/*/addons/*", "DescribeAddon"},
	{"/clusters/*/access-entries/*/access-policies", "ListAssociatedAccessPolicies"},
	{"/clusters/*/pod-identity-associations/*", "DescribePodIdentityAssociation"},
	{"/clusters/*", "DescribeCluster"},
	{"/clusters", "ListClusters"},
	{"/addons/supported-versions", "DescribeAddonVersions"},
	{"/2013-04-01/hostedzonesbyname", "ListHostedZonesByName"},
}

// operationAt tells the operation of a REST call from its path, or of S3 from its subresource.
func operationAt(r *http.Request) string {
	if r.Form.Has("tagging") {
		return r.Method[:1] + strings.ToLower(r.Method[1:]) + "BucketTagging"
	}
	if r.Form.Has("publicAccessBlock") {
		return "GetBucketPublicAccessBlock" // as IAM calls it
	}
	for _, known := range operationsByPath {
		if ok, _ := path.Match(known.pattern, r.URL.EscapedPath()); ok {
			return known.operation
		}
	}
	return r.Method + " " + r.URL.Path
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
	case "acm", "secretsmanager", "servicequotas", "globalaccelerator":
		return reply(status, fmt.Sprintf(`{"__type":%q,"Message":%q}`, code, message))
	case "s3":
		return reply(status, fmt.Sprintf(`<Error><Code>%s</Code><Message>%s</Message><RequestId>%s</RequestId></Error>`, code, message, requestID))
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
		"AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2", "AWS_ENDPOINT_URL_GLOBAL_ACCELERATOR", "AWS_ENDPOINT_URL_IAM",
		"AWS_ENDPOINT_URL_ROUTE_53", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SERVICE_QUOTAS",
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

// inTurn answers one call after the other, and from then on like the last.
func inTurn(answers ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	return func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		answer := answers[0]
		if len(answers) > 1 {
			answers = answers[1:]
		}
		mu.Unlock()
		answer(rw, r)
	}
}

// ec2Reply answers an EC2 action with what its response element holds.
func ec2Reply(action, content string) http.HandlerFunc {
	_, operation, _ := strings.Cut(action, ":")
	return reply(200, "<"+operation+`Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">`+content+"</"+operation+"Response>")
}

// filtersOf returns the filters of an EC2 request as "name=value,value", in order.
func filtersOf(r request) []string {
	var all []string
	for i := 1; ; i++ {
		prefix := fmt.Sprintf("Filter.%d.", i)
		name := r.form.Get(prefix + "Name")
		if name == "" {
			return all
		}
		var values []string
		for j := 1; r.form.Has(fmt.Sprintf("%sValue.%d", prefix, j)); j++ {
			values = append(values, r.form.Get(fmt.Sprintf("%sValue.%d", prefix, j)))
		}
		all = append(all, name+"="+strings.Join(values, ","))
	}
}

// calls has a method of Sessions for each action that it makes first.
var calls = map[string]func(context.Context, *Sessions) error{
	describeSecret: func(ctx context.Context, s *Sessions) error {
		_, err := s.ReplicaStates(ctx, "", "us-east-1", "db")
		return err
	},
	replicateTo: func(ctx context.Context, s *Sessions) error {
		return s.Replicate(ctx, "", "us-east-1", "db", "", "eu-west-1")
	},
	stopIn: func(ctx context.Context, s *Sessions) error {
		return s.StopReplication(ctx, "", "us-east-1", "db", "eu-west-1")
	},
	describeZones: func(ctx context.Context, s *Sessions) error {
		_, err := s.AvailabilityZones(ctx, "", "eu-west-1")
		return err
	},
	describeNATs: func(ctx context.Context, s *Sessions) error {
		_, err := s.NATGatewayGone(ctx, "", "eu-west-1", "nat-0123456789abcdef0")
		return err
	},
	describeNodes: func(ctx context.Context, s *Sessions) error {
		_, err := s.NodegroupExists(ctx, "", "eu-west-1", "prod-euw1", "system")
		return err
	},
	callerIdentity: func(ctx context.Context, s *Sessions) error { _, err := s.RoleARN(ctx, ""); return err },
	describeRegions: func(ctx context.Context, s *Sessions) error {
		_, err := s.OptedIn(ctx, "", "eu-west-1")
		return err
	},
	describeOfferings: func(ctx context.Context, s *Sessions) error {
		_, err := s.InstanceTypes(ctx, "", "eu-west-1", "m7i.large")
		return err
	},
	describeVPCs: func(ctx context.Context, s *Sessions) error {
		_, err := s.Networks(ctx, "", "eu-west-1")
		return err
	},
	describeTags: func(ctx context.Context, s *Sessions) error {
		_, err := s.TaggedResources(ctx, "", "eu-west-1", "prod-euw1")
		return err
	},
	describeInterfaces: func(ctx context.Context, s *Sessions) error {
		_, err := s.NetworkInterfaces(ctx, "", "eu-west-1", "vpc-0")
		return err
	},
	getQuota: func(ctx context.Context, s *Sessions) error { _, err := s.Quotas(ctx, "", "eu-west-1"); return err },
	listZones: func(ctx context.Context, s *Sessions) error {
		_, err := s.HostedZones(ctx, "", "example.com")
		return err
	},
	getRole: func(ctx context.Context, s *Sessions) error { _, err := s.RoleTags(ctx, "", "prod"); return err },
	describeCluster: func(ctx context.Context, s *Sessions) error {
		_, err := s.ClusterTags(ctx, "", "eu-west-1", "prod-euw1")
		return err
	},
	getBucketTags: func(ctx context.Context, s *Sessions) error {
		_, err := s.BucketTags(ctx, "", "eu-west-1", "prod-logs")
		return err
	},
	describeLoadBalancers: func(ctx context.Context, s *Sessions) error {
		_, err := s.LoadBalancer(ctx, "", "eu-west-1", apiDNS)
		return err
	},
	describeListener: func(ctx context.Context, s *Sessions) error {
		_, err := s.ListenerExists(ctx, "", listener)
		return err
	},
	describeAcc: func(ctx context.Context, s *Sessions) error {
		_, err := s.AcceleratorDeployed(ctx, "", listener)
		return err
	},
	listGroups: func(ctx context.Context, s *Sessions) error {
		_, err := s.EndpointGroup(ctx, "", listener, "eu-west-1")
		return err
	},
	createGroup: func(ctx context.Context, s *Sessions) error {
		_, err := s.CreateEndpointGroup(ctx, "", listener, "eu-west-1", 443)
		return err
	},
	updateGroup:     func(ctx context.Context, s *Sessions) error { return s.Dial(ctx, "", group, 25) },
	deleteGroup:     func(ctx context.Context, s *Sessions) error { return s.DeleteEndpointGroup(ctx, "", group) },
	addEndpoints:    func(ctx context.Context, s *Sessions) error { return s.AddEndpoint(ctx, "", group, loadBalancer, 128) },
	removeEndpoints: func(ctx context.Context, s *Sessions) error { return s.RemoveEndpoint(ctx, "", group, loadBalancer) },
}

// call runs the method of Sessions that makes the action's call.
func call(ctx context.Context, s *Sessions, action string) error {
	run, ok := calls[action]
	if !ok {
		return fmt.Errorf("no method makes %s", action)
	}
	return run(ctx, s)
}
