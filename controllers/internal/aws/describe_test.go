package aws

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

const (
	describeAddon   = "eks:DescribeAddon"
	listAccess      = "eks:ListAssociatedAccessPolicies"
	describePod     = "eks:DescribePodIdentityAssociation"
	listAttached    = "iam:ListAttachedRolePolicies"
	listInline      = "iam:ListRolePolicies"
	getInline       = "iam:GetRolePolicy"
	describeCert    = "acm:DescribeCertificate"
	certificateARN  = "arn:aws:acm:eu-west-1:111122223333:certificate/1"
	argocdPrincipal = "arn:aws:iam::111122223333:role/argo/cd"
)

func TestDescribesWhatIsInEKS(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeCluster, reply(200, `{"cluster":{"status":"ACTIVE","version":"1.34","deletionProtection":true,"tags":{"Team":"core"},
		"resourcesVpcConfig":{"endpointPublicAccess":true,"endpointPrivateAccess":false,"publicAccessCidrs":["0.0.0.0/0"]},
		"logging":{"clusterLogging":[{"types":["api","audit"],"enabled":true},{"types":["scheduler"],"enabled":false}]}}}`))
	w.on(describeNodes, reply(200, `{"nodegroup":{"status":"ACTIVE","scalingConfig":{"minSize":1,"maxSize":3,"desiredSize":2},
		"labels":{"pool":"a"},"taints":[{"key":"k","value":"v","effect":"NO_SCHEDULE"}],"tags":{"Team":"core"}}}`))
	w.on(describeAddon, reply(200, `{"addon":{"status":"UPDATING","addonVersion":"v1","configurationValues":"{}","tags":{"Team":"core"}}}`))
	w.on(describePod, reply(200, `{"association":{"roleArn":"arn:aws:iam::111122223333:role/dns","tags":{"Team":"core"}}}`))

	g.Expect(s.DescribeCluster(t.Context(), "", "eu-west-1", "prod")).To(Equal(Cluster{
		Status: "ACTIVE", Version: "1.34", Logging: []string{"api", "audit"}, PublicAccess: true,
		PublicCIDRs: []string{"0.0.0.0/0"}, DeletionProtection: true, Tags: team,
	}))
	g.Expect(s.DescribeNodegroup(t.Context(), "", "eu-west-1", "prod", "system")).To(Equal(Nodegroup{
		Status: "ACTIVE", MinSize: 1, MaxSize: 3, Labels: map[string]string{"pool": "a"},
		Taints: []Taint{{Key: "k", Value: "v", Effect: "NO_SCHEDULE"}}, Tags: team,
	}))
	g.Expect(s.DescribeAddon(t.Context(), "", "eu-west-1", "prod", "coredns")).To(Equal(
		Addon{Status: EKSUpdating, Version: "v1", Configuration: "{}", Tags: team}))
	g.Expect(s.DescribePodIdentity(t.Context(), "", "eu-west-1", "prod", "a-1")).To(Equal(
		PodIdentity{RoleARN: "arn:aws:iam::111122223333:role/dns", Tags: team}))
	g.Expect(w.requests(describePod)[0].path).To(HaveSuffix("/prod/pod-identity-associations/a-1"))
}

func TestClusterThatSaysLittle(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeCluster, reply(200, `{"cluster":{"status":"CREATING"}}`))
	w.on(describeNodes, reply(200, `{"nodegroup":{"status":"CREATING"}}`))
	g.Expect(s.DescribeCluster(t.Context(), "", "eu-west-1", "prod")).To(Equal(Cluster{Status: EKSCreating}))
	g.Expect(s.DescribeNodegroup(t.Context(), "", "eu-west-1", "prod", "system")).To(Equal(Nodegroup{Status: EKSCreating}))
}

