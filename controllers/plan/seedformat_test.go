package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

const ringPort = 7947

var (
	commas = v1alpha1.RingSeeds{Format: v1alpha1.SeedsCommaSeparated}
	spaces = v1alpha1.RingSeeds{Format: v1alpha1.SeedsSpaceSeparated}
	array  = v1alpha1.RingSeeds{Format: v1alpha1.SeedsJSONArray}
)

func ported(s v1alpha1.RingSeeds) v1alpha1.RingSeeds {
	s.IncludePort = true
	return s
}

func TestRenderSeeds(t *testing.T) {
	for name, tc := range map[string]struct {
		form  v1alpha1.RingSeeds
		seeds []string
		want  string
	}{
		"commas":                  {commas, []string{"a", "b"}, "a,b"},
		"the default":             {v1alpha1.RingSeeds{}, []string{"a", "b"}, "a,b"},
		"blanks":                  {spaces, []string{"a", "b"}, "a b"},
		"an array":                {array, []string{"a", "b"}, `["a","b"]`},
		"commas with ports":       {ported(commas), []string{"a", "b"}, "a:7947,b:7947"},
		"blanks with ports":       {ported(spaces), []string{"a", "b"}, "a:7947 b:7947"},
		"an array with ports":     {ported(array), []string{"a", "b"}, `["a:7947","b:7947"]`},
		"none":                    {commas, nil, ""},
		"none, with ports":        {ported(commas), nil, ""},
		"none between blanks":     {spaces, nil, ""},
		"none in an array":        {array, nil, "[]"},
		"an address":              {commas, []string{"2001:db8::1"}, "2001:db8::1"},
		"an address with a port":  {ported(commas), []string{"10.0.0.1", "2001:db8::1"}, "10.0.0.1:7947,[2001:db8::1]:7947"},
		"as it is, in this order": {commas, []string{"b", "a"}, "b,a"},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(RenderSeeds(tc.seeds, tc.form, ringPort)).To(Equal(tc.want))
		})
	}
}

