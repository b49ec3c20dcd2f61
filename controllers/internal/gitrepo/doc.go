// Package gitrepo tells whether files exist at a revision of a git repository and can be
// parsed, which commits are on a branch or between two others, and reads and changes single
// files of a branch.
// It needs neither a git binary nor a disk: of a commit only the trees are
// fetched, where the server can leave the files' contents out, and the contents of only
// those files that have to be read. Only what was asked about is kept.
package gitrepo
