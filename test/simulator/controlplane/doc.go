// Package controlplane runs real Kubernetes control planes without a cluster:
// one etcd, and any number of kube-apiservers that share it under prefixes of
// their own. All of them listen on loopback only, keep their files in a folder
// of the caller's, and end with their context, with Stop, or with us.
package controlplane
