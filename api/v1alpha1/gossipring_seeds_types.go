package v1alpha1

// RingSeeds say who is whose seed, how a list of them is written and where.
type RingSeeds struct {
	// topology says who is whose seed. A join is symmetric, so that fewer seeds connect as well.
	// +optional
	Topology RingTopology `json:"topology,omitzero"`

	// format of the list.
	// +kubebuilder:validation:Enum=CommaSeparated;SpaceSeparated;JSONArray
	// +kubebuilder:default=CommaSeparated
	// +optional
	Format SeedFormat `json:"format,omitempty"`

	// includePort writes the ring's port behind each name.
	// +optional
	IncludePort bool `json:"includePort,omitempty"`

	// delivery is the way by which the list reaches the pods.
	// +optional
	Delivery SeedDelivery `json:"delivery,omitzero"`
}

// RingTopology says who is whose seed; without either field, everybody is everybody's.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.hubs) && has(self.nearest))",message="either hubs or nearest"
type RingTopology struct {
	// hubs are Regions that are everybody's seeds, and nobody else is. Name at least two: a ring
	// whose only hub is gone cannot be joined. A hub that is the only one has all others as seeds.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +optional
	Hubs []string `json:"hubs,omitempty"`

	// nearest is how many of the nearest regions are a region's seeds, and as many more as it takes
	// to connect all.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16
	// +optional
	Nearest *int32 `json:"nearest,omitempty"`
}

// SeedFormat is how a list of seeds is written.
type SeedFormat string

// Seed formats.
const (
	SeedsCommaSeparated SeedFormat = "CommaSeparated"
	SeedsSpaceSeparated SeedFormat = "SpaceSeparated"
	SeedsJSONArray      SeedFormat = "JSONArray"
)

// SeedDelivery is the way by which seeds reach the pods; without any field, the cluster Secret's.
//
// +kubebuilder:validation:XValidation:rule="(has(self.clusterSecret) ? 1 : 0) + (has(self.configMap) ? 1 : 0) + (has(self.git) ? 1 : 0) <= 1",message="at most one of clusterSecret, configMap and git"
type SeedDelivery struct {
	// clusterSecret writes the annotation portolan.dev/wan-seeds.<ring> of Argo CD's cluster Secret,
	// from which an ApplicationSet hands them to the chart. No commit and no access to the region.
	// +optional
	ClusterSecret *ClusterSecretDelivery `json:"clusterSecret,omitempty"`

	// configMap writes a ConfigMap in the regional cluster and restarts workloads that read it.
	// +optional
	ConfigMap *ConfigMapDelivery `json:"configMap,omitempty"`

	// git commits them to a YAML file of each region.
	// +optional
	Git *GitDelivery `json:"git,omitempty"`
}

// ClusterSecretDelivery has no settings.
type ClusterSecretDelivery struct{}

// ConfigMapDelivery writes seeds into a key of a ConfigMap in every regional cluster, in the
// Service's namespace. Portolan owns that key and no other.
type ConfigMapDelivery struct {
	// name of the ConfigMap.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`
	// key in its data.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Key string `json:"key"`
	// restart are the workloads that read it, in the same namespace. An annotation of their pod
	// template changes with the seeds, so that they roll as their own strategy says.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +required
	Restart []WorkloadReference `json:"restart"`
}

// WorkloadReference names a workload of a regional cluster.
type WorkloadReference struct {
	// kind of the workload.
	// +kubebuilder:validation:Enum=Deployment;StatefulSet;DaemonSet
	// +required
	Kind WorkloadKind `json:"kind"`
	// name of the workload.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`
}

// WorkloadKind is a kind of workload that has a pod template.
type WorkloadKind string

// Workload kinds.
const (
	WorkloadDeployment  WorkloadKind = "Deployment"
	WorkloadStatefulSet WorkloadKind = "StatefulSet"
	WorkloadDaemonSet   WorkloadKind = "DaemonSet"
)

// GitBranch is a branch that Portolan commits to.
type GitBranch struct {
	// url of the repository: https:// or ssh://. Default: the Environment's.
	// +kubebuilder:validation:Pattern=`^(https?|ssh)://.+$`
	// +kubebuilder:validation:MaxLength=512
	// +optional
	URL string `json:"url,omitempty"`

	// credentialsSecretRef names a Secret in Argo CD's namespace that is labelled
	// argocd.argoproj.io/secret-type: repository (or repo-creds) and whose url is that of the repository (or
	// above it), like those of the Environment's spec.argocd.repository; they have to allow pushing to the branch. Default: the Environment's, when the url is.
	// +optional
	CredentialsSecretRef *LocalReference `json:"credentialsSecretRef,omitempty"`

	// branch to commit to.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:default=main
	// +optional
	Branch string `json:"branch,omitempty"`
}

// GitDelivery commits seeds to a YAML file of each region. It changes one value and leaves
// everything else of the file as it is, comments, order and quotes included.
type GitDelivery struct {
	GitBranch `json:",inline"`

	// path of a region's file; it holds {{ .region }} or {{ .name }}, and may hold {{ .environment }}.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.contains('.region') || self.contains('.name')",message="path must hold {{ .region }} or {{ .name }}: every region has a file of its own"
	// +required
	Path string `json:"path"`

	// key of the value: names of mappings, separated by dots, for example
	// env.UNKEY_GOSSIP_WAN_SEEDS. A dot within a name is written as \\. .
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +required
	Key string `json:"key"`
}
