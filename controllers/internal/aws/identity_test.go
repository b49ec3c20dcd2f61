package aws

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	. "github.com/onsi/gomega"
)

func TestPrincipalOf(t *testing.T) {
	cases := map[string]struct{ caller, want, wantErr string }{
		"session of a role": {
			caller: "arn:aws:sts::111122223333:assumed-role/portolan/eks-prod-portolan-1",
			want:   "arn:aws:iam::111122223333:role/portolan",
		},
		"session in China": {
			caller: "arn:aws-cn:sts::111122223333:assumed-role/portolan/s",
			want:   "arn:aws-cn:iam::111122223333:role/portolan",
		},
		"user":              {caller: "arn:aws:iam::111122223333:user/ops/alice", want: "arn:aws:iam::111122223333:user/ops/alice"},
		"role itself":       {caller: "arn:aws:iam::111122223333:role/portolan", want: "arn:aws:iam::111122223333:role/portolan"},
		"root":              {caller: "arn:aws:iam::111122223333:root", wantErr: "neither a role nor a user"},
		"federated user":    {caller: "arn:aws:sts::111122223333:federated-user/bob", wantErr: "neither a role nor a user"},
		"without a session": {caller: "arn:aws:sts::111122223333:assumed-role/portolan", wantErr: "not the ARN of a role's session"},
		"without a role":    {caller: "arn:aws:sts::111122223333:assumed-role//s", wantErr: "not the ARN of a role's session"},
		"without an account": {
			caller:  "arn:aws:sts:::assumed-role/portolan/s",
			wantErr: "not the ARN of an AWS caller",
		},
		"no ARN": {caller: "portolan", wantErr: "not the ARN of an AWS caller"},
		"empty":  {caller: "", wantErr: "not the ARN of an AWS caller"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got, err := principalOf(tc.caller)
			if tc.wantErr != "" {
				g.Expect(err).To(MatchError(ContainSubstring(tc.wantErr)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func FuzzPrincipalOf(f *testing.F) {
	f.Add("arn:aws:sts::111122223333:assumed-role/portolan/session")
	f.Add("arn:aws:iam::111122223333:user/path/alice")
	f.Add("arn:aws:iam::111122223333:root")
	f.Add("arn:aws:sts::1:assumed-role//")
	f.Fuzz(func(t *testing.T, caller string) {
		g := NewWithT(t)
		principal, err := principalOf(caller)
		if err != nil {
			g.Expect(principal).To(BeEmpty())
			return
		}
		from, fromErr := arn.Parse(caller)
		to, toErr := arn.Parse(principal)
		g.Expect(fromErr).NotTo(HaveOccurred())
		g.Expect(toErr).NotTo(HaveOccurred())
		g.Expect(to.Service).To(Equal("iam"))
		g.Expect(to.AccountID).To(Equal(from.AccountID), "never another account")
		g.Expect(to.Partition).To(Equal(from.Partition))
		_, name, _ := strings.Cut(to.Resource, "/")
		g.Expect(name).NotTo(BeEmpty())
		g.Expect(from.Resource).To(ContainSubstring(name))
		g.Expect(principalOf(principal)).To(Equal(principal), "idempotent")
	})
}

func TestRoleARN(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(callerIdentity, reply(200, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
		<Arn>arn:aws:sts::111122223333:assumed-role/portolan/pod</Arn><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`))

	g.Expect(s.RoleARN(t.Context(), targetRole)).To(Equal(targetRole))
	g.Expect(w.requests(callerIdentity)).To(BeEmpty(), "a given role needs no call")
	g.Expect(s.RoleARN(t.Context(), "")).To(Equal("arn:aws:iam::111122223333:role/portolan"))
	g.Expect(s.RoleARN(t.Context(), "")).To(Equal("arn:aws:iam::111122223333:role/portolan"))
	g.Expect(w.requests(callerIdentity)).To(HaveLen(1))
	g.Expect(w.requests(callerIdentity)[0].region).To(Equal("eu-central-1"))
}

func TestRoleARNWithoutAConfiguredRegion(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	isolate(t, w.url)
	s, _ := newSessions(t, w.url)
	s.base.Region = ""
	w.on(callerIdentity, refuse(callerIdentity, 403, "ExpiredToken", "The security token included in the request is expired"))

	_, err := s.RoleARN(t.Context(), "")
	g.Expect(ClassOf(err)).To(Equal(AccessDenied))
	g.Expect(w.requests(callerIdentity)[0].region).To(Equal("us-east-1"))
}
