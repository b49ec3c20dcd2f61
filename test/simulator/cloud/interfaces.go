package cloud

import (
	"fmt"
	"sync"
)

// TypeInterface is the type of network interfaces. Those of nodes say in their facts
// "cluster" and "nodegroup" whose they are; they hold their subnet.
const TypeInterface = "ec2/networkinterface"

// LeakInterfaces lets the interfaces of a cluster's nodes stay behind when the nodes go,
// as they do when the VPC CNI is ended before it has cleaned up
// (aws/amazon-vpc-cni-k8s#1223, "leaked ENIs"): detached and available, held by nothing,
// and holding their subnet until somebody deletes them.
func (c *Cloud) LeakInterfaces(cluster string) {
	c.leaks.mu.Lock()
	defer c.leaks.mu.Unlock()
	if c.leaks.clusters == nil {
		c.leaks.clusters = map[string]bool{}
	}
	c.leaks.clusters[cluster] = true
}

// ReleaseInterface ends the interface of an instance that was terminated, or lets it stay
// behind where LeakInterfaces asks for that.
func (c *Cloud) ReleaseInterface(key Key) error {
	held, found := c.Get(key)
	if !found {
		return nil
	}
	if !c.leaks.in(held.Data["cluster"]) {
		return c.orGone(key, c.Delete(key))
	}
	return c.orGone(key, c.Update(key, func(r *Resource) {
		r.State = "available"
		delete(r.Data, "attachmentID")
	}))
}

// orGone forgives that somebody else was quicker.
func (c *Cloud) orGone(key Key, err error) error {
	if _, found := c.Get(key); err == nil || !found {
		return nil
	}
	return fmt.Errorf("releasing %s: %w", key, err)
}

// leaks are the clusters whose interfaces stay behind.
type leaks struct {
	mu       sync.Mutex
	clusters map[string]bool
}

func (l *leaks) in(cluster string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clusters[cluster]
}
