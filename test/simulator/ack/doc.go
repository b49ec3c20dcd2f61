// Package ack simulates the ACK controllers: it turns the custom resources of a
// management cluster into resources of the simulated AWS account.
//
// One engine (reconcile.go, deletion.go) keeps to what the ACK runtime does; a
// table of kinds (kinds_ec2.go, kinds_eks.go, kinds_iam.go) says what each kind
// asks of AWS and what it reports. What AWS does while nobody looks, such as a
// control plane that becomes active, is in lifecycle.go.
//
// Nothing is remembered here. What a custom resource created is found through
// the ID in its status or the name in its spec, so a simulator that starts over
// the same account goes on where the last one stopped.
package ack
