// Package changelog says what a promotion brings to each application, or takes away from it: the
// pull requests and commits between two revisions. It is pure, and knows of a commit what git's
// history has: its subject, and the names of the files that it touches; and of a pull request what
// GitHub has said, if it was asked.
package changelog
