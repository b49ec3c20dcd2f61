// Package github asks GitHub what git does not know of pull requests: their titles as they are now,
// who opened them, and their labels. Nothing depends on an answer.
package github
