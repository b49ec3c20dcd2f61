package drift

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

const oneStatement = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}`

func TestSamePolicy(t *testing.T) {
	cases := map[string]struct {
		a, b string
		want bool
	}{
		"white space and order of keys": {a: oneStatement, b: "{\n  \"Statement\": {\"Resource\":\"*\",\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\"}, \"Version\":\"2012-10-17\"}", want: true},
		"lists of one":                  {a: oneStatement, b: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["*"]}]}`, want: true},
		"order of lists":                {a: `{"Action":["a","b"]}`, b: `{"Action":["b","a"]}`, want: true},
		"order of statements":           {a: `{"Statement":[{"Sid":"1"},{"Sid":"2"}]}`, b: `{"Statement":[{"Sid":"2"},{"Sid":"1"}]}`, want: true},
		"repeated actions":              {a: `{"Action":["a","b","a"]}`, b: `{"Action":["b","a"]}`, want: true},
		"values of conditions":          {a: `{"Bool":{"aws:SecureTransport":true},"N":{"a":1}}`, b: `{"Bool":{"aws:SecureTransport":"true"},"N":{"a":"1"}}`, want: true},
		"false":                         {a: `{"Bool":{"x":false}}`, b: `{"Bool":{"x":["false"]}}`, want: true},
		"accounts":                      {a: `{"AWS":"111122223333"}`, b: `{"AWS":"arn:aws:iam::111122223333:root"}`, want: true},
		"accounts of other partitions":  {a: `{"AWS":"111122223333"}`, b: `{"AWS":"arn:aws-us-gov:iam::111122223333:root"}`, want: true},
		"escaped characters":            {a: `{"Resource":"\u0061<b>"}`, b: `{"Resource":"a\u003cb\u003e"}`, want: true},
		"both are no JSON":              {a: " not JSON", b: "not JSON\n", want: true},

		"another action":          {a: `{"Action":"a"}`, b: `{"Action":"b"}`},
		"an action besides":       {a: `{"Action":"a"}`, b: `{"Action":["a","b"]}`},
		"another effect":          {a: oneStatement, b: strings.Replace(oneStatement, "Allow", "Deny", 1)},
		"a missing condition":     {a: `{"Effect":"Allow","Condition":{"Bool":{"x":"true"}}}`, b: `{"Effect":"Allow"}`},
		"no elements":             {a: `{"Action":[]}`, b: `{}`},
		"another account":         {a: `{"AWS":"111122223333"}`, b: `{"AWS":"arn:aws:iam::999988887777:root"}`},
		"a role of the account":   {a: `{"AWS":"111122223333"}`, b: `{"AWS":"arn:aws:iam::111122223333:role/root"}`},
		"nothing":                 {a: oneStatement, b: ""},
		"one is no JSON":          {a: oneStatement, b: "not JSON"},
		"something behind it":     {a: oneStatement, b: oneStatement + "{}"},
		"statements, not actions": {a: `{"Statement":[{"Action":["a","b"]}]}`, b: `{"Statement":[{"Action":"a"},{"Action":"b"}]}`},
		"large numbers":           {a: `{"N":12345678901234567890}`, b: `{"N":12345678901234567891}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(samePolicy(tc.a, tc.b)).To(Equal(tc.want))
			g.Expect(samePolicy(tc.b, tc.a)).To(Equal(tc.want))
		})
	}
}

func TestSameConfiguration(t *testing.T) {
	cases := map[string]struct {
		a, b string
		want bool
	}{
		"white space and order": {a: `{"a":1,"b":[1,2]}`, b: "{ \"b\": [1, 2], \"a\": 1 }", want: true},
		"YAML":                  {a: `{"env":{"WARM_IP_TARGET":"2"}}`, b: "env:\n  WARM_IP_TARGET: \"2\"\n", want: true},
		"nothing":               {a: "{}", b: "", want: true},
		"neither":               {a: "{", b: " {", want: true},
		"another value":         {a: `{"a":1}`, b: `{"a":2}`},
		"another type":          {a: `{"a":1}`, b: `{"a":"1"}`},
		"order of lists":        {a: `{"a":[1,2]}`, b: `{"a":[2,1]}`},
		"lists of one":          {a: `{"a":[1]}`, b: `{"a":1}`},
		"besides":               {a: `{"a":1}`, b: `{"a":1,"b":2}`},
		"one is neither":        {a: `{"a":1}`, b: "{"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(sameConfiguration(tc.a, tc.b)).To(Equal(tc.want))
			g.Expect(sameConfiguration(tc.b, tc.a)).To(Equal(tc.want))
		})
	}
}

// FuzzSamePolicy takes documents the way that they take through IAM: encoded for URLs,
// decoded, and with lists in another order.
func FuzzSamePolicy(f *testing.F) {
	f.Add(oneStatement, "x")
	f.Add(`{"Statement":[{"Action":["a+b","c d","e%20f"],"Condition":{"Bool":{"x":[true,false]}}},{"Sid":"ü"}]}`, `{"a":1}`)
	f.Add(`[[],[[]],null,1e400,"arn:aws:iam::111122223333:root"]`, "[]")
	f.Add(`{"a":[1,1],"a":["1"]}`, `{"a":1}`)
	f.Fuzz(func(t *testing.T, document, other string) {
		g := NewWithT(t)
		returned, err := url.PathUnescape(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(samePolicy(document, returned)).To(BeTrue())
		g.Expect(samePolicy(document, other)).To(Equal(samePolicy(other, document)))
		if content, err := decode(document); err == nil {
			reordered, err := json.Marshal(reversed(content))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(samePolicy(document, string(reordered))).To(BeTrue(), string(reordered))
			g.Expect(samePolicy(document, `{"another":`+string(reordered)+`}`)).To(BeFalse())
		}
	})
}

func reversed(content any) any {
	switch c := content.(type) {
	case map[string]any:
		for key := range c {
			c[key] = reversed(c[key])
		}
	case []any:
		for i := range c {
			c[i] = reversed(c[i])
		}
		slices.Reverse(c)
	}
	return content
}
