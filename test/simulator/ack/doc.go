// Package ack simulates the ACK controllers: it turns the custom resources of a
// management cluster into resources of the simulated AWS account.
//
// One engine (reconcile.go, adoption.go, deletion.go) keeps to what the ACK runtime
// does; a table of kinds (kind.go, kinds_*.go) says what each kind asks of AWS and
// what it reports. What AWS does while nobody looks, such as a control plane that
// becomes active, is in lifecycle.go. Clusters, node groups and add-ons are changed one
// update at a time, each of which takes AWS its time (updates.go).
//
// A synced object is looked at again after its kind's resync interval (resync.go), which is
// when edits in AWS are put right. Controllers.Pause takes a controller away (pause.go).
//
// Whatever a controller asks of AWS is first put to the account's guard, call by
// call: permissions.go lists the calls, authorize.go makes them. Faults that a test
// asks for (faults.go) come before.
//
// Nothing is remembered here. What a custom resource created is found through
// the ID in its status or the name in its spec, so a simulator that starts over
// the same account goes on where the last one stopped.
package ack
