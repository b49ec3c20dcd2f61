package yamledit

import (
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// writer makes documents in all styles, with comments and blank lines between.
type writer struct {
	t     *rapid.T
	lines []string
	keys  []string // of the texts
}

func (w *writer) pick(options ...string) string { return rapid.SampledFrom(options).Draw(w.t, "style") }

func (w *writer) decorate(indent string) {
	for range rapid.IntRange(0, 2).Draw(w.t, "decorations") {
		w.lines = append(w.lines, w.pick("", indent+"# b: 'no'", "# x: {"))
	}
}

func (w *writer) mapping(depth int, indent, path string) {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c-d", "e_f"}), 1, 4, rapid.ID).Draw(w.t, "names")
	for _, name := range names {
		w.decorate(indent)
		head := indent + w.pick(name, `"`+name+`"`, "'"+name+"'") + ":"
		kind := rapid.IntRange(0, 7).Draw(w.t, "kind")
		if kind < 2 && depth > 0 {
			w.lines = append(w.lines, head+w.pick("", " # c"))
			w.mapping(depth-1, indent+w.pick(" ", "  ", "    "), path+name+".")
			continue
		}
		switch kind {
		case 0:
			w.lines = append(w.lines, head+" [x, {b: c}]", "")
		case 1:
			w.lines = append(w.lines, head, indent+"- b: x", indent+"-  |", indent+"   # text")
		case 2:
			w.lines = append(w.lines, head+w.pick(" |", " >-", " |+ # c"), indent+"  # text", indent+"", indent+"   b: x")
			w.keys = append(w.keys, path+name)
		default:
			w.lines = append(w.lines, head+w.pick("", " x", " 'it''s # no'", ` "\" # no"`, " ~", " 12", " x # c", " 'y'   # c", " a b:c#d"))
			w.keys = append(w.keys, path+name)
		}
	}
}

func (w *writer) text() string {
	w.mapping(3, "", "")
	return strings.Join(w.lines, w.pick("\n", "\r\n")) + w.pick("", "\n")
}

// without are the document's contents, but for the key.
func without(t *rapid.T, text []byte, names []string) map[string]any {
	contents := map[string]any{}
	if err := yaml.Unmarshal(text, &contents); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	below := contents
	for i, name := range names {
		if i == len(names)-1 {
			delete(below, name)
			break
		}
		next, ok := below[name].(map[string]any)
		if !ok {
			break
		}
		below = next
	}
	return contents
}

var values = rapid.OneOf(
	rapid.SampledFrom([]string{"", "a.example.com", "a.example.com:7947,b.example.com", `["a","b"]`, "yes", "1", "it's", "a: b", "a #b", "a\nb\n", " "}),
	rapid.StringOf(rapid.RuneFrom([]rune("ab:,#'\"\\ \n\t{}[]&*!|>-?%@`~é😀\u0085\u2028\u00a0\ufeff"))),
)

func TestSetChangesNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		w := &writer{t: t}
		text := w.text()
		if len(w.keys) == 0 {
			t.Skip("no text in it")
		}
		key, value := rapid.SampledFrom(w.keys).Draw(t, "key"), values.Draw(t, "value")
		edited, err := Set([]byte(text), key, value)
		g.Expect(err).NotTo(HaveOccurred(), "%q", text)
		read, found, err := Get(edited, key)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(found).To(BeTrue())
		g.Expect(read).To(Equal(value), "%q", edited)
		names := strings.Split(key, ".")
		g.Expect(without(t, edited, names)).To(Equal(without(t, []byte(text), names)))
		expectOtherLines(t, text, string(edited))
	})
}

// expectOtherLines takes away what is the same before and behind: what remains has to be
// one line, or a text of several that became one.
func expectOtherLines(t *rapid.T, before, after string) {
	old, edited := differing(strings.Split(before, "\n"), strings.Split(after, "\n"))
	if len(old) == 0 && len(edited) == 0 {
		return
	}
	if len(edited) != 1 || len(old) == 0 || len(old) > 1 && !strings.ContainsAny(old[0], "|>") {
		t.Fatalf("%q became %q", old, edited)
	}
	for _, ending := range []string{" # c", "\r"} {
		ends := func(line string) bool {
			return strings.HasSuffix(strings.TrimSuffix(line, "\r"), ending) || strings.HasSuffix(line, ending)
		}
		if len(old) == 1 && ends(old[0]) && !ends(edited[0]) {
			t.Fatalf("%q lost its end: %q", old, edited)
		}
	}
}

func differing(a, b []string) (restOfA, restOfB []string) {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return a, b
}

func TestSetInsertsLinesOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		w := &writer{t: t}
		text := w.text()
		names := []string{"new", "deeper"}
		edited, err := Set([]byte(text), strings.Join(names, "."), "x")
		if err != nil { // a literal without a line break at its end, behind which nothing fits
			g.Expect(err).To(MatchError(ContainSubstring("cannot be written")))
			g.Expect(text).NotTo(HaveSuffix("\n"))
			return
		}
		before, after := without(t, []byte(text), names), without(t, edited, names)
		delete(after, "new")
		g.Expect(after).To(Equal(before))
		rest := strings.Split(string(edited), "\n")
		at := slices.IndexFunc(rest, func(line string) bool { return strings.HasPrefix(line, "new:") })
		rest = slices.Delete(rest, at, at+2)
		g.Expect(strings.TrimRight(strings.Join(rest, "\n"), "\r\n")).To(Equal(strings.TrimRight(text, "\r\n")))
	})
}

func FuzzSet(f *testing.F) {
	for _, document := range []string{
		"", "a", "a:\n  b: c\n", "a: {b: c}", "{\"a\":{\"b\":null}}", "a: |\n  b\n", "a: &x !!str b\nc: *x\n", "- a\n- b: c\n", "? a\n: b\n", "a: [b: c]\n",
		"---\na: 'b'\n...\n", "\ufeffa:\r\n  b: \"c\\\r\n   d\"\r\n", "a: >2+\n    b\n\n", "a: # c\n  b: c", "a: {b: ,\n}", "a: \x00", "%TAG ! x\n---\na: !y b\n", "<<: &a {b: c}\n",
	} {
		f.Add([]byte(document), "a", "v")
		f.Add([]byte(document), "a.b", "v: w")
	}
	f.Fuzz(func(t *testing.T, document []byte, key, value string) {
		edited, err := Set(document, key, value)
		if err != nil {
			if edited != nil {
				t.Fatalf("a document and an error: %v", err)
			}
			return
		}
		if read, found, err := Get(edited, key); err != nil || !found || read != value {
			t.Fatalf("%q in %q reads as %q, %t, %v", key, edited, read, found, err)
		}
	})
}
