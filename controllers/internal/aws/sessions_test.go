package aws

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"
)

const targetRole = "arn:aws:iam::444455556666:role/target"

func newSessionsWithoutCredentials(t *testing.T, endpoint string) (*Sessions, *clocktesting.FakeClock) {
	t.Helper()
	isolate(t, endpoint)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	clk := clocktesting.NewFakeClock(time.Unix(0, 0))
	s, err := New(t.Context(), clk, withoutBackoff)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return s, clk
}

// assumedUntil answers AssumeRole with credentials that end at the given time.
func assumedUntil(expires time.Time) http.HandlerFunc {
	return reply(200, fmt.Sprintf(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
		<Credentials><AccessKeyId>ASIATARGET</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials>
		<AssumedRoleUser><Arn>arn:aws:sts::444455556666:assumed-role/target/portolan</Arn><AssumedRoleId>AROA:portolan</AssumedRoleId></AssumedRoleUser>
		</AssumeRoleResult></AssumeRoleResponse>`, expires.UTC().Format(time.RFC3339)))
}

func TestAssumesARoleOncePerRegion(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(assumeRole, assumedUntil(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)))
	w.on(describeNodes, reply(200, `{"nodegroup":{"status":"ACTIVE"}}`))

	for _, region := range []string{"eu-west-1", "us-east-1", "eu-west-1"} {
		exists, err := s.NodegroupExists(t.Context(), targetRole, region, "prod", "system")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(exists).To(BeTrue())
	}

	assumed := w.requests(assumeRole)
	g.Expect(assumed).To(HaveLen(2))
	g.Expect(assumed[0].accessKey).To(Equal("AKIDOWN"))
	g.Expect(assumed[0].region).To(Equal("eu-west-1"), "the region's own STS")
	g.Expect(assumed[0].form.Get("RoleArn")).To(Equal(targetRole))
	g.Expect(assumed[0].form.Get("RoleSessionName")).To(Equal("portolan"))
	g.Expect(assumed[0].form.Get("DurationSeconds")).To(Equal("3600"))
	for _, r := range w.requests(describeNodes) {
		g.Expect(r.accessKey).To(Equal("ASIATARGET"))
	}
}

func TestNewReportsABrokenConfiguration(t *testing.T) {
	g := NewWithT(t)
	isolate(t, "http://127.0.0.1:1")
	t.Setenv("AWS_CA_BUNDLE", t.TempDir()+"/absent.pem")
	_, err := New(t.Context(), clocktesting.NewFakeClock(time.Unix(0, 0)))
	g.Expect(err).To(MatchError(HavePrefix("loading AWS configuration: ")))
}
