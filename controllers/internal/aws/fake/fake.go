// Package fake stands in for controllers/internal/aws in reconcile tests. It keeps
// a small world in memory and fails where a test tells it to.
package fake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

// OwnRoleARN is the role that the fake acts as when it is given none.
const OwnRoleARN = "arn:aws:iam::111122223333:role/portolan"

// TokenExpiry is when every token of the fake ends.
var TokenExpiry = time.Date(2100, time.January, 1, 0, 0, 0, 0, time.UTC)

// Method names a method of AWS, to fail or count its calls.
type Method string

// The methods of AWS.
const (
	AvailabilityZones Method = "AvailabilityZones"
	ReplicaStates     Method = "ReplicaStates"
	Replicate         Method = "Replicate"
	StopReplication   Method = "StopReplication"
	NodegroupExists   Method = "NodegroupExists"
	NATGatewayGone    Method = "NATGatewayGone"
	RoleARN           Method = "RoleARN"
	ClusterToken      Method = "ClusterToken"
)

// AWS offers the methods of aws.Sessions over a world in memory. Roles make no
// difference to it. It is safe for concurrent use.
type AWS struct {
	mu          sync.Mutex
	failures    map[Method]error
	calls       map[Method]int
	zones       map[string][]string
	secrets     map[string]map[string]aws.ReplicaState
	nodegroups  map[string]bool
	natGateways map[string]bool
	survey      survey
	existing    existing
	described   described
	traffic     traffic
	remains     remains
	releases    releases
	rings       rings
}

// New returns an AWS that stands in the way of nothing and has nothing: whose regions
// all have the zones a, b and c and every instance type, where hosted zones and
// listeners exist, but no secrets, clusters, networks and endpoint groups. Rings find a
// healthy target behind each load balancer, and the same version of each secret everywhere.
func New() *AWS {
	return &AWS{
		failures:    map[Method]error{},
		calls:       map[Method]int{},
		zones:       map[string][]string{},
		secrets:     map[string]map[string]aws.ReplicaState{},
		nodegroups:  map[string]bool{},
		natGateways: map[string]bool{},
		survey:      newSurvey(),
		existing:    newExisting(),
		described:   newDescribed(),
		traffic:     newTraffic(),
		remains:     newRemains(),
		releases:    newReleases(),
		rings:       newRings(),
	}
}

// Fail makes the method return err until it is called with nil.
func (f *AWS) Fail(method Method, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures[method] = err
}

// Calls returns how often the method was called, failures included.
func (f *AWS) Calls(method Method) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

// SetZones replaces the zones of a region.
func (f *AWS) SetZones(region string, zones ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.zones[region] = slices.Sorted(slices.Values(zones))
}

// AddSecret creates a secret without copies.
func (f *AWS) AddSecret(primaryRegion, secret string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.secrets[join(primaryRegion, secret)] = map[string]aws.ReplicaState{}
}

// RemoveSecret deletes a secret.
func (f *AWS) RemoveSecret(primaryRegion, secret string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.secrets, join(primaryRegion, secret))
}

// SetReplica sets the state of the copy of an existing secret in a region.
func (f *AWS) SetReplica(primaryRegion, secret, region string, state aws.ReplicaState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.secrets[join(primaryRegion, secret)][region] = state
}

// FinishReplication brings every copy that is in progress in sync.
func (f *AWS) FinishReplication() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, replicas := range f.secrets {
		for region, state := range replicas {
			if state.Status == aws.ReplicaInProgress {
				replicas[region] = aws.ReplicaState{Status: aws.ReplicaInSync}
			}
		}
	}
}

// SetNodegroup says whether a node group exists.
func (f *AWS) SetNodegroup(region, cluster, name string, exists bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodegroups[join(region, cluster, name)] = exists
}

// SetNATGateway says whether a NAT gateway exists.
func (f *AWS) SetNATGateway(region, id string, exists bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.natGateways[join(region, id)] = exists
}

