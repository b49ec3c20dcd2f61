package v1alpha1

// Rollout says how a change of an Environment reaches its regions. What concerns the
// account, DNS and addresses counts at once; everything else reaches a region that was
// once Ready when it is that region's turn.
type Rollout struct {
	// maxConcurrentRegions is how many regions may be other than Ready at a time because of
	// a change. A region that is not Ready for another reason counts as well, so that
	// nothing healthy is touched while something is broken; pause its Region to go on.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=256
	// +kubebuilder:default=1
	// +optional
	MaxConcurrentRegions int32 `json:"maxConcurrentRegions,omitempty"`

	// paused starts no change in any further region.
	// +optional
	Paused bool `json:"paused,omitempty"`
}

// Protection says whether a deletion has to be confirmed.
// +kubebuilder:validation:Enum=Confirm;None
type Protection string

// Protections.
const (
	ProtectionConfirm Protection = "Confirm"
	ProtectionNone    Protection = "None"
)

// RegionRevision is the revision that a region may have.
type RegionRevision struct {
	// region is the Region's name.
	// +kubebuilder:validation:MaxLength=63
	// +required
	Region string `json:"region"`

	// revision of the region's profile: "<profile>-<hash>".
	// +kubebuilder:validation:MaxLength=80
	// +required
	Revision string `json:"revision"`

	// state of the region on its way to the newest revision.
	// +required
	State RevisionState `json:"state"`

	// message says what a region that waits waits for.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
}

// RevisionState is where a region is on its way to the newest revision of its profile.
// +kubebuilder:validation:Enum=Current;Changing;Waiting;Paused
type RevisionState string

// States of a region's revision.
const (
	// RevisionCurrent has the newest revision and was Ready with it.
	RevisionCurrent RevisionState = "Current"
	// RevisionChanging was given the newest revision and is not Ready with it yet.
	RevisionChanging RevisionState = "Changing"
	// RevisionWaiting has an older revision and waits for its turn.
	RevisionWaiting RevisionState = "Waiting"
	// RevisionPaused is left alone because its Region is paused, only observed or being deleted.
	RevisionPaused RevisionState = "Paused"
)
