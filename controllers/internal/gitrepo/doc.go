// Package gitrepo tells whether files exist at a revision of a git repository, which
// commits are on a branch or between two others, and reads and changes single files of
// a branch.
// It needs neither a git binary nor a disk: of a commit only the trees are
// fetched, where the server can leave the files' contents out, and of those only
// what was asked about is kept.
package gitrepo
