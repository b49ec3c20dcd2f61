// Package bed is the rehearsal bed: everything that Portolan runs against, on one
// machine, with no cloud account and no cluster. The API servers, the operator, the
// gossip library and the DNS protocol are real; AWS and what needs nodes is simulated.
//
// The demonstration, the end-to-end suite and the benchmarks all run on it. Nothing in
// it listens outside loopback, and everything ends with Stop or with the process.
package bed
