// Package argocd is Portolan's contract with Argo CD: the cluster Secret that it
// writes, the Applications that it reads and the gate that tells whether one is
// healthy at a revision. Argo CD's own module is never imported.
//
// +kubebuilder:object:generate=true
// +groupName=argoproj.io
package argocd

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// GroupVersion of Argo CD's kinds.
var GroupVersion = schema.GroupVersion{Group: "argoproj.io", Version: "v1alpha1"}

// ResourcesFinalizer makes Argo CD delete what an Application deployed before the Application goes.
const ResourcesFinalizer = "resources-finalizer.argocd.argoproj.io"

// AddToScheme registers the views.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &Application{}, &ApplicationList{}, &ApplicationSet{}, &ApplicationSetList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}

// Application is a read-only view of an Argo CD Application. It holds a part of the
// fields, so it must never be updated or created, only patched with literal patches.
//
// +kubebuilder:object:root=true
type Application struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ApplicationSpec   `json:"spec"`
	Status ApplicationStatus `json:"status,omitempty"`
	// Operation is a requested or running sync; only its presence matters.
	Operation *runtime.RawExtension `json:"operation,omitempty"`

	// inside is the Region whose own Argo CD has the Application, empty for that of the management cluster.
	inside types.NamespacedName
	// unseen is why nothing is known of the Application now; set by Clusters.
	unseen unseen
	// namesakes are all Applications with this one's labels, by name, if there are more; set by Clusters.
	namesakes []string
}

// ApplicationSpec says what is deployed where.
type ApplicationSpec struct {
	Destination    Destination           `json:"destination"`
	Source         *Source               `json:"source,omitempty"`
	Sources        []Source              `json:"sources,omitempty"`
	SourceHydrator *runtime.RawExtension `json:"sourceHydrator,omitempty"`
}

// Destination is a cluster, by name or by server.
type Destination struct {
	Name   string `json:"name,omitempty"`
	Server string `json:"server,omitempty"`
}

// Source is a place in a git repository at a revision.
type Source struct {
	RepoURL        string `json:"repoURL,omitempty"`
	Path           string `json:"path,omitempty"`
	TargetRevision string `json:"targetRevision,omitempty"`
	Chart          string `json:"chart,omitempty"`
	Ref            string `json:"ref,omitempty"`
	Helm           *Helm  `json:"helm,omitempty"`
}

// Helm is the part of a Helm source in which seeds arrive.
type Helm struct {
	ValuesObject *runtime.RawExtension `json:"valuesObject,omitempty"`
}

// ApplicationStatus is what Argo CD last saw.
type ApplicationStatus struct {
	Sync           Sync            `json:"sync,omitempty"`
	Health         Health          `json:"health,omitempty"`
	ReconciledAt   *metav1.Time    `json:"reconciledAt,omitempty"`
	OperationState *OperationState `json:"operationState,omitempty"`
	Conditions     []Condition     `json:"conditions,omitempty"`
	Resources      []Resource      `json:"resources,omitempty"`
}

// Sync compares what is live with what git says.
type Sync struct {
	Status     string     `json:"status,omitempty"`
	Revision   string     `json:"revision,omitempty"`
	Revisions  []string   `json:"revisions,omitempty"`
	ComparedTo ComparedTo `json:"comparedTo,omitempty"`
}

// ComparedTo is the spec that a comparison was made for.
type ComparedTo struct {
	Source      Source      `json:"source,omitempty"`
	Sources     []Source    `json:"sources,omitempty"`
	Destination Destination `json:"destination,omitempty"`
}

// Health of the live objects.
type Health struct {
	Status             string       `json:"status,omitempty"`
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`
}

// OperationState is the last sync.
type OperationState struct {
	Phase      string       `json:"phase,omitempty"`
	Message    string       `json:"message,omitempty"`
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	SyncResult *SyncResult  `json:"syncResult,omitempty"`
}

// SyncResult says which revision a sync applied.
type SyncResult struct {
	Revision  string   `json:"revision,omitempty"`
	Revisions []string `json:"revisions,omitempty"`
}

// Condition is something that is wrong with an Application.
type Condition struct {
	Type               string       `json:"type"`
	Message            string       `json:"message,omitempty"`
	Status             string       `json:"status,omitempty"` // of an ApplicationSet's only
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`
}

// Resource is an object that an Application deployed.
type Resource struct {
	Kind string `json:"kind,omitempty"`
	Name string `json:"name,omitempty"`
}

// ApplicationList is a list of Applications.
//
// +kubebuilder:object:root=true
type ApplicationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Application `json:"items"`
}

// ApplicationSet is a read-only view of what makes Applications: only whether it can.
//
// +kubebuilder:object:root=true
type ApplicationSet struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Status ApplicationSetStatus `json:"status,omitempty"`
}

// ApplicationSetStatus says what went wrong.
type ApplicationSetStatus struct {
	Conditions []Condition `json:"conditions,omitempty"`
}

// ApplicationSetList is a list of ApplicationSets.
//
// +kubebuilder:object:root=true
type ApplicationSetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ApplicationSet `json:"items"`
}
