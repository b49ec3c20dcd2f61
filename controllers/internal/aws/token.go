package aws

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	tokenPrefix = "k8s-aws-v1."
	// clusterHeader binds a token to one cluster; EKS checks that it is signed.
	clusterHeader = "X-K8s-Aws-Id"
	// tokenLifetime is how long EKS accepts a presigned identity, whatever its X-Amz-Expires says.
	tokenLifetime = 15 * time.Minute
	// tokenMargin keeps a token from being used in its last, clock-dependent moments.
	tokenMargin   = time.Minute
	amzDateLayout = "20060102T150405Z"
)

// ClusterToken returns a bearer token for the EKS cluster and the time by which
// it has to be replaced: 14 minutes, or less when the credentials end sooner.
func (s *Sessions) ClusterToken(ctx context.Context, roleARN, region, cluster string) (token string, expires time.Time, err error) {
	c := s.in(roleARN, region)
	credentials, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return "", time.Time{}, classify(err)
	}
	presigned, err := sts.NewPresignClient(c.sts).PresignGetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, forCluster(cluster))
	if err != nil {
		return "", time.Time{}, classify(err)
	}
	signed, err := signedAt(presigned.URL)
	if err != nil {
		return "", time.Time{}, err
	}
	expires = signed.Add(tokenLifetime - tokenMargin)
	if credentials.CanExpire && credentials.Expires.Before(expires) {
		expires = credentials.Expires
	}
	return tokenPrefix + base64.RawURLEncoding.EncodeToString([]byte(presigned.URL)), expires, nil
}

func forCluster(cluster string) func(*sts.PresignOptions) {
	return sts.WithPresignClientFromClientOptions(func(o *sts.Options) {
		o.APIOptions = append(o.APIOptions,
			smithyhttp.SetHeaderValue(clusterHeader, cluster),
			smithyhttp.SetHeaderValue("X-Amz-Expires", "60"))
	})
}

func signedAt(presigned string) (time.Time, error) {
	parsed, err := url.Parse(presigned)
	if err != nil {
		return time.Time{}, fmt.Errorf("parsing presigned identity: %w", err)
	}
	at, err := time.Parse(amzDateLayout, parsed.Query().Get("X-Amz-Date"))
	if err != nil {
		return time.Time{}, fmt.Errorf("reading signing time of presigned identity: %w", err)
	}
	return at, nil
}
