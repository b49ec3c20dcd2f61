package gitrepo

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"
)

func TestAnswersForgetTheOldest(t *testing.T) {
	g := NewWithT(t)
	a := newAnswers(clocktesting.NewFakePassiveClock(start), 10)
	about := func(commit string) question { return question{commit: commit} }
	known := func(commit string) bool {
		_, answered, _ := a.missing(about(commit), []string{"file"})
		return answered
	}
	learn := func(commit string, files int) {
		list := make([]string, files)
		for i := range list {
			list[i] = fmt.Sprintf("file-%d", i)
		}
		a.learn(about(commit), &contents{files: list}, nil, nil)
	}
	learn("a", 3)
	learn("b", 3)
	g.Expect(known("a")).To(BeTrue()) // now b is older
	learn("c", 3)
	g.Expect([]bool{known("a"), known("b"), known("c")}).To(Equal([]bool{true, false, true}))
	learn("a", 4) // replaces
	g.Expect(a.known.weight).To(Equal(9))
	learn("huge", 50)
	g.Expect([]bool{known("a"), known("c"), known("huge")}).To(Equal([]bool{false, false, true}))
	learn("d", 1)
	g.Expect(known("huge")).To(BeFalse())
	g.Expect(a.known.weight).To(Equal(2))
	g.Expect(a.known.known).To(HaveLen(1))
	g.Expect(a.known.order.Len()).To(Equal(1))
}

func TestCanonical(t *testing.T) {
	for name, want := range map[string]string{
		"a/b":       "a/b",
		"/a/b":      "a/b",
		"./a//b/":   "a/b",
		"a/../b":    "b",
		"":          "",
		".":         "",
		"..":        "",
		"../a":      "",
		"..a":       "..a",
		"a/../../b": "",
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(canonical(name)).To(Equal(want))
		})
	}
}
