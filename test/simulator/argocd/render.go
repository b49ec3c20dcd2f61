package argocd

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	corev1 "k8s.io/api/core/v1"
)

// parametersOf returns what the clusters generator tells templates about a
// cluster. As in Argo CD, labels and annotations are absent when the Secret has
// none, and they are maps of strings, on which sprig's dig fails.
func parametersOf(secret *corev1.Secret) map[string]any {
	metadata := map[string]any{}
	if len(secret.Labels) > 0 {
		metadata["labels"] = maps.Clone(secret.Labels)
	}
	if len(secret.Annotations) > 0 {
		metadata["annotations"] = maps.Clone(secret.Annotations)
	}
	cluster := clusterOf(secret)
	return map[string]any{
		"name":     cluster.name,
		"server":   cluster.server,
		"project":  string(secret.Data["project"]),
		"metadata": metadata,
	}
}

// renderTree renders every string of a template, leaf by leaf, map keys included.
func renderTree(node any, options []string, parameters map[string]any) (any, error) {
	switch node := node.(type) {
	case string:
		return renderText(node, options, parameters)
	case []any:
		return renderList(node, options, parameters)
	case map[string]any:
		return renderMap(node, options, parameters)
	default:
		return node, nil
	}
}

func renderList(list []any, options []string, parameters map[string]any) ([]any, error) {
	rendered := make([]any, 0, len(list))
	for _, item := range list {
		value, err := renderTree(item, options, parameters)
		if err != nil {
			return nil, err
		}
		rendered = append(rendered, value)
	}
	return rendered, nil
}

func renderMap(node map[string]any, options []string, parameters map[string]any) (map[string]any, error) {
	rendered := make(map[string]any, len(node))
	for key, item := range node {
		name, err := renderText(key, options, parameters)
		if err != nil {
			return nil, err
		}
		if rendered[name], err = renderTree(item, options, parameters); err != nil {
			return nil, err
		}
	}
	return rendered, nil
}

func renderText(text string, options []string, parameters map[string]any) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	parsed, err := template.New("").Funcs(templateFunctions()).Option(options...).Parse(text)
	if err != nil {
		return "", fmt.Errorf("failed to parse template %s: %w", text, err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, parameters); err != nil {
		return "", fmt.Errorf("failed to execute go template %s: %w", text, err)
	}
	return out.String(), nil
}

// templateFunctions are sprig's without those that look outside the template,
// which Argo CD removes as well.
func templateFunctions() template.FuncMap {
	functions := sprig.TxtFuncMap()
	for _, name := range []string{"env", "expandenv", "getHostByName"} {
		delete(functions, name)
	}
	return functions
}
