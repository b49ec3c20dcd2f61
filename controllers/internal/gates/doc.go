// Package gates asks what Portolan cannot see by itself whether a region is good: Prometheus, and
// Jobs. It only asks; what follows from an answer is decided elsewhere.
package gates
