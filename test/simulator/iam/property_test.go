package iam

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// Few words, so that patterns and calls often meet.
var (
	someActions    = []string{"ec2:CreateVpc", "ec2:CreateTags", "ec2:DeleteVpc", "s3:GetObject", "secretsmanager:GetSecretValue"}
	somePatterns   = []string{"*", "ec2:*", "ec2:Create*", "EC2:CreateVpc", "*:Get*", "s3:GetObject", "s3:Get?bject", "ec2:Delete???"}
	someResources  = []string{"arn:aws:ec2:eu-west-1:1:vpc/vpc-1", "arn:aws:ec2:eu-west-1:1:vpc/*", "arn:aws:s3:::mine/a", "arn:aws:s3:::mine"}
	someARNs       = []string{"*", "arn:aws:ec2:*:1:vpc/*", "arn:aws:s3:::mine*", "arn:aws:s3:::mine/?", "arn:*:*:*:*:*"}
	environmentTag = "portolan.dev/environment"
)

func anyStatement(t *rapid.T, label string) statement {
	s := statement{
		sid:             label,
		deny:            rapid.Bool().Draw(t, label+" deny"),
		exceptActions:   rapid.Bool().Draw(t, label+" except actions"),
		actions:         rapid.SliceOfN(rapid.SampledFrom(somePatterns), 1, 3).Draw(t, label+" actions"),
		exceptResources: rapid.Bool().Draw(t, label+" except resources"),
		resources:       rapid.SliceOfN(rapid.SampledFrom(someARNs), 1, 3).Draw(t, label+" resources"),
	}
	if rapid.Bool().Draw(t, label+" conditional") {
		s.conditions = []condition{{operator: "StringEquals", key: keyResourceTag + environmentTag, values: []string{"mine"}}}
	}
	return s
}

func anyPolicy(t *rapid.T) Policy {
	var p Policy
	for i := range rapid.IntRange(0, 5).Draw(t, "statements") {
		p.statements = append(p.statements, anyStatement(t, "s"+string(rune('0'+i))))
	}
	return p
}

func anyCall(t *rapid.T) cloud.Call {
	return cloud.Call{
		Principal:    session,
		Action:       rapid.SampledFrom(someActions).Draw(t, "action"),
		Resources:    rapid.SliceOfN(rapid.SampledFrom(someResources), 0, 3).Draw(t, "call's resources"),
		ResourceTags: tags(environmentTag, rapid.SampledFrom([]string{"mine", "yours"}).Draw(t, "tag")),
	}
}

func allows(p Policy, call cloud.Call) bool {
	return New(map[string]Policy{"portolan": p}).Guard()(call) == nil
}

// about says in another way than the product whether a statement is about a call and one resource.
func about(s statement, call cloud.Call, resource string) bool {
	one := func(pattern, text, flags string) bool {
		quoted := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern))
		return regexp.MustCompile(`^(?s` + flags + `:` + quoted + `)$`).MatchString(text)
	}
	byAction := slices.ContainsFunc(s.actions, func(p string) bool { return one(p, call.Action, "i") }) != s.exceptActions
	byResource := slices.ContainsFunc(s.resources, func(p string) bool { return one(p, resource, "") }) != s.exceptResources
	return byAction && byResource && (len(s.conditions) == 0 || call.ResourceTags[environmentTag] == "mine")
}

func TestAllowNeedsAnAllowAndNoDeny(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, call := anyPolicy(t), anyCall(t)
		resources := call.Resources
		if len(resources) == 0 {
			resources = []string{"*"}
		}
		want := true
		for _, resource := range resources {
			allowed := slices.ContainsFunc(p.statements, func(s statement) bool { return !s.deny && about(s, call, resource) })
			denied := slices.ContainsFunc(p.statements, func(s statement) bool { return s.deny && about(s, call, resource) })
			want = want && allowed && !denied
		}
		if got := allows(p, call); got != want {
			t.Fatalf("allows: %v instead of %v", got, want)
		}
	})
}

func TestADenyOnlyTakesAndAnAllowOnlyGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, call, more := anyPolicy(t), anyCall(t), anyStatement(t, "more")
		at := rapid.IntRange(0, len(p.statements)).Draw(t, "at")
		longer := Policy{statements: slices.Insert(slices.Clone(p.statements), at, more)}
		before, after := allows(p, call), allows(longer, call)
		switch {
		case more.deny && after && !before:
			t.Fatal("a Deny allowed something")
		case !more.deny && before && !after:
			t.Fatal("an Allow refused something")
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(document(readWidth))
	f.Add([]byte(conditional(`{"Null":{"aws:TagKeys":"true"}}`)))
	f.Add(document(`{"Effect":"Deny","NotAction":["s3:*"],"NotResource":"arn:aws:s3:::x"}`))
	f.Add([]byte(`{"Version":"2012-10-17","Statement":[{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse("portolan", text)
		if err != nil {
			return
		}
		onlyDenies := !slices.ContainsFunc(p.statements, func(s statement) bool { return !s.deny })
		if onlyDenies && allows(p, get("arn:aws:s3:::mine/a")) {
			t.Fatal("a policy without an Allow allowed something")
		}
		p.statements = append(p.statements, statement{sid: "last", deny: true, actions: []string{"*"}, resources: []string{"*"}})
		if allows(p, get("arn:aws:s3:::mine/a")) {
			t.Fatal("something was allowed although everything is denied")
		}
	})
}
