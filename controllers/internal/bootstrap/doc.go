// Package bootstrap installs the Helm charts and manifests of a profile's bootstrap list
// into a regional cluster.
//
// The Helm SDK finds, loads and renders charts; what it renders is applied here, by
// server-side apply. No Helm release is stored: a pass that was cut off after any write is
// repeated by the next one, there is no lock that a crash leaves behind, and what others
// changed shows in the objects' managed fields. Hooks are applied like everything else, in
// the order of their weights; those of tests, upgrades, rollbacks and deletions are left out.
package bootstrap
