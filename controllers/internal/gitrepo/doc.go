// Package gitrepo tells whether files exist at a revision of a git repository.
// It needs neither a git binary nor a disk: of a commit only the trees are
// fetched, where the server can leave the files' contents out, and of those only
// the list of files is kept.
package gitrepo
