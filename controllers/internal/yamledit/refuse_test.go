package yamledit

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		document, key string
		want          string
		setOnly       bool
	}{
		"no YAML":                  {document: "a: [\n", want: "not YAML: yaml: line 1"},
		"tabs":                     {document: "a:\n\tb: 1\n", want: "not YAML: yaml: line 2: found character that cannot start any token"},
		"no UTF-8":                 {document: "a: \xff\n", want: "not UTF-8"},
		"UTF-16":                   {document: "\xff\xfea\x00:\x00 \x00b\x00", want: "not UTF-8"},
		"an unknown alias":         {document: "a: *x\n", want: "not YAML"},
		"several documents":        {document: "a: {b: c}\n---\nx: y\n", want: "there are several documents, the second in line 2"},
		"an end of another":        {document: "a: {b: c}\n---\n", want: "several documents"},
		"a broken second document": {document: "a: {b: c}\n---\nx: [\n", want: "not YAML"},
		"a duplicate key":          {document: "a:\n  b: 1\n  c: 2\n  'b': 3\n", want: "a.b: duplicate key in lines 2 and 4"},
		"a duplicate parent":       {document: "a: {b: 1}\na: {b: 2}\n", want: "a: duplicate key in lines 1 and 2"},
		"through a list":           {document: "x: y\na:\n  - b: 1\n", want: "a (line 3) is a list and must be a mapping with the key b"},
		"through a scalar":         {document: "a: text\n", want: "a (line 1) is a scalar and must be a mapping with the key b"},
		"through an alias":         {document: "x: &x {b: 1}\na: *x\n", want: "a (line 2) is the alias *x and must be a mapping"},
		"a list for a document":    {document: "- a\n", want: "a.b (line 1) is a list and must be a mapping with the key a"},
		"a text for a document":    {document: "text\n", want: "a.b (line 1) is a scalar and must be a mapping with the key a"},
		"a list":                   {document: "a:\n  b:\n  - x\n", want: "a.b (line 3) is a list and must be a string"},
		"a flow list":              {document: "a: {b: []}\n", want: "a.b (line 1) is a list and must be a string"},
		"a mapping":                {document: "a:\n  b:\n    x: 1\n", want: "a.b (line 3) is a mapping and must be a string"},
		"an alias":                 {document: "x: &x y\na: {b: *x}\n", want: "a.b (line 2) is the alias *x; write the value out"},
		"an anchor":                {document: "a: {b: &x y}\nx: *x\n", want: "a.b (line 1) has the anchor &x"},
		"another tag":              {document: "a: {b: !vault x}\n", want: "a.b (line 1) has the tag !vault and must be a string"},
		"a tagged number":          {document: "a: {b: !!int 5}\n", want: "a.b (line 1) has the tag !!int and must be a string"},
		"an empty key":             {document: "a: b\n", key: "a..b", want: `key "a..b" has an empty name`},
		"no key":                   {document: "a: b\n", key: ".", want: "has an empty name"},
		"a key that ends early":    {document: "a: b\n", key: "a.", want: "has an empty name"},
		"what others use":          {document: "a: &a\n  b: 1\nx: *a\n", setOnly: true, want: "a.b: line 1 has the anchor &a, whose aliases would change too"},
		"what others merge":        {document: "a: &a\n  c: 1\nx:\n  <<: *a\n", setOnly: true, want: "has the anchor &a, whose aliases would change too"},
		"an anchored nothing":      {document: "a: &a\nx: *a\n", setOnly: true, want: "has a tag or an anchor and no value"},
		"a name without a colon":   {document: "a: {b, c}\n", setOnly: true, want: "a.b (line 1) cannot be written without changing something else"},
		"behind an open literal":   {document: "a:\n  x: |\n    y", setOnly: true, want: "a.b (line 2) cannot be written without changing something else"},
		"an end without a start":   {document: "---\n...\n", setOnly: true, want: "cannot be written without changing something else"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			key := tc.key
			if key == "" {
				key = "a.b"
			}
			edited, err := Set([]byte(tc.document), key, seeds)
			g.Expect(err).To(MatchError(ContainSubstring(tc.want)))
			g.Expect(edited).To(BeNil())
			_, _, err = Get([]byte(tc.document), key)
			if tc.setOnly {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(err).To(MatchError(ContainSubstring(tc.want)))
		})
	}
}

func TestSetRefusesAValueThatIsNoText(t *testing.T) {
	_, err := Set(nil, "a", "\xff")
	NewWithT(t).Expect(err).To(MatchError("the value is not UTF-8"))
}

func TestGet(t *testing.T) {
	for name, tc := range map[string]struct {
		document, key string
		want          string
		wantMissing   bool
	}{
		"a text":           {document: "a:\n  b: x # c\n", want: "x"},
		"escapes":          {document: "a: {b: \"x\\ny\"}", want: "x\ny"},
		"a literal":        {document: "a:\n  b: |\n    x\n    y\n", want: "x\ny\n"},
		"null":             {document: "a:\n  b: ~\n"},
		"nothing":          {document: "a:\n  b:\n"},
		"a number":         {document: "a: {b: 0x10}", want: "0x10"},
		"a dot":            {document: "a.b: x\n", key: `a\.b`, want: "x"},
		"no key":           {document: "a:\n  c: x\n", wantMissing: true},
		"no parent":        {document: "x: y\n", wantMissing: true},
		"an empty parent":  {document: "a:\n", wantMissing: true},
		"no document":      {document: "", wantMissing: true},
		"comments alone":   {document: "# c\n", wantMissing: true},
		"an anchored null": {document: "a: &x\nb: *x\n", wantMissing: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			key := tc.key
			if key == "" {
				key = "a.b"
			}
			value, found, err := Get([]byte(tc.document), key)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(found).To(Equal(!tc.wantMissing))
			g.Expect(value).To(Equal(tc.want))
		})
	}
}

func TestKeys(t *testing.T) {
	g := NewWithT(t)
	for key, want := range map[string][]string{
		"a": {"a"}, "a.b.c": {"a", "b", "c"}, `a\.b.c`: {"a.b", "c"}, `a\\.b`: {`a\`, "b"}, `a\b`: {`a\b`}, `\.`: {"."}, "é.\t": {"é", "\t"},
	} {
		names, err := split(key)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(names).To(Equal(want))
		again, err := split(join(names))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(again).To(Equal(want))
	}
}
