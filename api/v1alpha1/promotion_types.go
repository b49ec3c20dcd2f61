package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// GitRevision is a full commit hash. Argo CD passes shorter ones through
// unresolved, so that it could never be told whether they are deployed.
// +kubebuilder:validation:MaxLength=255
type GitRevision string

// PromotionSpec pins applications to a git revision. The object is kept in git:
// a new commit of it moves the pins, a revert moves them back.
//
// +kubebuilder:validation:XValidation:rule="has(self.revision) != has(self.track)",message="either revision or track"
// +kubebuilder:validation:XValidation:rule="!has(self.urgency) || self.urgency != 'Emergency' || has(self.reason)",message="urgency Emergency needs a reason"
// +kubebuilder:validation:XValidation:rule="!has(self.waves) || self.waves.all(w, !has(w.regions) || self.waves.all(v, v.name == w.name || !has(v.regions) || !v.regions.exists(r, r in w.regions)))",message="a region is named by one wave only"
// +kubebuilder:validation:XValidation:rule="!has(self.waves) || !has(self.delivery) || !has(self.delivery.git) || self.delivery.git.path.contains('.region') || self.delivery.git.path.contains('.name')",message="files of all regions move all regions at once: put {{ .region }} into delivery.git.path, or leave waves out"
// +kubebuilder:validation:XValidation:rule="!has(self.track) || !has(self.delivery) || !has(self.delivery.git) || has(self.delivery.git.url) || self.delivery.git.branch != self.track.branch",message="delivery.git commits to the branch that track follows, so that each commit would be promoted in turn: use another branch or url"
type PromotionSpec struct {
	// environmentRef names the Environment, in the same namespace.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="environmentRef is immutable"
	// +required
	EnvironmentRef LocalReference `json:"environmentRef"`

	// applications that this promotion pins. Default: every application of the
	// environment that no other Promotion names.
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=40
	// +optional
	Applications []string `json:"applications,omitempty"`

	// revision is a full commit hash: 40 hexadecimal digits, never a branch or a tag.
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9a-f]{40}$')",message="not a full commit hash of 40 lower-case hexadecimal digits",messageExpression="'\"' + self + '\" is no full commit hash of 40 lower-case hexadecimal digits: name the one that \"git rev-parse ' + self + '\" prints; only spec.track follows a branch'"
	// +optional
	Revision GitRevision `json:"revision,omitempty"`

	// track follows the head of a branch instead of naming a revision: for environments in
	// which everything is to be tried that was merged. It needs spec.argocd.repository of the
	// Environment.
	// +optional
	Track *BranchTracking `json:"track,omitempty"`

	// overrides pin single applications elsewhere.
	// +listType=map
	// +listMapKey=application
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.all(o, o.revision.matches('^[0-9a-f]{40}$'))",message="an override is at no full commit hash of 40 lower-case hexadecimal digits, as git rev-parse prints it"
	// +optional
	Overrides []RevisionOverride `json:"overrides,omitempty"`

	// delivery is the way by which pins reach Argo CD.
	// +optional
	Delivery PinDelivery `json:"delivery,omitzero"`

	// waves say which regions move together, and in which order. Regions that no wave selects come
	// last, in a wave of their own. Default: one region at a time, the oldest first.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Waves []PromotionWave `json:"waves,omitempty"`

	// gates are what a region has to pass before the next one moves, and a revision before the first.
	// +optional
	Gates PromotionGates `json:"gates,omitzero"`

	// windows are when regions may begin to move: within one that allows, if there is any that
	// allows, and within none that denies. What has begun is finished.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Windows []PromotionWindow `json:"windows,omitempty"`

	// approval asks people before a rollout begins.
	// +optional
	Approval *PromotionApproval `json:"approval,omitempty"`

	// onFailure says what happens when a region fails: Halt leaves everything as it is, Rollback
	// puts the previous revisions back.
	// +kubebuilder:default=Halt
	// +optional
	OnFailure FailurePolicy `json:"onFailure,omitempty"`

	// paused lets no further region begin to move, in either direction. What Argo CD has begun
	// goes on, and pins that somebody else changes are put right.
	// +optional
	Paused bool `json:"paused,omitempty"`

	// urgency Emergency moves all regions at once, with no soak and outside of windows too.
	// +kubebuilder:default=Normal
	// +optional
	Urgency Urgency `json:"urgency,omitempty"`

	// reason for an urgency, kept in the history.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +optional
	Reason string `json:"reason,omitempty"`
}

