package yamledit

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// defaultStep indents where a document has no example.
const defaultStep = 2

// insertions are the ways to write the names that are missing, and the value below them.
func (d *document) insertions(p place, value string) ([][]splice, error) {
	if p.value == nil {
		mapping := p.through[len(p.through)-1]
		if mapping.Style&yaml.FlowStyle != 0 {
			return d.intoFlow(mapping, p.missing, value)
		}
		return d.intoBlock(mapping, p.missing, value)
	}
	if p.value.Anchor != "" || p.value.Style&yaml.TaggedStyle != 0 {
		return nil, errTagged
	}
	if !empty(p.value) {
		at := d.start(p.value)
		text := "{" + inFlow(p.missing, value, d.json(p.name)) + "}"
		return [][]splice{{{from: at, to: at + len(p.value.Value), text: text}}}, nil
	}
	if len(p.through) == 0 {
		return [][]splice{{d.atEnd(p.missing, value)}}, nil
	}
	return d.underNull(p, value), nil
}

// atEnd gives an empty document its mapping.
func (d *document) atEnd(names []string, value string) splice {
	text := d.inBlock(names, value, 0)
	switch last := len(d.lines) - 1; {
	case last > 0 && d.lines[last] == len(d.text), len(bytes.TrimPrefix(d.text, []byte(byteOrderMark))) == 0:
		text += d.newline()
	default:
		text = d.newline() + text
	}
	return splice{from: len(d.text), to: len(d.text), text: text}
}

// underNull makes a mapping of a key without a value.
func (d *document) underNull(p place, value string) [][]splice {
	at := d.start(p.value)
	mapping := p.through[len(p.through)-1]
	if mapping.Style&yaml.FlowStyle != 0 {
		text := "{" + inFlow(p.missing, value, d.json(p.name)) + "}"
		if !d.is(at-1, " \t") {
			text = " " + text
		}
		return [][]splice{{{from: at, to: at, text: text}}}
	}
	end := d.lineEnd(at)
	indent := d.column(d.start(mapping)) + d.step()
	return [][]splice{{{from: end, to: end, text: d.newline() + d.inBlock(p.missing, value, indent)}}}
}

func (d *document) intoBlock(mapping *yaml.Node, names []string, value string) ([][]splice, error) {
	indent := d.column(d.start(mapping))
	at, err := d.end(mapping, -1)
	if err != nil {
		return nil, err
	}
	at = d.lineEnd(at) // a comment behind the last value stays there
	return [][]splice{{{from: at, to: at, text: d.newline() + d.inBlock(names, value, indent)}}}, nil
}

// intoFlow gives the new name a line of its own where the last one has one.
func (d *document) intoFlow(mapping *yaml.Node, names []string, value string) ([][]splice, error) {
	opened := d.start(mapping)
	if len(mapping.Content) == 0 {
		text := inFlow(names, value, d.json(nil))
		return [][]splice{{{from: opened + 1, to: opened + 1, text: text}}}, nil
	}
	lastName := mapping.Content[len(mapping.Content)-2]
	text := inFlow(names, value, d.json(lastName))
	end, err := d.end(mapping.Content[len(mapping.Content)-1], -1)
	if err != nil {
		return nil, err
	}
	closed, err := d.flowEnd(mapping, opened, -1)
	if err != nil {
		return nil, err
	}
	first := d.lines[d.line(d.offset(lastName))]
	line := d.lineEnd(end)
	if opened >= first || closed <= line {
		return [][]splice{{{from: end, to: end, text: ", " + text}}}, nil
	}
	indent := len(d.text[first:]) - len(bytes.TrimLeft(d.text[first:], " \t"))
	text = d.newline() + string(d.text[first:first+indent]) + text
	switch comma := d.gap(end); {
	case !d.is(comma, ","):
		return [][]splice{{{from: end, to: end, text: ","}, {from: line, to: line, text: text}}}, nil
	case comma < line:
		return [][]splice{{{from: line, to: line, text: text + ","}}}, nil
	default: // it begins the next line
		return [][]splice{{{from: end, to: end, text: "," + text}}}, nil
	}
}

// inBlock is one line for each name.
func (d *document) inBlock(names []string, value string, indent int) string {
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = strings.Repeat(" ", indent+i*d.step()) + nameText(name, false) + ":"
	}
	return strings.Join(lines, d.newline()) + " " + doubleQuotes(value)
}

func inFlow(names []string, value string, json bool) string {
	text := doubleQuotes(value)
	for i, name := range slices.Backward(names) {
		text = nameText(name, json) + ": " + text
		if i > 0 {
			text = "{" + text + "}"
		}
	}
	return text
}

func nameText(name string, json bool) string {
	if !json && plain(name) && !strings.ContainsAny(name, " ,") {
		return name
	}
	return doubleQuotes(name)
}

// json tells whether names have double quotes, by a neighbour's or else by the document's first.
func (d *document) json(neighbour *yaml.Node) bool {
	if neighbour != nil {
		return neighbour.Style&yaml.DoubleQuotedStyle != 0
	}
	root := d.root.Content[0]
	if root.Kind != yaml.MappingNode || root.Style&yaml.FlowStyle == 0 {
		return false
	}
	return len(root.Content) == 0 || root.Content[0].Style&yaml.DoubleQuotedStyle != 0
}

// step is by how much the document indents: as its first block mapping within another does.
func (d *document) step() int {
	if step := d.stepIn(d.root.Content[0]); step > 0 {
		return step
	}
	return defaultStep
}

func (d *document) stepIn(n *yaml.Node) int {
	if n.Kind != yaml.MappingNode || n.Style&yaml.FlowStyle != 0 {
		return 0
	}
	for i := 1; i < len(n.Content); i += 2 {
		below := n.Content[i]
		if below.Kind != yaml.MappingNode || below.Style&yaml.FlowStyle != 0 {
			continue
		}
		return d.column(d.start(below)) - d.column(d.start(n))
	}
	return 0
}
