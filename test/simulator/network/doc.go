// Package network gives the simulated world realistic addresses. Pods and load
// balancers have addresses as in AWS (10.x, 52.x) that really are ports on
// loopback. Whoever lives in that world dials through a Network; the API servers
// do so through its CONNECT proxy, because they refuse to proxy to a pod whose
// address is loopback.
//
// A Network knows no obstacles. Those are Links, which hosts ask before they send.
package network
