package argocd

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	applicationKind    = schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Application"}
	applicationSetKind = schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "ApplicationSet"}
)

const (
	refreshAnnotation  = "argocd.argoproj.io/refresh"
	trackingAnnotation = "argocd.argoproj.io/tracking-id"
	resourcesFinalizer = "resources-finalizer.argocd.argoproj.io"
)

// application is the part of an Application that the simulator reads, beside the
// object it came from. Its status is written by this package alone.
type application struct {
	object *unstructured.Unstructured
	applicationView
}

type applicationView struct {
	Spec      applicationSpec   `json:"spec"`
	Operation map[string]any    `json:"operation,omitempty"`
	Status    applicationStatus `json:"status"`
}

type applicationSpec struct {
	Source      map[string]any `json:"source"`
	Destination destinationRef `json:"destination"`
	SyncPolicy  syncPolicy     `json:"syncPolicy"`
}

type destinationRef struct {
	Name      string `json:"name,omitempty"`
	Server    string `json:"server,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}

func (d destinationRef) means(c cluster) bool {
	if d.Name != "" {
		return d.Name == c.name
	}
	return d.Server == c.server
}

type syncPolicy struct {
	Automated   *automation    `json:"automated,omitempty"`
	Retry       map[string]any `json:"retry,omitempty"`
	SyncOptions []string       `json:"syncOptions,omitempty"`
}

type automation struct {
	Prune    bool `json:"prune,omitempty"`
	SelfHeal bool `json:"selfHeal,omitempty"`
}

type applicationStatus struct {
	Sync           *syncStatus     `json:"sync,omitempty"`
	Health         *healthStatus   `json:"health,omitempty"`
	OperationState *operationState `json:"operationState,omitempty"`
	ReconciledAt   *metav1.Time    `json:"reconciledAt,omitempty"`
	Conditions     []condition     `json:"conditions,omitempty"`
	History        []deployment    `json:"history,omitempty"`
	Resources      []resource      `json:"resources,omitempty"`
}

type syncStatus struct {
	Status     string     `json:"status"`
	Revision   string     `json:"revision,omitempty"`
	ComparedTo comparedTo `json:"comparedTo"`
}

type comparedTo struct {
	Source      map[string]any `json:"source"`
	Destination destinationRef `json:"destination"`
}

type healthStatus struct {
	Status             string       `json:"status"`
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`
}

type operationState struct {
	Phase      string         `json:"phase"`
	Message    string         `json:"message,omitempty"`
	Operation  map[string]any `json:"operation"`
	StartedAt  metav1.Time    `json:"startedAt"`
	FinishedAt *metav1.Time   `json:"finishedAt,omitempty"`
	RetryCount int64          `json:"retryCount,omitempty"`
	SyncResult *syncResult    `json:"syncResult,omitempty"`
}

type syncResult struct {
	Revision string         `json:"revision"`
	Source   map[string]any `json:"source"`
}

type condition struct {
	Type               string      `json:"type"`
	Message            string      `json:"message"`
	LastTransitionTime metav1.Time `json:"lastTransitionTime"`
}

type deployment struct {
	ID              int64          `json:"id"`
	Revision        string         `json:"revision"`
	DeployStartedAt metav1.Time    `json:"deployStartedAt"`
	DeployedAt      metav1.Time    `json:"deployedAt"`
	Source          map[string]any `json:"source"`
	InitiatedBy     map[string]any `json:"initiatedBy,omitempty"`
}

// resource has no health: Argo CD does not persist it since 3.0.
type resource struct {
	Group           string `json:"group,omitempty"`
	Version         string `json:"version"`
	Kind            string `json:"kind"`
	Namespace       string `json:"namespace,omitempty"`
	Name            string `json:"name"`
	Status          string `json:"status,omitempty"`
	RequiresPruning bool   `json:"requiresPruning,omitempty"`
}

func parseApplication(object *unstructured.Unstructured) (*application, error) {
	app := &application{object: object}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &app.applicationView); err != nil {
		return nil, fmt.Errorf("reading Application %s: %w", object.GetName(), err)
	}
	return app, nil
}

// modified returns the object as it should be after what was changed in a.
func (a *application) modified() (*unstructured.Unstructured, error) {
	status, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&a.Status)
	if err != nil {
		return nil, fmt.Errorf("writing the status of Application %s: %w", a.object.GetName(), err)
	}
	changed := a.object.DeepCopy()
	changed.Object["status"] = status
	if a.Operation == nil {
		delete(changed.Object, "operation")
	} else {
		changed.Object["operation"] = runtime.DeepCopyJSON(a.Operation)
	}
	return changed, nil
}

func (a *application) name() string {
	return a.object.GetName()
}

// revision is what the source of an Application points at.
func revision(source map[string]any) string {
	text, _ := source["targetRevision"].(string)
	return text
}

func objectOf(kind schema.GroupVersionKind) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	return object
}

func listOf(kind schema.GroupVersionKind) *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	return list
}
