package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PromotionRollout moves regions from what they have to one set of revisions. Both are recorded
// before anything is written.
type PromotionRollout struct {
	// id names the revisions: the revision, followed by a hash of the overrides if there are any.
	// People approve it.
	// +required
	ID string `json:"id"`

	// revision of all applications without an override.
	// +required
	Revision GitRevision `json:"revision"`

	// overrides of the revision.
	// +listType=map
	// +listMapKey=application
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Overrides []RevisionOverride `json:"overrides,omitempty"`

	// applications that it moves.
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Applications []string `json:"applications,omitempty"`

	// applicationsIn are those of them that it moves in each region. What joins the profile of a
	// region later gets its pin in another rollout.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +optional
	ApplicationsIn []RegionApplications `json:"applicationsIn,omitempty"`

	// urgency with which it began.
	// +optional
	Urgency Urgency `json:"urgency,omitempty"`

	// reason for the urgency.
	// +optional
	Reason string `json:"reason,omitempty"`

	// approvedBy are those who approved it.
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +optional
	ApprovedBy []string `json:"approvedBy,omitempty"`

	// startedAt is when it began.
	// +required
	StartedAt metav1.Time `json:"startedAt"`

	// finishedAt is when it ended.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`

	// phase it is in.
	// +required
	Phase RolloutPhase `json:"phase"`

	// failure says what failed, when it was halted or rolled back.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Failure string `json:"failure,omitempty"`

	// retried is the value of the annotation portolan.dev/retry that was last answered.
	// +optional
	Retried string `json:"retried,omitempty"`

	// waves in the order in which they move. They are fixed when the rollout begins; what a retry adds for
	// regions that came since is last.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=17
	// +optional
	Waves []WaveStatus `json:"waves,omitempty"`

	// leftInside are regions that the rollout before had begun to move and never finished.
	// They stay as they are until their turn.
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +optional
	LeftInside []string `json:"leftInside,omitempty"`

	// previous are the revisions that the regions had before, those of one list of revisions together.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Previous []PreviousPins `json:"previous,omitempty"`
}

// RolloutPhase is what becomes of a rollout.
// +kubebuilder:validation:Enum=Progressing;Completed;Halted;RollingBack;RolledBack;Superseded
type RolloutPhase string

// Phases of a rollout.
const (
	// RolloutProgressing moves regions.
	RolloutProgressing RolloutPhase = "Progressing"
	// RolloutCompleted has every region healthy at its revisions.
	RolloutCompleted RolloutPhase = "Completed"
	// RolloutHalted has failed, and everything stays as it is.
	RolloutHalted RolloutPhase = "Halted"
	// RolloutRollingBack puts the previous revisions back.
	RolloutRollingBack RolloutPhase = "RollingBack"
	// RolloutRolledBack has put them back; its revisions are not tried again.
	RolloutRolledBack RolloutPhase = "RolledBack"
	// RolloutSuperseded gave way to another one, only in the history.
	RolloutSuperseded RolloutPhase = "Superseded"
)

// RegionApplications are the applications that a rollout moves in some regions.
type RegionApplications struct {
	// regions in which it moves them.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +required
	Regions []string `json:"regions"`

	// applications, in alphabetical order; without any, it moves none there.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Applications []string `json:"applications,omitempty"`
}

// PreviousPins are the pins that some regions had before a rollout.
type PreviousPins struct {
	// regions that had them.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +required
	Regions []string `json:"regions"`

	// pins of each application; one that had none is missing.
	// +listType=map
	// +listMapKey=application
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Pins []RevisionOverride `json:"pins,omitempty"`
}
