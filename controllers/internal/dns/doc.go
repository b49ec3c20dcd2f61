// Package dns asks the servers that are responsible for a zone, never a cache:
// a caching resolver remembers that a name did not exist, so that looking too
// early would hide the record for minutes after it appeared.
package dns
