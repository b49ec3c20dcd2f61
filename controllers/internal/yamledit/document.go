package yamledit

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// byteOrderMark may stand before everything; the parser does not count it.
const byteOrderMark = "\ufeff"

// breaks are what the parser takes for the end of a line, longer ones first. It follows
// YAML 1.1, which has three more than YAML 1.2.
var breaks = []string{"\r\n", "\n", "\r", "\u0085", "\u2028", "\u2029"}

// document is a text and what the parser read from it.
type document struct {
	text  []byte
	lines []int      // where each begins
	root  *yaml.Node // a DocumentNode with one child, a null for an empty text
}

func parse(text []byte) (*document, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("not YAML: not UTF-8")
	}
	d := &document{text: text, root: &yaml.Node{}}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	switch err := decoder.Decode(d.root); {
	case errors.Is(err, io.EOF):
		null := &yaml.Node{Kind: yaml.ScalarNode, Tag: tagNull}
		d.root = &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{null}}
	case err != nil:
		return nil, fmt.Errorf("not YAML: %w", err)
	default:
		var second yaml.Node
		if err := decoder.Decode(&second); err == nil {
			return nil, fmt.Errorf("there are several documents, the second in line %d", second.Line)
		} else if !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("not YAML: %w", err)
		}
	}
	d.index()
	return d, nil
}

func (d *document) index() {
	at := 0
	if bytes.HasPrefix(d.text, []byte(byteOrderMark)) {
		at = len(byteOrderMark)
	}
	d.lines = append(d.lines, at)
	for at < len(d.text) {
		if ending := d.breakAt(at); ending != "" {
			at += len(ending)
			d.lines = append(d.lines, at)
			continue
		}
		at++
	}
}

// breakAt is the line break at an offset, "" when there is none.
func (d *document) breakAt(at int) string {
	for _, ending := range breaks {
		if bytes.HasPrefix(d.text[at:], []byte(ending)) {
			return ending
		}
	}
	return ""
}

// newline is what ends the document's lines.
func (d *document) newline() string {
	if end := d.lineEnd(0); end < len(d.text) && d.breakAt(end) == "\r\n" {
		return "\r\n"
	}
	return "\n"
}

// offset translates the parser's positions, which count characters from 1.
func (d *document) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(d.lines) {
		return len(d.text)
	}
	at := d.lines[n.Line-1]
	for range n.Column - 1 {
		_, size := utf8.DecodeRune(d.text[at:])
		at += size
	}
	return at
}

// line is the number, from 0, of the line that an offset is in.
func (d *document) line(at int) int {
	number, exact := slices.BinarySearch(d.lines, at)
	if exact {
		return number
	}
	return max(number-1, 0)
}

// column counts characters from 0.
func (d *document) column(at int) int {
	return utf8.RuneCount(d.text[min(d.lines[d.line(at)], at):at])
}

// lineEnd is where the line that an offset is in ends, before its break.
func (d *document) lineEnd(at int) int {
	for at < len(d.text) && d.breakAt(at) == "" {
		at++
	}
	return at
}

// is tells what stands at an offset.
func (d *document) is(at int, characters string) bool {
	return at < len(d.text) && strings.IndexByte(characters, d.text[at]) >= 0
}

// splice replaces a part of a text.
type splice struct {
	from, to int
	text     string
}

// apply takes splices that do not overlap.
func apply(text []byte, splices []splice) []byte {
	splices = slices.SortedStableFunc(slices.Values(splices), func(a, b splice) int { return cmp.Compare(a.from, b.from) })
	var edited []byte
	at := 0
	for _, s := range splices {
		edited = append(edited, text[at:s.from]...)
		edited = append(edited, s.text...)
		at = s.to
	}
	return append(edited, text[at:]...)
}