// BranchTracking follows a branch.
type BranchTracking struct {
	// branch whose head is the revision.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +required
	Branch string `json:"branch"`
}

// RevisionOverride pins one application.
type RevisionOverride struct {
	// application that is pinned.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +required
	Application string `json:"application"`
	// revision it is pinned to.
	// +required
	Revision GitRevision `json:"revision"`
}

// PromotionWave is a group of regions that move after those of the waves before it have passed
// their gates. A region belongs to the first wave that names or selects it.
//
// +kubebuilder:validation:XValidation:rule="has(self.regions) != has(self.selector)",message="either regions or selector"
type PromotionWave struct {
	// name of the wave.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Name string `json:"name"`

	// regions are names of Regions, in the order in which they move.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +optional
	Regions []string `json:"regions,omitempty"`

	// selector selects Regions by their labels.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// maxConcurrent is how many regions of the wave move at a time. Default: all.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=256
	// +optional
	MaxConcurrent *int32 `json:"maxConcurrent,omitempty"`
}

// PromotionWindow is a time that comes again and again.
type PromotionWindow struct {
	// kind says whether regions may begin to move in it, or may not.
	// +required
	Kind WindowKind `json:"kind"`

	// schedule is when it opens, as in a CronJob: minute, hour, day of the month, month, day of
	// the week.
	// +kubebuilder:validation:MinLength=6
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="!self.contains('TZ=')",message="set timeZone instead"
	// +required
	Schedule string `json:"schedule"`

	// duration is how long it stays open.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,9})?(h|m|s|ms))+$') && duration(self) > duration('0s')",message="a duration above zero like 90s, 30m or 36h; it has no unit for days"
	// +required
	Duration metav1.Duration `json:"duration"`

	// timeZone of the schedule, by its IANA name, for example Europe/Berlin.
	// +kubebuilder:default=UTC
	// +kubebuilder:validation:MaxLength=64
	// +optional
	TimeZone string `json:"timeZone,omitempty"`
}

// WindowKind says what a window is for.
// +kubebuilder:validation:Enum=Allow;Deny
type WindowKind string

// Kinds of windows.
const (
	WindowAllow WindowKind = "Allow"
	WindowDeny  WindowKind = "Deny"
)

// PromotionApproval asks people. Somebody who has the verb approve on the Promotion approves by an
// annotation approval.portolan.dev/<any name> with the value "<user name> <rollout id>"; both are
// told while a rollout waits.
type PromotionApproval struct {
	// required is how many people have to approve.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=8
	// +kubebuilder:default=1
	// +optional
	Required int32 `json:"required,omitempty"`
}

// FailurePolicy says what happens when a region fails.
// +kubebuilder:validation:Enum=Halt;Rollback
type FailurePolicy string

// Failure policies.
const (
	FailureHalt     FailurePolicy = "Halt"
	FailureRollback FailurePolicy = "Rollback"
)

// Urgency of a promotion.
// +kubebuilder:validation:Enum=Normal;Emergency
type Urgency string

// Urgencies.
const (
	UrgencyNormal    Urgency = "Normal"
	UrgencyEmergency Urgency = "Emergency"
)

// Promotion is to a git revision what a Deployment is to an image: the pins of an
// environment's applications, moved one region at a time.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=portolan
// +kubebuilder:printcolumn:name="Environment",type=string,JSONPath=`.spec.environmentRef.name`
// +kubebuilder:printcolumn:name="Revision",type=string,JSONPath=`.status.targetRevision`
// +kubebuilder:printcolumn:name="Wave",type=string,JSONPath=`.status.wave`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Waits for",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type Promotion struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the pins that are wanted.
	// +required
	Spec PromotionSpec `json:"spec"`
	// status is written by Portolan only.
	// +optional
	Status PromotionStatus `json:"status,omitempty"`
}

// PromotionList is a list of Promotions.
//
// +kubebuilder:object:root=true
type PromotionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Promotion `json:"items"`
}

// GetConditions returns the status conditions.
func (p *Promotion) GetConditions() *[]metav1.Condition { return &p.Status.Conditions }
