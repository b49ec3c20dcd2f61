package aws

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	typeSecret  = "secretsmanager/secret"
	typeReplica = "secretsmanager/replica"

	replicaInProgress = "InProgress"
	replicaInSync     = "InSync"
	replicaFailed     = "Failed"

	defaultKMSKey = "alias/aws/secretsmanager"
)

// Facts of a replica.
const (
	dataKMSKeyID      = "kmsKeyID"
	dataStatusMessage = "statusMessage"
)

var secretsOperations = map[string]action{
	"DescribeSecret":               {handle: (*Server).describeSecret, on: secretOf},
	"GetSecretValue":               {handle: (*Server).getSecretValue, on: secretOf},
	"RemoveRegionsFromReplication": {handle: (*Server).removeRegionsFromReplication, on: secretOf},
	"ReplicateSecretToRegions":     {handle: (*Server).replicateSecretToRegions, on: secretOf},
}

// secretOf is the secret as it is called in the region of the call. One that does not exist has
// the name that the caller gave it, without the six random characters.
func secretOf(s *Server, c *call) subject {
	id := c.text("SecretId")
	primary, err := s.primaryOf(s.cloud.List, c.region, id)
	switch {
	case err == nil:
		return subjectOf(inRegion(primary.ARN, primary.Region, c.region), primary)
	case strings.HasPrefix(id, "arn:"):
		return subject{resources: []string{id}}
	}
	return subject{resources: []string{s.cloud.ARN("secretsmanager", c.region, "secret:"+id)}}
}

// inRegion is the ARN of a replica.
func inRegion(arn, primary, region string) string {
	return strings.Replace(arn, ":"+primary+":", ":"+region+":", 1)
}

// AddSecret puts a secret into its primary region and returns its ARN. Its
// replicas become resources of type secretsmanager/replica in their own regions.
func (s *Server) AddSecret(region, name string) (arn string, err error) {
	arn = s.cloud.ARN("secretsmanager", region, "secret:"+name+"-"+rand.Text()[:6])
	err = s.cloud.Create(cloud.Resource{
		Key:   cloud.Key{Type: typeSecret, Region: region, ID: name},
		ARN:   arn,
		State: "available",
		Data:  map[string]string{dataVersion: newVersion()},
	})
	if err != nil {
		return "", fmt.Errorf("adding secret %s: %w", name, err)
	}
	return arn, nil
}

type replicationStatus struct {
	Region        string
	KMSKeyID      string `json:"KmsKeyId"`
	Status        string
	StatusMessage string `json:",omitempty"`
}

type secretDescription struct {
	ARN               string
	Name              string
	CreatedDate       float64
	PrimaryRegion     string `json:",omitempty"`
	ReplicationStatus []replicationStatus
	VersionStages     map[string][]string `json:"VersionIdsToStages,omitempty"`
	Tags              []secretTag         `json:",omitempty"`
}

type secretTag struct{ Key, Value string }

type replicationResult struct {
	ARN               string
	ReplicationStatus []replicationStatus
}

type replicateInput struct {
	SecretID          string          `json:"SecretId"`
	AddReplicaRegions []replicaRegion `json:"AddReplicaRegions"`
	Force             bool            `json:"ForceOverwriteReplicaSecret"`
}

type replicaRegion struct {
	Region   string
	KMSKeyID string `json:"KmsKeyId"`
}

