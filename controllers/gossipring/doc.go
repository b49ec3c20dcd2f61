// Package gossipring connects the gossip members of one workload across regions and
// reports what was seen of it: a ring is Ready when every member is seen to be
// connected, not when seeds were written.
//
// A pass observes all members (observe.go), computes what each should have and which
// may change now (rollout.go, pure), writes at most that, and states what is true.
package gossipring
