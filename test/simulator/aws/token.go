package aws

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	tokenPrefix   = "k8s-aws-v1."
	clusterHeader = "x-k8s-aws-id"
	tokenLifetime = 15 * time.Minute
	clockSkew     = 5 * time.Minute
	signedAt      = "20060102T150405Z"
	// emptyPayload is the SHA-256 of nothing, the body of a presigned GET.
	emptyPayload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// tokenParameters are all that a token may contain, as aws-iam-authenticator has it.
var tokenParameters = []string{
	"action", "version", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires",
	"x-amz-security-token", "x-amz-signature", "x-amz-signedheaders", "x-amz-user-agent", "x-id",
}

var stsHost = regexp.MustCompile(`^sts(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?$`)

// Authenticate checks a cluster token as aws-iam-authenticator does and returns
// whose it is and which of the account's EKS clusters it is for.
func (s *Server) Authenticate(token string) (identity Identity, clusterID string, err error) {
	p, err := s.parseToken(token, time.Now())
	if err != nil {
		return Identity{}, "", err
	}
	clusters := s.cloud.List(func(r cloud.Resource) bool { return r.Type == typeCluster })
	for _, cluster := range clusters {
		if p.signedFor(cluster.ID) {
			return p.grant.identity, cluster.ID, nil
		}
	}
	return Identity{}, "", errors.New("the token's signature is of none of the account's clusters")
}

// AuthenticateFor is Authenticate for one cluster, which refuses the tokens of others.
func (s *Server) AuthenticateFor(cluster, token string) (Identity, error) {
	p, err := s.parseToken(token, time.Now())
	if err != nil {
		return Identity{}, err
	}
	if !p.signedFor(cluster) {
		return Identity{}, fmt.Errorf("the token's signature is not for cluster %s", cluster)
	}
	return p.grant.identity, nil
}

// presigned is a presigned GetCallerIdentity, the content of a token.
type presigned struct {
	url   *url.URL
	query url.Values
	scope scope
	at    time.Time
	grant grant
}

func (s *Server) parseToken(token string, now time.Time) (presigned, error) {
	encoded, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok {
		return presigned{}, fmt.Errorf("a token starts with %s", tokenPrefix)
	}
	decoded, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return presigned{}, fmt.Errorf("decoding the token: %w", err)
	}
	u, err := url.Parse(string(decoded))
	if err != nil {
		return presigned{}, errors.New("the token is not a URL") // the URL itself is a secret
	}
	if err := s.checkHost(u); err != nil {
		return presigned{}, err
	}
	p := presigned{url: u, query: u.Query()}
	if err := p.checkQuery(now); err != nil {
		return presigned{}, err
	}
	p.grant, err = s.credentials.find(p.scope.accessKey, p.query.Get("X-Amz-Security-Token"))
	return p, err
}

// checkHost accepts the real STS hosts too: not every client honours AWS_ENDPOINT_URL.
func (s *Server) checkHost(u *url.URL) error {
	own := u.Scheme+"://"+u.Host == s.url
	public := u.Scheme == "https" && stsHost.MatchString(u.Host)
	if !own && !public {
		return fmt.Errorf("%s is not an STS endpoint", u.Host)
	}
	if u.Path != "/" && u.Path != "" {
		return fmt.Errorf("the path %s is not that of STS", u.Path)
	}
	return nil
}

func (p *presigned) checkQuery(now time.Time) error {
	for name, values := range p.query {
		if !slices.Contains(tokenParameters, strings.ToLower(name)) || len(values) != 1 {
			return fmt.Errorf("parameter %s is not allowed, or only once", name)
		}
	}
	if action := p.query.Get("Action"); action != "GetCallerIdentity" {
		return fmt.Errorf("action %q is not GetCallerIdentity", action)
	}
	if !slices.Contains(strings.Split(p.query.Get("X-Amz-SignedHeaders"), ";"), clusterHeader) {
		return fmt.Errorf("header %s is not signed", clusterHeader)
	}
	var ok bool
	if p.scope, ok = parseScope(p.query.Get("X-Amz-Credential")); !ok || p.scope.service != "sts" {
		return errors.New("the credential scope is not one of STS")
	}
	return p.checkTime(now)
}

// checkTime counts a token's life from its signing: like the authenticator, it
// only bounds X-Amz-Expires, which clients set to 60 for tokens they use longer.
func (p *presigned) checkTime(now time.Time) error {
	expires, err := strconv.Atoi(p.query.Get("X-Amz-Expires"))
	if err != nil || expires < 0 || expires > int(tokenLifetime.Seconds()) {
		return fmt.Errorf("X-Amz-Expires %q is not within %s", p.query.Get("X-Amz-Expires"), tokenLifetime)
	}
	if p.at, err = time.Parse(signedAt, p.query.Get("X-Amz-Date")); err != nil {
		return errors.New("X-Amz-Date is not a time")
	}
	switch {
	case now.After(p.at.Add(tokenLifetime)):
		return errors.New("the token is expired")
	case p.at.After(now.Add(clockSkew)):
		return errors.New("the token is from the future")
	}
	return nil
}

// signedFor tells whether the signature is that of the cluster's header. The
// value is not in the URL, so signing again is the only way to know.
func (p *presigned) signedFor(cluster string) bool {
	query := p.url.Query()
	query.Del("X-Amz-Signature")
	unsigned := *p.url
	unsigned.RawQuery = query.Encode()
	request := &http.Request{Method: http.MethodGet, URL: &unsigned, Host: unsigned.Host, Header: http.Header{}}
	request.Header.Set(clusterHeader, cluster)
	signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), awssdk.Credentials{
		AccessKeyID: p.grant.accessKey, SecretAccessKey: p.grant.secretKey, SessionToken: p.grant.sessionToken,
	}, request, emptyPayload, p.scope.service, p.scope.region, p.at)
	if err != nil {
		return false
	}
	again, err := url.Parse(signed)
	return err == nil && again.Query().Get("X-Amz-Signature") == p.query.Get("X-Amz-Signature")
}
