// Package probe asks the gossip endpoints of other regions, from within a region, what a member
// there would answer: over TCP, over UDP, and to the ring's key. It is what tells a blocked port
// and a wrong key from a region that is down.
//
// It speaks with hashicorp/memberlist itself (read: v0.7.0), as a stranger: its list of nodes is
// empty, its own included, so that a push/pull tells the other side about nobody and a ping has no
// gossip to carry along. It is never a member, and no member hears of it but as the sender of a
// ping.
//
// What is known and what is inferred:
//   - TCP OK is known: the other side's list of members came back under our key.
//   - TCP KeyRejected is known. A member that cannot decrypt a stream answers with an error under
//     its own key (net.go, handleConn), so what comes back is a whole memberlist frame that our key
//     does not open. A load balancer without a target, or anything else that closes, resets or
//     speaks another protocol, sends no such frame and is Unreachable. So is a member that throws
//     us out unheard, because it has a label or 128 push/pulls at a time.
//   - UDP OK is known: an acknowledgement of our ping came back under our key.
//   - UDP KeyRejected is inferred: a packet that cannot be decrypted is dropped without an answer,
//     so it is KeyRejected when TCP is, and Unreachable otherwise.
//
// One thing a member does cannot be prevented: it lets an acknowledgement carry gossip that it has
// queued (net.go, sendMsg), and what goes to a stranger counts as sent. It queues each message for
// at least four sendings, so no endpoint is asked more than twice a second, by all probes together.
package probe
