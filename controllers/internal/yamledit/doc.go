// Package yamledit reads and writes one scalar of a YAML document and leaves every other
// byte of the document as it is. A parser says where things stand; what is written is
// spliced into the text, and nothing is handed out that does not read as the document
// of before with that one value.
package yamledit
