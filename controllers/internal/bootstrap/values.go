package bootstrap

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v4/pkg/chart/v2/loader"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/portolan-dev/portolan/controllers/plan"
)

// placeholders are what strings in values may refer to, by the names that the API documents.
func (v Variables) placeholders() map[string]string {
	all := map[string]string{
		"environment": v.Environment, "region": v.Region, "account": v.Account,
		"cluster": v.Cluster, "vpcID": v.VPCID, "gossipSecurityGroupID": v.GossipSecurityGroupID,
	}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// valuesOf returns the values of a chart, read as Helm reads a file of values and with
// their placeholders filled in.
func valuesOf(raw *apiextensionsv1.JSON, v Variables) (map[string]any, error) {
	if raw == nil || len(raw.Raw) == 0 {
		return map[string]any{}, nil
	}
	values, err := loader.LoadValues(bytes.NewReader(raw.Raw))
	if err != nil {
		return nil, fmt.Errorf("reading values: %w", err)
	}
	expanded, err := expand(values, "values", v.placeholders())
	if err != nil {
		return nil, err
	}
	filled, _ := expanded.(map[string]any) // as values is
	return filled, nil
}

// expand fills in the placeholders of all strings below a node, but not of keys.
func expand(node any, at string, known map[string]string) (any, error) {
	switch node := node.(type) {
	case string:
		return expandString(node, at, known)
	case []any:
		return expandList(node, at, known)
	case map[string]any:
		return expandMap(node, at, known)
	default:
		return node, nil
	}
}

func expandList(list []any, at string, known map[string]string) ([]any, error) {
	expanded := make([]any, len(list))
	for i, item := range list {
		var err error
		if expanded[i], err = expand(item, at+"["+strconv.Itoa(i)+"]", known); err != nil {
			return nil, err
		}
	}
	return expanded, nil
}

func expandMap(node map[string]any, at string, known map[string]string) (map[string]any, error) {
	expanded := make(map[string]any, len(node))
	for _, key := range slices.Sorted(maps.Keys(node)) { // the first error is always the same one
		var err error
		if expanded[key], err = expand(node[key], at+"."+key, known); err != nil {
			return nil, err
		}
	}
	return expanded, nil
}

func expandString(text, at string, known map[string]string) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	expanded, err := plan.Expand(text, known)
	if err != nil {
		return "", fmt.Errorf("%s: %w; write {{ \"{{\" }} for a template that the chart itself expands", at, err)
	}
	return expanded, nil
}
