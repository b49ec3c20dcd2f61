package aws

import (
	"crypto/rand"
	"fmt"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// Facts of a secret and of a replica that has been in sync: the IDs of its versions.
const (
	dataVersion         = "version"
	dataPreviousVersion = "previousVersion"
)

// newVersion is a UUID, as AWS makes one for a version:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html.
func newVersion() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// stagesOf are the versions of a secret as DescribeSecret tells them. A replica that has not
// been in sync yet has none.
func stagesOf(r cloud.Resource) map[string][]string {
	stages := map[string][]string{}
	for fact, stage := range map[string]string{dataVersion: "AWSCURRENT", dataPreviousVersion: "AWSPREVIOUS"} {
		if version := r.Data[fact]; version != "" {
			stages[version] = append(stages[version], stage)
		}
	}
	return stages
}

func copyVersions(to *cloud.Resource, from cloud.Resource) {
	to.Data[dataVersion], to.Data[dataPreviousVersion] = from.Data[dataVersion], from.Data[dataPreviousVersion]
}

// SecretVersion is the ID of the version that a region's secret or replica has now, empty
// when it has none.
func (s *Server) SecretVersion(region, name string) string {
	held, _, err := s.copyOf(s.cloud.List, region, name)
	if err != nil {
		return ""
	}
	return held.Data[dataVersion]
}

// RotateSecret gives a secret a new version, whose ID it returns. Replicas carry the old one
// until their sampled time has passed; those that failed keep it:
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html.
func (s *Server) RotateSecret(primaryRegion, name string) (version string, err error) {
	version = newVersion()
	return version, s.putVersion(cloud.Key{Type: typeSecret, Region: primaryRegion, ID: name}, version)
}

// SetSecretVersion gives one region's secret a version. A replica, which cannot be changed by
// itself, is promoted for that to a secret that stands alone: the primary does not list the
// region any more, and replicating to it again fails for the name. The replicas of a primary
// follow it:
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/standalone-secret.html.
func (s *Server) SetSecretVersion(region, name, version string) error {
	secret := cloud.Key{Type: typeSecret, Region: region, ID: name}
	if _, alone := s.cloud.Get(secret); !alone {
		if err := s.promote(cloud.Key{Type: typeReplica, Region: region, ID: name}, secret); err != nil {
			return fmt.Errorf("promoting the replica of secret %s in %s: %w", name, region, err)
		}
	}
	return s.putVersion(secret, version)
}

func (s *Server) promote(replica, secret cloud.Key) error {
	promoted, _ := s.cloud.Get(replica)
	if err := s.cloud.Delete(replica); err != nil {
		return err
	}
	alone := cloud.Resource{Key: secret, ARN: promoted.ARN, State: "available", Data: map[string]string{}}
	copyVersions(&alone, promoted)
	if primary, ok := s.cloud.Get(promoted.Parents[0]); ok {
		alone.Tags = primary.Tags
	}
	return s.cloud.Create(alone)
}

// putVersion makes a version current and has the replicas follow.
func (s *Server) putVersion(secret cloud.Key, version string) error {
	s.copying.Lock()
	defer s.copying.Unlock()
	err := s.cloud.Update(secret, func(r *cloud.Resource) {
		if r.Data[dataVersion] != version {
			r.Data[dataVersion], r.Data[dataPreviousVersion] = version, r.Data[dataVersion]
		}
	})
	if err != nil {
		return fmt.Errorf("giving secret %s a version: %w", secret.ID, err)
	}
	for _, replica := range replicasOf(s.cloud.List, secret) {
		if s.beginCopy(replica.Key) {
			s.after(s.cloud.Sample(typeReplica), func() { s.finishReplica(replica.Key, secret) })
		}
	}
	return nil
}

// beginCopy is false for a replica that failed, or is gone.
func (s *Server) beginCopy(replica cloud.Key) (begun bool) {
	_ = s.cloud.Update(replica, func(r *cloud.Resource) {
		if begun = r.State != replicaFailed; begun {
			r.State = replicaInProgress
		}
	})
	return begun
}
