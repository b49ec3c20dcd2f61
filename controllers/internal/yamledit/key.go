package yamledit

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// split takes a key apart.
func split(key string) ([]string, error) {
	var names []string
	name := &strings.Builder{}
	end := func() error {
		if name.Len() == 0 {
			return fmt.Errorf("key %q has an empty name", key)
		}
		names = append(names, name.String())
		name.Reset()
		return nil
	}
	for rest := key; rest != ""; {
		switch {
		case strings.HasPrefix(rest, `\.`), strings.HasPrefix(rest, `\\`):
			name.WriteByte(rest[1])
			rest = rest[2:]
		case rest[0] == '.':
			if err := end(); err != nil {
				return nil, err
			}
			rest = rest[1:]
		default:
			name.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	return names, end()
}

// join is split's inverse.
func join(names []string) string {
	escaped := make([]string, len(names))
	for i, name := range names {
		escaped[i] = strings.NewReplacer(`\`, `\\`, `.`, `\.`).Replace(name)
	}
	return strings.Join(escaped, ".")
}

// place is where a key leads.
type place struct {
	names   []string
	through []*yaml.Node // the mappings on the way, the innermost last
	name    *yaml.Node   // that leads to value; nil at the root
	value   *yaml.Node   // of the key, or of as much of it as exists; nil where a mapping lacks a name
	missing []string     // names that do not exist
}

func (p place) key() string { return join(p.names) }

// errorf says which part of the key and which line it is about.
func (p place) errorf(format string, args ...any) error {
	existing := p.names[:len(p.names)-len(p.missing)]
	at := p.value
	if at == nil && len(p.through) > 0 {
		at = p.through[len(p.through)-1]
	}
	where := join(existing)
	if len(existing) == 0 || p.value == nil {
		where = p.key()
	}
	if at != nil && at.Line > 0 {
		where = fmt.Sprintf("%s (line %d)", where, at.Line)
	}
	return fmt.Errorf("%s "+format, append([]any{where}, args...)...)
}

// find follows the names as far as there are mappings.
func (d *document) find(names []string) (place, error) {
	p := place{names: names, value: d.root.Content[0]}
	for i, name := range names {
		p.missing = names[i:]
		mapping := p.value
		switch {
		case mapping.Kind == yaml.MappingNode:
		case mapping.ShortTag() == tagNull && mapping.Kind == yaml.ScalarNode:
			return p, nil
		default:
			return p, p.errorf("is %s and must be a mapping with the key %s", kindOf(mapping), name)
		}
		p.through = append(p.through, mapping)
		var err error
		if p.name, p.value, err = lookup(mapping, name); err != nil {
			return p, fmt.Errorf("%s: %w", join(names[:i+1]), err)
		}
		if p.value == nil {
			return p, nil
		}
	}
	p.missing = nil
	return p, nil
}

func lookup(mapping *yaml.Node, name string) (key, value *yaml.Node, err error) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		candidate := mapping.Content[i]
		if candidate.Kind != yaml.ScalarNode || candidate.Value != name {
			continue
		}
		if key != nil {
			return nil, nil, fmt.Errorf("duplicate key in lines %d and %d", key.Line, candidate.Line)
		}
		key, value = candidate, mapping.Content[i+1]
	}
	return key, value, nil
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "the alias *" + n.Value
	default:
		return "a scalar"
	}
}
