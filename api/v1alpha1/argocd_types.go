package v1alpha1

// ArgoCD says how regions are registered.
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode != 'EKSCapability' || has(self.roleARN)",message="mode EKSCapability needs roleARN: the capability's role has access to no cluster but its own"
type ArgoCD struct {
	// mode says where Argo CD is. It never changes: the Applications of a region are in one Argo CD,
	// and another one would deploy the same objects once more, or delete them as it leaves.
	// +kubebuilder:default=Hub
	// +optional
	Mode ArgoCDMode `json:"mode,omitempty"`

	// roleARN is the principal that Argo CD uses in the regional clusters; of mode EKSCapability, the
	// capability's role. Each cluster gets an access entry for it, and with mode Hub the cluster
	// Secret names it. Default: Argo CD's own role is given access outside of Portolan.
	// +kubebuilder:validation:Pattern=`^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$`
	// +kubebuilder:validation:MaxLength=512
	// +optional
	RoleARN string `json:"roleARN,omitempty"`

	// repository that the applications come from. With it, a region is held when a pinned
	// revision lacks the region's configuration files.
	// +optional
	Repository *ConfigRepository `json:"repository,omitempty"`

	// clusterLabels are added to every cluster Secret, for generators to select by.
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('portolan.dev/') && !k.startsWith('argocd.argoproj.io/') && !(k in ['environment', 'region', 'profile']))",message="the labels environment, region, profile, portolan.dev/* and argocd.argoproj.io/* are set by Portolan"
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.indexOf('/') <= 253 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="a label's key is a name of at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends; before it, there may be a DNS domain and '/'"
	// +optional
	ClusterLabels map[string]LabelValue `json:"clusterLabels,omitempty"`
}

// LabelValue is the value of a label, as Kubernetes takes it.
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule="self.matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$')",message="a label's value is empty, or letters, digits, '-', '_' and '.' with a letter or digit at both ends"
type LabelValue string

// ArgoCDMode says where Argo CD is and how it knows the regional clusters.
// +kubebuilder:validation:Enum=Hub;PerCluster;EKSCapability
type ArgoCDMode string

// Modes of Argo CD.
const (
	// ArgoCDHub is one Argo CD in the management cluster, which connects to all regions.
	ArgoCDHub ArgoCDMode = "Hub"
	// ArgoCDPerCluster is an Argo CD in each regional cluster, for that cluster alone. Portolan reads
	// and writes in its namespace with an access entry of its own.
	ArgoCDPerCluster ArgoCDMode = "PerCluster"
	// ArgoCDEKSCapability is the Argo CD that EKS manages for the management cluster.
	ArgoCDEKSCapability ArgoCDMode = "EKSCapability"
)

// ConfigRepository is the git repository that applications are deployed from.
type ConfigRepository struct {
	// url of the repository: https:// or ssh://.
	// +kubebuilder:validation:Pattern=`^(https?|ssh)://.+$`
	// +kubebuilder:validation:MaxLength=512
	// +required
	URL string `json:"url"`

	// credentialsSecretRef names a Secret in Argo CD's namespace that is labelled
	// argocd.argoproj.io/secret-type: repository (or repo-creds), and whose url is that of the repository
	// (or above it); its username and password, or its sshPrivateKey, are used. Default: none.
	// +optional
	CredentialsSecretRef *LocalReference `json:"credentialsSecretRef,omitempty"`

	// configFiles have to exist at an application's pinned revision before a region is
	// built; they may hold {{ .environment }}, {{ .region }} and {{ .application }}.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	// +required
	ConfigFiles []string `json:"configFiles"`
}
