package gates

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Answer is what Prometheus says to a query.
type Answer struct {
	// Samples of a vector, or the one of a scalar.
	Samples []Sample
}

// Sample is one number of an answer.
type Sample struct {
	// Labels as PromQL writes them, sorted; empty without any.
	Labels string
	Value  float64
}

// absent expects an answer without samples.
const absent = "absent"

var expectation = regexp.MustCompile(`^(<=|>=|==|!=|<|>) ?(-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)$`)

// Judge tells whether an answer is as expected: every sample has to be, "< 0.01" for example, and
// there has to be one. Expecting "absent" asks that there is none. The text says what was found, and
// is the same for the same answer in any order.
func Judge(a Answer, expect string) (ok bool, text string) {
	if expect == absent {
		return judgeAbsent(a)
	}
	parts := expectation.FindStringSubmatch(expect)
	if parts == nil {
		return false, fmt.Sprintf("%q is no expectation: write for example < 0.01, >= 3, == 0 or absent", expect)
	}
	bound, err := strconv.ParseFloat(parts[2], 64)
	if err != nil { // too large: the infinity that comes with it would be satisfied by too much
		return false, fmt.Sprintf("%s is not a number that can be compared with", parts[2])
	}
	if len(a.Samples) == 0 {
		return false, "there is no data; if that is good, append \"or vector(0)\" to the query, or expect absent"
	}
	satisfied := func(value float64) bool { return compare(value, parts[1], bound) }
	var failing []Sample
	for _, s := range a.Samples {
		if !satisfied(s.Value) {
			failing = append(failing, s)
		}
	}
	if len(failing) == 0 {
		return true, fmt.Sprintf("%s, as expected: %s", first(a.Samples, satisfied), expect)
	}
	return false, fmt.Sprintf("%s, expected is %s", first(failing, satisfied), expect)
}

func judgeAbsent(a Answer) (ok bool, text string) {
	if len(a.Samples) == 0 {
		return true, "there is no data, as expected"
	}
	return false, first(a.Samples, nil) + ", expected is no data"
}

// compare is false for whatever is not a number.
func compare(value float64, operator string, bound float64) bool {
	switch operator {
	case "<":
		return value < bound
	case "<=":
		return value <= bound
	case ">":
		return value > bound
	case ">=":
		return value >= bound
	case "==":
		return value == bound
	default:
		return value != bound && !math.IsNaN(value)
	}
}

// first names the first sample by its labels, and counts the others.
func first(samples []Sample, satisfied func(float64) bool) string {
	const most = 120
	s := slices.MinFunc(samples, func(a, b Sample) int { return strings.Compare(a.Labels, b.Labels) })
	text := "the value is " + number(s.Value, satisfied)
	if s.Labels != "" {
		text = clip(s.Labels, most) + " is " + number(s.Value, satisfied)
	}
	if others := len(samples) - 1; others > 0 {
		text += fmt.Sprintf(" (and %d more)", others)
	}
	return text
}

// number rounds a value, so that not every look at it has another text, unless the rounded one would
// be judged otherwise.
func number(value float64, satisfied func(float64) bool) string {
	const digits = 3
	text := strconv.FormatFloat(value, 'g', digits, 64)
	rounded, err := strconv.ParseFloat(text, 64)
	if err == nil && (satisfied == nil || satisfied(rounded) == satisfied(value)) {
		return text
	}
	return strconv.FormatFloat(value, 'g', -1, 64)
}

func clip(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
