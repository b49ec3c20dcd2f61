package drift

import (
	"context"

	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

// Reader is what AWS is asked. The describing methods return by ID what exists; the others
// report what does not exist as an error of class NotFound.
type Reader interface {
	NetworkReader
	ClusterReader
	RoleReader
	StorageReader
}

// NetworkReader is the part of Reader about EC2.
type NetworkReader interface {
	DescribeVPCs(ctx context.Context, roleARN, region string, ids []string) (map[string]aws.VPC, error)
	VPCAttributes(ctx context.Context, roleARN, region, id string) (dnsSupport, dnsHostnames bool, err error)
	DescribeSubnets(ctx context.Context, roleARN, region string, ids []string) (map[string]aws.Subnet, error)
	DescribeRouteTables(ctx context.Context, roleARN, region string, ids []string) (map[string]aws.RouteTable, error)
	DescribeInternetGateways(ctx context.Context, roleARN, region string, ids []string) (map[string]aws.InternetGateway, error)
	DescribeAddresses(ctx context.Context, roleARN, region string, ids []string) (map[string]aws.Address, error)
	DescribeNATGateways(ctx context.Context, roleARN, region string, ids []string) (map[string]aws.NATGateway, error)
	DescribeSecurityGroups(ctx context.Context, roleARN, region string, ids []string) (map[string]aws.SecurityGroup, error)
}

// ClusterReader is the part of Reader about EKS.
type ClusterReader interface {
	DescribeCluster(ctx context.Context, roleARN, region, name string) (aws.Cluster, error)
	DescribeNodegroup(ctx context.Context, roleARN, region, cluster, name string) (aws.Nodegroup, error)
	DescribeAddon(ctx context.Context, roleARN, region, cluster, name string) (aws.Addon, error)
	AccessPolicies(ctx context.Context, roleARN, region, cluster, principalARN string) ([]aws.AccessPolicy, error)
	DescribePodIdentity(ctx context.Context, roleARN, region, cluster, id string) (aws.PodIdentity, error)
}

// RoleReader is the part of Reader about IAM, which is the same in all regions.
type RoleReader interface {
	DescribeRole(ctx context.Context, roleARN, name string) (aws.Role, error)
	AttachedPolicies(ctx context.Context, roleARN, name string) ([]string, error)
	InlinePolicies(ctx context.Context, roleARN, name string) (map[string]string, error)
}

// StorageReader is the part of Reader about S3 and ACM.
type StorageReader interface {
	PublicAccessBlock(ctx context.Context, roleARN, region, bucket string) (aws.PublicAccessBlock, error)
	CertificateExists(ctx context.Context, roleARN, region, arn string) (bool, error)
}

var _ Reader = &aws.Sessions{}
