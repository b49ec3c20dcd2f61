// Package addons is the table of what simulated EKS offers: the Kubernetes
// versions, and for each of them the versions of the add-ons. Both views of AWS
// read it, the SDK's and that of the ACK controllers, so that a version that one
// of them lists is one that the other accepts.
package addons
