package plan

import (
	"fmt"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// MalformedSeedsError says that pods have seeds in a form that they do not read as seeds. Such
// pods start, look healthy and never join.
type MalformedSeedsError struct {
	// Reading is what the pods make of the text.
	Reading string
	// Declared is the form that the ring declares.
	Declared string
	// Cure is what to change.
	Cure string
}

// Error says what the pods read, what was declared and what to do.
func (e *MalformedSeedsError) Error() string {
	return fmt.Sprintf("the pods %s, but the ring declares %s: %s", e.Reading, e.Declared, e.Cure)
}

func (f seedForm) explain(text string, bad badSeeds) error {
	return &MalformedSeedsError{Reading: f.reading(text, bad), Declared: f.describe(), Cure: f.cure(text, bad)}
}

// describe is the declared form in words.
func (f seedForm) describe() string {
	form := "names separated by commas"
	switch f.format {
	case v1alpha1.SeedsSpaceSeparated:
		form = "names separated by blanks"
	case v1alpha1.SeedsJSONArray:
		form = "a JSON array of names"
	default:
	}
	if f.ported {
		return form + ", each with :" + f.port
	}
	return form + ", without ports"
}

func (f seedForm) reading(text string, bad badSeeds) string {
	quoted := quote(text)
	switch {
	case len(bad.items) == 0:
		return "cannot read " + quoted + " as a JSON array"
	case f.ported && isHost(bad.item):
		return fmt.Sprintf("read %s as hosts of which %s has no port", quoted, quote(bad.item))
	case len(bad.items) == 1:
		return "read " + quoted + " as one host"
	case bad.item == "":
		return fmt.Sprintf("read %s as %d hosts, one of them without a name", quoted, len(bad.items))
	default:
		return fmt.Sprintf("read %s as %d hosts, one of them %s", quoted, len(bad.items), quote(bad.item))
	}
}

// quote keeps a status short: a ring may have hundreds of seeds. Backquotes leave the quotes
// within a text as they are.
func quote(text string) string {
	const longest = 80
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest-1]) + "…"
	}
	return fmt.Sprintf("%#q", text)
}

func (f seedForm) cure(text string, bad badSeeds) string {
	if strings.TrimSpace(text) == "null" {
		return "render a list without seeds as []"
	}
	if settings := f.settingsFor(text); settings != "" {
		return "set " + settings + ", or render " + f.describe()
	}
	switch {
	case strings.HasPrefix(strings.TrimSpace(text), "- "):
		return "the chart prints a YAML list: " + f.join()
	case f.isPrinted(text):
		return "the chart prints a list: " + f.join()
	case strings.ContainsAny(text, "\r\n") && f.format != v1alpha1.SeedsJSONArray:
		return "render them in one line"
	case strings.HasPrefix(text, `"[`):
		return "the array is quoted once too often: render it as it is"
	case len(bad.items) == 0:
		return f.join()
	case strings.ContainsAny(bad.item, `"'`):
		return "the quotes are part of what the pods get: render names without them"
	case bad.item == "":
		return "leave out the place where no name is"
	default:
		return f.cureOf(bad.item)
	}
}

// isPrinted tells whether the text is a list as templates print one, in brackets. An array
// where one is declared is none, nor is an address.
func (f seedForm) isPrinted(text string) bool {
	if _, ok := f.split(text); ok && f.format == v1alpha1.SeedsJSONArray {
		return false
	}
	inner, opened := strings.CutPrefix(strings.TrimSpace(text), "[")
	inner, closed := strings.CutSuffix(inner, "]")
	return opened && closed && !isIPv6(inner)
}

// cureOf a list whose form is right, but not that of an item.
func (f seedForm) cureOf(item string) string {
	host, hasPort := cutPort(item)
	switch {
	case f.ported && (isIPv6(strings.Trim(item, "[]")) || isIPv6(host)):
		return "render addresses as [address]:" + f.port
	case isIPv6(strings.Trim(item, "[]")):
		return "render addresses without brackets"
	case isHost(item):
		return "render :" + f.port + " behind each name"
	case !hasPort || !isHost(strings.Trim(host, "[]")):
		return fmt.Sprintf("%s is not the name of a host: render %s", quote(item), f.describe())
	case f.ported:
		return "render the ring's port (spec.port), :" + f.port + ", behind each name"
	default:
		return "render names without ports"
	}
}

// cutPort takes any port off.
func cutPort(item string) (host string, found bool) {
	host = strings.TrimRight(item, digits)
	if host == item {
		return item, false
	}
	return strings.CutSuffix(host, ":")
}

// settingsFor returns the fields of the ring with which the text would be right, if any.
func (f seedForm) settingsFor(text string) string {
	for _, other := range f.others() {
		seeds, bad := other.read(text)
		switch {
		case bad != nil || len(seeds) == 0: // [] may be a list of Go as well
			continue
		case other.format == f.format:
			return fmt.Sprintf("spec.seeds.includePort: %t", other.ported)
		case other.ported == f.ported:
			return fmt.Sprintf("spec.seeds.format: %s", other.format)
		default:
			return fmt.Sprintf("spec.seeds.format: %s and spec.seeds.includePort: %t", other.format, other.ported)
		}
	}
	return ""
}

// others are the forms that were not declared, those that differ least first.
func (f seedForm) others() []seedForm {
	all := []seedForm{{f.format, !f.ported, f.port}}
	for _, ported := range []bool{f.ported, !f.ported} {
		for _, format := range []v1alpha1.SeedFormat{v1alpha1.SeedsCommaSeparated, v1alpha1.SeedsSpaceSeparated, v1alpha1.SeedsJSONArray} {
			if format != f.format {
				all = append(all, seedForm{format, ported, f.port})
			}
		}
	}
	return all
}

// join says how a chart gets from a list to the declared form.
func (f seedForm) join() string {
	switch f.format {
	case v1alpha1.SeedsSpaceSeparated:
		return "join it with blanks"
	case v1alpha1.SeedsJSONArray:
		return "render a JSON array of texts, with Helm's toJson"
	default:
		return "join it with commas"
	}
}
