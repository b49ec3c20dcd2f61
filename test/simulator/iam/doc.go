// Package iam decides about API calls as AWS does for a role with identity-based
// policies: an explicit deny wins, an allow is needed, everything else is refused. With it
// the simulator can run in a mode that allows only what the policies in config/iam allow,
// and tell which of their actions nothing has used.
//
// It knows the part of the policy language that these policies use and refuses the rest
// when it reads a policy, because a condition that is silently ignored would prove nothing.
// What is left out: policy variables, permissions boundaries, service control policies,
// resource-based policies and session policies. The language is that of the IAM User Guide,
// "IAM JSON policy element reference" and "Policy evaluation logic".
package iam
