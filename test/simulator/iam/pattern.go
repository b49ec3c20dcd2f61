package iam

import "strings"

// matches tells whether all of text fits the pattern, in which * stands for any number of
// characters, slashes and colons included, and ? for exactly one.
func matches(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	// After the last star, try ever later places in the text.
	star, retry := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, retry = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			retry++
			i, j = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(string(p[i:]), "*") == ""
}

// matchesFold is matches without regard to case, as IAM compares actions.
func matchesFold(pattern, text string) bool {
	return matches(strings.ToLower(pattern), strings.ToLower(text))
}

const arnParts = 6

// matchesARN is matches for each of the six parts of an ARN on its own: a star never
// reaches across a colon, except in the last part.
func matchesARN(pattern, arn string) bool {
	p, a := strings.SplitN(pattern, ":", arnParts), strings.SplitN(arn, ":", arnParts)
	if len(p) != arnParts || len(a) != arnParts {
		return false
	}
	for i := range p {
		if !matches(p[i], a[i]) {
			return false
		}
	}
	return true
}

func matchesAny(match func(pattern, text string) bool, patterns []string, text string) bool {
	for _, pattern := range patterns {
		if match(pattern, text) {
			return true
		}
	}
	return false
}
