// Package aws is the only part of Portolan that talks to AWS. It offers what the
// reconcilers need in their own words; each consumer declares the two or three
// methods it uses as an interface, and [Sessions] implements them all.
//
// Every failed call is reported as an [*Error], classified once by its
// AWS code, with a text that stays the same when the call fails again. Secret
// values are never read: nothing here calls GetSecretValue.
package aws
