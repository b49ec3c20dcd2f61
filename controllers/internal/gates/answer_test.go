package gates

import (
	"math"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
)

var inf = math.Inf(1)

func scalar(value float64) Answer { return Answer{Samples: []Sample{{Value: value}}} }

func TestJudge(t *testing.T) {
	two := Answer{Samples: []Sample{{`{job="b"}`, 0.5}, {`{job="a"}`, 0.001}}}
	for name, tc := range map[string]struct {
		answer Answer
		expect string
		want   bool
		text   string
	}{
		"below":                            {scalar(0.001), "< 0.01", true, "the value is 0.001, as expected: < 0.01"},
		"not below":                        {scalar(0.01), "< 0.01", false, "the value is 0.01, expected is < 0.01"},
		"at most":                          {scalar(0.01), "<= 0.01", true, "the value is 0.01, as expected: <= 0.01"},
		"above":                            {scalar(3.5), ">3", true, "the value is 3.5, as expected: >3"},
		"not above":                        {scalar(3), "> 3", false, "the value is 3, expected is > 3"},
		"at least":                         {scalar(3), ">= 3", true, "the value is 3, as expected: >= 3"},
		"not at least":                     {scalar(2), ">= 3", false, "the value is 2, expected is >= 3"},
		"equal":                            {scalar(0), "== 0", true, "the value is 0, as expected: == 0"},
		"not equal":                        {scalar(1), "== 0", false, "the value is 1, expected is == 0"},
		"another":                          {scalar(1), "!= 0", true, "the value is 1, as expected: != 0"},
		"not another":                      {scalar(0), "!= 0", false, "the value is 0, expected is != 0"},
		"a negative bound":                 {scalar(-2), "< -1.5e0", true, "the value is -2, as expected: < -1.5e0"},
		"every sample":                     {two, "< 1", true, `{job="a"} is 0.001 (and 1 more), as expected: < 1`},
		"not every sample":                 {two, "< 0.01", false, `{job="b"} is 0.5, expected is < 0.01`},
		"no sample":                        {two, "> 1", false, `{job="a"} is 0.001 (and 1 more), expected is > 1`},
		"nothing":                          {Answer{}, "< 1", false, `there is no data; if that is good, append "or vector(0)" to the query, or expect absent`},
		"nothing, as expected":             {Answer{}, "absent", true, "there is no data, as expected"},
		"something where nothing is":       {two, "absent", false, `{job="a"} is 0.001 (and 1 more), expected is no data`},
		"not a number, which is not below": {scalar(math.NaN()), "< 1", false, "the value is NaN, expected is < 1"},
		"nor another":                      {scalar(math.NaN()), "!= 1", false, "the value is NaN, expected is != 1"},
		"nor at least":                     {scalar(math.NaN()), ">= 1", false, "the value is NaN, expected is >= 1"},
		"infinite":                         {scalar(math.Inf(1)), "< 1", false, "the value is +Inf, expected is < 1"},
		"rounded":                          {scalar(0.123456), "> 1", false, "the value is 0.123, expected is > 1"},
		"not rounded to what would do":     {scalar(0.010001), "<= 0.01", false, "the value is 0.010001, expected is <= 0.01"},
		"no expectation":                   {scalar(0), "about 3", false, `"about 3" is no expectation: write for example < 0.01, >= 3, == 0 or absent`},
		"no bound":                         {scalar(0), "< NaN", false, `"< NaN" is no expectation: write for example < 0.01, >= 3, == 0 or absent`},
		"a bound beyond numbers":           {scalar(0), "< 1e999", false, "1e999 is not a number that can be compared with"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			ok, text := Judge(tc.answer, tc.expect)
			g.Expect(ok).To(Equal(tc.want))
			g.Expect(text).To(Equal(tc.text))
			slices.Reverse(tc.answer.Samples)
			_, other := Judge(tc.answer, tc.expect)
			g.Expect(other).To(Equal(text), "the text must not depend on the order")
		})
	}
}
