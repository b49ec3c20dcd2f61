// Package charts is a Helm chart repository on loopback, with charts that ask of their
// user what the real ones ask: CRDs that other charts need, values that have no default,
// a service account that only works with its pod identity.
//
// The charts are folders of this package. They are packed at the start, so that what is
// served is what the repository shows.
package charts
