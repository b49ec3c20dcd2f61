// Package dns is the name service of the simulated world: an authoritative
// server on loopback that answers as Route 53 does. It follows no CNAME beyond
// the zone that holds it, tells a missing name from a missing type, and gives
// every negative answer a lifetime, so that a resolver that caches one has to
// live with it.
package dns
