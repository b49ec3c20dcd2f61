// Package region takes an AWS region from nothing to a cluster that Argo CD deploys
// to and whose gossip members are connected, and takes it down again in order.
//
// Each step owns one condition and lives in one file; finalize.go is the way down.
package region
