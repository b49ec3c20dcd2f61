package aws

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdkcredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	account = "111122223333"
	region  = "eu-west-1"
)

// start serves an account in which nothing takes noticeable time.
func start(t *testing.T) (*Server, *cloud.Cloud) {
	t.Helper()
	c := cloud.New(cloud.Options{Account: account, Seed: 1, TimeScale: 1e-3})
	s, err := Start(c)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	t.Cleanup(s.Stop)
	return s, c
}

// sdk configures the SDK for the server, as far as possible from the environment of the machine.
func sdk(t *testing.T, s *Server, accessKey string) awssdk.Config {
	t.Helper()
	t.Setenv("AWS_CA_BUNDLE", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("NO_PROXY", "127.0.0.1")
	return awssdk.Config{
		Region:           region,
		BaseEndpoint:     awssdk.String(s.URL()),
		Credentials:      sdkcredentials.NewStaticCredentialsProvider(accessKey, BaseSecretKey, ""),
		RetryMaxAttempts: 1,
	}
}

func create(t *testing.T, c *cloud.Cloud, r cloud.Resource) {
	t.Helper()
	NewWithT(t).Expect(c.Create(r)).To(Succeed())
}

func codeOf(err error) string {
	if apiErr, ok := errors.AsType[smithy.APIError](err); ok {
		return apiErr.ErrorCode()
	}
	return ""
}

// calls has one call of every service, and so of every protocol.
var calls = map[string]func(context.Context, awssdk.Config) error{
	"sts": func(ctx context.Context, cfg awssdk.Config) error {
		_, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
		return err
	},
	"ec2": func(ctx context.Context, cfg awssdk.Config) error {
		_, err := ec2.NewFromConfig(cfg).DescribeVpcs(ctx, nil)
		return err
	},
	"secretsmanager": func(ctx context.Context, cfg awssdk.Config) error {
		_, err := secretsmanager.NewFromConfig(cfg).DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: awssdk.String("db")})
		return err
	},
	"eks": func(ctx context.Context, cfg awssdk.Config) error {
		_, err := eks.NewFromConfig(cfg).DescribeCluster(ctx, &eks.DescribeClusterInput{Name: awssdk.String("staging")})
		return err
	},
}

func TestUnknownAccessKey(t *testing.T) {
	want := map[string]string{
		"sts":            "InvalidClientTokenId",
		"ec2":            "AuthFailure",
		"secretsmanager": "UnrecognizedClientException",
		"eks":            "UnrecognizedClientException",
	}
	for name, do := range calls {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, c := start(t)
			g.Expect(codeOf(do(t.Context(), sdk(t, s, "AKIAUNKNOWN")))).To(Equal(want[name]))
			g.Expect(c.Calls()).To(HaveLen(1))
			g.Expect(c.Calls()[0].Code).To(Equal(want[name]))
		})
	}
}

func TestFaults(t *testing.T) {
	faults := []string{"ThrottlingException", "RequestLimitExceeded", "AccessDeniedException", "InternalFailure"}
	for name, do := range calls {
		for _, fault := range faults {
			t.Run(name+" "+fault, func(t *testing.T) {
				g := NewWithT(t)
				s, c := start(t)
				var asked []cloud.Call
				s.Fail(func(call cloud.Call) *cloud.Error {
					asked = append(asked, call)
					return &cloud.Error{Code: fault, Message: "by the test"}
				})
				err := do(t.Context(), sdk(t, s, BaseAccessKey))
				g.Expect(codeOf(err)).To(Equal(fault))
				g.Expect(err).To(MatchError(ContainSubstring("by the test")))
				g.Expect(asked[0].Service).To(Equal(name))
				g.Expect(asked[0].Principal).To(HaveSuffix("assumed-role/portolan-base/session"))
				g.Expect(c.Calls()[0].Code).To(Equal(fault))

				s.Fail(nil)
				g.Expect(codeOf(do(t.Context(), sdk(t, s, BaseAccessKey)))).NotTo(Equal(fault))
			})
		}
	}
}

