package aws

import (
	"context"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// What AWS says about a secret's copy in another region.
const (
	// ReplicaInSync means the copy has the primary's current value.
	ReplicaInSync = string(types.StatusTypeInSync)
	// ReplicaInProgress means AWS is still copying.
	ReplicaInProgress = string(types.StatusTypeInProgress)
	// ReplicaFailed means AWS gave up; ReplicaState.Message says why, for example
	// because the region has a secret of that name which is not a replica.
	ReplicaFailed = string(types.StatusTypeFailed)
)

// ReplicaState is the state of a secret's copy in one region.
type ReplicaState struct {
	// Status is ReplicaInSync, ReplicaInProgress or ReplicaFailed.
	Status string
	// Message explains the status in AWS's words, without request IDs.
	Message string
}

type secretKey struct {
	session
	name string
}

func keyOfSecret(roleARN, primaryRegion, secret string) secretKey {
	return secretKey{session: session{roleARN: roleARN, region: primaryRegion}, name: secret}
}

// ReplicaStates returns the state of every copy of the secret, by region. Answers
// are remembered; see WithReplicaTTL. A copy that was just asked for is
// ReplicaInProgress although AWS does not list it yet. A missing secret is an error
// of class NotFound. It needs secretsmanager:DescribeSecret.
func (s *Sessions) ReplicaStates(ctx context.Context, roleARN, primaryRegion, secret string) (map[string]ReplicaState, error) {
	key := keyOfSecret(roleARN, primaryRegion, secret)
	states, err := s.replicas.get(ctx, key,
		func(ctx context.Context) (map[string]ReplicaState, error) {
			out, err := s.in(roleARN, primaryRegion).secrets.DescribeSecret(ctx,
				&secretsmanager.DescribeSecretInput{SecretId: &secret})
			if err != nil {
				return nil, classify(err)
			}
			states := statesOf(out.ReplicationStatus)
			// Here and not on the way out: with a copy in progress, the answer is remembered less long.
			s.requested.complete(key, states)
			return states, nil
		})
	return maps.Clone(states), err
}

// replicaTTL is how long the states of a secret's copies are remembered.
func replicaTTL(changing, inSync time.Duration) func(map[string]ReplicaState) time.Duration {
	return func(states map[string]ReplicaState) time.Duration {
		for _, state := range states {
			if state.Status != ReplicaInSync {
				return changing
			}
		}
		return inSync
	}
}

func statesOf(replicas []types.ReplicationStatusType) map[string]ReplicaState {
	states := make(map[string]ReplicaState, len(replicas))
	for _, r := range replicas {
		states[aws.ToString(r.Region)] = ReplicaState{
			Status:  string(r.Status),
			Message: stable(aws.ToString(r.StatusMessage)),
		}
	}
	return states
}

// Replicate starts copying the secret to the regions in one call. It never
// overwrites a secret that a region already has: that copy becomes ReplicaFailed.
// An empty kmsKeyID means the region's AWS-managed key.
func (s *Sessions) Replicate(ctx context.Context, roleARN, primaryRegion, secret, kmsKeyID string, regions ...string) error {
	if len(regions) == 0 {
		return nil
	}
	replicas := make([]types.ReplicaRegionType, 0, len(regions))
	for _, region := range regions {
		replica := types.ReplicaRegionType{Region: &region}
		if kmsKeyID != "" {
			replica.KmsKeyId = &kmsKeyID
		}
		replicas = append(replicas, replica)
	}
	key := keyOfSecret(roleARN, primaryRegion, secret)
	defer s.replicas.drop(key)
	// Before the call: whoever looks while it is under way must not make another.
	fresh := s.requested.add(key, regions)
	_, err := s.in(roleARN, primaryRegion).secrets.ReplicateSecretToRegions(ctx,
		&secretsmanager.ReplicateSecretToRegionsInput{SecretId: &secret, AddReplicaRegions: replicas})
	if err != nil {
		s.requested.remove(key, fresh)
	}
	return classify(err)
}

// StopReplication deletes the secret's copies in the regions; the primary stays.
// A secret that no longer exists has no copies, which is success.
func (s *Sessions) StopReplication(ctx context.Context, roleARN, primaryRegion, secret string, regions ...string) error {
	if len(regions) == 0 {
		return nil
	}
	key := keyOfSecret(roleARN, primaryRegion, secret)
	defer s.replicas.drop(key)
	s.requested.remove(key, regions)
	_, err := s.in(roleARN, primaryRegion).secrets.RemoveRegionsFromReplication(ctx,
		&secretsmanager.RemoveRegionsFromReplicationInput{SecretId: &secret, RemoveReplicaRegions: regions})
	return unlessNotFound(classify(err))
}
