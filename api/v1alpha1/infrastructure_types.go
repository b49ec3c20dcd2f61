package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// ControlPlane says how an EKS control plane is reached, logged and protected.
type ControlPlane struct {
	// logging lists the control plane logs that go to CloudWatch. Default: none.
	// +listType=set
	// +kubebuilder:validation:MaxItems=5
	// +optional
	Logging []LogType `json:"logging,omitempty"`

	// endpointAccess says from where the API server can be reached.
	// +optional
	EndpointAccess *EndpointAccess `json:"endpointAccess,omitempty"`

	// deletionProtection makes EKS refuse to delete the cluster. Portolan lifts it when the Region is deleted.
	// +optional
	DeletionProtection bool `json:"deletionProtection,omitempty"`
}

// LogType is a log of the control plane in EKS's words.
// +kubebuilder:validation:Enum=api;audit;authenticator;controllerManager;scheduler
type LogType string

// EndpointAccess says from where the API server can be reached.
// +kubebuilder:validation:XValidation:rule="self.public || self.private",message="an API server that is neither public nor private cannot be reached"
// +kubebuilder:validation:XValidation:rule="self.public || !has(self.publicCIDRs)",message="publicCIDRs needs public: true"
type EndpointAccess struct {
	// public lets the internet, or publicCIDRs, reach the API server.
	// +kubebuilder:default=true
	// +optional
	Public *bool `json:"public,omitempty"`

	// private lets the VPC reach the API server without leaving it.
	// +kubebuilder:default=true
	// +optional
	Private *bool `json:"private,omitempty"`

	// publicCIDRs limits who may reach the public endpoint; Portolan and Argo CD have to be
	// among them. Default: everybody.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=40
	// +optional
	PublicCIDRs []CIDR `json:"publicCIDRs,omitempty"` //nolint:tagliatelle // plural of an initialism
}

// Toleration lets a pod run on tainted nodes, as in a pod's specification.
// +kubebuilder:validation:XValidation:rule="self.operator != 'Exists' || !has(self.value)",message="operator Exists takes no value"
// +kubebuilder:validation:XValidation:rule="self.operator == 'Exists' || has(self.key)",message="only operator Exists can do without a key"
type Toleration struct {
	// key of the taint; none matches every key.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Key string `json:"key,omitempty"`

	// operator compares the value.
	// +kubebuilder:validation:Enum=Equal;Exists
	// +kubebuilder:default=Equal
	// +optional
	Operator string `json:"operator,omitempty"`

	// value of the taint.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Value string `json:"value,omitempty"`

	// effect of the taint; none matches every effect.
	// +kubebuilder:validation:Enum=NoSchedule;NoExecute;PreferNoSchedule
	// +optional
	Effect string `json:"effect,omitempty"`
}

// PodIdentity gives the pods of one service account an IAM role of their own.
// +kubebuilder:validation:XValidation:rule="has(self.policies) || has(self.policyARNs) || has(self.inlinePolicy)",message="a pod identity needs policies, policyARNs or an inlinePolicy"
type PodIdentity struct {
	// namespace of the service account.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	Namespace string `json:"namespace"`

	// serviceAccount whose pods get the role.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	ServiceAccount string `json:"serviceAccount"`

	// policies that Portolan knows, each no wider than the component needs; see docs/regions.md.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +optional
	Policies []PodPolicy `json:"policies,omitempty"`

	// policyARNs are managed policies to attach as well.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:Pattern=`^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+$`
	// +kubebuilder:validation:items:MaxLength=512
	// +optional
	PolicyARNs []string `json:"policyARNs,omitempty"` //nolint:tagliatelle // plural of an initialism

	// inlinePolicy is a policy document in JSON. It may hold {{ .environment }}, {{ .region }},
	// {{ .account }} and {{ .cluster }}.
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=10240
	// +optional
	InlinePolicy string `json:"inlinePolicy,omitempty"`
}

// PodPolicy names a policy that Portolan knows.
// +kubebuilder:validation:Enum=ExternalDNS;ExternalSecrets;LoadBalancerController;EBSCSIDriver
type PodPolicy string

// Policies that Portolan knows.
const (
	// PodPolicyExternalDNS changes records of the environment's DNS zones.
	PodPolicyExternalDNS PodPolicy = "ExternalDNS"
	// PodPolicyExternalSecrets reads the profile's secrets in the region's Secrets Manager.
	PodPolicyExternalSecrets PodPolicy = "ExternalSecrets"
	// PodPolicyLoadBalancerController is what the AWS Load Balancer Controller needs.
	PodPolicyLoadBalancerController PodPolicy = "LoadBalancerController"
	// PodPolicyEBSCSIDriver is AWS's managed policy for the EBS CSI driver.
	PodPolicyEBSCSIDriver PodPolicy = "EBSCSIDriver"
)

