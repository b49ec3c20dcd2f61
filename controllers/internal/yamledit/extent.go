package yamledit

import (
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"
)

var errEnd = errors.New("where the value ends cannot be told")

// flowIndicators end what stands within braces or brackets.
const flowIndicators = ",[]{}"

// start is where a node begins, behind its tag and anchor.
func (d *document) start(n *yaml.Node) int {
	at := d.offset(n)
	if n.Kind == yaml.AliasNode {
		return at
	}
	for d.is(at, "!") && n.Style&yaml.TaggedStyle != 0 || d.is(at, "&") && n.Anchor != "" {
		for at < len(d.text) && !d.is(at, " \t"+flowIndicators) && d.breakAt(at) == "" {
			at++
		}
		if empty(n) {
			continue // the next node begins behind the gap
		}
		at = d.gap(at)
	}
	return at
}

// empty tells whether nothing is written for a node.
func empty(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Value == "" && !quoted(n) }

func quoted(n *yaml.Node) bool {
	return n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
}

// gap skips space, line breaks and comments.
func (d *document) gap(at int) int {
	for at < len(d.text) {
		ending := d.breakAt(at)
		switch {
		case ending != "":
			at += len(ending)
		case d.is(at, " \t"):
			at++
		case d.is(at, "#"):
			at = d.lineEnd(at)
		default:
			return at
		}
	}
	return at
}

// end is where a node ends; indent is that of the block collection that it is in, -1 for none.
func (d *document) end(n *yaml.Node, indent int) (int, error) {
	at := d.start(n)
	switch {
	case n.Kind == yaml.AliasNode:
		return at + len("*") + len(n.Value), nil
	case n.Kind == yaml.ScalarNode:
		return d.scalarEnd(n, at, indent)
	case n.Style&yaml.FlowStyle != 0 && d.is(at, "{["):
		return d.flowEnd(n, at, indent)
	case len(n.Content) == 0:
		return 0, errEnd
	default:
		return d.end(n.Content[len(n.Content)-1], d.column(at))
	}
}

func (d *document) flowEnd(n *yaml.Node, at, indent int) (int, error) {
	at++
	if len(n.Content) > 0 {
		var err error
		if at, err = d.end(n.Content[len(n.Content)-1], indent); err != nil {
			return 0, err
		}
	}
	if at = d.gap(at); d.is(at, ",") {
		at = d.gap(at + 1)
	}
	if !d.is(at, "}]") {
		return 0, errEnd
	}
	return at + 1, nil
}

func (d *document) scalarEnd(n *yaml.Node, at, indent int) (int, error) {
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		b := d.block(at, indent)
		if b.keep {
			return b.blanksEnd, nil
		}
		return b.end, nil
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return d.quoteEnd(at, '"')
	case n.Style&yaml.SingleQuotedStyle != 0:
		return d.quoteEnd(at, '\'')
	default:
		return d.plainEnd(at, n.Value)
	}
}

func (d *document) quoteEnd(at int, quote byte) (int, error) {
	for i := at + 1; i < len(d.text); i++ {
		switch {
		case d.text[i] == '\\' && quote == '"':
			i++
		case d.text[i] != quote:
		case quote == '\'' && d.is(i+1, "'"):
			i++
		default:
			return i + 1, nil
		}
	}
	return 0, errEnd
}

// plainEnd follows the text as the parser folded it: one line break is a space, and of
// more of them all but the first remain.
func (d *document) plainEnd(at int, value string) (int, error) {
	for value != "" {
		folded, next := d.fold(at)
		switch {
		case next > at && strings.HasPrefix(value, folded):
			at, value = next, value[len(folded):]
		case at < len(d.text) && d.text[at] == value[0]:
			at, value = at+1, value[1:]
		default:
			return 0, errEnd
		}
	}
	return at, nil
}

// fold reads space that has line breaks in it; without any, next is at.
func (d *document) fold(at int) (folded string, next int) {
	count := 0
	for next = at; next < len(d.text); {
		if ending := d.breakAt(next); ending != "" {
			next += len(ending)
			count++
		} else if d.is(next, " \t") {
			next++
		} else {
			break
		}
	}
	switch count {
	case 0:
		return "", at
	case 1:
		return " ", next
	default:
		return strings.Repeat("\n", count-1), next
	}
}

// block is where the parts of a block scalar are.
type block struct {
	header    int // the end of the indicators
	line      int // the end of their line
	end       int // of the last line with something in it
	blanksEnd int // of the blank lines behind
	keep      bool
}

func (d *document) block(at, indent int) block {
	b := block{header: at + 1}
	content := -1
	for ; d.is(b.header, "+-0123456789"); b.header++ {
		switch c := d.text[b.header]; c {
		case '+':
			b.keep = true
		case '-':
		default:
			content = max(indent, 0) + int(c-'0')
		}
	}
	b.line = d.lineEnd(b.header)
	b.end, b.blanksEnd = b.line, b.line
	for _, from := range d.lines[d.line(b.header)+1:] {
		to := d.lineEnd(from)
		spaces := len(d.text[from:to]) - len(strings.TrimLeft(string(d.text[from:to]), " "))
		switch blank := from+spaces == to; {
		case blank && (content < 0 || spaces <= content):
			if from < len(d.text) {
				b.blanksEnd = to
			}
			continue
		case content < 0 && spaces > indent:
			content = spaces
		case content < 0, spaces < content:
			return b
		}
		b.end, b.blanksEnd = to, to
	}
	return b
}
