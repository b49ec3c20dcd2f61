package aws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// stages returns the versions that a region tells of the secret "db", by staging label.
func stages(t *testing.T, s *Server, in string) func() map[string]string {
	cfg := sdk(t, s, BaseAccessKey)
	cfg.Region = in
	client := secretsmanager.NewFromConfig(cfg)
	return func() map[string]string {
		out, err := client.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: new("db")})
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		byLabel := map[string]string{}
		for version, labels := range out.VersionIdsToStages {
			for _, label := range labels {
				byLabel[label] = version
			}
		}
		return byLabel
	}
}

const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

// slowly starts a server on which replication takes hours, with the secret "db" in eu-west-1
// and a replica in us-east-1 that has not been in sync.
func slowly(t *testing.T) (*Server, *cloud.Cloud, cloud.Key) {
	t.Helper()
	g := NewWithT(t)
	c := cloud.New(cloud.Options{Account: account, TimeScale: 1e3})
	s, err := Start(c)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(s.Stop)
	_, err = s.AddSecret(region, "db")
	g.Expect(err).NotTo(HaveOccurred())
	_, err = secretsmanager.NewFromConfig(sdk(t, s, BaseAccessKey)).ReplicateSecretToRegions(t.Context(), replicateTo("db", "us-east-1"))
	g.Expect(err).NotTo(HaveOccurred())
	return s, c, cloud.Key{Type: typeReplica, Region: "us-east-1", ID: "db"}
}