// Bucket is a private, encrypted, versioned S3 bucket.
type Bucket struct {
	// name of the bucket, unique in the world; it may hold {{ .environment }} and {{ .region }}.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=128
	// +required
	Name string `json:"name"`

	// deletionPolicy Delete deletes the bucket with the last Region that has it, once somebody
	// has emptied it: Portolan deletes no data.
	// +kubebuilder:default=Retain
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// Certificate is an ACM certificate that is validated through a record in one of the
// environment's DNS zones.
type Certificate struct {
	// domain of the certificate, for example "*.{{ .region }}.aws.unkey.cloud"; it may hold
	// {{ .environment }} and {{ .region }}.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Domain string `json:"domain"`

	// alternativeNames are further names, with the same templates.
	// +listType=set
	// +kubebuilder:validation:MaxItems=9
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +optional
	AlternativeNames []string `json:"alternativeNames,omitempty"`
}

// BootstrapItem is a Helm chart or a set of manifests.
// +kubebuilder:validation:XValidation:rule="has(self.helm) != has(self.manifests)",message="a bootstrap item is either helm or manifests"
type BootstrapItem struct {
	// name of the item, and of the Helm release.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=53
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	Name string `json:"name"`

	// helm is a chart to render and apply.
	// +optional
	Helm *HelmChart `json:"helm,omitempty"`

	// manifests are applied as they are.
	// +optional
	Manifests *Manifests `json:"manifests,omitempty"`
}

// HelmChart is a chart of a repository at a fixed version.
type HelmChart struct {
	// repository is an https:// chart repository or an oci:// registry path.
	// +kubebuilder:validation:Pattern=`^(https?|oci)://.+$`
	// +kubebuilder:validation:MaxLength=512
	// +required
	Repository string `json:"repository"`

	// chart is its name in the repository.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +required
	Chart string `json:"chart"`

	// version is exact: a range would install something else in every region.
	// +kubebuilder:validation:Pattern=`^v?[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$`
	// +kubebuilder:validation:MaxLength=64
	// +required
	Version string `json:"version"`

	// namespace that the chart is installed in; it is created.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	Namespace string `json:"namespace"`

	// values of the chart. Strings may hold {{ .environment }}, {{ .region }}, {{ .account }},
	// {{ .cluster }}, {{ .vpcID }} and {{ .gossipSecurityGroupID }}.
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Values *apiextensionsv1.JSON `json:"values,omitempty"`
}

// Manifests is YAML from one place.
// +kubebuilder:validation:XValidation:rule="has(self.url) != has(self.configMapRef)",message="manifests come either from a url or from a configMapRef"
// +kubebuilder:validation:XValidation:rule="!has(self.url) || has(self.sha256)",message="a url needs its sha256: what a URL serves can change"
type Manifests struct {
	// url of a YAML file, for example the CRDs of a release.
	// +kubebuilder:validation:Pattern=`^https?://.+$`
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	URL string `json:"url,omitempty"`

	// sha256 of what the url serves, in hex. Anything else is refused.
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	// +optional
	SHA256 string `json:"sha256,omitempty"`

	// configMapRef names a ConfigMap beside the Environment; all of its keys are applied, in order.
	// +optional
	ConfigMapRef *LocalReference `json:"configMapRef,omitempty"`
}

// GlobalTraffic attaches a load balancer to a listener of AWS Global Accelerator.
type GlobalTraffic struct {
	// name of the entry.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	Name string `json:"name"`

	// service of type LoadBalancer in the region.
	// +required
	Service ServiceReference `json:"service"`

	// listenerARN of the listener. Default: the environment's globalAccelerator.listenerARN.
	// Two entries of a region never share a listener, because AWS has one endpoint group for
	// a listener and region.
	// +kubebuilder:validation:Pattern=`^arn:aws[a-z-]*:globalaccelerator::[0-9]{12}:accelerator/.+/listener/.+$`
	// +kubebuilder:validation:MaxLength=512
	// +optional
	ListenerARN string `json:"listenerARN,omitempty"`

	// healthCheckPort that the accelerator probes over TCP. Default: the listener's port.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	HealthCheckPort int32 `json:"healthCheckPort,omitempty"`

	// dial is the percentages of traffic that the region is given one after another; before
	// each, the load balancer has to be healthy. The last is the target.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:Minimum=0
	// +kubebuilder:validation:items:Maximum=100
	// +kubebuilder:default={10,50,100}
	// +optional
	Dial []int32 `json:"dial,omitempty"`
}
