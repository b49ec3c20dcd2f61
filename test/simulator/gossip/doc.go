// Package gossip runs the gossip part of the workload: one agent per pod, with a
// real memberlist behind the pod that its Deployment elected as the bridge.
//
// An agent behaves like the real process: it reads and resolves its seeds once,
// at start, never joins anybody when none of them resolved, and dials them again
// only while it is completely alone.
package gossip
