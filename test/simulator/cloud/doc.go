// Package cloud holds the state of the simulated AWS account: its resources and
// what hangs on what, how long things take, and a ledger of the API calls.
//
// It knows no wire protocol and starts nothing. The simulated ACK controllers
// write resources, the simulated APIs and in-cluster controllers read them, and
// all of them draw their durations here, so that a run knows what it waited for.
package cloud
