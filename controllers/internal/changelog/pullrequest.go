package changelog

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds on what people write, in characters. That on titles is the API's.
const (
	maxTitle  = 120
	maxAuthor = 60
)

// subjects that name a pull request: GitHub's merges, Bitbucket's merges, and the squashed commits
// of GitHub and its kind. What GitLab and others name stands in the commit's body, which is not
// known here. Of a merge, the branch is all that the subject tells.
var subjects = []*regexp.Regexp{
	regexp.MustCompile(`^Merge pull request #(?P<number>[0-9]+) from (?:[^/\s]+/)?(?P<title>\S+)$`),
	regexp.MustCompile(`^Merged in (?P<title>.+) \(pull request #(?P<number>[0-9]+)\)$`),
	regexp.MustCompile(`^(?P<title>.*?)\s*\(#(?P<number>[0-9]+)\)$`),
}

// pullRequest returns the number of the pull request that a subject names, or zero, and the title.
func pullRequest(subject string) (number int32, title string) {
	subject = plain(subject)
	for _, s := range subjects {
		found := s.FindStringSubmatch(subject)
		if found == nil {
			continue
		}
		n, err := strconv.ParseInt(found[s.SubexpIndex("number")], 10, 32)
		if err == nil && n > 0 {
			return int32(n), cut(found[s.SubexpIndex("title")], maxTitle)
		}
	}
	return 0, cut(subject, maxTitle)
}

// plain is one line of what can be seen. Marks of writing direction in a title could show another
// one than is approved.
func plain(text string) string {
	visible := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case unicode.IsGraphic(r):
			return r
		default:
			return -1
		}
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.Join(strings.Fields(visible), " ")
}

// cut shortens a text to some characters.
func cut(text string, length int) string {
	if utf8.RuneCountInString(text) <= length {
		return text
	}
	return strings.TrimRight(string([]rune(text)[:length-1]), " ") + "…"
}
