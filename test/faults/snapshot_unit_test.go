package faults

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestTextOfEqualThingsIsEqual(t *testing.T) {
	n := naming{strings.NewReplacer("vpc-0123456789abcdef0", "<the VPC>")}
	cases := map[string][2]string{
		"what has a name":        {"in vpc-0123456789abcdef0", "in <the VPC>"},
		"what has none":          {"eni-0123456789abcdef0 at 2026-01-02T03:04:05Z", "<…> at <…>"},
		"a port":                 {"https://127.0.0.1:4711", "https://<…>"},
		"a revival among tags":   {`[{"key":"a"},{"key":"portolan.dev/revival","value":"2"},{"key":"b"}]`, `[{"key":"a"},{"key":"b"}]`},
		"a revival at the start": {`{"portolan.dev/revivals":"1","z":"z"}`, `{"z":"z"}`},
		"a revival at the end":   {`{"a":"a","portolan.dev/revival":"1"}`, `{"a":"a"}`},
		"anything else":          {`{"instanceTypes":"c7a.xlarge"}`, `{"instanceTypes":"c7a.xlarge"}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { NewWithT(t).Expect(n.text(tc[0])).To(Equal(tc[1])) })
	}
}

func TestLacking(t *testing.T) {
	g := NewWithT(t)
	g.Expect(lacking([]string{"a", "a", "b"}, []string{"a", "b", "c"})).To(Equal([]string{"a"}))
	g.Expect(lacking([]string{"a"}, []string{"a"})).To(BeEmpty())
}
