package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
)

const (
	namespace = "production001"
	// joiner is the region that joins the living ring.
	joiner = "eu-west-1"
)

// demo is one rehearsal and what it measured.
type demo struct {
	bed      *bed.Bed
	screen   *screen
	deadline time.Duration

	started       time.Time // before anything ran
	applied       time.Time // the first three regions
	ready         time.Time // the first three regions and their rings
	joinerApplied time.Time
	joinerReady   time.Time
	settled       time.Time // every seed is in every pod
	before        pods      // of the gossip workloads, before the joiner
	joined        time.Time // every member of every ring sees the joiner
	atJoin        pods      // at that moment
}

// fleet is what the user would see with kubectl.
type fleet struct {
	regions []v1alpha1.Region
	rings   []v1alpha1.GossipRing
}

func (d *demo) rehearse(ctx context.Context) error {
	if err := d.bed.Apply(ctx, "namespace.yaml", "environment.yaml", "gossiprings.yaml", "promotion.yaml", "applicationsets.yaml"); err != nil {
		return err
	}
	d.screen.headline("Three regions at once: kubectl apply -f config/samples/regions.yaml")
	d.applied = time.Now()
	if err := d.bed.Apply(ctx, "regions.yaml"); err != nil {
		return err
	}
	if err := d.watch(ctx, func(f fleet) bool { return f.ready(3) }); err != nil {
		return fmt.Errorf("waiting for the first three regions: %w", err)
	}
	d.ready = time.Now()
	var err error
	if d.before, err = d.gossipPods(ctx); err != nil {
		return err
	}

	d.screen.headline("A fourth joins the living ring: kubectl apply -f config/samples/region-eu-west-1.yaml")
	d.joinerApplied = time.Now()
	if err := d.bed.Apply(ctx, "region-eu-west-1.yaml"); err != nil {
		return err
	}
	if err := d.watch(ctx, func(f fleet) bool { return f.connected(joiner) }); err != nil {
		return fmt.Errorf("waiting for %s to be connected: %w", joiner, err)
	}
	d.joined = time.Now()
	if d.atJoin, err = d.gossipPods(ctx); err != nil {
		return err
	}
	if err := d.watch(ctx, func(f fleet) bool { return f.regionReady(joiner) }); err != nil {
		return fmt.Errorf("waiting for %s: %w", joiner, err)
	}
	d.joinerReady = time.Now()
	if err := d.watch(ctx, func(f fleet) bool { return f.ready(4) }); err != nil {
		return fmt.Errorf("waiting for the seeds to reach every peer: %w", err)
	}
	d.settled = time.Now()
	return nil
}

// watch shows the fleet until it is as wanted.
func (d *demo) watch(ctx context.Context, wanted func(fleet) bool) error {
	ctx, cancel := context.WithTimeout(ctx, d.deadline)
	defer cancel()
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	for {
		f, err := d.look(ctx)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("given up after %s: %w", d.deadline, ctx.Err())
		case err != nil:
			return err
		}
		d.screen.show(f, time.Since(d.applied))
		if wanted(f) {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-d.bed.OperatorDone():
			return errors.New("the operator ended by itself")
		case <-ticker.C:
		}
	}
}

func (d *demo) look(ctx context.Context) (fleet, error) {
	regions, rings := &v1alpha1.RegionList{}, &v1alpha1.GossipRingList{}
	if err := d.bed.Client.List(ctx, regions, client.InNamespace(namespace)); err != nil {
		return fleet{}, fmt.Errorf("listing Regions: %w", err)
	}
	if err := d.bed.Client.List(ctx, rings, client.InNamespace(namespace)); err != nil {
		return fleet{}, fmt.Errorf("listing GossipRings: %w", err)
	}
	return fleet{regions: regions.Items, rings: rings.Items}, nil
}

// ready tells whether there are n regions and all of them and all rings are Ready.
func (f fleet) ready(n int) bool {
	for _, r := range f.regions {
		if !meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionReady) {
			return false
		}
	}
	for _, r := range f.rings {
		if !meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionReady) {
			return false
		}
	}
	return len(f.regions) == n && len(f.rings) > 0
}

// connected tells whether a region is a member of every ring and every member of every
// ring counts every member, by its own word.
func (f fleet) connected(region string) bool {
	for _, ring := range f.rings {
		found := false
		for _, m := range ring.Status.Members {
			if m.MembersSeen == nil || int(*m.MembersSeen) != len(ring.Status.Members) {
				return false
			}
			found = found || m.Region == region
		}
		if !found {
			return false
		}
	}
	return len(f.rings) > 0
}

func (f fleet) regionReady(name string) bool {
	for _, r := range f.regions {
		if r.Name == name {
			return meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionReady)
		}
	}
	return false
}

// explain adds the end of the operator's log to a failure.
func (d *demo) explain() error {
	raw, err := os.ReadFile(d.bed.OperatorLog())
	if err != nil {
		return fmt.Errorf("reading the operator's log: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	const tail = 20
	return fmt.Errorf("the operator's last lines:\n%s", strings.Join(lines[max(0, len(lines)-tail):], "\n"))
}
