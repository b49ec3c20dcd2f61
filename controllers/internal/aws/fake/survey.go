package fake

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/controllers/plan"
)

// The methods that look before anything is created.
const (
	OptedIn       Method = "OptedIn"
	InstanceTypes Method = "InstanceTypes"
	Quotas        Method = "Quotas"
	Networks      Method = "Networks"
	HostedZones   Method = "HostedZones"
)

// DefaultVCPUs is how many every instance type has that no test has described.
const DefaultVCPUs = 4

// survey is what the world has, as far as a test said so.
type survey struct {
	optIns        map[string]bool
	instanceTypes map[string]plan.InstanceType
	quotas        map[string][]plan.Quota
	networks      map[string][]plan.Network
	hostedZones   map[string]string
}

func newSurvey() survey {
	return survey{
		optIns:        map[string]bool{},
		instanceTypes: map[string]plan.InstanceType{},
		quotas:        map[string][]plan.Quota{},
		networks:      map[string][]plan.Network{},
		hostedZones:   map[string]string{},
	}
}

// SetOptedIn says whether a region may be used; all may until a test says otherwise.
func (f *AWS) SetOptedIn(region string, optedIn bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.survey.optIns[region] = optedIn
}

// SetInstanceType says where in the region a type is offered; without zones, nowhere.
// Until then, a region offers every type in all of its zones, with DefaultVCPUs.
func (f *AWS) SetInstanceType(region, name string, vCPUs int32, zones ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.survey.instanceTypes[join(region, name)] = plan.InstanceType{VCPUs: vCPUs, Zones: slices.Sorted(slices.Values(zones))}
}

// SetQuotas replaces the quotas of a region, which has none at first.
func (f *AWS) SetQuotas(region string, quotas ...plan.Quota) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.survey.quotas[region] = quotas
}

// SetNetworks replaces the networks of a region, which has none at first.
func (f *AWS) SetNetworks(region string, networks ...plan.Network) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.survey.networks[region] = networks
}

// SetHostedZone gives a public hosted zone its ID; an empty one takes the zone away.
// Until then, every zone exists and has the ID of HostedZoneID.
func (f *AWS) SetHostedZone(name, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.survey.hostedZones[name] = id
}

// HostedZoneID is the ID of a hosted zone whose ID no test has set.
func HostedZoneID(name string) string {
	return "Z" + strings.ToUpper(strings.NewReplacer(".", "", "-", "").Replace(name))
}

// OptedIn is like aws.Sessions.OptedIn.
func (f *AWS) OptedIn(ctx context.Context, _, region string) (bool, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, OptedIn); err != nil {
		return false, err
	}
	optedIn, said := f.survey.optIns[region]
	return optedIn || !said, nil
}

// InstanceTypes is like aws.Sessions.InstanceTypes.
func (f *AWS) InstanceTypes(ctx context.Context, _, region string, names ...string) (map[string]plan.InstanceType, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, InstanceTypes); err != nil {
		return nil, err
	}
	offered := map[string]plan.InstanceType{}
	for _, name := range names {
		t, said := f.survey.instanceTypes[join(region, name)]
		switch {
		case !said:
			offered[name] = plan.InstanceType{VCPUs: DefaultVCPUs, Zones: f.zonesOf(region)}
		case len(t.Zones) > 0:
			t.Zones = slices.Clone(t.Zones)
			offered[name] = t
		}
	}
	return offered, nil
}

// Quotas is like aws.Sessions.Quotas.
func (f *AWS) Quotas(ctx context.Context, _, region string) ([]plan.Quota, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, Quotas); err != nil {
		return nil, err
	}
	return slices.Clone(f.survey.quotas[region]), nil
}

// Networks is like aws.Sessions.Networks.
func (f *AWS) Networks(ctx context.Context, _, region string) ([]plan.Network, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, Networks); err != nil {
		return nil, err
	}
	networks := slices.Clone(f.survey.networks[region])
	for i := range networks {
		networks[i].CIDRs = slices.Clone(networks[i].CIDRs)
		networks[i].Tags = maps.Clone(networks[i].Tags)
	}
	return networks, nil
}

// HostedZones is like aws.Sessions.HostedZones.
func (f *AWS) HostedZones(ctx context.Context, _ string, names ...string) (map[string]plan.HostedZone, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, HostedZones); err != nil {
		return nil, err
	}
	zones := map[string]plan.HostedZone{}
	for _, name := range names {
		id, said := f.survey.hostedZones[name]
		if !said {
			id = HostedZoneID(name)
		}
		if id != "" {
			zones[name] = plan.HostedZone{ID: id, Name: name}
		}
	}
	return zones, nil
}
