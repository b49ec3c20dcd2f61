package v1alpha1

// Changelog is the short form of what a rollout brings or takes away. The whole is in a ConfigMap.
type Changelog struct {
	// from and to are the revisions that are compared.
	// +required
	From GitRevision `json:"from"`
	// to is the rollout's revision.
	// +required
	To GitRevision `json:"to"`

	// direction says whether commits are added, removed or both.
	// +required
	Direction ChangelogDirection `json:"direction"`

	// commits is how many.
	// +required
	Commits int32 `json:"commits"`

	// pullRequests are the first of those that the commits name.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +optional
	PullRequests []PullRequest `json:"pullRequests,omitempty"`

	// applications that are compared; all, if none are named.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Applications []string `json:"applications,omitempty"`

	// others are comparisons of applications that are, or were, pinned elsewhere.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Others []ChangelogRange `json:"others,omitempty"`

	// configMapRef names the ConfigMap with the whole changelog, in the same namespace.
	// +optional
	ConfigMapRef *LocalReference `json:"configMapRef,omitempty"`
}

// ChangelogRange is the comparison of some applications.
type ChangelogRange struct {
	// from and to are the revisions that are compared.
	// +required
	From GitRevision `json:"from"`
	// to is the revision of the applications in the rollout.
	// +required
	To GitRevision `json:"to"`

	// applications that are compared.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Applications []string `json:"applications,omitempty"`

	// direction says whether commits are added, removed or both.
	// +required
	Direction ChangelogDirection `json:"direction"`

	// commits is how many.
	// +required
	Commits int32 `json:"commits"`
}

// ChangelogDirection says what becomes of the commits of a changelog.
// +kubebuilder:validation:Enum=Forward;Back;Diverged;Same
type ChangelogDirection string

// Directions.
const (
	// ChangelogForward adds commits.
	ChangelogForward ChangelogDirection = "Forward"
	// ChangelogBack removes commits.
	ChangelogBack ChangelogDirection = "Back"
	// ChangelogDiverged removes some and adds others.
	ChangelogDiverged ChangelogDirection = "Diverged"
	// ChangelogSame changes nothing.
	ChangelogSame ChangelogDirection = "Same"
)

// PullRequest is one that commits name.
type PullRequest struct {
	// number of the pull request.
	// +required
	Number int32 `json:"number"`

	// title, as GitHub has it, or else the commit.
	// +kubebuilder:validation:MaxLength=120
	// +optional
	Title string `json:"title,omitempty"`

	// author is the login of who opened it, if GitHub said so.
	// +kubebuilder:validation:MaxLength=60
	// +optional
	Author string `json:"author,omitempty"`

	// applications whose files it touches.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +optional
	Applications []string `json:"applications,omitempty"`

	// removed is true where a rollback takes it away.
	// +optional
	Removed bool `json:"removed,omitempty"`
}
