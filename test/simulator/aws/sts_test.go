package aws

import (
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	. "github.com/onsi/gomega"
)

const deployRole = "arn:aws:iam::111122223333:role/portolan/deploy"

// assume returns the configuration of somebody who has assumed the role.
func assume(cfg awssdk.Config, role string) awssdk.Config {
	provider := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "portolan"
	})
	cfg.Credentials = awssdk.NewCredentialsCache(provider)
	return cfg
}

func TestGetCallerIdentity(t *testing.T) {
	cases := map[string]struct {
		role    string
		wantARN string
	}{
		"base":                {wantARN: "arn:aws:sts::111122223333:assumed-role/portolan-base/session"},
		"role with a path":    {role: deployRole, wantARN: "arn:aws:sts::111122223333:assumed-role/deploy/portolan"},
		"role without a path": {role: "arn:aws:iam::111122223333:role/x", wantARN: "arn:aws:sts::111122223333:assumed-role/x/portolan"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, _ := start(t)
			cfg := sdk(t, s, BaseAccessKey)
			if tc.role != "" {
				cfg = assume(cfg, tc.role)
			}
			out, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(*out.Arn).To(Equal(tc.wantARN))
			g.Expect(*out.Account).To(Equal(account))
			g.Expect(*out.UserId).NotTo(BeEmpty())
		})
	}
}

func TestAssumeRole(t *testing.T) {
	cases := map[string]struct {
		role     string
		wantCode string
	}{
		"own account":   {role: deployRole},
		"other account": {role: "arn:aws:iam::999999999999:role/deploy", wantCode: "AccessDenied"},
		"no role":       {role: "arn:aws:iam::111122223333:user/somebody", wantCode: "ValidationError"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, _ := start(t)
			out, err := sts.NewFromConfig(sdk(t, s, BaseAccessKey)).AssumeRole(t.Context(), &sts.AssumeRoleInput{
				RoleArn: &tc.role, RoleSessionName: awssdk.String("portolan"), DurationSeconds: awssdk.Int32(900),
			})
			g.Expect(codeOf(err)).To(Equal(tc.wantCode))
			if tc.wantCode == "" {
				g.Expect(*out.Credentials.AccessKeyId).To(HavePrefix("ASIA"))
				g.Expect(*out.Credentials.Expiration).To(BeTemporally("~", time.Now().Add(15*time.Minute), 5*time.Second))
				g.Expect(*out.AssumedRoleUser.Arn).To(Equal("arn:aws:sts::111122223333:assumed-role/deploy/portolan"))
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	g := NewWithT(t)
	c := newCredentials(account)
	fresh := c.issue(deployRole, "a", time.Hour)
	stale := c.issue(deployRole, "b", -time.Second)

	identity, err := c.resolve(fresh.accessKey, fresh.sessionToken)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(identity.RoleARN).To(Equal(deployRole))
	_, err = c.resolve(fresh.accessKey, "another session")
	g.Expect(err).To(MatchError(errUnknownKey))
	_, err = c.resolve(stale.accessKey, stale.sessionToken)
	g.Expect(err).To(MatchError(errExpired))
	_, err = c.resolve(BaseAccessKey, "")
	g.Expect(err).NotTo(HaveOccurred())
}

func TestIssuingForgetsLongExpiredKeys(t *testing.T) {
	g := NewWithT(t)
	c := newCredentials(account)
	c.issue(deployRole, "old", -2*time.Hour)
	c.issue(deployRole, "new", time.Hour)
	g.Expect(c.grants).To(HaveLen(2), "the base key and the new one")
}
