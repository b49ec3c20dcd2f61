package aws

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdkcredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// tokenFor makes a token as every EKS client does: a presigned GetCallerIdentity
// whose signature covers the cluster's name.
func tokenFor(t *testing.T, cfg awssdk.Config, cluster string) string {
	t.Helper()
	presigned, err := sts.NewPresignClient(sts.NewFromConfig(cfg)).PresignGetCallerIdentity(context.Background(),
		&sts.GetCallerIdentityInput{}, sts.WithPresignClientFromClientOptions(func(o *sts.Options) {
			o.APIOptions = append(o.APIOptions,
				smithyhttp.SetHeaderValue("x-k8s-aws-id", cluster),
				smithyhttp.SetHeaderValue("X-Amz-Expires", "60"))
		}))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return tokenPrefix + base64.RawURLEncoding.EncodeToString([]byte(presigned.URL))
}

func addCluster(t *testing.T, c *cloud.Cloud, name string) {
	t.Helper()
	create(t, c, cloud.Resource{Key: cloud.Key{Type: typeCluster, Region: region, ID: name}, State: "ACTIVE"})
}

func TestAuthenticate(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	addCluster(t, c, "staging-eu")
	addCluster(t, c, "staging-us")
	token := tokenFor(t, assume(sdk(t, s, BaseAccessKey), deployRole), "staging-us")

	identity, cluster, err := s.Authenticate(token)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(cluster).To(Equal("staging-us"))
	g.Expect(identity).To(Equal(Identity{
		Account: account,
		ARN:     "arn:aws:sts::111122223333:assumed-role/deploy/portolan",
		RoleARN: deployRole,
	}))
}

func TestAuthenticateAcceptsTheRealEndpoint(t *testing.T) {
	g := NewWithT(t)
	s, _ := start(t)
	cfg := sdk(t, s, BaseAccessKey)
	cfg.BaseEndpoint = nil
	identity, err := s.AuthenticateFor("staging", tokenFor(t, cfg, "staging"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(identity.RoleARN).To(Equal("arn:aws:iam::111122223333:role/portolan-base"))
}

func TestPresignedCallIsServed(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	token := tokenFor(t, sdk(t, s, BaseAccessKey), "staging")
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, tokenPrefix))
	g.Expect(err).NotTo(HaveOccurred())
	response, err := http.Get(string(raw)) //nolint:noctx // it is the URL under test
	g.Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	g.Expect(response.StatusCode).To(Equal(http.StatusOK))
	g.Expect(c.Calls()[0].Operation).To(Equal("GetCallerIdentity"))
}

func TestAuthenticateRefuses(t *testing.T) {
	edit := func(change func(*url.URL, url.Values)) func(string) string {
		return func(token string) string {
			raw, _ := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, tokenPrefix))
			u, _ := url.Parse(string(raw))
			q := u.Query()
			change(u, q)
			u.RawQuery = q.Encode()
			return tokenPrefix + base64.RawURLEncoding.EncodeToString([]byte(u.String()))
		}
	}
	parameter := func(name, value string) func(string) string {
		return edit(func(_ *url.URL, q url.Values) { q.Set(name, value) })
	}
	at := func(age time.Duration) string { return time.Now().UTC().Add(-age).Format(signedAt) }
	cases := map[string]struct {
		change func(string) string
		want   string
	}{
		"another prefix":        {change: func(t string) string { return "k8s-aws-v2" + t }, want: "starts with"},
		"no base64":             {change: func(t string) string { return t + "!" }, want: "decoding the token"},
		"no URL":                {change: func(string) string { return tokenPrefix + base64.RawURLEncoding.EncodeToString([]byte(":")) }, want: "not a URL"},
		"another host":          {change: edit(func(u *url.URL, _ url.Values) { u.Host = "example.com" }), want: "not an STS endpoint"},
		"real host without TLS": {change: edit(func(u *url.URL, _ url.Values) { u.Host = "sts.amazonaws.com" }), want: "not an STS endpoint"},
		"another path":          {change: edit(func(u *url.URL, _ url.Values) { u.Path = "/x" }), want: "not that of STS"},
		"another action":        {change: parameter("Action", "AssumeRole"), want: "not GetCallerIdentity"},
		"an extra parameter":    {change: parameter("Extra", "1"), want: "not allowed"},
		"a repeated parameter":  {change: edit(func(_ *url.URL, q url.Values) { q.Add("Action", "GetCallerIdentity") }), want: "only once"},
		"cluster not signed":    {change: parameter("X-Amz-SignedHeaders", "host"), want: "x-k8s-aws-id is not signed"},
		"scope of a service":    {change: parameter("X-Amz-Credential", "rehearsal/20260101/eu-west-1/s3/aws4_request"), want: "not one of STS"},
		"too long a life":       {change: parameter("X-Amz-Expires", "901"), want: "not within"},
		"no time":               {change: parameter("X-Amz-Date", "today"), want: "not a time"},
		"expired":               {change: parameter("X-Amz-Date", at(16*time.Minute)), want: "expired"},
		"from the future":       {change: parameter("X-Amz-Date", at(-16*time.Minute)), want: "from the future"},
		"an unknown key":        {change: parameter("X-Amz-Credential", "AKIAX/20260101/eu-west-1/sts/aws4_request"), want: "is invalid"},
		"another region":        {change: parameter("X-Amz-Credential", "rehearsal/20260101/us-east-1/sts/aws4_request"), want: "not for cluster"},
		"a forged signature":    {change: parameter("X-Amz-Signature", "00"), want: "not for cluster"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, _ := start(t)
			_, err := s.AuthenticateFor("staging", tc.change(tokenFor(t, sdk(t, s, BaseAccessKey), "staging")))
			g.Expect(err).To(MatchError(ContainSubstring(tc.want)))
		})
	}
}

