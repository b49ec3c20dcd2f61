package bed

import (
	"context"
	"fmt"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/portolan-dev/portolan/test/simulator/aws"
)

// argoCDRole is the role that the pods of a real Argo CD have. It is the user's: config/iam has no
// policy for it.
const argoCDRole = "argocd-hub"

// CapabilityRole is the role of EKS's managed Argo CD. The simulated one uses it in clusters that
// are registered by their ARN.
const CapabilityRole = "arn:aws:iam::" + Account + ":role/argocd-capability"

// issueArgoCDKeys does for Argo CD's pods what EKS Pod Identity would. It comes before the
// policies: by these, nobody on the bed may give out sessions of the role.
func (b *Bed) issueArgoCDKeys(ctx context.Context) error {
	if !b.options.WithoutArgoCD {
		return nil
	}
	issued, err := sts.New(sts.Options{
		BaseEndpoint: new(b.AWS.URL()), Region: primaryRegion,
		Credentials: credentials.NewStaticCredentialsProvider(aws.BaseAccessKey, aws.BaseSecretKey, ""),
	}).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: new("arn:aws:iam::" + Account + ":role/" + argoCDRole), RoleSessionName: new("argocd"),
		DurationSeconds: new(int32(12 * 3600)),
	})
	if err != nil {
		return fmt.Errorf("assuming the role of Argo CD's pods: %w", err)
	}
	b.argoCDKeys = []string{
		"AWS_ACCESS_KEY_ID=" + awssdk.ToString(issued.Credentials.AccessKeyId),
		"AWS_SECRET_ACCESS_KEY=" + awssdk.ToString(issued.Credentials.SecretAccessKey),
		"AWS_SESSION_TOKEN=" + awssdk.ToString(issued.Credentials.SessionToken),
		"AWS_REGION=" + primaryRegion,
		"AWS_EC2_METADATA_DISABLED=true",
	}
	return nil
}

// ArgoCDKeys are environment variables with the access keys of Argo CD's pods, on a bed without
// the simulated one. With them, it may assume the role that an Environment names for it.
func (b *Bed) ArgoCDKeys() []string { return b.argoCDKeys }
