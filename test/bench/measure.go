package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// dials are the steps of the sample profile's globalTraffic.
const dials = 2

// single measures one Region on a bed of its own.
func single(ctx context.Context, s settings, run int) (bringUpFigures, error) {
	seed := s.seed + uint64(run)
	f, err := startFleet(ctx, s, seed, regionNames(run, 1))
	if err != nil {
		return bringUpFigures{}, err
	}
	defer f.stop()
	figures, _, err := f.measure(ctx)
	figures.Seed = seed
	return figures, err
}

// measure brings the fleet up.
func (f *fleet) measure(ctx context.Context) (bringUpFigures, records, error) {
	all, err := f.bringUp(ctx)
	if err != nil {
		return bringUpFigures{}, nil, err
	}
	figures, err := evaluate(all, f.rings, f.regions)
	if err != nil {
		return bringUpFigures{}, nil, err
	}
	calls := countCalls(callsUntil(f.bed.Cloud.Calls(), all.allReady(f.regions)))
	figures.Calls, figures.CallRatio = compareCalls(calls, sizeOfFleet(f.regions, all.secrets()))
	return figures, all, nil
}

func callsUntil(calls []cloud.Call, end time.Time) []cloud.Call {
	return slices.DeleteFunc(calls, func(c cloud.Call) bool { return c.At.After(end) })
}

func (r records) allReady(regions []string) time.Time {
	var last time.Time
	for _, region := range regions {
		last = latestOf(last, r[subject{management, kindRegion, region}].readyAt())
	}
	return last
}

// secrets are how many were copied to at least one region.
func (r records) secrets() int {
	names := map[string]bool{}
	for _, s := range r.of(inAWS, typeReplica, "") {
		name, _, _ := strings.Cut(s.name, "@")
		names[name] = true
	}
	return len(names)
}

// together measures several Regions at once, and what they cost once they are settled.
func together(ctx context.Context, s settings, progress func(string, ...any)) (*togetherFigures, *settledFigures, error) {
	f, err := startFleet(ctx, s, s.seed, regionNames(0, s.regions))
	if err != nil {
		return nil, nil, err
	}
	defer f.stop()
	measured, all, err := f.measure(ctx)
	if err != nil {
		return nil, nil, err
	}
	measured.Seed = s.seed
	t := &togetherFigures{bringUpFigures: measured, Secrets: all.secrets()}
	if t.Each, err = eachRegionOf(all, f.rings, f.regions); err != nil {
		return nil, nil, err
	}
	for _, row := range t.Calls {
		if row.Operation == "secretsmanager:ReplicateSecretToRegions" {
			t.ReplicateCalls = row.Calls
		}
	}
	t.ReplicateRatio = quotient(t.ReplicateCalls, t.Secrets)
	if s.intervals == 0 {
		return t, nil, nil
	}
	progress("all Ready after %s s; measuring the settled fleet for %d resync intervals", t.Wall, s.intervals)
	settled, err := f.settled(ctx, t.Secrets)
	return t, settled, err
}

// resync is the operator's interval that the bed scales.
const resync = 10 * time.Minute

// mostUnrest is how many intervals a fleet is given to come to rest.
const mostUnrest = 6

// settled measures what the fleet costs when nothing happens.
func (f *fleet) settled(ctx context.Context, secrets int) (*settledFigures, error) {
	if err := f.await(ctx, "every ring and Promotion to be Ready", func(j *journal) bool { return j.allReady() }); err != nil {
		return nil, err
	}
	interval := f.bed.Cloud.Scale(resync)
	for range mostUnrest {
		window, err := f.during(ctx, interval)
		if err != nil {
			return nil, err
		}
		if sum(window.Writes) == 0 {
			break
		}
	}
	figures, err := f.during(ctx, time.Duration(f.settings.intervals)*interval)
	if err != nil {
		return nil, err
	}
	figures.Intervals, figures.Regions, figures.Secrets = f.settings.intervals, len(f.regions), secrets
	return figures, nil
}

// allReady tells whether all of our kinds are, as far as they are watched.
func (j *journal) allReady() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for s, r := range j.records {
		ours := slices.Contains([]string{kindRegion, "GossipRing", "Promotion"}, s.kind)
		if ours && r.states[v1alpha1.ConditionReady].last() != conditionTrue {
			return false
		}
	}
	return true
}

// during counts what the operator does in a span of time.
func (f *fleet) during(ctx context.Context, span time.Duration) (*settledFigures, error) {
	from, err := sizeOf(f.bed.AuditLog())
	if err != nil {
		return nil, err
	}
	began := time.Now()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-f.bed.OperatorDone():
		return nil, errors.New("the operator ended by itself")
	case <-time.After(span):
	}
	ended := time.Now()
	to, err := sizeOf(f.bed.AuditLog())
	if err != nil {
		return nil, err
	}
	counted, err := auditSince(f.bed.AuditLog(), from, to)
	if err != nil {
		return nil, fmt.Errorf("counting the operator's requests: %w", err)
	}
	calls := slices.DeleteFunc(callsUntil(f.bed.Cloud.Calls(), ended), func(c cloud.Call) bool { return c.At.Before(began) })
	return &settledFigures{
		Seconds: seconds(ended.Sub(began)), Writes: counted.writes, Reads: counted.reads, Calls: countCalls(calls),
	}, nil
}
