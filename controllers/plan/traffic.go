package plan

import (
	"slices"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// defaultDial is the API's default for the steps in which a region is given traffic.
var defaultDial = []int32{10, 50, 100}

// traffic returns the endpoints of the profile's globalTraffic, each with its listener.
func traffic(p v1alpha1.Profile, env *v1alpha1.Environment) ([]Traffic, error) {
	var all []Traffic
	for _, g := range p.GlobalTraffic {
		entry := Traffic{
			Name: g.Name, Service: g.Service, ListenerARN: g.ListenerARN,
			HealthCheckPort: g.HealthCheckPort, Dial: slices.Clone(g.Dial),
		}
		if entry.ListenerARN == "" && env.Spec.GlobalAccelerator != nil {
			entry.ListenerARN = env.Spec.GlobalAccelerator.ListenerARN
		}
		if entry.ListenerARN == "" {
			return nil, finding(v1alpha1.ReasonInvalidProfile,
				"globalTraffic %s of profile %s has no listener: set its listenerARN, or spec.globalAccelerator of Environment %s", g.Name, p.Name, env.Name)
		}
		if i := slices.IndexFunc(all, func(t Traffic) bool { return t.ListenerARN == entry.ListenerARN }); i >= 0 {
			return nil, finding(v1alpha1.ReasonInvalidProfile,
				"globalTraffic %s and %s of profile %s share the listener %s, and AWS has one endpoint group for a listener and region: give one another listenerARN",
				all[i].Name, g.Name, p.Name, entry.ListenerARN)
		}
		if len(entry.Dial) == 0 {
			entry.Dial = slices.Clone(defaultDial)
		}
		all = append(all, entry)
	}
	return all, nil
}
