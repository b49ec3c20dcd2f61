package yamledit

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// tags as the parser shortens them.
const (
	tagString = "!!str"
	tagNull   = "!!null"
	tagMap    = "!!map"
)

// Get reads the scalar at a key: names of mappings, separated by dots; a dot within a
// name is written as \. and a backslash as \\. A null reads as an empty text. What a
// merge key (<<) brings into a mapping is not looked at.
func Get(document []byte, key string) (value string, found bool, err error) {
	d, place, err := locate(document, key)
	switch {
	case err != nil:
		return "", false, err
	case len(place.missing) > 0:
		return "", false, nil
	}
	if err := d.settable(place); err != nil {
		return "", false, err
	}
	if place.value.ShortTag() == tagNull {
		return "", true, nil
	}
	return place.value.Value, true, nil
}

// Set returns the document with a string at the key, and all other bytes as they were. A
// key that is missing comes last in the innermost mapping that exists. The value keeps
// its quotes where they can hold the new one. With an error there is no document.
func Set(document []byte, key, value string) ([]byte, error) {
	if !utf8.ValidString(value) {
		return nil, errors.New("the value is not UTF-8")
	}
	d, place, err := locate(document, key)
	if err != nil {
		return nil, err
	}
	if err := d.unshared(place); err != nil {
		return nil, err
	}
	var ways [][]splice
	if len(place.missing) > 0 {
		ways, err = d.insertions(place, value)
	} else {
		if err := d.settable(place); err != nil {
			return nil, err
		}
		if place.value.ShortTag() == tagString && place.value.Value == value {
			return slices.Clone(document), nil
		}
		ways, err = d.replacements(place, value)
	}
	if err != nil {
		return nil, place.errorf("%w", err)
	}
	return d.first(place, value, ways)
}

func locate(text []byte, key string) (*document, place, error) {
	names, err := split(key)
	if err != nil {
		return nil, place{}, err
	}
	d, err := parse(text)
	if err != nil {
		return nil, place{}, err
	}
	found, err := d.find(names)
	return d, found, err
}

// first is the document by the first of the ways that leads to what is wanted and to
// nothing else.
func (d *document) first(p place, value string, ways [][]splice) ([]byte, error) {
	d.expect(p, value)
	err := errors.New("there is no way")
	for _, way := range ways {
		edited := apply(d.text, way)
		var read *document
		if read, err = parse(edited); err != nil {
			continue
		}
		if err = same(d.root, read.root); err == nil {
			return edited, nil
		}
	}
	return nil, p.errorf("cannot be written without changing something else: %w", err)
}

// settable refuses what is no plain scalar of this key alone.
func (d *document) settable(p place) error {
	switch value := p.value; {
	case value.Kind == yaml.AliasNode:
		return p.errorf("is the alias *%s; write the value out", value.Value)
	case value.Kind == yaml.SequenceNode:
		return p.errorf("is a list and must be a string")
	case value.Kind == yaml.MappingNode:
		return p.errorf("is a mapping and must be a string")
	case value.Anchor != "":
		return p.errorf("has the anchor &%s; write the value out where it is used", value.Anchor)
	case value.Style&yaml.TaggedStyle != 0 && value.ShortTag() != tagString:
		return p.errorf("has the tag %s and must be a string", value.Tag)
	default:
		return nil
	}
}

// unshared refuses to change what stands in other places as well.
func (d *document) unshared(p place) error {
	for _, mapping := range p.through {
		if mapping.Anchor != "" && aliased(d.root, mapping.Anchor) {
			return fmt.Errorf("%s: line %d has the anchor &%s, whose aliases would change too", p.key(), mapping.Line, mapping.Anchor)
		}
	}
	return nil
}

func aliased(n *yaml.Node, anchor string) bool {
	return n.Kind == yaml.AliasNode && n.Value == anchor ||
		slices.ContainsFunc(n.Content, func(child *yaml.Node) bool { return aliased(child, anchor) })
}
