package iam

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	session   = "arn:aws:sts::111122223333:assumed-role/portolan/session"
	readWidth = `{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject","s3:List*"],"Resource":"arn:aws:s3:::mine/*"}`
)

func policiesOf(t *testing.T, statements ...string) *Policies {
	t.Helper()
	policy, err := Parse("portolan", document(statements...))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return New(map[string]Policy{"portolan": policy}, "*-node", "pods")
}

func get(resources ...string) cloud.Call {
	return cloud.Call{Service: "s3", Operation: "GetObject", Principal: session, Resources: resources}
}

func TestGuard(t *testing.T) {
	const (
		denyX     = `{"Sid":"No","Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::mine/x"}`
		notPut    = `{"Sid":"NotPut","Effect":"Allow","NotAction":"s3:Put*","Resource":"*"}`
		elsewhere = `{"Sid":"Else","Effect":"Allow","Action":"s3:GetObject","NotResource":"arn:aws:s3:::mine/*"}`
		anything  = `{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"}`
	)
	cases := map[string]struct {
		statements []string
		call       cloud.Call
		want       bool
	}{
		"the action on the resource":     {statements: []string{readWidth}, call: get("arn:aws:s3:::mine/a"), want: true},
		"another resource":               {statements: []string{readWidth}, call: get("arn:aws:s3:::yours/a")},
		"no resource":                    {statements: []string{readWidth}, call: get()},
		"any resource for none":          {statements: []string{anything}, call: get(), want: true},
		"all of several resources":       {statements: []string{readWidth}, call: get("arn:aws:s3:::mine/a", "arn:aws:s3:::mine/b"), want: true},
		"one of several resources":       {statements: []string{readWidth}, call: get("arn:aws:s3:::mine/a", "arn:aws:s3:::yours/b")},
		"another action":                 {statements: []string{readWidth}, call: cloud.Call{Service: "s3", Operation: "PutObject", Principal: session, Resources: []string{"arn:aws:s3:::mine/a"}}},
		"an action with a star":          {statements: []string{readWidth}, call: cloud.Call{Service: "s3", Operation: "ListBucket", Principal: session, Resources: []string{"arn:aws:s3:::mine/a"}}, want: true},
		"actions have no case":           {statements: []string{readWidth}, call: cloud.Call{Service: "s3", Operation: "getobject", Principal: session, Resources: []string{"arn:aws:s3:::mine/a"}}, want: true},
		"the action of the call's own":   {statements: []string{readWidth}, call: cloud.Call{Service: "s3", Operation: "Head", Action: "s3:GetObject", Principal: session, Resources: []string{"arn:aws:s3:::mine/a"}}, want: true},
		"not the operation then":         {statements: []string{readWidth}, call: cloud.Call{Service: "s3", Operation: "GetObject", Action: "s3:Other", Principal: session, Resources: []string{"arn:aws:s3:::mine/a"}}},
		"a deny after the allow":         {statements: []string{readWidth, denyX}, call: get("arn:aws:s3:::mine/x")},
		"a deny before the allow":        {statements: []string{denyX, readWidth}, call: get("arn:aws:s3:::mine/x")},
		"a deny of something else":       {statements: []string{denyX, readWidth}, call: get("arn:aws:s3:::mine/a"), want: true},
		"a deny of one of several":       {statements: []string{denyX, readWidth}, call: get("arn:aws:s3:::mine/a", "arn:aws:s3:::mine/x")},
		"all but another action":         {statements: []string{notPut}, call: get("arn:aws:s3:::mine/a"), want: true},
		"all but this action":            {statements: []string{notPut}, call: cloud.Call{Service: "s3", Operation: "PutObject", Principal: session}},
		"all but another resource":       {statements: []string{elsewhere}, call: get("arn:aws:s3:::yours/a"), want: true},
		"all but this resource":          {statements: []string{elsewhere}, call: get("arn:aws:s3:::mine/a")},
		"a role by its own ARN":          {statements: []string{anything}, call: cloud.Call{Service: "s3", Operation: "X", Principal: "arn:aws:iam::111122223333:role/path/portolan"}, want: true},
		"a role by its name":             {statements: []string{anything}, call: cloud.Call{Service: "s3", Operation: "X", Principal: "portolan"}, want: true},
		"a role without a policy":        {statements: []string{anything}, call: cloud.Call{Service: "s3", Operation: "X", Principal: "arn:aws:iam::111122223333:role/other"}},
		"a session named like the role":  {statements: []string{anything}, call: cloud.Call{Service: "s3", Operation: "X", Principal: "arn:aws:sts::111122223333:assumed-role/other/portolan"}},
		"nobody":                         {statements: []string{anything}, call: cloud.Call{Service: "s3", Operation: "X"}},
		"an exempt role":                 {statements: []string{anything}, call: cloud.Call{Service: "s3", Operation: "X", Principal: "arn:aws:sts::111122223333:assumed-role/eu-node/i-1"}, want: true},
		"another exempt role":            {statements: []string{anything}, call: cloud.Call{Service: "s3", Operation: "X", Principal: "arn:aws:iam::111122223333:role/pods"}, want: true},
		"who asks who it is":             {statements: []string{readWidth}, call: cloud.Call{Service: "sts", Operation: "GetCallerIdentity", Principal: session}, want: true},
		"a stranger who asks who it is":  {statements: []string{readWidth}, call: cloud.Call{Service: "sts", Operation: "GetCallerIdentity", Principal: "other"}, want: true},
		"a resource of all but a wide *": {statements: []string{readWidth}, call: get("*")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			refused := policiesOf(t, tc.statements...).Guard()(tc.call)
			NewWithT(t).Expect(refused == nil).To(Equal(tc.want), "%v", refused)
		})
	}
}

