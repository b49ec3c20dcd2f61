package drift

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/utils/ptr"
)

// lacks is how most lists say that AWS does not have what they name.
const lacks = "lacks"

// value compares a field that has one value; what the object does not say is not compared.
func value[T comparable](field string, have T, want *T) []string {
	if want == nil || have == *want {
		return nil
	}
	return []string{fmt.Sprintf("%s: AWS has %s, wanted %s", field, text(have), text(*want))}
}

func text(v any) string { return cmp.Or(fmt.Sprint(v), "none") }

// set compares a field whose order does not matter. The verb says that AWS does not have something.
func set(field, verb string, have, want []string) []string {
	var fields []string
	if missing := without(want, have); len(missing) > 0 {
		fields = append(fields, fmt.Sprintf("%s: AWS %s %s", field, verb, strings.Join(missing, ", ")))
	}
	if additional := without(have, want); len(additional) > 0 {
		fields = append(fields, fmt.Sprintf("%s: AWS has %s besides", field, strings.Join(additional, ", ")))
	}
	return fields
}

// without returns what is in all and not in some, sorted.
func without(all, some []string) []string {
	rest := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
	slices.Sort(rest)
	return slices.Compact(rest)
}

// tags compares the tags that we gave. Others are not ours to judge: AWS, ACK and the
// controllers in the cluster tag as well.
func tags(have, want map[string]string) []string {
	var fields, missing []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		switch tag, tagged := have[key]; {
		case !tagged:
			missing = append(missing, key+"="+want[key])
		case tag != want[key]:
			fields = append(fields, fmt.Sprintf("tags: AWS has %s=%s, wanted %s", key, tag, text(want[key])))
		}
	}
	if len(missing) > 0 {
		fields = append(fields, fmt.Sprintf("tags: AWS %s %s", lacks, strings.Join(missing, ", ")))
	}
	return fields
}

// texts reads a list of ACK.
func texts(pointers []*string) []string {
	all := make([]string, len(pointers))
	for i, p := range pointers {
		all[i] = ptr.Deref(p, "")
	}
	return all
}

// pairs reads a map of ACK.
func pairs(pointers map[string]*string) map[string]string {
	all := make(map[string]string, len(pointers))
	for key, p := range pointers {
		all[key] = ptr.Deref(p, "")
	}
	return all
}
