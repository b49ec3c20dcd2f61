package v1alpha1

// LocalReference names an object of a known kind in the same namespace.
type LocalReference struct {
	// name of the object.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Name string `json:"name"`
}

// Conditions that every kind may carry. They follow kstatus: Ready summarises,
// Reconciling and Stalled are present only while they are true.
const (
	// ConditionReady is True when everything the spec asks for exists and was seen to work.
	ConditionReady = "Ready"
	// ConditionReconciling is True while the controller is working towards the spec.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when only a change of a spec can help.
	ConditionStalled = "Stalled"
	// ConditionDeleting is True while the object is being taken down; its message names the stage.
	ConditionDeleting = "Deleting"
)

// Reasons used on any condition.
const (
	// ReasonSucceeded means the step has nothing left to do.
	ReasonSucceeded = "Succeeded"
	// ReasonNotRequired means the spec asks for nothing that this step provides.
	ReasonNotRequired = "NotRequired"
	// ReasonBlocked means another step, named in the message, has to finish first.
	ReasonBlocked = "Blocked"
	// ReasonRetrying means the last attempt failed and is repeated with back-off.
	ReasonRetrying = "Retrying"
	// ReasonDeleting means the object is being deleted.
	ReasonDeleting = "Deleting"
	// ReasonAccessDenied means AWS refused a call; the message names the missing permission.
	// It is retried slowly and succeeds once the permission is granted.
	ReasonAccessDenied = "AccessDenied"
	// ReasonQuotaExceeded means an AWS quota is used up; it is retried slowly.
	ReasonQuotaExceeded = "QuotaExceeded"
	// ReasonEnvironmentNotFound means spec.environmentRef names no Environment of this namespace.
	ReasonEnvironmentNotFound = "EnvironmentNotFound"
)

// Labels and annotations that Portolan sets.
const (
	// AnnotationConfirmDelete confirms the deletion of the object whose name is its value.
	AnnotationConfirmDelete = "portolan.dev/confirm-delete"
	// LabelRegion carries the Region's name on everything that belongs to it.
	LabelRegion = "portolan.dev/region"
	// LabelEnvironment carries the Environment's name on everything that belongs to it.
	LabelEnvironment = "portolan.dev/environment"
	// LabelApplication carries the application's name on Argo CD Applications.
	LabelApplication = "portolan.dev/application"
	// LabelManaged is "true" on Argo CD cluster Secrets that ApplicationSets should select,
	// and "false" once the region is being taken down.
	LabelManaged = "portolan.dev/managed"
	// AnnotationRevisionPrefix precedes an application's name in the pin on the cluster Secret.
	AnnotationRevisionPrefix = "portolan.dev/revision."
	// AnnotationWANSeedsPrefix precedes a ring's name in the seeds on the cluster Secret.
	AnnotationWANSeedsPrefix = "portolan.dev/wan-seeds."
	// AnnotationGossipSecurityGroup on the cluster Secret carries the ID of the region's gossip security group.
	AnnotationGossipSecurityGroup = "portolan.dev/gossip-security-group"
	// AnnotationVPC on the cluster Secret carries the ID of the region's VPC.
	AnnotationVPC = "portolan.dev/vpc-id"
	// AnnotationCertificatePrefix on the cluster Secret precedes a certificate's position in
	// the profile, from 0; the value is its ARN.
	AnnotationCertificatePrefix = "portolan.dev/certificate-arn."
	// TagObject in AWS carries the name of the ACK object that a resource was created for.
	TagObject = "portolan.dev/object"
)