func TestReplicasHaveTheVersionsOfTheirPrimary(t *testing.T) {
	g := NewWithT(t)
	s, client, _ := secrets(t)
	g.Expect(stages(t, s, region)()).To(And(HaveLen(1), HaveKeyWithValue(current, MatchRegexp(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`))))
	_, err := client.ReplicateSecretToRegions(t.Context(), replicateTo("db", "us-east-1", "ap-southeast-2"))
	g.Expect(err).NotTo(HaveOccurred())
	first := s.SecretVersion(region, "db")
	for _, there := range []string{"us-east-1", "ap-southeast-2"} {
		g.Eventually(stages(t, s, there)).Should(Equal(map[string]string{current: first}))
	}

	second, err := s.RotateSecret(region, "db")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(second).NotTo(Equal(first))
	for _, there := range []string{region, "us-east-1", "ap-southeast-2"} {
		g.Eventually(stages(t, s, there)).Should(Equal(map[string]string{current: second, previous: first}))
	}
	g.Eventually(replicas(t, client, "db")).Should(And(HaveLen(2), HaveEach(BeEquivalentTo("InSync"))))
}

func TestReplicaHasTheOldVersionUntilItIsInSync(t *testing.T) {
	g := NewWithT(t)
	s, c, replica := slowly(t)
	g.Expect(stages(t, s, "us-east-1")()).To(BeEmpty(), "nothing was copied yet")
	g.Expect(s.SecretVersion("us-east-1", "db")).To(BeEmpty())

	first := s.SecretVersion(region, "db")
	primary := cloud.Key{Type: typeSecret, Region: region, ID: "db"}
	s.finishReplica(replica, primary)
	g.Expect(stages(t, s, "us-east-1")()).To(HaveKeyWithValue(current, first))

	for range 2 {
		_, err := s.RotateSecret(region, "db")
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(stages(t, s, "us-east-1")()).To(Equal(map[string]string{current: first}))
	held, _ := c.Get(replica)
	g.Expect(held.State).To(Equal(replicaInProgress))
	g.Expect(c.Samples()).To(HaveLen(3))

	s.finishReplica(replica, primary)
	g.Expect(stages(t, s, "us-east-1")()).To(Equal(stages(t, s, region)()), "the newest, not those between")
}

func TestReplicaThatFailsKeepsItsVersion(t *testing.T) {
	g := NewWithT(t)
	s, c, replica := slowly(t)
	primary := cloud.Key{Type: typeSecret, Region: region, ID: "db"}
	s.finishReplica(replica, primary)
	first := s.SecretVersion(region, "db")
	g.Expect(c.Update(replica, func(r *cloud.Resource) { r.State = replicaFailed })).To(Succeed())

	_, err := s.RotateSecret(region, "db")
	g.Expect(err).NotTo(HaveOccurred())
	s.finishReplica(replica, primary)
	g.Expect(stages(t, s, "us-east-1")()).To(Equal(map[string]string{current: first}))
	held, _ := c.Get(replica)
	g.Expect(held.State).To(Equal(replicaFailed))
}

func TestSetSecretVersionPromotesAReplica(t *testing.T) {
	g := NewWithT(t)
	s, client, arn := secrets(t)
	_, err := client.ReplicateSecretToRegions(t.Context(), replicateTo("db", "us-east-1", "ap-southeast-2"))
	g.Expect(err).NotTo(HaveOccurred())
	first := s.SecretVersion(region, "db")
	g.Eventually(stages(t, s, "us-east-1")).Should(HaveKeyWithValue(current, first))

	g.Expect(s.SetSecretVersion("us-east-1", "db", "odd")).To(Succeed())
	g.Expect(stages(t, s, "us-east-1")()).To(Equal(map[string]string{current: "odd", previous: first}))
	g.Expect(stages(t, s, region)()).To(HaveKeyWithValue(current, first))
	g.Expect(replicas(t, client, "db")()).To(And(HaveLen(1), HaveKey("ap-southeast-2")))
	cfg := sdk(t, s, BaseAccessKey)
	cfg.Region = "us-east-1"
	out, err := secretsmanager.NewFromConfig(cfg).DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: new("db")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*out.ARN).To(Equal(inRegion(arn, region, "us-east-1")))
	g.Expect(out.PrimaryRegion).To(BeNil(), "it stands alone")

	second, err := s.RotateSecret(region, "db")
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(stages(t, s, "ap-southeast-2")).Should(HaveKeyWithValue(current, second))
	g.Expect(s.SecretVersion("us-east-1", "db")).To(Equal("odd"), "it does not follow any more")

	again, err := client.ReplicateSecretToRegions(t.Context(), replicateTo("db", "us-east-1"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(again.ReplicationStatus).To(ContainElement(And(
		HaveField("Region", HaveValue(Equal("us-east-1"))), HaveField("Status", BeEquivalentTo("Failed")))))
	g.Expect(s.SetSecretVersion("us-east-1", "db", second)).To(Succeed())
	g.Expect(stages(t, s, "us-east-1")()).To(HaveKeyWithValue(current, second), "beside the replica that failed for the name")
}

func TestSetSecretVersionOfAPrimaryIsFollowed(t *testing.T) {
	g := NewWithT(t)
	s, client, _ := secrets(t)
	_, err := client.ReplicateSecretToRegions(t.Context(), replicateTo("db", "us-east-1"))
	g.Expect(err).NotTo(HaveOccurred())
	for range 2 {
		g.Expect(s.SetSecretVersion(region, "db", "chosen")).To(Succeed())
	}
	g.Eventually(stages(t, s, "us-east-1")).Should(HaveKeyWithValue(current, "chosen"))
	g.Expect(stages(t, s, region)()).To(And(HaveKeyWithValue(current, "chosen"), HaveKeyWithValue(previous, Not(Equal("chosen")))))
}

func TestVersionsOfSecretsThatAreNot(t *testing.T) {
	g := NewWithT(t)
	s, _, _ := secrets(t)
	_, err := s.RotateSecret("us-east-1", "db")
	g.Expect(err).To(MatchError(ContainSubstring("db")))
	g.Expect(s.SetSecretVersion("us-east-1", "db", "x")).To(MatchError(ContainSubstring("promoting the replica of secret db in us-east-1")))
	g.Expect(s.SecretVersion("us-east-1", "db")).To(BeEmpty())
}
