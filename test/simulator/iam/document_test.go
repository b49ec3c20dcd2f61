package iam

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// document is a valid policy with the statements, which are JSON.
func document(statements ...string) []byte {
	return []byte(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`)
}

func TestParseRefuses(t *testing.T) {
	cases := map[string]struct {
		document string
		want     string
	}{
		"no JSON":                {document: `Version: 2012`, want: "not a JSON object"},
		"a list":                 {document: `[]`, want: "not a JSON object"},
		"half a document":        {document: `{"Version":"2012-10-17","Statement":[`, want: "Statement"},
		"something behind":       {document: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}} {}`, want: "follows its end"},
		"no version":             {document: `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, want: `Version is ""`},
		"the old version":        {document: `{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, want: "Version is"},
		"no statement":           {document: `{"Version":"2012-10-17"}`, want: "no Statement"},
		"an empty statement":     {document: `{"Version":"2012-10-17","Statement":[]}`, want: "no Statement"},
		"an unknown element":     {document: `{"Version":"2012-10-17","Statements":[]}`, want: "Statements: unknown element"},
		"an element twice":       {document: `{"Version":"2012-10-17","Version":"2012-10-17"}`, want: "Version occurs twice"},
		"a principal":            {document: string(document(`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}`)), want: "Principal: unknown element"},
		"a name in lower case":   {document: string(document(`{"effect":"Allow","Action":"s3:GetObject","Resource":"*"}`)), want: "effect: unknown element"},
		"no effect":              {document: string(document(`{"Action":"s3:GetObject","Resource":"*"}`)), want: "no Effect"},
		"an unknown effect":      {document: string(document(`{"Effect":"allow","Action":"s3:GetObject","Resource":"*"}`)), want: "neither Allow nor Deny"},
		"no action":              {document: string(document(`{"Effect":"Allow","Resource":"*"}`)), want: "either Action or NotAction"},
		"two kinds of action":    {document: string(document(`{"Effect":"Allow","Action":"*","NotAction":"s3:GetObject","Resource":"*"}`)), want: "either Action or NotAction"},
		"an action as a number":  {document: string(document(`{"Effect":"Allow","Action":1,"Resource":"*"}`)), want: "neither a string nor a list"},
		"an empty action":        {document: string(document(`{"Effect":"Allow","Action":"","Resource":"*"}`)), want: "empty string"},
		"null among actions":     {document: string(document(`{"Effect":"Allow","Action":[null],"Resource":"*"}`)), want: "empty string"},
		"no actions":             {document: string(document(`{"Effect":"Allow","Action":[],"Resource":"*"}`)), want: "it is empty"},
		"an action only":         {document: string(document(`{"Effect":"Allow","Action":"GetObject","Resource":"*"}`)), want: "service:Action"},
		"no resource":            {document: string(document(`{"Effect":"Allow","Action":"s3:GetObject"}`)), want: "either Resource or NotResource"},
		"a resource's name only": {document: string(document(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"bucket/*"}`)), want: "arn:partition"},
		"a placeholder":          {document: string(document(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:${PARTITION}:s3:::x"}`)), want: "not filled"},
		"a Sid with a space":     {document: string(document(`{"Sid":"Read it","Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`)), want: "letters and digits"},
		"a Sid twice": {document: string(document(
			`{"Sid":"A","Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`,
			`{"Sid":"A","Effect":"Deny","Action":"s3:PutObject","Resource":"*"}`)), want: "the Sid A"},
		"an unknown operator":       {document: conditional(`{"StringMatches":{"aws:RequestedRegion":"x"}}`), want: "StringMatches is not supported"},
		"a real but absent one":     {document: conditional(`{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`), want: "IpAddress is not supported"},
		"an unknown key":            {document: conditional(`{"StringEquals":{"aws:SourceVpc":"vpc-1"}}`), want: "the key is not supported"},
		"a tag without a name":      {document: conditional(`{"StringEquals":{"aws:RequestTag/":"x"}}`), want: "the key is not supported"},
		"many values without a set": {document: conditional(`{"StringEquals":{"aws:TagKeys":"x"}}`), want: "ForAnyValue or ForAllValues"},
		"a condition's key twice":   {document: conditional(`{"StringEquals":{"aws:RequestedRegion":"x","aws:RequestedRegion":"y"}}`), want: "occurs twice"},
		"null as the condition":     {document: conditional(`null`), want: "not a JSON object"},
		"no values":                 {document: conditional(`{"StringEquals":{"aws:RequestedRegion":[]}}`), want: "it is empty"},
		"a policy variable":         {document: conditional(`{"StringEquals":{"aws:RequestTag/x":"${aws:PrincipalTag/x}"}}`), want: "variable"},
		"Null with a word":          {document: conditional(`{"Null":{"aws:RequestTag/x":"yes"}}`), want: "neither true nor false"},
		"Null with two values":      {document: conditional(`{"Null":{"aws:RequestTag/x":["true","false"]}}`), want: "one value"},
		"Bool with a word":          {document: conditional(`{"Bool":{"aws:RequestTag/x":"1"}}`), want: "neither true nor false"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("mine", []byte(tc.document))
			NewWithT(t).Expect(err).To(MatchError(And(HavePrefix("parsing policy mine: "), ContainSubstring(tc.want))))
		})
	}
}

// conditional is a document that allows everything under the condition.
func conditional(condition string) string {
	return string(document(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":` + condition + `}`))
}

func TestParseAccepts(t *testing.T) {
	cases := map[string]string{
		"one statement without a list": `{"Version":"2012-10-17","Id":"x","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`,
		"statements without Sids": string(document(
			`{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`,
			`{"Effect":"Deny","NotAction":["s3:*"],"NotResource":["arn:aws:s3:::x"]}`)),
		"an empty condition": conditional(`{}`),
		"every operator": conditional(`{
			"StringEquals": {"aws:RequestedRegion": "x"}, "StringNotEquals": {"aws:RequestedRegion": ["y", "z"]},
			"StringEqualsIfExists": {"aws:RequestTag/a": "b"}, "StringLike": {"aws:ResourceTag/a": "b*"},
			"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]},
			"ForAnyValue:StringLike": {"aws:TagKeys": "a*"}, "ForAllValues:StringLike": {"aws:TagKeys": "*"},
			"Null": {"aws:TagKeys": "false"}, "Bool": {"aws:RequestTag/a": "true"},
			"ArnLike": {"aws:RequestTag/arn": "arn:aws:iam::*:role/*"}}`),
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			policy, err := Parse("mine", []byte(text))
			g := NewWithT(t)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(policy.Name).To(Equal("mine"))
			g.Expect(policy.statements).NotTo(BeEmpty())
		})
	}
}
