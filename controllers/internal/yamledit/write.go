package yamledit

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// unquoted is what every parser, of YAML 1.1 too, takes for a text when it has no quotes:
// it begins like no number, date or indicator. What it must not be besides says plain.
var unquoted = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./:,@+=%~-]*( [A-Za-z0-9_./:,@+=%~-]+)*$`)

// words are no texts to one parser or another when they have no quotes.
var words = map[string]bool{
	"y": true, "n": true, "yes": true, "no": true, "on": true, "off": true, "true": true, "false": true, "null": true,
}

func plain(value string) bool {
	return unquoted.MatchString(value) && !words[strings.ToLower(value)] &&
		!strings.Contains(value, ": ") && !strings.HasSuffix(value, ":")
}

func singleQuotes(value string) (text string, ok bool) {
	for _, r := range value {
		if !unicode.IsPrint(r) {
			return "", false
		}
	}
	return "'" + strings.ReplaceAll(value, "'", "''") + "'", true
}

// doubleQuotes holds everything, and is JSON as well.
func doubleQuotes(value string) string {
	text := &strings.Builder{}
	text.WriteByte('"')
	for _, r := range value {
		switch {
		case r == '"', r == '\\':
			text.WriteByte('\\')
			text.WriteRune(r)
		case r == '\n':
			text.WriteString(`\n`)
		case r == '\t':
			text.WriteString(`\t`)
		case unicode.IsPrint(r), r > 0xffff: // which JSON has no short escape for
			text.WriteRune(r)
		default:
			fmt.Fprintf(text, `\u%04x`, r)
		}
	}
	text.WriteByte('"')
	return text.String()
}

// replacements are the ways to write another value, the one that changes the least first.
func (d *document) replacements(p place, value string) ([][]splice, error) {
	n := p.value
	at := d.start(n)
	mapping := p.through[len(p.through)-1]
	indent := d.column(d.start(mapping))
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		b := d.block(at, indent)
		return [][]splice{{{from: at, to: b.header, text: doubleQuotes(value)}, {from: b.line, to: b.end}}}, nil
	}
	to, err := d.end(n, indent)
	if err != nil {
		return nil, err
	}
	space := ""
	if empty(n) && at > 0 && !d.is(at-1, " \t") {
		space = " "
	}
	var ways [][]splice
	add := func(text string) { ways = append(ways, []splice{{from: at, to: to, text: space + text}}) }
	json := mapping.Style&yaml.FlowStyle != 0 && p.name.Style&yaml.DoubleQuotedStyle != 0
	switch single, ok := singleQuotes(value); {
	case n.Style&yaml.SingleQuotedStyle != 0 && ok:
		add(single)
	case !quoted(n) && !json && plain(value):
		add(value)
	}
	add(doubleQuotes(value))
	return ways, nil
}
