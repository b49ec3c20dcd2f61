// Package ec2 holds views of the kinds of ACK's EC2 controller: only the fields
// that Portolan writes or reads. The real schemas are the test that they are right.
//
// +kubebuilder:object:generate=true
// +groupName=ec2.services.k8s.aws
// +versionName=v1alpha1
package ec2

import (
	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion of the EC2 controller's kinds.
var GroupVersion = schema.GroupVersion{Group: "ec2.services.k8s.aws", Version: "v1alpha1"}

// AddToScheme registers the views.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&VPC{}, &VPCList{}, &Subnet{}, &SubnetList{}, &InternetGateway{}, &InternetGatewayList{},
		&RouteTable{}, &RouteTableList{}, &ElasticIPAddress{}, &ElasticIPAddressList{}, &NATGateway{}, &NATGatewayList{},
		&SecurityGroup{}, &SecurityGroupList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}

// Tag of an EC2 resource.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Observed is what every kind's status has in common.
type Observed struct {
	// +optional
	ACKResourceMetadata *ackv1alpha1.ResourceMetadata `json:"ackResourceMetadata,omitempty"`
	// +optional
	Conditions []*ackv1alpha1.Condition `json:"conditions,omitempty"`
}

// VPC is a virtual private cloud.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=vpcs
type VPC struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   VPCSpec   `json:"spec,omitempty"`
	Status VPCStatus `json:"status,omitempty"`
}

// VPCSpec is a VPC's desired state.
type VPCSpec struct {
	CIDRBlocks []string `json:"cidrBlocks,omitempty"`
	// +optional
	EnableDNSSupport *bool `json:"enableDNSSupport,omitempty"`
	// +optional
	EnableDNSHostnames *bool `json:"enableDNSHostnames,omitempty"`
	// +optional
	Tags []Tag `json:"tags,omitempty"`
}

// VPCStatus is a VPC's observed state.
type VPCStatus struct {
	Observed `json:",inline"`
	// +optional
	VPCID *string `json:"vpcID,omitempty"`
	// +optional
	State *string `json:"state,omitempty"`
}

// VPCList is a list of VPCs.
//
// +kubebuilder:object:root=true
type VPCList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []VPC `json:"items"`
}

// Subnet is a subnet in one availability zone.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type Subnet struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   SubnetSpec   `json:"spec,omitempty"`
	Status SubnetStatus `json:"status,omitempty"`
}

// SubnetSpec is a subnet's desired state. ACK keeps diffing attributes that are
// left out, so all that have a value in AWS are set.
type SubnetSpec struct {
	// +optional
	VPCID *string `json:"vpcID,omitempty"`
	// +optional
	CIDRBlock *string `json:"cidrBlock,omitempty"`
	// +optional
	AvailabilityZone *string `json:"availabilityZone,omitempty"`
	// +optional
	RouteTables []*string `json:"routeTables,omitempty"`
	// +optional
	MapPublicIPOnLaunch *bool `json:"mapPublicIPOnLaunch,omitempty"`
	// +optional
	AssignIPv6AddressOnCreation *bool `json:"assignIPv6AddressOnCreation,omitempty"`
	// +optional
	EnableDNS64 *bool `json:"enableDNS64,omitempty"`
	// +optional
	EnableResourceNameDNSARecord *bool `json:"enableResourceNameDNSARecord,omitempty"`
	// +optional
	EnableResourceNameDNSAAAARecord *bool `json:"enableResourceNameDNSAAAARecord,omitempty"`
	// +optional
	HostnameType *string `json:"hostnameType,omitempty"`
	// +optional
	Tags []Tag `json:"tags,omitempty"`
}

// SubnetStatus is a subnet's observed state.
type SubnetStatus struct {
	Observed `json:",inline"`
	// +optional
	SubnetID *string `json:"subnetID,omitempty"`
	// +optional
	State *string `json:"state,omitempty"`
}

// SubnetList is a list of Subnets.
//
// +kubebuilder:object:root=true
type SubnetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Subnet `json:"items"`
}

// InternetGateway connects a VPC to the internet.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type InternetGateway struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   InternetGatewaySpec   `json:"spec,omitempty"`
	Status InternetGatewayStatus `json:"status,omitempty"`
}

// InternetGatewaySpec is an internet gateway's desired state.
type InternetGatewaySpec struct {
	// VPC is the ID of the VPC; the field really is called vpc.
	// +optional
	VPC *string `json:"vpc,omitempty"`
	// +optional
	Tags []Tag `json:"tags,omitempty"`
}

// InternetGatewayStatus is an internet gateway's observed state.
type InternetGatewayStatus struct {
	Observed `json:",inline"`
	// +optional
	InternetGatewayID *string `json:"internetGatewayID,omitempty"`
}

// InternetGatewayList is a list of InternetGateways.
//
// +kubebuilder:object:root=true
type InternetGatewayList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []InternetGateway `json:"items"`
}

