// Package regional is what runs inside a regional cluster besides its API server:
// just enough admission, scheduler, kubelet, workload and disruption controllers,
// EKS's pod identity webhook, the load balancer controller, ExternalDNS, and the
// gossip processes of the pods.
//
// Each concern is a loop that compares the whole world with what should be and
// makes the next change. Loops share one cache and never talk to each other.
package regional
