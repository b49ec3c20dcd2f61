package ack

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// annotationApplied keeps the record of the last apply on the object.
const annotationApplied = "portolan.dev/applied"

// record is what was last applied, and when. ACK's conditions do not say which spec
// they are about; this is how we tell.
type record struct {
	// spec and metadata are hashes: they also tell what has shrunk.
	spec, metadata string
	// at is when the spec was applied, by our clock.
	at time.Time
	// syncedBefore is when ACK had last synced the object by then, by its clock; zero
	// for an object that was new.
	syncedBefore time.Time
}

// String renders "<spec>.<metadata> <applied at> <synced before>" with RFC 3339 times or "-".
func (r record) String() string {
	before := "-"
	if !r.syncedBefore.IsZero() {
		before = r.syncedBefore.UTC().Format(time.RFC3339)
	}
	return r.spec + "." + r.metadata + " " + r.at.UTC().Format(time.RFC3339) + " " + before
}

// lastApply reads the record from an object; it is empty when there is none.
func lastApply(obj client.Object) record {
	fields := strings.Fields(obj.GetAnnotations()[annotationApplied])
	if len(fields) != 3 {
		return record{}
	}
	var r record
	var err error
	r.spec, r.metadata, _ = strings.Cut(fields[0], ".")
	if r.at, err = time.Parse(time.RFC3339, fields[1]); err != nil {
		return record{}
	}
	if fields[2] == "-" {
		return r
	}
	if r.syncedBefore, err = time.Parse(time.RFC3339, fields[2]); err != nil {
		return record{}
	}
	return r
}

// predates tells whether a condition is about the spec before: ACK has not moved its
// time since the apply, and the time is not after the apply either. Both clocks have
// to agree on that, so that one that runs ahead cannot hide a sync for ever.
func (r record) predates(c *ackv1alpha1.Condition) bool {
	if c.LastTransitionTime == nil || r.syncedBefore.IsZero() {
		return false
	}
	at := c.LastTransitionTime.Time
	return !at.After(r.syncedBefore) && at.Before(r.at.Truncate(time.Second))
}

// predatesAll tells whether ACK has not yet looked at the spec that was applied last.
func (r record) predatesAll(conditions []*ackv1alpha1.Condition) bool {
	c := find(conditions, ackv1alpha1.ConditionTypeResourceSynced)
	return c != nil && r.predates(c)
}

// lastSync is when ACK last synced an object, or zero.
func lastSync(obj client.Object) time.Time {
	conditions, err := conditionsOf(obj)
	if err != nil {
		return time.Time{}
	}
	c := find(conditions, ackv1alpha1.ConditionTypeResourceSynced)
	if c == nil || c.LastTransitionTime == nil {
		return time.Time{}
	}
	return c.LastTransitionTime.Time
}

// hashes returns a record of what an object says, without times.
func hashes(content map[string]any) (record, error) {
	spec, err := hashOf(content["spec"])
	if err != nil {
		return record{}, err
	}
	metadata, err := hashOf(content["metadata"])
	return record{spec: spec, metadata: metadata}, err
}

func hashOf(content any) (string, error) {
	raw, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("hashing: %w", err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8]), nil
}