func TestAccessPoliciesOfAllPages(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(listAccess, inTurn(
		reply(200, `{"nextToken":"more","associatedAccessPolicies":[{"policyArn":"arn:1","accessScope":{"type":"cluster"}}]}`),
		reply(200, `{"associatedAccessPolicies":[{"policyArn":"arn:2","accessScope":{"type":"namespace","namespaces":["a"]}},{"policyArn":"arn:3"}]}`),
	))
	g.Expect(s.AccessPolicies(t.Context(), "", "eu-west-1", "prod", argocdPrincipal)).To(Equal([]AccessPolicy{
		{ARN: "arn:1", Scope: "cluster"}, {ARN: "arn:2", Scope: "namespace", Namespaces: []string{"a"}}, {ARN: "arn:3"},
	}))
	g.Expect(w.requests(listAccess)).To(HaveLen(2))
}

func iamReply(action, content string) http.HandlerFunc {
	_, operation, _ := strings.Cut(action, ":")
	return reply(200, "<"+operation+`Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><`+operation+"Result>"+content+
		"</"+operation+"Result></"+operation+"Response>")
}

func TestDescribesRoles(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(getRole, iamReply(getRole, `<Role><RoleName>prod</RoleName>
		<AssumeRolePolicyDocument>%7B%22Sid%22%3A%22a%20b%2Bc+d%22%7D</AssumeRolePolicyDocument>
		<Tags><member><Key>Team</Key><Value>core</Value></member></Tags></Role>`))
	w.on(listAttached, inTurn(
		iamReply(listAttached, `<AttachedPolicies><member><PolicyArn>arn:1</PolicyArn></member></AttachedPolicies><IsTruncated>true</IsTruncated><Marker>m</Marker>`),
		iamReply(listAttached, `<AttachedPolicies><member><PolicyArn>arn:2</PolicyArn></member></AttachedPolicies><IsTruncated>false</IsTruncated>`)))
	w.on(listInline, iamReply(listInline, `<PolicyNames><member>one</member><member>gone</member></PolicyNames><IsTruncated>false</IsTruncated>`))
	w.on(getInline, func(rw http.ResponseWriter, r *http.Request) {
		if r.FormValue("PolicyName") == "gone" {
			refuse(getInline, 404, "NoSuchEntity", "No.")(rw, r)
			return
		}
		iamReply(getInline, `<RoleName>prod</RoleName><PolicyName>one</PolicyName><PolicyDocument>%7B%7D</PolicyDocument>`)(rw, r)
	})

	g.Expect(s.DescribeRole(t.Context(), "", "prod")).To(Equal(Role{Trust: `{"Sid":"a b+c+d"}`, Tags: team}))
	g.Expect(s.AttachedPolicies(t.Context(), "", "prod")).To(Equal([]string{"arn:1", "arn:2"}))
	g.Expect(s.InlinePolicies(t.Context(), "", "prod")).To(Equal(map[string]string{"one": "{}"}))
	g.Expect(w.requests(listInline)[0].region).To(Equal("us-east-1"), "IAM is global")
}

func TestUnreadablePolicyIsNoMissingRole(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(getRole, iamReply(getRole, `<Role><RoleName>prod</RoleName><AssumeRolePolicyDocument>%</AssumeRolePolicyDocument></Role>`))
	_, err := s.DescribeRole(t.Context(), "", "prod")
	g.Expect(err).To(MatchError(HavePrefix("reading the trust policy of role prod: ")))
	g.Expect(ClassOf(err)).To(Equal(Unknown))
}

func FuzzDecodeDocument(f *testing.F) {
	f.Add(`{"Sid":"a b+c%20ü"}`)
	f.Fuzz(func(t *testing.T, document string) {
		encoded := strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
		NewWithT(t).Expect(decodeDocument(&encoded)).To(Equal(document))
	})
}

