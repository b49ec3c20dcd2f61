package region

import (
	"context"

	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// Cloud is what a Region asks AWS directly, because ACK cannot tell. In every interface
// of this file, roleARN is the role to act as, or empty for Portolan's own.
type Cloud interface {
	// AvailabilityZones returns the names of the zones that EKS can use, sorted.
	AvailabilityZones(ctx context.Context, roleARN, awsRegion string) ([]string, error)
	// RoleARN returns the role that Portolan acts as when it assumes the given one.
	RoleARN(ctx context.Context, roleARN string) (string, error)
	// NodegroupExists tells whether AWS still has the node group.
	NodegroupExists(ctx context.Context, roleARN, awsRegion, cluster, name string) (bool, error)
	// ClusterVersion returns the Kubernetes version that an EKS cluster runs.
	ClusterVersion(ctx context.Context, roleARN, awsRegion, name string) (string, error)
	// NATGatewayGone tells whether AWS has finished deleting the NAT gateway.
	NATGatewayGone(ctx context.Context, roleARN, awsRegion, id string) (bool, error)
	// Holders returns what keeps a VPC or its parts from being deleted.
	Holders(ctx context.Context, roleARN, awsRegion, vpcID string) ([]aws.Holder, error)
	// Orphans returns what controllers inside a cluster made in a VPC, in the order in which it
	// can be deleted.
	Orphans(ctx context.Context, roleARN, awsRegion, vpcID, cluster string) ([]aws.Orphan, error)
	// DeleteOrphan deletes one of them.
	DeleteOrphan(ctx context.Context, roleARN, awsRegion string, o aws.Orphan) error
	// NetworkInterfaces returns those of a VPC.
	NetworkInterfaces(ctx context.Context, roleARN, awsRegion, vpcID string) ([]aws.NetworkInterface, error)
}

// Survey is what is read before anything is created.
type Survey interface {
	// OptedIn tells whether the account may use the AWS region.
	OptedIn(ctx context.Context, roleARN, awsRegion string) (bool, error)
	// InstanceTypes returns those of the names that the AWS region offers.
	InstanceTypes(ctx context.Context, roleARN, awsRegion string, names ...string) (map[string]plan.InstanceType, error)
	// AddonVersions returns the versions that EKS offers for a Kubernetes version, by add-on,
	// the newest first.
	AddonVersions(ctx context.Context, roleARN, awsRegion, kubernetesVersion string, addons ...string) (map[string][]plan.AddonVersion, error)
	// Quotas returns the limits that a region draws on.
	Quotas(ctx context.Context, roleARN, awsRegion string) ([]plan.Quota, error)
	// Networks returns the account's VPCs in the AWS region and what they are peered with.
	Networks(ctx context.Context, roleARN, awsRegion string) ([]plan.Network, error)
	// HostedZones returns those of the names that are public hosted zones of the account.
	HostedZones(ctx context.Context, roleARN string, names ...string) (map[string]plan.HostedZone, error)
	// ListenerExists tells whether Global Accelerator has the listener.
	ListenerExists(ctx context.Context, roleARN, listenerARN string) (bool, error)
}

// Files looks into git.
type Files interface {
	// Missing returns those of the paths that the tree of the commit does not have.
	Missing(ctx context.Context, repo gitrepo.Repository, commit string, paths []string) ([]string, error)
	// Malformed returns those of the paths that the commit has and that are no YAML, though named so.
	Malformed(ctx context.Context, repo gitrepo.Repository, commit string, paths []string) ([]gitrepo.Malformed, error)
}

// Finder looks for what AWS has already.
type Finder interface {
	// TaggedResources returns the IDs of EC2 resources by the value of their tag
	// portolan.dev/object, which begins with prefix.
	TaggedResources(ctx context.Context, roleARN, awsRegion, prefix string) (map[string][]string, error)
	// ForgetTagged makes the next TaggedResources ask AWS.
	ForgetTagged(roleARN, awsRegion, prefix string)
	// CertificateARN finds an ACM certificate by its domain and tags.
	CertificateARN(ctx context.Context, roleARN, awsRegion, domain string, tags map[string]string) (string, error)
	// RoleTags returns the tags of an IAM role.
	RoleTags(ctx context.Context, roleARN, name string) (map[string]string, error)
	// ClusterTags returns the tags of an EKS cluster.
	ClusterTags(ctx context.Context, roleARN, awsRegion, name string) (map[string]string, error)
	// BucketTags returns the tags of an S3 bucket.
	BucketTags(ctx context.Context, roleARN, awsRegion, name string) (map[string]string, error)
}

// Accelerator attaches load balancers to AWS Global Accelerator, for which ACK has no controller.
type Accelerator interface {
	// LoadBalancer finds a load balancer by its DNS name.
	LoadBalancer(ctx context.Context, roleARN, awsRegion, dnsName string) (aws.LoadBalancer, error)
	// EndpointGroup returns the AWS region's endpoint group of the listener, or nil.
	EndpointGroup(ctx context.Context, roleARN, listenerARN, awsRegion string) (*aws.EndpointGroup, error)
	// EndpointGroups returns those of all AWS regions.
	EndpointGroups(ctx context.Context, roleARN, listenerARN string) ([]aws.EndpointGroup, error)
	// Weigh sets the share that an endpoint has of its group.
	Weigh(ctx context.Context, roleARN, groupARN, endpointID string, weight int32) error
	// CreateEndpointGroup makes one that gets no traffic and has no endpoints.
	CreateEndpointGroup(ctx context.Context, roleARN, listenerARN, awsRegion string, healthCheckPort int32) (*aws.EndpointGroup, error)
	// AddEndpoint attaches a load balancer with a weight of 0 to 255.
	AddEndpoint(ctx context.Context, roleARN, groupARN, loadBalancerARN string, weight int32) error
	// RemoveEndpoint detaches a load balancer.
	RemoveEndpoint(ctx context.Context, roleARN, groupARN, loadBalancerARN string) error
	// Dial sets the percentage of traffic that the group is given.
	Dial(ctx context.Context, roleARN, groupARN string, percent int32) error
	// DeleteEndpointGroup deletes the group.
	DeleteEndpointGroup(ctx context.Context, roleARN, groupARN string) error
	// AcceleratorDeployed tells whether every change of the listener's accelerator is in effect.
	AcceleratorDeployed(ctx context.Context, roleARN, listenerARN string) (bool, error)
}
