// Package aws serves the AWS APIs that Portolan itself calls, on the wire, so
// that the unmodified SDK can be pointed at it with AWS_ENDPOINT_URL.
//
// One listener serves all services; the credential scope of a request's
// signature tells service and region apart, as it does at AWS. Five protocol
// files speak the wire formats, each service has a table of its operations with
// what IAM has to allow for them, and all facts come from cloud.Cloud.
// Signatures of API calls are not verified, but the access key must be known.
// Those of cluster tokens are: only they tell which cluster a token is for.
//
// What makes the account unkind is off until asked for: Fail, Throttle, SetLag,
// SetOptIn, SetOffering, SetQuota, and the guard of the cloud.
package aws
