// Package git is a real bare repository on disk, with commits made from maps, that is
// also served over HTTP with what GitHub's servers offer: any commit of the branches
// by its hash, cut off at a depth, without the contents of files, these one by one, and
// pushes, which are refused like there. It needs no git binary.
package git
