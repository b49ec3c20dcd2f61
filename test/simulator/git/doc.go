// Package git is a real bare repository on disk, with commits made from maps, that is
// also served over HTTP with what GitHub's servers offer: any commit of the branches
// by its hash, cut off at a depth, and without the contents of files. It needs no
// git binary.
package git