func TestPublicAccessBlock(t *testing.T) {
	cases := map[string]struct {
		answer    http.HandlerFunc
		want      PublicAccessBlock
		wantClass Class
	}{
		"all but one": {
			answer: reply(200, `<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>
				<IgnorePublicAcls>true</IgnorePublicAcls><RestrictPublicBuckets>false</RestrictPublicBuckets></PublicAccessBlockConfiguration>`),
			want: PublicAccessBlock{BlockPublicACLs: true, BlockPublicPolicy: true, IgnorePublicACLs: true}, wantClass: Unknown,
		},
		"no block":  {answer: refuse(getAccessBlock, 404, "NoSuchPublicAccessBlockConfiguration", "None."), wantClass: Unknown},
		"no bucket": {answer: refuse(getAccessBlock, 404, "NoSuchBucket", "None."), wantClass: NotFound},
		"forbidden": {answer: refuse(getAccessBlock, 403, "AccessDenied", "Access Denied"), wantClass: AccessDenied},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(getAccessBlock, tc.answer)
			block, err := s.PublicAccessBlock(t.Context(), "", "eu-west-1", "logs")
			g.Expect(block).To(Equal(tc.want))
			g.Expect(ClassOf(err)).To(Equal(tc.wantClass))
			if failure, ok := errors.AsType[*Error](err); ok && tc.wantClass == AccessDenied {
				g.Expect(failure.Permission()).To(Equal(getAccessBlock))
			}
		})
	}
}

func TestCertificateExists(t *testing.T) {
	cases := map[string]struct {
		answer    http.HandlerFunc
		want      bool
		wantClass Class
	}{
		"issued":    {answer: reply(200, `{"Certificate":{"CertificateArn":"`+certificateARN+`","Status":"ISSUED"}}`), want: true, wantClass: Unknown},
		"gone":      {answer: refuse(describeCert, 400, "ResourceNotFoundException", "No."), wantClass: Unknown},
		"forbidden": {answer: refuse(describeCert, 400, "AccessDeniedException", "No."), wantClass: AccessDenied},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeCert, tc.answer)
			exists, err := s.CertificateExists(t.Context(), "", "eu-west-1", certificateARN)
			g.Expect(exists).To(Equal(tc.want))
			g.Expect(ClassOf(err)).To(Equal(tc.wantClass))
		})
	}
}

func TestWhatDoesNotExistIsNotFound(t *testing.T) {
	describing := map[string]func(context.Context, *Sessions) error{
		describeCluster: func(ctx context.Context, s *Sessions) error {
			_, err := s.DescribeCluster(ctx, "", "eu-west-1", "prod")
			return err
		},
		describeNodes: func(ctx context.Context, s *Sessions) error {
			_, err := s.DescribeNodegroup(ctx, "", "eu-west-1", "prod", "system")
			return err
		},
		describeAddon: func(ctx context.Context, s *Sessions) error {
			_, err := s.DescribeAddon(ctx, "", "eu-west-1", "prod", "coredns")
			return err
		},
		listAccess: func(ctx context.Context, s *Sessions) error {
			_, err := s.AccessPolicies(ctx, "", "eu-west-1", "prod", argocdPrincipal)
			return err
		},
		describePod: func(ctx context.Context, s *Sessions) error {
			_, err := s.DescribePodIdentity(ctx, "", "eu-west-1", "prod", "a-1")
			return err
		},
		getRole: func(ctx context.Context, s *Sessions) error {
			_, err := s.DescribeRole(ctx, "", "prod")
			return err
		},
		listAttached: func(ctx context.Context, s *Sessions) error {
			_, err := s.AttachedPolicies(ctx, "", "prod")
			return err
		},
		listInline: func(ctx context.Context, s *Sessions) error {
			_, err := s.InlinePolicies(ctx, "", "prod")
			return err
		},
	}
	for action, describe := range describing {
		t.Run(action, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			code := "ResourceNotFoundException"
			if strings.HasPrefix(action, "iam:") {
				code = "NoSuchEntity"
			}
			w.on(action, refuse(action, 404, code, "No."))
			g.Expect(ClassOf(describe(t.Context(), s))).To(Equal(NotFound))
			w.on(action, refuse(action, 403, "AccessDenied", "No."))
			g.Expect(ClassOf(describe(t.Context(), s))).To(Equal(AccessDenied))
		})
	}
}