func TestAuthenticateRefusesAWrongSecret(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	addCluster(t, c, "staging")
	cfg := sdk(t, s, BaseAccessKey)
	cfg.Credentials = sdkcredentials.NewStaticCredentialsProvider(BaseAccessKey, "guess", "")
	_, _, err := s.Authenticate(tokenFor(t, cfg, "staging"))
	g.Expect(err).To(MatchError(ContainSubstring("none of the account's clusters")))
}

func addAccessEntry(t *testing.T, c *cloud.Cloud, cluster string, access map[string]string) {
	t.Helper()
	access["principalARN"] = deployRole
	create(t, c, cloud.Resource{
		Key:  cloud.Key{Type: "eks/accessentry", Region: region, ID: cluster + "/" + deployRole},
		Data: access,
	})
}

func TestTokenReview(t *testing.T) {
	cases := map[string]struct {
		cluster    string
		access     map[string]string
		wantUser   string
		wantGroups []string
		wantError  string
	}{
		"cluster admin": {
			cluster:    "staging",
			access:     map[string]string{"policyARN": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"},
			wantUser:   "arn:aws:sts::111122223333:assumed-role/deploy/portolan",
			wantGroups: []string{"system:masters"},
		},
		"admin view and groups": {
			cluster: "staging",
			access: map[string]string{
				"policyARN": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy", "groups": "portolan,auditors",
			},
			wantUser:   "arn:aws:sts::111122223333:assumed-role/deploy/portolan",
			wantGroups: []string{"auditors", "eks:admin-view", "portolan"},
		},
		"username of the entry": {
			cluster:  "staging",
			access:   map[string]string{"username": "portolan:{{SessionName}}"},
			wantUser: "portolan:portolan",
		},
		"no access entry":            {cluster: "staging", wantError: deployRole + " has no access entry in cluster staging"},
		"the token of another":       {cluster: "production", access: map[string]string{}, wantError: "not for cluster production"},
		"a cluster of another place": {cluster: "stag", access: map[string]string{}, wantError: "not for cluster stag"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, c := start(t)
			if tc.access != nil {
				addAccessEntry(t, c, tc.cluster, tc.access)
			}
			token := tokenFor(t, assume(sdk(t, s, BaseAccessKey), deployRole), "staging")
			status := review(t, s.TokenReviewHandler(AccessFromEntries(c)), tc.cluster, token)
			g.Expect(status.Error).To(ContainSubstring(tc.wantError))
			g.Expect(status.Authenticated).To(Equal(tc.wantError == ""))
			g.Expect(status.User.Username).To(Equal(tc.wantUser))
			g.Expect(status.User.Groups).To(Equal(tc.wantGroups))
		})
	}
}

func review(t *testing.T, handler http.Handler, cluster, token string) authenticationv1.TokenReviewStatus {
	t.Helper()
	g := NewWithT(t)
	body, err := json.Marshal(authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}})
	g.Expect(err).NotTo(HaveOccurred())
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/authenticate/"+cluster, bytes.NewReader(body)))
	g.Expect(recorder.Code).To(Equal(http.StatusOK))
	var answer authenticationv1.TokenReview
	g.Expect(json.Unmarshal(recorder.Body.Bytes(), &answer)).To(Succeed())
	g.Expect(answer.Kind).To(Equal("TokenReview"))
	g.Expect(answer.APIVersion).To(Equal("authentication.k8s.io/v1"))
	return answer.Status
}

func TestTokenReviewRefusesNonsense(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPost, "/authenticate/staging", strings.NewReader("nonsense"))
	s.TokenReviewHandler(AccessFromEntries(c)).ServeHTTP(recorder, request)
	g.Expect(recorder.Code).To(Equal(http.StatusBadRequest))
}
