package v1alpha1

// RegionPlan is what a Region consists of.
type RegionPlan struct {
	// revision identifies the plan: it changes with the region's size, the profile and the
	// environment. What was found before creation is looked up again when it does.
	// +kubebuilder:validation:MaxLength=16
	// +optional
	Revision string `json:"revision,omitempty"`

	// checked tells whether this revision passed every check.
	// +optional
	Checked bool `json:"checked,omitempty"`

	// objects are the names of all ACK objects by kind.
	// +listType=map
	// +listMapKey=kind
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Objects []PlannedObjects `json:"objects,omitempty"`

	// applications are the profile's applications with the revisions that they start at.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Applications []PlannedApplication `json:"applications,omitempty"`

	// rings are the gossip rings that the region joins.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Rings []PlannedRing `json:"rings,omitempty"`

	// findings are what was found before anything was created, errors first.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Findings []PlanFinding `json:"findings,omitempty"`
}

// PlannedObjects are the objects of one kind.
type PlannedObjects struct {
	// kind of ACK, for example Subnet.
	// +required
	Kind string `json:"kind"`
	// names of the objects.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +required
	Names []string `json:"names"`
}

// PlannedApplication is an application and the revision that it starts at.
type PlannedApplication struct {
	// name of the application.
	// +required
	Name string `json:"name"`
	// revision that a Promotion pins; none if none does.
	// +optional
	Revision GitRevision `json:"revision,omitempty"`
}

// PlannedRing is what joining a ring means for those who are in it.
type PlannedRing struct {
	// name of the GossipRing.
	// +required
	Name string `json:"name"`
	// peers are the regions whose seeds get this one's endpoint; the pods of their gossip
	// workload restart once for it, one region after another, after the region is connected.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Peers []string `json:"peers,omitempty"`
}

// Severity of a finding.
// +kubebuilder:validation:Enum=Error;Warning
type Severity string

// Severities.
const (
	// SeverityError holds the region before anything is created.
	SeverityError Severity = "Error"
	// SeverityWarning is worth knowing and holds nothing.
	SeverityWarning Severity = "Warning"
)

// PlanFinding is something that keeps a region from being built, or that somebody should know.
type PlanFinding struct {
	// severity of the finding.
	// +required
	Severity Severity `json:"severity"`
	// reason in one word.
	// +required
	Reason string `json:"reason"`
	// message says what was found and how to put it right.
	// +kubebuilder:validation:MaxLength=1024
	// +required
	Message string `json:"message"`
}

// Drift is what would be done to one object.
type Drift struct {
	// object is its kind and name, for example "VPC production001-eu-west-1".
	// +required
	Object string `json:"object"`
	// action that would be taken.
	// +required
	Action DriftAction `json:"action"`
	// message names the fields that differ, or what exists already.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
}

// DriftAction is what would be done.
// +kubebuilder:validation:Enum=Create;Change;Adopt;Refuse;Correct;Recreate
type DriftAction string

// What would be done.
const (
	// DriftCreate would create the object.
	DriftCreate DriftAction = "Create"
	// DriftChange would change fields of the object.
	DriftChange DriftAction = "Change"
	// DriftAdopt would take over what AWS has already with our tags.
	DriftAdopt DriftAction = "Adopt"
	// DriftRefuse would touch nothing: AWS has something of that name without our tags.
	DriftRefuse DriftAction = "Refuse"
	// DriftCorrect puts right what somebody edited in AWS.
	DriftCorrect DriftAction = "Correct"
	// DriftRecreate creates again what somebody deleted in AWS.
	DriftRecreate DriftAction = "Recreate"
)

// CertificateStatus is the state of one certificate.
type CertificateStatus struct {
	// domain of the certificate.
	// +required
	Domain string `json:"domain"`
	// arn of the certificate, for load balancers.
	// +optional
	ARN string `json:"arn,omitempty"`
	// state in ACM's words: PENDING_VALIDATION, ISSUED …
	// +optional
	State string `json:"state,omitempty"`
}

// BootstrapStatus is the state of one bootstrap item.
type BootstrapStatus struct {
	// name of the item.
	// +required
	Name string `json:"name"`
	// state of the item.
	// +required
	State BootstrapState `json:"state"`
	// message says what it waits for or why it failed.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
}

// BootstrapState is the state of a bootstrap item.
// +kubebuilder:validation:Enum=Pending;Installing;Installed;Failed
type BootstrapState string

// States of a bootstrap item.
const (
	// BootstrapPending waits for an item before it.
	BootstrapPending BootstrapState = "Pending"
	// BootstrapInstalling is applied in part, or waits for its CRDs.
	BootstrapInstalling BootstrapState = "Installing"
	// BootstrapInstalled is applied whole.
	BootstrapInstalled BootstrapState = "Installed"
	// BootstrapFailed could not be fetched, rendered or applied; it is tried again.
	BootstrapFailed BootstrapState = "Failed"
)

// TrafficStatus is the state of one entry of globalTraffic.
type TrafficStatus struct {
	// name of the entry.
	// +required
	Name string `json:"name"`
	// listenerARN that the region is attached to, recorded for the deletion.
	// +optional
	ListenerARN string `json:"listenerARN,omitempty"`
	// endpointGroupARN of the region's endpoint group.
	// +optional
	EndpointGroupARN string `json:"endpointGroupARN,omitempty"`
	// loadBalancerARN that is attached.
	// +optional
	LoadBalancerARN string `json:"loadBalancerARN,omitempty"`
	// health in Global Accelerator's words: INITIAL, HEALTHY, UNHEALTHY.
	// +optional
	Health string `json:"health,omitempty"`
	// dial is the percentage of traffic that the region is given.
	// +optional
	Dial int32 `json:"dial,omitempty"`
}