func TestParseSeeds(t *testing.T) {
	for name, tc := range map[string]struct {
		form v1alpha1.RingSeeds
		text string
		want []string
	}{
		"commas":                     {commas, "b,a", []string{"a", "b"}},
		"the default":                {v1alpha1.RingSeeds{}, "a,b", []string{"a", "b"}},
		"blanks around commas":       {commas, " a , b\t", []string{"a", "b"}},
		"one":                        {commas, "a.example", []string{"a.example"}},
		"twice the same":             {commas, "a,b,a", []string{"a", "b"}},
		"blanks":                     {spaces, "b  a", []string{"a", "b"}},
		"blanks around":              {spaces, " a b ", []string{"a", "b"}},
		"an array":                   {array, `["b","a"]`, []string{"a", "b"}},
		"an array on several lines":  {array, "[\n  \"a\",\n  \"b\"\n]\n", []string{"a", "b"}},
		"an empty array":             {array, "[]", []string{}},
		"nothing at all":             {commas, "", []string{}},
		"nothing at all, blanks":     {spaces, "", []string{}},
		"nothing at all, an array":   {array, "", []string{}},
		"nothing but blanks":         {commas, "  ", []string{}},
		"ports":                      {ported(commas), "a:7947, b:7947", []string{"a", "b"}},
		"addresses":                  {commas, "10.0.0.1,2001:db8::1", []string{"10.0.0.1", "2001:db8::1"}},
		"addresses with ports":       {ported(spaces), "10.0.0.1:7947 [2001:db8::1]:7947", []string{"10.0.0.1", "2001:db8::1"}},
		"names of load balancers":    {commas, "Gossip-1a2b.elb.us-east-1.amazonaws.com", []string{"Gossip-1a2b.elb.us-east-1.amazonaws.com"}},
		"a name with a dot behind":   {commas, "a.example.", []string{"a.example."}},
		"labels that are numbers":    {commas, "1.2.example", []string{"1.2.example"}},
		"names that resolvers allow": {commas, "_a.b_c.example", []string{"_a.b_c.example"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got, err := ParseSeeds(tc.text, tc.form, ringPort)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestMalformedSeeds(t *testing.T) {
	const withCommas, withBlanks, withArray = "names separated by commas, without ports", "names separated by blanks, without ports", "a JSON array of names, without ports"
	for name, tc := range map[string]struct {
		form    v1alpha1.RingSeeds
		text    string
		reading string
		cure    string
	}{
		"a printed list":                   {commas, "[a b]", "read `[a b]` as one host", "the chart prints a list: join it with commas"},
		"a printed list of one":            {commas, "[a]", "read `[a]` as one host", "the chart prints a list: join it with commas"},
		"a printed list of none":           {commas, "[]", "read `[]` as one host", "the chart prints a list: join it with commas"},
		"a printed list, with ports":       {ported(commas), "[a:7947 b:7947]", "read `[a:7947 b:7947]` as one host", "the chart prints a list: join it with commas"},
		"a printed list, for blanks":       {spaces, "[a b]", "read `[a b]` as 2 hosts, one of them `[a`", "the chart prints a list: join it with blanks"},
		"a printed list, for an array":     {array, "[a b]", "cannot read `[a b]` as a JSON array", "the chart prints a list: render a JSON array of texts, with Helm's toJson"},
		"an array for commas":              {commas, `["a","b"]`, "read `[\"a\",\"b\"]` as 2 hosts, one of them `[\"a\"`", "set spec.seeds.format: JSONArray, or render " + withCommas},
		"an array for blanks":              {spaces, `["a","b"]`, "read `[\"a\",\"b\"]` as one host", "set spec.seeds.format: JSONArray, or render " + withBlanks},
		"blanks for commas":                {commas, "a b", "read `a b` as one host", "set spec.seeds.format: SpaceSeparated, or render " + withCommas},
		"commas for blanks":                {spaces, "a,b", "read `a,b` as one host", "set spec.seeds.format: CommaSeparated, or render " + withBlanks},
		"commas and blanks for blanks":     {spaces, "a, b", "read `a, b` as 2 hosts, one of them `a,`", "set spec.seeds.format: CommaSeparated, or render " + withBlanks},
		"commas for an array":              {array, "a,b", "cannot read `a,b` as a JSON array", "set spec.seeds.format: CommaSeparated, or render " + withArray},
		"blanks for an array":              {array, "a b", "cannot read `a b` as a JSON array", "set spec.seeds.format: SpaceSeparated, or render " + withArray},
		"a port too many":                  {commas, "a:7947", "read `a:7947` as one host", "set spec.seeds.includePort: true, or render " + withCommas},
		"ports and blanks":                 {commas, "a:7947 b:7947", "read `a:7947 b:7947` as one host", "set spec.seeds.format: SpaceSeparated and spec.seeds.includePort: true, or render " + withCommas},
		"no port":                          {ported(commas), "a,b", "read `a,b` as hosts of which `a` has no port", "set spec.seeds.includePort: false, or render names separated by commas, each with :7947"},
		"some without a port":              {ported(commas), "a:7947,b", "read `a:7947,b` as hosts of which `b` has no port", "render :7947 behind each name"},
		"some with a port":                 {commas, "a,b:7947", "read `a,b:7947` as 2 hosts, one of them `b:7947`", "render names without ports"},
		"another port":                     {ported(commas), "a:7946", "read `a:7946` as one host", "render the ring's port (spec.port), :7947, behind each name"},
		"another port where none should":   {commas, "a:7946", "read `a:7946` as one host", "render names without ports"},
		"an address in brackets":           {commas, "[2001:db8::1]", "read `[2001:db8::1]` as one host", "render addresses without brackets"},
		"an address, a bracket, no port":   {ported(commas), "[2001:db8::1]", "read `[2001:db8::1]` as one host", "render addresses as [address]:7947"},
		"an address, a port, no brackets":  {ported(commas), "2001:db8:0:0:0:0:0:1:7947", "read `2001:db8:0:0:0:0:0:1:7947` as one host", "render addresses as [address]:7947"},
		"a port or part of an address":     {ported(spaces), "2001:db8::1:7947", "read `2001:db8::1:7947` as hosts of which `2001:db8::1:7947` has no port", "set spec.seeds.includePort: false, or render names separated by blanks, each with :7947"},
		"quotes":                           {commas, `"a,b"`, "read `\"a,b\"` as 2 hosts, one of them `\"a`", "the quotes are part of what the pods get: render names without them"},
		"quotes of a shell":                {commas, `'a'`, "read `'a'` as one host", "the quotes are part of what the pods get: render names without them"},
		"quotes around each":               {spaces, `"a" "b"`, "read `\"a\" \"b\"` as 2 hosts, one of them `\"a\"`", "the quotes are part of what the pods get: render names without them"},
		"an array in quotes":               {array, `"[\"a\"]"`, "cannot read `\"[\\\"a\\\"]\"` as a JSON array", "the array is quoted once too often: render it as it is"},
		"a text for an array":              {array, `"a"`, "cannot read `\"a\"` as a JSON array", "render a JSON array of texts, with Helm's toJson"},
		"an array of numbers":              {array, `[1]`, "cannot read `[1]` as a JSON array", "the chart prints a list: render a JSON array of texts, with Helm's toJson"},
		"null for an array":                {array, "null", "cannot read `null` as a JSON array", "render a list without seeds as []"},
		"an array with bad names":          {array, `["a b"]`, "read `[\"a b\"]` as one host", "`a b` is not the name of a host: render " + withArray},
		"an array with an empty name":      {array, `["a",""]`, "read `[\"a\",\"\"]` as 2 hosts, one of them without a name", "leave out the place where no name is"},
		"an array with null":               {array, `["a",null]`, "read `[\"a\",null]` as 2 hosts, one of them without a name", "leave out the place where no name is"},
		"a comma too many":                 {commas, "a,b,", "read `a,b,` as 3 hosts, one of them without a name", "leave out the place where no name is"},
		"a line break behind":              {commas, "a,b\n", `read "a,b\n" as 2 hosts, one of them ` + `"b\n"`, "render them in one line"},
		"a line break behind one":          {commas, "a\n", `read "a\n" as one host`, "render them in one line"},
		"a line each":                      {spaces, "a\nb", `read "a\nb" as one host`, "render them in one line"},
		"nothing but a line break":         {commas, "\n", `read "\n" as one host`, "render them in one line"},
		"a YAML list":                      {commas, "- a\n- b", `read "- a\n- b" as one host`, "the chart prints a YAML list: join it with commas"},
		"semicolons":                       {commas, "a;b", "read `a;b` as one host", "`a;b` is not the name of a host: render " + withCommas},
		"a template that was not rendered": {commas, "{{.seeds}}", "read `{{.seeds}}` as one host", "`{{.seeds}}` is not the name of a host: render " + withCommas},
		"a URL":                            {commas, "tcp://a", "read `tcp://a` as one host", "`tcp://a` is not the name of a host: render " + withCommas},
		"a port that is none":              {commas, "a:x", "read `a:x` as one host", "`a:x` is not the name of a host: render " + withCommas},
		"an address that is none":          {commas, "10.0.0.256", "read `10.0.0.256` as one host", "`10.0.0.256` is not the name of a host: render " + withCommas},
		"a zone of one host":               {commas, "fe80::1%eth0", "read `fe80::1%eth0` as one host", "`fe80::1%eth0` is not the name of a host: render " + withCommas},
		"a label that ends badly":          {commas, "a-.example", "read `a-.example` as one host", "`a-.example` is not the name of a host: render " + withCommas},
		"a label too long":                 {commas, strings.Repeat("a", 64), "read `" + strings.Repeat("a", 64) + "` as one host", "`" + strings.Repeat("a", 64) + "` is not the name of a host: render " + withCommas},
		"a name too long": {
			commas, strings.Repeat("gossip.example.", 17), "read `" + strings.Repeat("gossip.example.", 5) + "goss…` as one host",
			"`" + strings.Repeat("gossip.example.", 5) + "goss…` is not the name of a host: render " + withCommas,
		},
		"a long text": {
			commas, "[" + strings.Repeat("gossip.example ", 20) + "z]",
			"read `[" + strings.Repeat("gossip.example ", 5) + "gos…` as one host", "the chart prints a list: join it with commas",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			seeds, err := ParseSeeds(tc.text, tc.form, ringPort)
			g.Expect(seeds).To(BeNil())
			malformed, ok := errors.AsType[*MalformedSeedsError](err)
			g.Expect(ok).To(BeTrue(), "%v", err)
			g.Expect(malformed.Reading).To(Equal(tc.reading))
			g.Expect(malformed.Cure).To(Equal(tc.cure))
		})
	}
}

func TestMalformedSeedsErrorSaysAll(t *testing.T) {
	_, err := ParseSeeds("[a b]", ported(commas), ringPort)
	NewWithT(t).Expect(err).To(MatchError(
		"the pods read `[a b]` as one host, but the ring declares names separated by commas, each with :7947: the chart prints a list: join it with commas"))
}

var (
	someHost = rapid.OneOf(
		rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z]([a-z0-9-]{0,8}[a-z0-9])?){1,3}`),
		rapid.StringMatching(`10\.[1-9]\.[1-9]\.[1-9]`),
		rapid.StringMatching(`2001:db8::[1-9a-f]{1,4}`),
	)
	someForm = rapid.Custom(func(t *rapid.T) v1alpha1.RingSeeds {
		form := rapid.SampledFrom([]v1alpha1.RingSeeds{commas, spaces, array}).Draw(t, "format")
		form.IncludePort = rapid.Bool().Draw(t, "port")
		return form
	})
)

func TestSeedsAreReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		seeds, form := rapid.SliceOfDistinct(someHost, rapid.ID).Draw(t, "seeds"), someForm.Draw(t, "form")
		port := rapid.Int32Range(1, 65535).Draw(t, "port")
		got, err := ParseSeeds(RenderSeeds(seeds, form, port), form, port)
		g.Expect(err).NotTo(HaveOccurred())
		slices.Sort(seeds)
		g.Expect(got).To(HaveExactElements(seeds))
	})
}

// Where the cure is another declaration, it cures.
func TestSeedsOfAnotherFormAreNotTakenForSeeds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		seeds := rapid.SliceOfNDistinct(someHost, 2, 5, rapid.ID).Draw(t, "seeds")
		written, declared := someForm.Draw(t, "written"), someForm.Draw(t, "declared")
		if written.Format == declared.Format && written.IncludePort == declared.IncludePort {
			t.Skip()
		}
		_, err := ParseSeeds(RenderSeeds(seeds, written, ringPort), declared, ringPort)
		malformed, ok := errors.AsType[*MalformedSeedsError](err)
		g.Expect(ok).To(BeTrue(), "%v", err)
		if written.Format != declared.Format {
			g.Expect(malformed.Cure).To(ContainSubstring("spec.seeds.format: " + string(written.Format)))
		}
		if written.IncludePort != declared.IncludePort {
			g.Expect(malformed.Cure).To(ContainSubstring("spec.seeds.includePort: "))
		}
	})
}

// What pods have may be anything: it is read or explained, in few words.
func TestAnyTextIsReadOrExplained(t *testing.T) {
	anything := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("ab1.,:;- []\"'\n\t{}"))))
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		text, form := anything.Draw(t, "text"), someForm.Draw(t, "form")
		seeds, err := ParseSeeds(text, form, ringPort)
		if err != nil {
			malformed, ok := errors.AsType[*MalformedSeedsError](err)
			g.Expect(ok).To(BeTrue())
			g.Expect(malformed.Cure).NotTo(BeEmpty())
			g.Expect(err.Error()).NotTo(ContainSubstring("\n"))
			return
		}
		again, err := ParseSeeds(RenderSeeds(seeds, form, ringPort), form, ringPort)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(again).To(Equal(seeds))
	})
}
