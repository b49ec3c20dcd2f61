package fake

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

// The methods that look for what keeps a network, and clear it away.
const (
	Holders      Method = "Holders"
	Orphans      Method = "Orphans"
	DeleteOrphan Method = "DeleteOrphan"
)

// remains is what is in VPCs, by region and VPC; orphans also by cluster.
type remains struct {
	holders map[string][]aws.Holder
	orphans map[string][]aws.Orphan
}

func newRemains() remains {
	return remains{holders: map[string][]aws.Holder{}, orphans: map[string][]aws.Orphan{}}
}

// SetHolders replaces what holds a VPC.
func (f *AWS) SetHolders(region, vpcID string, holders ...aws.Holder) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.remains.holders[join(region, vpcID)] = holders
}

// SetOrphans replaces what a cluster left in a VPC, in the order given.
func (f *AWS) SetOrphans(region, vpcID, cluster string, orphans ...aws.Orphan) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.remains.orphans[join(region, vpcID, cluster)] = orphans
}

// Holders is like aws.Sessions.Holders.
func (f *AWS) Holders(ctx context.Context, _, region, vpcID string) ([]aws.Holder, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, Holders); err != nil {
		return nil, err
	}
	holders := slices.Clone(f.remains.holders[join(region, vpcID)])
	for i := range holders {
		holders[i].ReferencedBy = slices.Clone(holders[i].ReferencedBy)
		holders[i].Tags = maps.Clone(holders[i].Tags)
		holders[i].In = slices.Clone(holders[i].In)
	}
	return holders, nil
}

// Orphans is like aws.Sessions.Orphans.
func (f *AWS) Orphans(ctx context.Context, _, region, vpcID, cluster string) ([]aws.Orphan, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, Orphans); err != nil {
		return nil, err
	}
	return slices.Clone(f.remains.orphans[join(region, vpcID, cluster)]), nil
}

// DeleteOrphan is like aws.Sessions.DeleteOrphan; the orphan also holds no VPC any more.
func (f *AWS) DeleteOrphan(ctx context.Context, _, region string, o aws.Orphan) error {
	defer f.mu.Unlock()
	if err := f.begin(ctx, DeleteOrphan); err != nil {
		return err
	}
	for key, orphans := range f.remains.orphans {
		if within(key, region) {
			f.remains.orphans[key] = slices.DeleteFunc(slices.Clone(orphans), func(other aws.Orphan) bool {
				return other.Kind == o.Kind && other.ID == o.ID
			})
		}
	}
	for key, holders := range f.remains.holders {
		if within(key, region) {
			f.remains.holders[key] = slices.DeleteFunc(slices.Clone(holders), func(h aws.Holder) bool {
				return h.Kind == o.Kind && h.ID == o.ID
			})
		}
	}
	return nil
}

// within tells whether a joined key begins with the region.
func within(key, region string) bool { return strings.HasPrefix(key, join(region, "")) }
