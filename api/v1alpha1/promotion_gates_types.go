package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PromotionGates are conditions on the way.
//
// +kubebuilder:validation:XValidation:rule="!has(self.jobs) || !has(self.prometheus) || self.jobs.all(j, !self.prometheus.exists(p, p.name == j.name))",message="a name is that of one gate only"
type PromotionGates struct {
	// soak is for how long a region has to be healthy at the revision. Default: 0s, no longer
	// than it takes Argo CD to confirm it.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^(0|([0-9]{1,6}([.][0-9]{1,9})?(h|m|s|ms))+)$') && duration(self) >= duration('0s')",message="a duration like 0s, 90s, 30m or 36h; it has no unit for days"
	// +optional
	Soak *metav1.Duration `json:"soak,omitempty"`

	// progressDeadline is how long a region may take until it is healthy at the revision; then
	// it has failed.
	// +kubebuilder:default="30m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,9})?(h|m|s|ms))+$') && duration(self) > duration('0s')",message="a duration above zero like 90s, 30m or 36h; it has no unit for days"
	// +optional
	ProgressDeadline *metav1.Duration `json:"progressDeadline,omitempty"`

	// ringsConverged asks that the region is connected to all others in each of its gossip rings.
	// +kubebuilder:default=true
	// +optional
	RingsConverged *bool `json:"ringsConverged,omitempty"`

	// verifiedIn is an Environment in which each application has to have
	// been promoted to its revision, healthily, before.
	// +optional
	VerifiedIn *VerifiedIn `json:"verifiedIn,omitempty"`

	// onBranch is the branch on which revisions have to be. It needs spec.argocd.repository of
	// the Environment.
	// +kubebuilder:validation:MaxLength=255
	// +optional
	OnBranch string `json:"onBranch,omitempty"`

	// prometheus are queries whose answers let a healthy region pass. They are asked again until they
	// do, or the region's time is up.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	// +optional
	Prometheus []PrometheusGate `json:"prometheus,omitempty"`

	// jobs have to succeed once in each healthy region; one that fails fails the region. Portolan needs the
	// Role of config/rbac/promotion_jobs_role.yaml in the namespace.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	// +optional
	Jobs []JobGate `json:"jobs,omitempty"`
}

// PrometheusGate asks whatever has Prometheus's HTTP API, without credentials.
type PrometheusGate struct {
	// name of the gate.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	Name string `json:"name"`

	// address of the API, for example http://prometheus.monitoring:9090 .
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^https?://[^@\s?#]+$`
	// +required
	Address string `json:"address"`

	// query is an instant query. It may hold {{ .environment }}, {{ .region }} and {{ .name }}.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +required
	Query string `json:"query"`

	// expect is what every sample of the answer has to be, for example "< 0.01"; or "absent" for
	// an answer without samples, which otherwise does not pass.
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^(absent|(<=|>=|==|!=|<|>) ?-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?)$`
	// +required
	Expect string `json:"expect"`
}

// JobGate runs a Job made from a CronJob of the Promotion's namespace, which should be suspended. It
// knows PORTOLAN_ENVIRONMENT, PORTOLAN_REGION, PORTOLAN_AWS_REGION, PORTOLAN_REVISION and
// PORTOLAN_PREVIOUS_REVISION from its environment.
type JobGate struct {
	// name of the gate.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	Name string `json:"name"`

	// cronJob is the name of the CronJob.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=52
	// +required
	CronJob string `json:"cronJob"`
}

// VerifiedIn names where a revision has to have been before.
type VerifiedIn struct {
	// namespace of the Environment. Default: the Promotion's.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// environment is the name of an Environment.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Environment string `json:"environment"`
}
