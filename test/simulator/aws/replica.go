package aws

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func replicaKey(primary cloud.Resource, region string) cloud.Key {
	return cloud.Key{Type: typeReplica, Region: region, ID: primary.ID}
}

// replicate begins a copy. A failed copy is begun anew, any other left alone.
func (s *Server) replicate(primary cloud.Resource, to replicaRegion, force bool) error {
	key := replicaKey(primary, to.Region)
	if old, ok := s.cloud.Get(key); ok && old.State == replicaFailed {
		_ = s.cloud.Delete(key) // it can only be gone already
	}
	replica := cloud.Resource{
		Key:     key,
		ARN:     inRegion(primary.ARN, primary.Region, to.Region),
		State:   replicaInProgress,
		Parents: []cloud.Key{primary.Key},
		Data:    map[string]string{dataKMSKeyID: cmp.Or(to.KMSKeyID, defaultKMSKey)},
	}
	if occupied := s.makeRoom(primary, to.Region, force); occupied {
		replica.State = replicaFailed
		replica.Data[dataStatusMessage] = fmt.Sprintf(
			"Replication failed: Secret name %s already exists in region %s.", primary.ID, to.Region)
	}
	if err := s.cloud.Create(replica); err != nil {
		if refused, ok := errors.AsType[*cloud.Error](err); ok && refused.Code == cloud.CodeAlreadyExists {
			return nil
		}
		return fmt.Errorf("creating the replica: %w", err)
	}
	if replica.State == replicaInProgress {
		s.after(s.cloud.Sample(typeReplica), func() { s.finishReplica(key, primary.Key) })
	}
	return nil
}

// makeRoom tells whether another secret of that name is in the way, which it
// removes if forced.
func (s *Server) makeRoom(primary cloud.Resource, region string, force bool) (occupied bool) {
	other := cloud.Key{Type: typeSecret, Region: region, ID: primary.ID}
	if _, ok := s.cloud.Get(other); !ok {
		return false
	}
	return !force || s.cloud.Delete(other) != nil
}

// finishReplica copies the newest version. It leaves a replica alone that was failed by a test
// or is gone.
func (s *Server) finishReplica(key, primary cloud.Key) {
	s.copying.Lock()
	defer s.copying.Unlock()
	source, ok := s.cloud.Get(primary)
	if !ok {
		return
	}
	_ = s.cloud.Update(key, func(r *cloud.Resource) {
		if r.State == replicaFailed {
			return
		}
		r.State = replicaInSync
		copyVersions(r, source)
	})
}
