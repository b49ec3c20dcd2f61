package drift

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// samePolicy tells whether two IAM policies are the same document, however IAM chose to
// write it: IAM keeps neither the order of lists nor one-element lists, turns numbers and
// booleans of conditions into texts, and the number of an account into the ARN of its root
// (source: IAM user guide, "JSON policy elements" and "Grammar of the IAM JSON policy language").
func samePolicy(a, b string) bool {
	one, err := decode(a)
	other, otherErr := decode(b)
	if err != nil || otherErr != nil {
		return strings.TrimSpace(a) == strings.TrimSpace(b)
	}
	return render(canonical(one)) == render(canonical(other))
}

// decode reads a document with its numbers as they are written.
func decode(document string) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(document))
	decoder.UseNumber()
	var content any
	if err := decoder.Decode(&content); err != nil {
		return nil, err //nolint:wrapcheck // nobody sees it
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	return content, nil
}

var rootOfAccount = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}):root$`)

// canonical is the one of all ways to write a policy that comparisons use.
func canonical(content any) any {
	switch c := content.(type) {
	case map[string]any:
		object := make(map[string]any, len(c))
		for key := range maps.Keys(c) {
			object[key] = canonical(c[key])
		}
		return object
	case []any:
		return canonicalList(c)
	case string:
		if account := rootOfAccount.FindStringSubmatch(c); account != nil {
			return account[1]
		}
		return c
	case json.Number:
		return c.String()
	case bool:
		if c {
			return "true"
		}
		return "false"
	default:
		return content
	}
}

func canonicalList(list []any) any {
	elements := make([]any, len(list))
	for i, element := range list {
		elements[i] = canonical(element)
	}
	slices.SortFunc(elements, func(a, b any) int { return strings.Compare(render(a), render(b)) })
	elements = slices.CompactFunc(elements, func(a, b any) bool { return render(a) == render(b) })
	if len(elements) == 1 {
		return elements[0]
	}
	return elements
}

// render orders the keys of objects.
func render(content any) string {
	text, err := json.Marshal(content)
	if err != nil {
		return "" // cannot happen: the content was JSON
	}
	return string(text)
}

// sameConfiguration compares what add-ons are configured with, in JSON or YAML, where the
// order of lists matters. Nothing at all is as good as an empty object.
func sameConfiguration(a, b string) bool {
	var one, other any
	if yaml.Unmarshal([]byte(a), &one) != nil || yaml.Unmarshal([]byte(b), &other) != nil {
		return strings.TrimSpace(a) == strings.TrimSpace(b)
	}
	return reflect.DeepEqual(orEmpty(one), orEmpty(other))
}

func orEmpty(content any) any {
	if content == nil {
		return map[string]any{}
	}
	return content
}