// AvailabilityZones is like aws.Sessions.AvailabilityZones.
func (f *AWS) AvailabilityZones(ctx context.Context, _, region string) ([]string, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, AvailabilityZones); err != nil {
		return nil, err
	}
	return f.zonesOf(region), nil
}

func (f *AWS) zonesOf(region string) []string {
	if zones, ok := f.zones[region]; ok {
		return slices.Clone(zones)
	}
	return []string{region + "a", region + "b", region + "c"}
}

// ReplicaStates is like aws.Sessions.ReplicaStates, without remembering.
func (f *AWS) ReplicaStates(ctx context.Context, _, primaryRegion, secret string) (map[string]aws.ReplicaState, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, ReplicaStates); err != nil {
		return nil, err
	}
	replicas, ok := f.secrets[join(primaryRegion, secret)]
	if !ok {
		return nil, missingSecret("DescribeSecret", secret)
	}
	return maps.Clone(replicas), nil
}

// Replicate is like aws.Sessions.Replicate: new copies are in progress until FinishReplication.
func (f *AWS) Replicate(ctx context.Context, _, primaryRegion, secret, _ string, regions ...string) error {
	defer f.mu.Unlock()
	if err := f.begin(ctx, Replicate); err != nil {
		return err
	}
	replicas, ok := f.secrets[join(primaryRegion, secret)]
	if !ok {
		return missingSecret("ReplicateSecretToRegions", secret)
	}
	for _, region := range regions {
		if _, exists := replicas[region]; !exists {
			replicas[region] = aws.ReplicaState{Status: aws.ReplicaInProgress}
		}
	}
	return nil
}

// StopReplication is like aws.Sessions.StopReplication.
func (f *AWS) StopReplication(ctx context.Context, _, primaryRegion, secret string, regions ...string) error {
	defer f.mu.Unlock()
	if err := f.begin(ctx, StopReplication); err != nil {
		return err
	}
	for _, region := range regions {
		delete(f.secrets[join(primaryRegion, secret)], region)
	}
	return nil
}

// NodegroupExists is like aws.Sessions.NodegroupExists.
func (f *AWS) NodegroupExists(ctx context.Context, _, region, cluster, name string) (bool, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, NodegroupExists); err != nil {
		return false, err
	}
	return f.nodegroups[join(region, cluster, name)], nil
}

// NATGatewayGone is like aws.Sessions.NATGatewayGone.
func (f *AWS) NATGatewayGone(ctx context.Context, _, region, id string) (bool, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, NATGatewayGone); err != nil {
		return false, err
	}
	return !f.natGateways[join(region, id)], nil
}

// RoleARN is like aws.Sessions.RoleARN; its own role is OwnRoleARN.
func (f *AWS) RoleARN(ctx context.Context, roleARN string) (string, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, RoleARN); err != nil {
		return "", err
	}
	if roleARN != "" {
		return roleARN, nil
	}
	return OwnRoleARN, nil
}

// ClusterToken returns a token that names its region and cluster.
func (f *AWS) ClusterToken(ctx context.Context, _, region, cluster string) (token string, expires time.Time, err error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, ClusterToken); err != nil {
		return "", time.Time{}, err
	}
	return "fake-token/" + join(region, cluster), TokenExpiry, nil
}

// begin counts the call and returns holding the lock, which the caller releases.
func (f *AWS) begin(ctx context.Context, method Method) error {
	f.mu.Lock()
	f.calls[method]++
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("calling %s: %w", method, err)
	}
	return f.failures[method]
}

func missingSecret(operation, secret string) error {
	return &aws.Error{
		Operation: "secretsmanager:" + operation,
		Code:      "ResourceNotFoundException",
		Message:   "Secrets Manager can't find the specified secret " + secret + ".",
		Class:     aws.NotFound,
	}
}

func join(parts ...string) string { return strings.Join(parts, "/") }
