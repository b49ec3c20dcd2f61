package aws

import (
	"errors"
	"testing"

	. "github.com/onsi/gomega"
)

const (
	oldVersion = "0c6d7a2e-0000-4000-8000-000000000001"
	newVersion = "0c6d7a2e-0000-4000-8000-000000000002"
)

func TestSecretVersionIsTheCurrentOne(t *testing.T) {
	cases := map[string]struct{ stages, want string }{
		"the only one":        {`"` + newVersion + `":["AWSCURRENT"]`, newVersion},
		"after a rotation":    {`"` + oldVersion + `":["AWSPREVIOUS"],"` + newVersion + `":["AWSCURRENT"]`, newVersion},
		"before a rotation":   {`"` + oldVersion + `":["AWSCURRENT"],"` + newVersion + `":["AWSPENDING"]`, oldVersion},
		"with labels of ours": {`"` + newVersion + `":["AWSPENDING","AWSCURRENT","blue"]`, newVersion},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeSecret, reply(200, `{"Name":"gossip","VersionIdsToStages":{`+tc.stages+`}}`))
			g.Expect(s.SecretVersion(t.Context(), "", "eu-west-1", "gossip")).To(Equal(tc.want))
			asked := w.requests(describeSecret)
			g.Expect(asked).To(HaveLen(1))
			g.Expect(asked[0].region).To(Equal("eu-west-1"), "each region has a secret of its own")
			g.Expect(asked[0].body).To(MatchJSON(`{"SecretId":"gossip"}`))
		})
	}
}

func TestSecretVersionIsNotRemembered(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeSecret, inTurn(
		reply(200, `{"VersionIdsToStages":{"`+oldVersion+`":["AWSCURRENT"]}}`),
		reply(200, `{"VersionIdsToStages":{"`+newVersion+`":["AWSCURRENT"]}}`)))
	g.Expect(s.SecretVersion(t.Context(), "", "eu-west-1", "gossip")).To(Equal(oldVersion))
	g.Expect(s.SecretVersion(t.Context(), "", "eu-west-1", "gossip")).To(Equal(newVersion))
}

func TestSecretVersionThatIsNot(t *testing.T) {
	cases := map[string]string{
		"a secret without a value": `{"Name":"gossip"}`,
		"no current one":           `{"VersionIdsToStages":{"` + oldVersion + `":["AWSPREVIOUS"]}}`,
	}
	for name, body := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeSecret, reply(200, body))
			_, err := s.SecretVersion(t.Context(), "", "eu-west-1", "gossip")
			g.Expect(err).To(MatchError("secretsmanager:DescribeSecret: ResourceNotFoundException: secret gossip has no version that is AWSCURRENT"))
			g.Expect(ClassOf(err)).To(Equal(NotFound))
		})
	}
}

func TestSecretVersionFailures(t *testing.T) {
	cases := map[string]struct {
		code       string
		want       Class
		permission string
	}{
		"a region without a copy": {code: "ResourceNotFoundException", want: NotFound},
		"no permission":           {code: "AccessDeniedException", want: AccessDenied, permission: describeSecret},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeSecret, refuse(describeSecret, 400, tc.code, "No."))
			_, err := s.SecretVersion(t.Context(), "", "eu-west-1", "gossip")
			g.Expect(ClassOf(err)).To(Equal(tc.want))
			refused, ok := errors.AsType[*Error](err)
			g.Expect(ok).To(BeTrue())
			g.Expect(refused.Permission()).To(Equal(tc.permission))
		})
	}
}