func TestRefusal(t *testing.T) {
	g := NewWithT(t)
	guard := policiesOf(t, readWidth, `{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::mine/x"}`).Guard()

	g.Expect(guard(get("arn:aws:s3:::yours/a"))).To(Equal(&cloud.Error{
		Code: "AccessDenied",
		Message: "User: " + session + " is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::yours/a " +
			"because no identity-based policy allows the s3:GetObject action",
	}))
	g.Expect(guard(get("arn:aws:s3:::mine/x")).Message).To(HaveSuffix(
		"s3:GetObject on resource: arn:aws:s3:::mine/x with an explicit deny in an identity-based policy"))
	g.Expect(guard(cloud.Call{Service: "ec2", Operation: "CreateVpc", Principal: session}).Message).To(ContainSubstring("ec2:CreateVpc on resource: * because"))
}

func TestUnused(t *testing.T) {
	g := NewWithT(t)
	policies := policiesOf(t, readWidth,
		`{"Sid":"Wide","Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::mine/a"}`,
		`{"Sid":"Rest","Effect":"Allow","NotAction":"s3:*","Resource":"*"}`,
		`{"Sid":"No","Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::mine/x"}`)
	guard := policies.Guard()
	everything := []string{"portolan: Read s3:GetObject", "portolan: Read s3:List*", "portolan: Rest NotAction", "portolan: Wide s3:*"}
	g.Expect(policies.Unused()).To(Equal(everything))

	g.Expect(guard(get("arn:aws:s3:::mine/b", "arn:aws:s3:::mine/x"))).NotTo(Succeed())
	g.Expect(guard(get("arn:aws:s3:::mine/b", "arn:aws:s3:::yours/x"))).NotTo(Succeed())
	g.Expect(policies.Unused()).To(Equal(everything), "a refused call uses nothing")

	g.Expect(guard(get("arn:aws:s3:::mine/a"))).To(Succeed())
	g.Expect(policies.Unused()).To(Equal([]string{"portolan: Read s3:List*", "portolan: Rest NotAction"}), "every statement that allows a call is used")

	g.Expect(guard(cloud.Call{Service: "s3", Operation: "ListParts", Principal: session, Resources: []string{"arn:aws:s3:::mine/b"}})).To(Succeed())
	g.Expect(guard(cloud.Call{Service: "ec2", Operation: "DescribeVpcs", Principal: session})).To(Succeed())
	g.Expect(policies.Unused()).To(BeEmpty())
}

// Roles get one policy for each environment, filled from the same file.
func TestAttach(t *testing.T) {
	g := NewWithT(t)
	policies := New(nil)
	guard := policies.Guard()
	one, two := get("arn:aws:s3:::one/a"), get("arn:aws:s3:::two/a")
	g.Expect(guard(one)).NotTo(Succeed(), "a role without policies")
	for _, environment := range []string{"one", "two"} {
		policy, err := Parse("buckets", document(
			`{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":"arn:aws:s3:::`+environment+`/*"}`))
		g.Expect(err).NotTo(HaveOccurred())
		policies.Attach("portolan", policy)
	}
	g.Expect(guard(one)).To(Succeed())
	g.Expect(guard(get("arn:aws:s3:::one/a", "arn:aws:s3:::two/a"))).To(Succeed(), "each resource by a policy of its own")
	g.Expect(guard(get("arn:aws:s3:::three/a"))).NotTo(Succeed())
	g.Expect(policies.Unused()).To(Equal([]string{"buckets: Read s3:ListBucket"}), "it is named once, and one copy's use is enough")

	deny, err := Parse("no", document(`{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::two/*"}`))
	g.Expect(err).NotTo(HaveOccurred())
	policies.Attach("portolan", deny)
	g.Expect(guard(one)).To(Succeed())
	g.Expect(guard(two)).NotTo(Succeed(), "a deny wins in whichever policy it is")
}

func TestLoad(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "policy.json")
	text := document(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:${PARTITION}:s3:::${ENVIRONMENT}-*"}`)
	g.Expect(os.WriteFile(path, text, 0o600)).To(Succeed())
	files := map[string]string{"portolan": path}

	policies, err := Load(files, map[string]string{"PARTITION": "aws", "ENVIRONMENT": "production001"}, "pods")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(policies.Guard()(get("arn:aws:s3:::production001-logs"))).To(Succeed())
	g.Expect(policies.Guard()(get("arn:aws:s3:::production002-logs"))).NotTo(Succeed())
	g.Expect(policies.Guard()(cloud.Call{Service: "s3", Operation: "X", Principal: "pods"})).To(Succeed())

	_, err = Load(files, map[string]string{"PARTITION": "aws"})
	g.Expect(err).To(MatchError(And(ContainSubstring("${ENVIRONMENT}"), ContainSubstring("portolan"))))
	_, err = Load(map[string]string{"portolan": path + ".missing"}, nil)
	g.Expect(err).To(MatchError(ContainSubstring("reading policy portolan")))
}

func TestPoliciesAreSafeForConcurrentUse(t *testing.T) {
	g := NewWithT(t)
	policies := policiesOf(t, readWidth)
	guard := policies.Guard()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_ = guard(get("arn:aws:s3:::mine/a"))
			policies.Unused()
			policies.Attach("other", Policy{})
		})
	}
	wg.Wait()
	g.Expect(policies.Unused()).To(Equal([]string{"portolan: Read s3:List*"}))
}