func (s *Server) describeSecret(c *call) (any, error) {
	var in struct {
		SecretID string `json:"SecretId"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	held, primary, err := s.copyOf(s.seen, c.region, in.SecretID)
	if err != nil {
		return nil, err
	}
	description := secretDescription{
		ARN:               inRegion(primary.ARN, primary.Region, c.region),
		Name:              primary.ID,
		CreatedDate:       epoch(primary.CreatedAt),
		ReplicationStatus: replicationOf(s.seen, primary),
		VersionStages:     stagesOf(held),
	}
	if len(description.ReplicationStatus) > 0 {
		description.PrimaryRegion = primary.Region
	}
	for _, key := range sortedKeys(primary.Tags) {
		description.Tags = append(description.Tags, secretTag{Key: key, Value: primary.Tags[key]})
	}
	return description, nil
}

// getSecretValue never succeeds: Portolan has no business reading secrets, and
// the ledger shows if it tried.
func (s *Server) getSecretValue(c *call) (any, error) {
	return nil, &cloud.Error{
		Code:    "AccessDeniedException",
		Message: fmt.Sprintf("User: %s is not authorized to perform: secretsmanager:GetSecretValue", c.identity.ARN),
	}
}

func (s *Server) replicateSecretToRegions(c *call) (any, error) {
	var in replicateInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	primary, err := s.primaryForChange(c.region, in.SecretID)
	if err != nil {
		return nil, err
	}
	for _, replica := range in.AddReplicaRegions {
		if replica.Region == "" || replica.Region == primary.Region {
			return nil, &cloud.Error{Code: "InvalidParameterException", Message: "Invalid replica region."}
		}
	}
	for _, replica := range in.AddReplicaRegions {
		if err := s.replicate(primary, replica, in.Force); err != nil {
			return nil, err
		}
	}
	return replicationResult{ARN: primary.ARN, ReplicationStatus: replicationOf(s.cloud.List, primary)}, nil
}

// removeRegionsFromReplication takes regions without a replica for done.
func (s *Server) removeRegionsFromReplication(c *call) (any, error) {
	var in struct {
		SecretID             string `json:"SecretId"`
		RemoveReplicaRegions []string
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	primary, err := s.primaryForChange(c.region, in.SecretID)
	if err != nil {
		return nil, err
	}
	for _, region := range in.RemoveReplicaRegions {
		_ = s.cloud.Delete(replicaKey(primary, region)) // it can only be gone already
	}
	return replicationResult{ARN: primary.ARN, ReplicationStatus: replicationOf(s.cloud.List, primary)}, nil
}

// primaryOf finds a secret by name or ARN, also from the region of a replica.
func (s *Server) primaryOf(list lister, region, secretID string) (cloud.Resource, error) {
	_, primary, err := s.copyOf(list, region, secretID)
	return primary, err
}

// copyOf finds what the region has of a secret, and its primary, which may be the same. A
// replica that failed before it was ever in sync is none: another secret has its name.
func (s *Server) copyOf(list lister, region, secretID string) (held, primary cloud.Resource, err error) {
	found := list(func(r cloud.Resource) bool {
		switch r.Type {
		case typeSecret:
			return r.Region == region && names(r, secretID)
		case typeReplica:
			return r.Region == region && (r.State != replicaFailed || r.Data[dataVersion] != "") && names(r, secretID)
		}
		return false
	})
	for _, r := range found {
		if r.Type == typeSecret {
			return r, r, nil
		}
		if primary, ok := s.cloud.Get(r.Parents[0]); ok {
			return r, primary, nil
		}
	}
	return cloud.Resource{}, cloud.Resource{}, &cloud.Error{
		Code:    "ResourceNotFoundException",
		Message: "Secrets Manager can't find the specified secret.",
	}
}

func (s *Server) primaryForChange(region, secretID string) (cloud.Resource, error) {
	primary, err := s.primaryOf(s.cloud.List, region, secretID)
	if err == nil && primary.Region != region {
		err = &cloud.Error{
			Code:    "InvalidParameterException",
			Message: "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
		}
	}
	return primary, err
}

func names(r cloud.Resource, secretID string) bool { return r.ID == secretID || r.ARN == secretID }

func replicationOf(list lister, primary cloud.Resource) []replicationStatus {
	replicas := replicasOf(list, primary.Key)
	statuses := make([]replicationStatus, 0, len(replicas))
	for _, r := range replicas {
		statuses = append(statuses, replicationStatus{
			Region:        r.Region,
			KMSKeyID:      r.Data[dataKMSKeyID],
			Status:        r.State,
			StatusMessage: r.Data[dataStatusMessage],
		})
	}
	return statuses
}

func replicasOf(list lister, primary cloud.Key) []cloud.Resource {
	return list(func(r cloud.Resource) bool { return r.Type == typeReplica && r.Parents[0] == primary })
}

func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
