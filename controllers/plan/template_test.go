package plan

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

var someVariables = Variables{"environment": "production001", "region": "eu-west-1"}

func TestExpand(t *testing.T) {
	for template, want := range map[string]string{
		"":                                      "",
		"plain":                                 "plain",
		"a {b} }} c":                            "a {b} }} c",
		"{{ .region }}":                         "eu-west-1",
		"{{.region}}":                           "eu-west-1",
		"x-{{ .environment }}-{{ .region }}":    "x-production001-eu-west-1",
		"left   {{- .region -}}   right":        "lefteu-west-1right",
		`{"a":"${aws:userid}{{ .region }}"}`:    `{"a":"${aws:userid}eu-west-1"}`,
		"*.{{ .region }}.aws.unkey.cloud":       "*.eu-west-1.aws.unkey.cloud",
		`{{ "{{" }} .Release.Name }}`:           "{{ .Release.Name }}",
		"{{ .region }}{{ .region }}{{.region}}": "eu-west-1eu-west-1eu-west-1",
	} {
		t.Run(template, func(t *testing.T) {
			g := NewWithT(t)
			expanded, err := Expand(template, someVariables)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(expanded).To(Equal(want))
		})
	}
}

func TestValuesAreNotTemplates(t *testing.T) {
	g := NewWithT(t)
	expanded, err := Expand("{{ .a }}", Variables{"a": "{{ .b }}", "b": "no"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(expanded).To(Equal("{{ .b }}"))
}

func TestTemplatesThatAreRefused(t *testing.T) {
	anythingElse := HaveSuffix("it may hold {{ .environment }}, {{ .region }} and nothing else in double braces")
	for template, want := range map[string]types.GomegaMatcher{
		"{{ .zone }}":                     Equal(`"{{ .zone }}" has the unknown key .zone: it may hold {{ .environment }}, {{ .region }}`),
		"{{ .Region }}":                   ContainSubstring("unknown key .Region"),
		"{{ . }}":                         anythingElse,
		"{{ }}":                           anythingElse,
		"{{ .region":                      anythingElse,
		"{{ region }}":                    anythingElse,
		"{{ $.region }}":                  anythingElse,
		"{{ .region.name }}":              anythingElse,
		"{{ .region | len }}":             anythingElse,
		"{{ len .region }}":               anythingElse,
		"{{ (.region) }}":                 anythingElse,
		"{{ $x := .region }}":             anythingElse,
		"{{ 1 }}":                         anythingElse,
		"{{/* a comment */}}":             anythingElse,
		"{{ if .region }}x{{ end }}":      anythingElse,
		"{{ range .region }}x{{ end }}":   anythingElse,
		"{{ with .region }}x{{ end }}":    anythingElse,
		`{{ template "x" }}`:              anythingElse,
		`{{ define "x" }}y{{ end }}`:      anythingElse,
		`{{ define "template" }}y{{end}}`: anythingElse,
		`{{ block "x" . }}y{{ end }}`:     anythingElse,
		"{{ break }}":                     anythingElse,
	} {
		t.Run(template, func(t *testing.T) {
			_, err := Expand(template, someVariables)
			NewWithT(t).Expect(err).To(beFinding(v1alpha1.ReasonInvalidTemplate, want))
		})
	}
}

func TestLongTemplatesAreQuotedInPart(t *testing.T) {
	_, err := Expand(strings.Repeat("ü", 10000)+"{{ .x }}", someVariables)
	NewWithT(t).Expect(err).To(beFinding(v1alpha1.ReasonInvalidTemplate, HavePrefix(`"`+strings.Repeat("ü", 120)+"…")))
}

func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"", "{{ .region }}", "a{{.environment}}b", "{{ if }}", `{{define "x"}}{{end}}`, "{{/* */}}", "{{- .region -}} "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, template string) {
		expanded, err := Expand(template, someVariables)
		if err != nil {
			if reasonOf(err) != v1alpha1.ReasonInvalidTemplate || expanded != "" {
				t.Fatalf("%q: %v with %q", template, err, expanded)
			}
			return
		}
		if !strings.Contains(template, "{{") && expanded != template {
			t.Fatalf("%q became %q", template, expanded)
		}
		if strings.Contains(template, "{{") && !strings.Contains(expanded, "eu-west-1") && !strings.Contains(expanded, "production001") {
			t.Fatalf("%q became %q: what is in braces vanished", template, expanded)
		}
	})
}
