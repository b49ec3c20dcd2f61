package aws

import (
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func replicateTo(secret string, regions ...string) *secretsmanager.ReplicateSecretToRegionsInput {
	in := &secretsmanager.ReplicateSecretToRegionsInput{SecretId: &secret}
	for _, region := range regions {
		in.AddReplicaRegions = append(in.AddReplicaRegions, types.ReplicaRegionType{Region: awssdk.String(region)})
	}
	return in
}

func replicas(t *testing.T, client *secretsmanager.Client, secret string) func() map[string]types.StatusType {
	return func() map[string]types.StatusType {
		out, err := client.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &secret})
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		states := map[string]types.StatusType{}
		for _, r := range out.ReplicationStatus {
			states[*r.Region] = r.Status
		}
		return states
	}
}

// secrets starts a server with the secret "db" in the primary region.
func secrets(t *testing.T) (*Server, *secretsmanager.Client, string) {
	t.Helper()
	s, _ := start(t)
	arn, err := s.AddSecret(region, "db")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return s, secretsmanager.NewFromConfig(sdk(t, s, BaseAccessKey)), arn
}

func TestReplication(t *testing.T) {
	g := NewWithT(t)
	_, client, arn := secrets(t)
	g.Expect(replicas(t, client, "db")()).To(BeEmpty())

	in := replicateTo("db", "us-east-1", "ap-southeast-2")
	in.AddReplicaRegions[0].KmsKeyId = awssdk.String("alias/fleet")
	out, err := client.ReplicateSecretToRegions(t.Context(), in)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*out.ARN).To(Equal(arn))
	g.Expect(*out.ReplicationStatus[0].KmsKeyId).To(Equal("alias/aws/secretsmanager"))
	g.Expect(*out.ReplicationStatus[1].KmsKeyId).To(Equal("alias/fleet"))
	g.Eventually(replicas(t, client, arn)).Should(Equal(map[string]types.StatusType{
		"us-east-1": types.StatusTypeInSync, "ap-southeast-2": types.StatusTypeInSync,
	}))

	_, err = client.ReplicateSecretToRegions(t.Context(), replicateTo("db", "us-east-1"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(replicas(t, client, "db")()).To(HaveKeyWithValue("us-east-1", types.StatusTypeInSync))

	removed, err := client.RemoveRegionsFromReplication(t.Context(), &secretsmanager.RemoveRegionsFromReplicationInput{
		SecretId: awssdk.String("db"), RemoveReplicaRegions: []string{"us-east-1", "ca-central-1"},
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(removed.ReplicationStatus).To(HaveLen(1))
	g.Expect(replicas(t, client, "db")()).To(HaveLen(1))
}

func TestReplicaIsInProgressAtFirst(t *testing.T) {
	g := NewWithT(t)
	c := cloud.New(cloud.Options{Account: account, TimeScale: 1})
	s, err := Start(c)
	g.Expect(err).NotTo(HaveOccurred())
	defer s.Stop()
	_, err = s.AddSecret(region, "db")
	g.Expect(err).NotTo(HaveOccurred())
	client := secretsmanager.NewFromConfig(sdk(t, s, BaseAccessKey))
	_, err = client.ReplicateSecretToRegions(t.Context(), replicateTo("db", "us-east-1"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(replicas(t, client, "db")()).To(HaveKeyWithValue("us-east-1", types.StatusTypeInProgress))
	g.Expect(c.Samples()).To(HaveLen(1))
}

func TestReplicationFailsWhereTheNameIsTaken(t *testing.T) {
	g := NewWithT(t)
	s, client, _ := secrets(t)
	_, err := s.AddSecret("us-east-1", "db")
	g.Expect(err).NotTo(HaveOccurred())

	out, err := client.ReplicateSecretToRegions(t.Context(), replicateTo("db", "us-east-1"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.ReplicationStatus[0].Status).To(Equal(types.StatusTypeFailed))
	g.Expect(*out.ReplicationStatus[0].StatusMessage).To(ContainSubstring("already exists in region us-east-1"))

	force := replicateTo("db", "us-east-1")
	force.ForceOverwriteReplicaSecret = true
	_, err = client.ReplicateSecretToRegions(t.Context(), force)
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(replicas(t, client, "db")).Should(HaveKeyWithValue("us-east-1", types.StatusTypeInSync))
}

func TestDescribeFromTheReplicaRegion(t *testing.T) {
	g := NewWithT(t)
	s, client, arn := secrets(t)
	_, err := client.ReplicateSecretToRegions(t.Context(), replicateTo("db", "us-east-1"))
	g.Expect(err).NotTo(HaveOccurred())

	cfg := sdk(t, s, BaseAccessKey)
	cfg.Region = "us-east-1"
	there := secretsmanager.NewFromConfig(cfg)
	out, err := there.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: awssdk.String("db")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*out.PrimaryRegion).To(Equal(region))
	g.Expect(*out.ARN).NotTo(Equal(arn))
	g.Expect(out.CreatedDate).NotTo(BeNil())

	_, err = there.ReplicateSecretToRegions(t.Context(), replicateTo("db", "ca-central-1"))
	g.Expect(codeOf(err)).To(Equal("InvalidParameterException"))
}

func TestSecretRefusals(t *testing.T) {
	cases := map[string]struct {
		do   func(*testing.T, *secretsmanager.Client) error
		want string
	}{
		"describing an unknown secret": {want: "ResourceNotFoundException", do: func(t *testing.T, c *secretsmanager.Client) error {
			_, err := c.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: awssdk.String("none")})
			return err
		}},
		"replicating an unknown secret": {want: "ResourceNotFoundException", do: func(t *testing.T, c *secretsmanager.Client) error {
			_, err := c.ReplicateSecretToRegions(t.Context(), replicateTo("none", "us-east-1"))
			return err
		}},
		"stopping an unknown secret": {want: "ResourceNotFoundException", do: func(t *testing.T, c *secretsmanager.Client) error {
			_, err := c.RemoveRegionsFromReplication(t.Context(), &secretsmanager.RemoveRegionsFromReplicationInput{
				SecretId: awssdk.String("none"), RemoveReplicaRegions: []string{"us-east-1"},
			})
			return err
		}},
		"replicating into the primary region": {want: "InvalidParameterException", do: func(t *testing.T, c *secretsmanager.Client) error {
			_, err := c.ReplicateSecretToRegions(t.Context(), replicateTo("db", region))
			return err
		}},
		"reading a value": {want: "AccessDeniedException", do: func(t *testing.T, c *secretsmanager.Client) error {
			_, err := c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: awssdk.String("db")})
			return err
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, client, _ := secrets(t)
			g.Expect(codeOf(tc.do(t, client))).To(Equal(tc.want))
			ledger := s.cloud.Calls()
			g.Expect(ledger[len(ledger)-1].Code).To(Equal(tc.want))
		})
	}
}
