package aws

import (
	"slices"
	"sync"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// departedFor is how long EC2 still shows a deleted NAT gateway.
const departedFor = time.Hour

// departed remembers deleted NAT gateways, which EC2 reports as deleted for a while.
type departed struct {
	keep time.Duration

	mu   sync.Mutex
	gone []departure
}

type departure struct {
	resource cloud.Resource
	at       time.Time
}

func newDeparted(keep time.Duration) *departed { return &departed{keep: keep} }

func (d *departed) follow(e cloud.Event) {
	if e.Type != cloud.Deleted || e.Resource.Type != typeNATGateway {
		return
	}
	e.Resource.State = "deleted"
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = append(d.gone, departure{resource: e.Resource, at: time.Now()})
}

func (d *departed) list(match func(cloud.Resource) bool, now time.Time) []cloud.Resource {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = slices.DeleteFunc(d.gone, func(old departure) bool { return now.Sub(old.at) > d.keep })
	var found []cloud.Resource
	for _, departure := range d.gone {
		if match(departure.resource) {
			found = append(found, departure.resource)
		}
	}
	return found
}