func TestUnknownOperations(t *testing.T) {
	cases := map[string]struct {
		do   func(context.Context, awssdk.Config) error
		want string
	}{
		"query": {want: "InvalidAction", do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := sts.NewFromConfig(cfg).GetSessionToken(ctx, nil)
			return err
		}},
		"ec2": {want: "InvalidAction", do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := ec2.NewFromConfig(cfg).DescribeInstances(ctx, nil)
			return err
		}},
		"json": {want: "UnknownOperationException", do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := secretsmanager.NewFromConfig(cfg).ListSecrets(ctx, nil)
			return err
		}},
		"rest": {want: "UnknownOperationException", do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := eks.NewFromConfig(cfg).ListAccessPolicies(ctx, nil)
			return err
		}},
		"s3": {want: "MethodNotAllowed", do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := s3.NewFromConfig(cfg).ListBuckets(ctx, nil)
			return err
		}},
		"route53": {want: "InvalidAction", do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := route53.NewFromConfig(cfg).ListHealthChecks(ctx, nil)
			return err
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s, _ := start(t)
			NewWithT(t).Expect(codeOf(tc.do(t.Context(), sdk(t, s, BaseAccessKey)))).To(Equal(tc.want))
		})
	}
}

func TestNotSignedOrNotSimulated(t *testing.T) {
	cases := map[string]struct {
		authorization string
		wantStatus    int
	}{
		"unsigned":        {wantStatus: http.StatusForbidden},
		"malformed scope": {authorization: "AWS4-HMAC-SHA256 Credential=rehearsal/eu-west-1", wantStatus: http.StatusForbidden},
		"unknown service": {authorization: "AWS4-HMAC-SHA256 Credential=rehearsal/20260101/eu-west-1/sqs/aws4_request, Signature=0", wantStatus: http.StatusNotFound},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, _ := start(t)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(), nil)
			g.Expect(err).NotTo(HaveOccurred())
			request.Header.Set("Authorization", tc.authorization)
			response, err := http.DefaultClient.Do(request)
			g.Expect(err).NotTo(HaveOccurred())
			defer response.Body.Close()
			g.Expect(response.StatusCode).To(Equal(tc.wantStatus))
		})
	}
}

func TestLedger(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	g.Expect(calls["sts"](t.Context(), sdk(t, s, BaseAccessKey))).To(Succeed())
	g.Expect(calls["eks"](t.Context(), sdk(t, s, BaseAccessKey))).NotTo(Succeed())
	base := "arn:aws:sts::111122223333:assumed-role/portolan-base/session"
	entries := c.Calls()
	for i := range entries {
		g.Expect(entries[i].At).NotTo(BeZero())
		entries[i].At = c.Calls()[0].At
	}
	g.Expect(entries).To(Equal([]cloud.Call{
		{Service: "sts", Operation: "GetCallerIdentity", Region: region, Principal: base, At: entries[0].At},
		{Service: "eks", Operation: "DescribeCluster", Region: region, Principal: base, At: entries[0].At, Code: "ResourceNotFoundException",
			Resources: []string{"arn:aws:eks:eu-west-1:111122223333:cluster/staging"}},
	}))
}

func TestStopLeavesNothing(t *testing.T) {
	g := NewWithT(t)
	before := runtime.NumGoroutine()
	c := cloud.New(cloud.Options{Account: account, TimeScale: 1})
	s, err := Start(c)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = s.AddSecret(region, "db")
	g.Expect(err).NotTo(HaveOccurred())
	cfg := sdk(t, s, BaseAccessKey)
	transport := &http.Transport{}
	cfg.HTTPClient = &http.Client{Transport: transport}
	_, err = secretsmanager.NewFromConfig(cfg).ReplicateSecretToRegions(t.Context(), replicateTo("db", "us-east-1"))
	g.Expect(err).NotTo(HaveOccurred())

	s.Stop()
	s.Stop()
	transport.CloseIdleConnections()
	g.Eventually(runtime.NumGoroutine).Should(BeNumerically("<=", before))
	g.Expect(calls["sts"](t.Context(), cfg)).NotTo(Succeed())
}
