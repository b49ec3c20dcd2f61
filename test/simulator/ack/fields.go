package ack

import (
	"encoding/json"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// fields is a part of a custom resource. Paths are dotted; what is absent reads
// as the zero value, as it does for AWS.
type fields map[string]any

func (f fields) at(path string) (any, bool) {
	value, found, err := unstructured.NestedFieldNoCopy(f, strings.Split(path, ".")...)
	return value, found && err == nil
}

func (f fields) text(path string) string {
	value, _ := f.at(path)
	text, _ := value.(string)
	return text
}

func (f fields) texts(path string) []string {
	value, _ := f.at(path)
	list, _ := value.([]any)
	texts := make([]string, 0, len(list))
	for _, item := range list {
		if text, ok := item.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

func (f fields) number(path string) int64 {
	value, _ := f.at(path)
	number, _ := value.(int64)
	return number
}

// flag returns "true" or "false", the form in which facts are kept.
func (f fields) flag(path string) string {
	value, _ := f.at(path)
	if on, _ := value.(bool); on {
		return "true"
	}
	return "false"
}

func (f fields) list(path string) []fields {
	value, _ := f.at(path)
	list, _ := value.([]any)
	items := make([]fields, 0, len(list))
	for _, item := range list {
		if object, ok := item.(map[string]any); ok {
			items = append(items, object)
		}
	}
	return items
}

// json returns the part at path as JSON, "" when it is absent.
func (f fields) json(path string) string {
	value, found := f.at(path)
	if !found {
		return ""
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "" // cannot happen: the part came from JSON
	}
	return string(text)
}

// tags reads the three spellings: a map (EKS), a list of key and value (others), and
// the same list one level deeper (S3).
func (f fields) tags() map[string]string {
	tags := map[string]string{}
	value, _ := f.at("tags")
	if flat, ok := value.(map[string]any); ok {
		for key := range flat {
			tags[key], _ = flat[key].(string)
		}
	}
	for _, tag := range append(f.list("tags"), f.list("tagging.tagSet")...) {
		tags[tag.text("key")] = tag.text("value")
	}
	return tags
}

// fill sets what is absent at path and reports whether it did.
func (f fields) fill(path string, value any) bool {
	if _, found := f.at(path); found {
		return false
	}
	return unstructured.SetNestedField(f, value, strings.Split(path, ".")...) == nil
}

// decode is the inverse of json, for lists.
func decode(text string) []any {
	var list []any
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil
	}
	return list
}

// listOf is a fact that holds a list, as it stands in a custom resource.
func listOf(text string) []any {
	list := []any{}
	for item := range strings.SplitSeq(text, ",") {
		if item != "" {
			list = append(list, item)
		}
	}
	return list
}

// numberOf is a fact that holds a number, 0 if it does not.
func numberOf(text string) int64 {
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return number
}
