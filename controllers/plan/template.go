package plan

import (
	"strings"
	"text/template/parse"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Variables are the keys that a template may hold and what they stand for.
type Variables map[string]string

// Expand puts the variables' values into a template such as "api.{{ .region }}.example.com".
// Nothing but single keys is allowed: no functions, pipelines, conditions or comments, so that
// what a template gives can be told by looking at it. Values are not expanded again. Braces
// that somebody else is to expand are written {{ "{{" }}.
func Expand(template string, v Variables) (string, error) {
	tree := parse.New("template")
	tree.Mode = parse.ParseComments | parse.SkipFuncCheck
	all := map[string]*parse.Tree{} // with what the template defines
	if _, err := tree.Parse(template, "", "", all); err != nil || len(all) != 1 || all[tree.Name] != tree {
		return "", notATemplate(template, v)
	}
	var expanded strings.Builder
	for _, node := range tree.Root.Nodes {
		text, err := textOf(node, template, v)
		if err != nil {
			return "", err
		}
		expanded.WriteString(text)
	}
	return expanded.String(), nil
}

func textOf(node parse.Node, template string, v Variables) (string, error) {
	if text, ok := node.(*parse.TextNode); ok {
		return string(text.Text), nil
	}
	operand := operandOf(node)
	if literal, ok := operand.(*parse.StringNode); ok {
		return literal.Text, nil
	}
	field, ok := operand.(*parse.FieldNode)
	if !ok || len(field.Ident) != 1 {
		return "", notATemplate(template, v)
	}
	key := field.Ident[0]
	value, ok := v[key]
	if !ok {
		return "", finding(v1alpha1.ReasonInvalidTemplate, "%q has the unknown key .%s: it may hold %s", excerpt(template), excerpt(key), v.known())
	}
	return value, nil
}

// operandOf returns what is in an action that is nothing but {{ operand }}, or nil.
func operandOf(node parse.Node) parse.Node {
	action, ok := node.(*parse.ActionNode)
	if !ok || len(action.Pipe.Decl) > 0 || len(action.Pipe.Cmds) != 1 || len(action.Pipe.Cmds[0].Args) != 1 {
		return nil
	}
	return action.Pipe.Cmds[0].Args[0]
}

func notATemplate(template string, v Variables) *Finding {
	return finding(v1alpha1.ReasonInvalidTemplate, "%q is not a template that Portolan expands: it may hold %s and nothing else in double braces", excerpt(template), v.known())
}

// known lists the keys as one writes them.
func (v Variables) known() string {
	var keys []string
	for _, k := range sortedKeys(v) {
		keys = append(keys, "{{ ."+k+" }}")
	}
	return strings.Join(keys, ", ")
}

// excerpt shortens what is quoted in a message: a policy may have thousands of characters.
func excerpt(s string) string {
	const longest = 120
	if runes := []rune(s); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return s
}
