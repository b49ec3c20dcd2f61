package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PromotionStatus is what was seen of the promotion.
type PromotionStatus struct {
	// conditions: Valid, Approved, RolledOut, Held, Ready.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that the status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// currentRevision is the revision that every region was last seen to run healthily.
	// +optional
	CurrentRevision GitRevision `json:"currentRevision,omitempty"`

	// targetRevision is the revision that regions move to, or are to move to.
	// +optional
	TargetRevision GitRevision `json:"targetRevision,omitempty"`

	// wave is how far the rollout has come: "2/4".
	// +optional
	Wave string `json:"wave,omitempty"`

	// rollout is the running rollout, or the last one. Regions that are registered later are born
	// at its revisions, or at the previous ones if it was rolled back.
	// +optional
	Rollout *PromotionRollout `json:"rollout,omitempty"`

	// nextWindow is when regions may move again, while a window keeps them from it.
	// +optional
	NextWindow *metav1.Time `json:"nextWindow,omitempty"`

	// changelog of the running rollout, or of the last one.
	// +optional
	Changelog *Changelog `json:"changelog,omitempty"`

	// history is how the last rollouts ended, the newest first.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +optional
	History []PromotionRecord `json:"history,omitempty"`

	// verified are the revisions that applications have completed a rollout with, those of the
	// last one first: what spec.gates.verifiedIn of another Promotion asks for. It reaches
	// further back than history.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +optional
	Verified []VerifiedRevisions `json:"verified,omitempty"`
}

// VerifiedRevisions are revisions at which some applications were healthy in every region.
type VerifiedRevisions struct {
	// applications that were, in alphabetical order.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +required
	Applications []string `json:"applications"`

	// revisions they were healthy at, the last one first.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	// +required
	Revisions []GitRevision `json:"revisions"`
}

// WaveStatus is how far a wave has come.
type WaveStatus struct {
	// name of the wave.
	// +required
	Name string `json:"name"`

	// maxConcurrent is how many of its regions move at a time; 0: all.
	// +optional
	MaxConcurrent int32 `json:"maxConcurrent,omitempty"`

	// startedAt is when its first region began to move.
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`

	// finishedAt is when all of its regions had passed.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`

	// regions in the order in which they move.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Regions []RegionProgress `json:"regions,omitempty"`
}

// RegionProgress is how far a region has come.
type RegionProgress struct {
	// region is the Region's name.
	// +required
	Region string `json:"region"`

	// state of the region in the rollout.
	// +required
	State RegionRolloutState `json:"state"`

	// applications is how many applications the rollout moves there.
	// +optional
	Applications int32 `json:"applications,omitempty"`

	// healthy is how many of them are healthy at their new revision.
	// +optional
	Healthy int32 `json:"healthy,omitempty"`

	// waiting are the first applications that are not healthy at their new revision, as long as the
	// region moves, or why it failed.
	// +listType=map
	// +listMapKey=application
	// +kubebuilder:validation:MaxItems=8
	// +optional
	Waiting []ApplicationProgress `json:"waiting,omitempty"`

	// deadline is when the region fails unless it is healthy by then, and Argo CD has confirmed that.
	// +optional
	Deadline *metav1.Time `json:"deadline,omitempty"`

	// movedAt is when its pins were written.
	// +optional
	MovedAt *metav1.Time `json:"movedAt,omitempty"`

	// confirmAt is when Argo CD was asked to confirm what it said.
	// +optional
	ConfirmAt *metav1.Time `json:"confirmAt,omitempty"`

	// healthySince is since when all of its applications have been healthy.
	// +optional
	HealthySince *metav1.Time `json:"healthySince,omitempty"`

	// unhealthyAt is when it was seen not to be healthy any more, having been so since it moved.
	// It has spec.gates.progressDeadline from then, at most twice that and the soak in all.
	// +optional
	UnhealthyAt *metav1.Time `json:"unhealthyAt,omitempty"`

	// passedAt is when it passed all gates.
	// +optional
	PassedAt *metav1.Time `json:"passedAt,omitempty"`

	// gates are what prometheus and jobs have said of the region.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Gates []GateResult `json:"gates,omitempty"`

	// reason is one word for what it waits for.
	// +optional
	Reason string `json:"reason,omitempty"`

	// message says what it waits for, and until when, where that is known.
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Message string `json:"message,omitempty"`
}

// ApplicationProgress is what one application of a region waits for.
type ApplicationProgress struct {
	// application that waits.
	// +required
	Application string `json:"application"`

	// reason is one word for what it waits for: what the gate says of it.
	// +required
	Reason string `json:"reason"`
}

// GateResult is what a gate has said of a region.
type GateResult struct {
	// name of the gate.
	// +required
	Name string `json:"name"`

	// state of the gate.
	// +required
	State GateState `json:"state"`

	// message says what a gate that has not passed waits for, or failed with.
	// +kubebuilder:validation:MaxLength=160
	// +optional
	Message string `json:"message,omitempty"`
}

// GateState is what has become of a gate.
// +kubebuilder:validation:Enum=Waiting;Passed;Failed
type GateState string

// States of a gate.
const (
	// GateWaiting has no answer yet, or one that does not let the region pass.
	GateWaiting GateState = "Waiting"
	// GatePassed is not asked again in this rollout.
	GatePassed GateState = "Passed"
	// GateFailed fails the region.
	GateFailed GateState = "Failed"
)

// RegionRolloutState is the state of a region in a rollout.
// +kubebuilder:validation:Enum=Pending;Moving;Soaking;Passed;Held;Failed;RolledBack
type RegionRolloutState string

// States of a region in a rollout.
const (
	// RegionRolloutPending has the previous revisions.
	RegionRolloutPending RegionRolloutState = "Pending"
	// RegionRolloutMoving has its new pins, and is not yet healthy with them.
	RegionRolloutMoving RegionRolloutState = "Moving"
	// RegionRolloutSoaking is healthy, and has to stay so for a while.
	RegionRolloutSoaking RegionRolloutState = "Soaking"
	// RegionRolloutPassed has passed all gates.
	RegionRolloutPassed RegionRolloutState = "Passed"
	// RegionRolloutHeld cannot be judged at the moment.
	RegionRolloutHeld RegionRolloutState = "Held"
	// RegionRolloutFailed has failed.
	RegionRolloutFailed RegionRolloutState = "Failed"
	// RegionRolloutRolledBack has its previous pins again.
	RegionRolloutRolledBack RegionRolloutState = "RolledBack"
)

// PromotionRecord is how a rollout ended.
type PromotionRecord struct {
	// id of the rollout.
	// +required
	ID string `json:"id"`

	// revision it moved regions to.
	// +required
	Revision GitRevision `json:"revision"`

	// overrides of the revision.
	// +listType=map
	// +listMapKey=application
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Overrides []RevisionOverride `json:"overrides,omitempty"`

	// applications that it moved.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Applications []string `json:"applications,omitempty"`

	// startedAt is when it began.
	// +required
	StartedAt metav1.Time `json:"startedAt"`

	// finishedAt is when it ended.
	// +required
	FinishedAt metav1.Time `json:"finishedAt"`

	// outcome is how it ended.
	// +required
	Outcome RolloutPhase `json:"outcome"`

	// urgency with which it began.
	// +optional
	Urgency Urgency `json:"urgency,omitempty"`

	// message is the reason of an emergency, or what failed.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`

	// approvedBy are those who approved it.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +optional
	ApprovedBy []string `json:"approvedBy,omitempty"`
}
