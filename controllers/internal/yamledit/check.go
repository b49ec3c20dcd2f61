package yamledit

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

var errTagged = errors.New("has a tag or an anchor and no value; write the mapping below it")

// expect makes the tree what the edited document has to read as.
func (d *document) expect(p place, value string) {
	target := p.value
	if target == nil {
		target = p.through[len(p.through)-1]
	}
	for _, name := range p.missing {
		if target.Kind != yaml.MappingNode {
			*target = yaml.Node{Kind: yaml.MappingNode, Tag: tagMap, Line: target.Line}
		}
		below := &yaml.Node{Kind: yaml.ScalarNode, Tag: tagNull}
		target.Content = append(target.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: tagString, Value: name}, below)
		target = below
	}
	*target = yaml.Node{Kind: yaml.ScalarNode, Tag: tagString, Value: value, Line: target.Line}
}

// same tells whether two trees mean the same; where things stand and which quotes they
// have does not matter.
func same(want, got *yaml.Node) error {
	if want.Kind != got.Kind || want.ShortTag() != got.ShortTag() || want.Value != got.Value ||
		want.Anchor != got.Anchor || len(want.Content) != len(got.Content) {
		return fmt.Errorf("line %d would read as something else", got.Line)
	}
	for i := range want.Content {
		if err := same(want.Content[i], got.Content[i]); err != nil {
			return err
		}
	}
	return nil
}