// RouteTable routes the traffic of subnets.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type RouteTable struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   RouteTableSpec   `json:"spec,omitempty"`
	Status RouteTableStatus `json:"status,omitempty"`
}

// RouteTableSpec is a route table's desired state.
type RouteTableSpec struct {
	// +optional
	VPCID *string `json:"vpcID,omitempty"`
	// +optional
	Routes []Route `json:"routes,omitempty"`
	// +optional
	Tags []Tag `json:"tags,omitempty"`
}

// Route is one route of a table.
type Route struct {
	// +optional
	DestinationCIDRBlock *string `json:"destinationCIDRBlock,omitempty"`
	// +optional
	GatewayID *string `json:"gatewayID,omitempty"`
	// +optional
	NATGatewayID *string `json:"natGatewayID,omitempty"`
}

// RouteTableStatus is a route table's observed state.
type RouteTableStatus struct {
	Observed `json:",inline"`
	// +optional
	RouteTableID *string `json:"routeTableID,omitempty"`
}

// RouteTableList is a list of RouteTables.
//
// +kubebuilder:object:root=true
type RouteTableList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []RouteTable `json:"items"`
}

// ElasticIPAddress is a public address.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=elasticipaddresses
type ElasticIPAddress struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ElasticIPAddressSpec   `json:"spec,omitempty"`
	Status ElasticIPAddressStatus `json:"status,omitempty"`
}

// ElasticIPAddressSpec is an address's desired state.
type ElasticIPAddressSpec struct {
	// +optional
	Tags []Tag `json:"tags,omitempty"`
}

// ElasticIPAddressStatus is an address's observed state.
type ElasticIPAddressStatus struct {
	Observed `json:",inline"`
	// +optional
	AllocationID *string `json:"allocationID,omitempty"`
	// +optional
	PublicIP *string `json:"publicIP,omitempty"`
}

// ElasticIPAddressList is a list of ElasticIPAddresses.
//
// +kubebuilder:object:root=true
type ElasticIPAddressList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ElasticIPAddress `json:"items"`
}

// NATGateway lets private subnets reach the internet.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type NATGateway struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   NATGatewaySpec   `json:"spec,omitempty"`
	Status NATGatewayStatus `json:"status,omitempty"`
}

// NATGatewaySpec is a NAT gateway's desired state.
type NATGatewaySpec struct {
	// +optional
	SubnetID *string `json:"subnetID,omitempty"`
	// +optional
	AllocationID *string `json:"allocationID,omitempty"`
	// +optional
	ConnectivityType *string `json:"connectivityType,omitempty"`
	// +optional
	Tags []Tag `json:"tags,omitempty"`
}

// NATGatewayStatus is a NAT gateway's observed state.
type NATGatewayStatus struct {
	Observed `json:",inline"`
	// +optional
	NATGatewayID *string `json:"natGatewayID,omitempty"`
	// +optional
	State *string `json:"state,omitempty"`
	// +optional
	FailureMessage *string `json:"failureMessage,omitempty"`
}

// NATGatewayList is a list of NATGateways.
//
// +kubebuilder:object:root=true
type NATGatewayList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NATGateway `json:"items"`
}

// SecurityGroup lets traffic in and out.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type SecurityGroup struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   SecurityGroupSpec   `json:"spec,omitempty"`
	Status SecurityGroupStatus `json:"status,omitempty"`
}

// SecurityGroupSpec is a group's desired state. Its rules are authoritative: ACK removes
// others, AWS's own allow-all egress rule included.
type SecurityGroupSpec struct {
	Name *string `json:"name,omitempty"`
	// Description cannot be changed.
	Description *string `json:"description,omitempty"`
	// +optional
	VPCID *string `json:"vpcID,omitempty"`
	// +optional
	IngressRules []IPPermission `json:"ingressRules,omitempty"`
	// +optional
	EgressRules []IPPermission `json:"egressRules,omitempty"`
	// +optional
	Tags []Tag `json:"tags,omitempty"`
}

// IPPermission is one rule of a security group.
type IPPermission struct {
	// IPProtocol is tcp, udp, … or "-1" for all.
	// +optional
	IPProtocol *string `json:"ipProtocol,omitempty"`
	// +optional
	FromPort *int64 `json:"fromPort,omitempty"`
	// +optional
	ToPort *int64 `json:"toPort,omitempty"`
	// +optional
	IPRanges []IPRange `json:"ipRanges,omitempty"`
}

// IPRange is a range of addresses that a rule is about.
type IPRange struct {
	// +optional
	CIDRIP *string `json:"cidrIP,omitempty"`
	// +optional
	Description *string `json:"description,omitempty"`
}

// SecurityGroupStatus is a group's observed state.
type SecurityGroupStatus struct {
	Observed `json:",inline"`
	// +optional
	ID *string `json:"id,omitempty"`
}

// SecurityGroupList is a list of SecurityGroups.
//
// +kubebuilder:object:root=true
type SecurityGroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SecurityGroup `json:"items"`
}
