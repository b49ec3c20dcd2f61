package iam

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// member is one name of a JSON object with what it holds.
type member struct {
	name  string
	value json.RawMessage
}

// members reads a JSON object. Unlike encoding/json it minds case and refuses a name that
// occurs twice: of two Conditions, one would be dropped without a word.
func members(data []byte) ([]member, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("it is not a JSON object")
	}
	var all []member
	seen := map[string]bool{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("reading a name: %w", err)
		}
		m := member{name: fmt.Sprint(name)}
		if seen[m.name] {
			return nil, fmt.Errorf("%s occurs twice", m.name)
		}
		seen[m.name] = true
		if err := decoder.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("reading %s: %w", m.name, err)
		}
		all = append(all, m)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("reading its end: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows its end")
	}
	return all, nil
}

// oneOrMore reads a string or a list of strings; neither may be empty.
func oneOrMore(data []byte) ([]string, error) {
	var one string
	if json.Unmarshal(data, &one) == nil {
		data = fmt.Appendf(nil, "[%s]", data)
	}
	var list []*string
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, errors.New("it is neither a string nor a list of strings")
	}
	if len(list) == 0 {
		return nil, errors.New("it is empty")
	}
	values := make([]string, 0, len(list))
	for _, value := range list {
		if value == nil || *value == "" {
			return nil, errors.New("it holds an empty string")
		}
		values = append(values, *value)
	}
	return values, nil
}
