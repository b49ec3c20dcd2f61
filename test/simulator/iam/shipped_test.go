package iam

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	shippedFolder = "../../../config/iam"
	// maxManagedPolicy is IAM's limit for managed policies, white space not counted ("IAM and STS quotas").
	maxManagedPolicy = 6144
)

var shippedValues = map[string]string{
	"ACCOUNT_ID": "111122223333", "PARTITION": "aws", "ENVIRONMENT": "production001", "PRIMARY_REGION": "us-east-1",
	"MANAGEMENT_ACCOUNT_ID": "999988887777", "TRUSTED_ROLE": "portolan-manager",
}

// shippedFiles are the shipped policies by name, trust policies left out.
func shippedFiles(t *testing.T) map[string]string {
	t.Helper()
	g := NewWithT(t)
	paths, err := filepath.Glob(filepath.Join(shippedFolder, "*.json"))
	g.Expect(err).NotTo(HaveOccurred())
	files := map[string]string{}
	for _, path := range paths {
		if name := strings.TrimSuffix(filepath.Base(path), ".json"); !strings.HasPrefix(name, "trust-") {
			files[name] = path
		}
	}
	g.Expect(files).To(HaveLen(9))
	return files
}

func shipped(t *testing.T) map[string]Policy {
	t.Helper()
	policies := map[string]Policy{}
	for name, path := range shippedFiles(t) {
		policy, err := Read(name, path, shippedValues)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		policies[name] = policy
	}
	return policies
}

func TestShippedPoliciesAreWellFormed(t *testing.T) {
	for name, policy := range shipped(t) {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			for _, s := range policy.statements {
				g.Expect(s.sid).NotTo(HavePrefix("Statement"), "every statement has a Sid of its own")
				g.Expect(s.exceptActions || s.exceptResources).To(BeFalse(), s.sid)
				for _, action := range s.actions {
					g.Expect(action).NotTo(ContainSubstring("*"), s.sid)
				}
				if !s.deny {
					g.Expect(slices.IsSorted(s.actions)).To(BeTrue(), "the actions of %s are sorted", s.sid)
					g.Expect(s.actions).To(Equal(slices.Compact(slices.Clone(s.actions))), s.sid)
				}
				for _, resource := range s.resources {
					g.Expect(resource).NotTo(MatchRegexp(`^arn:aws:[^:]*:[^:]*:[^:]*:\*$`), "%s covers a whole service", s.sid)
				}
			}
		})
	}
}

func TestShippedPoliciesFitIntoManagedPolicies(t *testing.T) {
	for name, path := range shippedFiles(t) {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			text, err := os.ReadFile(path)
			g.Expect(err).NotTo(HaveOccurred())
			// The longest name that an Environment can have and still build regions.
			values := map[string]string{"ENVIRONMENT": strings.Repeat("e", 54), "PARTITION": "aws-us-gov", "PRIMARY_REGION": "ap-southeast-1", "ACCOUNT_ID": "111122223333"}
			filled := bytes.Map(func(r rune) rune {
				if unicode.IsSpace(r) {
					return -1
				}
				return r
			}, Fill(text, values))
			g.Expect(len(filled)).To(BeNumerically("<=", maxManagedPolicy))
		})
	}
}

func TestShippedTrustPolicies(t *testing.T) {
	for _, name := range []string{"trust-account", "trust-pod-identity"} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			text, err := os.ReadFile(filepath.Join(shippedFolder, name+".json"))
			g.Expect(err).NotTo(HaveOccurred())
			filled := Fill(text, shippedValues)
			g.Expect(json.Valid(filled)).To(BeTrue())
			g.Expect(string(filled)).NotTo(ContainSubstring("${"))
			_, err = Parse(name, filled)
			g.Expect(err).To(MatchError(ContainSubstring("Principal")), "it is no identity-based policy")
		})
	}
}

// wildcardsAllowed are the actions that AWS ties to no resource, or, before it exists, to none with a name.
// https://docs.aws.amazon.com/service-authorization/latest/reference/
var wildcardsAllowed = []string{
	"acm:AddTagsToCertificate", "acm:ListCertificates", "acm:RequestCertificate",
	"ec2:DescribeAddresses", "ec2:DescribeAvailabilityZones", "ec2:DescribeInstanceTypeOfferings", "ec2:DescribeInstanceTypes",
	"ec2:DescribeInternetGateways", "ec2:DescribeNatGateways", "ec2:DescribeNetworkInterfaces", "ec2:DescribeRegions",
	"ec2:DescribeRouteTables", "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
	"ec2:DescribeTags", "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcPeeringConnections", "ec2:DescribeVpcs",
	"eks:DescribeAddonVersions", "eks:ListClusters", "elasticloadbalancing:DescribeLoadBalancers",
	"elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
	"route53:ListHostedZonesByName", "s3:ListAllMyBuckets", "servicequotas:GetServiceQuota",
}

func TestShippedPoliciesNameResourcesWhereTheyCan(t *testing.T) {
	g := NewWithT(t)
	for name, policy := range shipped(t) {
		for _, s := range policy.statements {
			if s.deny || !slices.Contains(s.resources, "*") {
				continue
			}
			for _, action := range s.actions {
				g.Expect(wildcardsAllowed).To(ContainElement(action), "%s: %s", name, s.sid)
			}
		}
	}
}

func TestNobodyReadsSecrets(t *testing.T) {
	g := NewWithT(t)
	policies := shipped(t)
	guard := New(policies).Guard()
	for name, policy := range policies {
		for _, action := range []string{"GetSecretValue", "BatchGetSecretValue"} {
			call := cloud.Call{
				Service: "secretsmanager", Operation: action, Principal: name, Region: "us-east-1",
				Resources: []string{"arn:aws:secretsmanager:us-east-1:111122223333:secret:unkey/shared-abcdef"},
			}
			g.Expect(guard(call)).NotTo(Succeed(), "%s: %s", name, action)
			if strings.HasPrefix(name, "portolan") {
				policy.statements = append(slices.Clone(policy.statements), statement{sid: "All", actions: []string{"*"}, resources: []string{"*"}})
				g.Expect(allows(Policy{statements: policy.statements}, withPrincipal(call))).To(BeFalse(), "%s denies %s, whatever else is attached", name, action)
			}
		}
	}
}

func withPrincipal(call cloud.Call) cloud.Call {
	call.Principal = session
	return call
}
