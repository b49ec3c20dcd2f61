package ack_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/portolan-dev/portolan/test/simulator/ack"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// guard notes what is asked and refuses what a test wants refused.
type guard struct {
	mu     sync.Mutex
	denied string
	asked  []cloud.Call
}

func (g *guard) decide(call cloud.Call) *cloud.Error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, call)
	if call.Action == g.denied {
		return &cloud.Error{Code: "AccessDenied", Message: "no"}
	}
	return nil
}

func (g *guard) deny(action string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.denied = action
}

func (g *guard) calls(action string) []cloud.Call {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(g.asked), func(call cloud.Call) bool { return call.Action != action })
}

// byRole are the actions asked for, by the service of the controller that asked.
func (g *guard) byRole() map[string][]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := map[string][]string{}
	for _, call := range g.asked {
		role := call.Principal[strings.LastIndex(call.Principal, "/")+1:]
		service := strings.TrimSuffix(strings.TrimPrefix(role, "ack-"), "-controller")
		all[service] = append(all[service], call.Action)
	}
	for service := range all {
		slices.Sort(all[service])
		all[service] = slices.Compact(all[service])
	}
	return all
}

func guarded(t *testing.T) (*bed, *guard) {
	t.Helper()
	b, g := newBed(t), &guard{}
	b.cloud.SetGuard(g.decide)
	return b, g
}

func TestDeniedCallsNameThePermission(t *testing.T) {
	cases := map[string]struct {
		kind, spec, action, want, operation string
	}{
		"ec2, which has its own word": {
			kind: "VPC", spec: `{cidrBlocks: ["10.16.0.0/16"]}`, action: "ec2:CreateVpc", operation: "operation error EC2: CreateVpc",
			want: "api error UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:iam::111122223333:role/ack-ec2-controller " +
				"is not authorized to perform: ec2:CreateVpc on resource: arn:aws:ec2:eu-west-1:111122223333:vpc/*",
		},
		"tagging at creation": {
			kind: "ElasticIPAddress", spec: `{}`, action: "ec2:CreateTags", want: "perform: ec2:CreateTags on resource: arn:aws:ec2:eu-west-1:111122223333:elastic-ip/*",
			operation: "operation error EC2: AllocateAddress",
		},
		"a step after the creation": {
			kind: "VPC", spec: `{cidrBlocks: ["10.16.0.0/16"]}`, action: "ec2:ModifyVpcAttribute", want: "perform: ec2:ModifyVpcAttribute on resource: arn:aws:ec2:eu-west-1:111122223333:vpc/*",
			operation: "operation error EC2: ModifyVpcAttribute",
		},
		"iam": {
			kind: "Role", spec: fmt.Sprintf(trust, "eks"), action: "iam:CreateRole",
			want: "api error AccessDenied: User: arn:aws:iam::111122223333:role/ack-iam-controller is not authorized to perform: iam:CreateRole " +
				"on resource: arn:aws:iam::111122223333:role/eks",
			operation: "operation error IAM: CreateRole",
		},
		"reading": {
			kind: "Bucket", spec: bucketSpec, action: "s3:ListAllMyBuckets", want: "perform: s3:ListAllMyBuckets on resource: *",
			operation: "operation error S3: ListAllMyBuckets",
		},
		"acm": {
			kind: "Certificate", spec: `{domainName: example.com}`, action: "acm:RequestCertificate",
			want: "perform: acm:RequestCertificate on resource: *", operation: "operation error ACM: RequestCertificate",
		},
		"what a service asks in turn": {
			kind: "Nodegroup", spec: `{name: nodes, clusterName: prod, nodeRole: "arn:aws:iam::111122223333:role/nodes"}`, action: "iam:PassRole",
			want:      "api error AccessDeniedException: User: arn:aws:iam::111122223333:role/ack-eks-controller is not authorized to perform: iam:PassRole on resource: arn:aws:iam::111122223333:role/nodes",
			operation: "operation error EKS: CreateNodegroup",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b, g := guarded(t)
			g.deny(tc.action)
			cr := b.apply(tc.kind, "denied", tc.spec)
			b.Eventually(b.refresh(cr)).Should(And(
				haveCondition("ACK.Recoverable", "True", ContainSubstring(tc.want)), lackCondition("ACK.Terminal"),
				WithTransform(func(cr *unstructured.Unstructured) map[string]any { return conditionOf(cr, "ACK.ResourceSynced") },
					HaveKeyWithValue("reason", And(ContainSubstring(tc.operation), ContainSubstring("StatusCode: 403"))))))
			b.Expect(b.cloud.List(nil)).To(BeEmpty())
			if tc.kind != "Nodegroup" {
				g.deny("")
				b.synced(cr)
			}
		})
	}
}

func TestCallsNameResourcesAndTags(t *testing.T) {
	b, g := guarded(t)
	vpc := b.synced(b.apply("VPC", "main", `{cidrBlocks: ["10.16.0.0/16"], tags: [{key: owner, value: r1}]}`))
	id := text(vpc, "status", "vpcID")
	b.synced(b.apply("Subnet", "a", `{vpcID: `+id+`, cidrBlock: 10.16.0.0/20}`))
	b.edit(vpc, `{tags: [{key: owner, value: r2}]}`)
	b.Eventually(b.get("ec2/vpc", region, id)).Should(HaveField("Tags", HaveKeyWithValue("owner", "r2")))

	arn := func(resource string) string { return b.cloud.ARN("ec2", region, resource) }
	b.Expect(g.calls("ec2:CreateVpc")).To(ConsistOf(And(
		HaveField("Service", "ec2"), HaveField("Operation", "CreateVpc"), HaveField("Region", region),
		HaveField("Resources", ConsistOf(arn("vpc/*"))), HaveField("ResourceTags", BeEmpty()),
		HaveField("RequestTags", Equal(map[string]string{
			"owner": "r1", "services.k8s.aws/namespace": b.namespace, "services.k8s.aws/controller-version": "ec2-v1.20.0",
		})))))
	b.Expect(g.calls("ec2:CreateSubnet")).To(ConsistOf( // IAM looks at each resource by itself
		And(HaveField("Resources", ConsistOf(arn("subnet/*"))), HaveField("ResourceTags", BeEmpty())),
		And(HaveField("Resources", ConsistOf(arn("vpc/"+id))), HaveField("ResourceTags", HaveKeyWithValue("owner", "r1")))))
	b.Expect(g.calls("ec2:CreateTags")).To(ContainElement(And(
		HaveField("Resources", ConsistOf(arn("vpc/"+id))), HaveField("ResourceTags", HaveKeyWithValue("owner", "r1")),
		HaveField("RequestTags", HaveKeyWithValue("owner", "r2")))))
	b.Expect(b.cloud.Calls()).To(BeEmpty()) // the ledger is Portolan's
}

func TestCallsAboutWhatBelongsToAClusterNameIt(t *testing.T) {
	b, g := guarded(t)
	subnets, role := b.runningCluster()
	b.synced(b.apply("Nodegroup", "system", nodegroupSpec(role, subnets, oneToThree)))
	b.synced(b.apply("PodIdentityAssociation", "dns", association(role), policyKey, "adopt-or-create"))
	b.synced(b.apply("AccessEntry", "portolan", `{clusterName: prod, principalARN: "arn:aws:iam::111122223333:role/portolan"}`))

	resources := func(action string) []string {
		var all []string
		for _, call := range g.calls(action) {
			all = append(all, call.Resources...)
		}
		return all
	}
	eks := "arn:aws:eks:eu-west-1:111122223333:"
	b.Expect(resources("eks:CreateCluster")).To(ConsistOf(eks + "cluster/prod"))
	b.Expect(resources("eks:CreateNodegroup")).To(ConsistOf(eks + "cluster/prod"))
	b.Expect(resources("eks:DescribeNodegroup")).To(HaveEach(HavePrefix(eks + "nodegroup/prod/system/")))
	b.Expect(resources("eks:ListPodIdentityAssociations")).To(HaveEach(eks + "cluster/prod"))
	b.Expect(resources("eks:DescribeAccessEntry")).To(HaveEach(HavePrefix(eks + "access-entry/prod/")))
	b.Expect(resources("eks:TagResource")).To(ContainElements(
		eks+"cluster/prod", eks+"nodegroup/prod/system/*", eks+"podidentityassociation/prod/*"))
	b.Expect(resources("iam:PassRole")).To(HaveEach("arn:aws:iam::111122223333:role/eks"))
}

func TestActionsAreSortedAndComplete(t *testing.T) {
	g, all := NewWithT(t), ack.Actions()
	g.Expect(slices.Sorted(maps.Keys(all))).To(Equal([]string{"acm", "ec2", "eks", "iam", "route53", "s3"}))
	for service, actions := range all {
		g.Expect(slices.IsSorted(actions)).To(BeTrue(), service)
		g.Expect(slices.Compact(slices.Clone(actions))).To(Equal(actions), service)
	}
	g.Expect(all["eks"]).To(ContainElements("eks:CreateCluster", "iam:PassRole", "ec2:DescribeSubnets"))
}

// TestEveryActionIsAskedFor runs each kind through its life and compares what was
// asked with the list: an action that nothing asks for has no place in a least policy.
func TestEveryActionIsAskedFor(t *testing.T) {
	if !complete {
		t.Skip("the views of Portolan lack fields that some actions are about")
	}
	b, g := guarded(t)
	zone := b.zone()
	tags, untag := `tags: [{key: a, value: b}]`, `{tags: null}`

	vpc := b.synced(b.apply("VPC", "main", `{cidrBlocks: ["10.16.0.0/16"], `+tags+`}`))
	id := text(vpc, "status", "vpcID")
	gateway := b.synced(b.apply("InternetGateway", "main", `{vpc: `+id+`}`))
	routes := fmt.Sprintf(`[{destinationCIDRBlock: 0.0.0.0/0, gatewayID: %s}]`, text(gateway, "status", "internetGatewayID"))
	table := b.synced(b.apply("RouteTable", "main", `{vpcID: `+id+`, routes: `+routes+`}`))
	first := b.synced(b.apply("Subnet", "a", fmt.Sprintf(`{vpcID: %s, cidrBlock: 10.16.0.0/20, routeTables: [%s]}`, id, text(table, "status", "routeTableID"))))
	second := b.subnet(vpc, 1)
	address := b.synced(b.apply("ElasticIPAddress", "nat", `{}`))
	nat := b.synced(b.apply("NATGateway", "nat", fmt.Sprintf(`{subnetID: %s, allocationID: %s}`, text(first, "status", "subnetID"), text(address, "status", "allocationID"))))
	group := b.synced(b.apply("SecurityGroup", "g", fmt.Sprintf(`{name: g, description: d, vpcID: %s, ingressRules: %s, egressRules: %s}`, id, gossipRules, gossipRules)))
	role := b.synced(b.apply("Role", "eks", `{name: eks, assumeRolePolicyDocument: "{}", policies: ["arn:aws:iam::aws:policy/A"], inlinePolicies: {one: "{}"}, `+tags+`}`))
	arn := text(role, "status", "ackResourceMetadata", "arn")
	subnets := fmt.Sprintf("[%s, %s]", text(first, "status", "subnetID"), text(second, "status", "subnetID"))
	cluster := b.synced(b.apply("Cluster", "prod", clusterSpec(role, subnets)))
	nodes := b.synced(b.apply("Nodegroup", "system", nodegroupSpec(role, subnets, oneToThree)))
	addon := b.synced(b.apply("Addon", "cni", fmt.Sprintf(`{clusterName: prod, name: vpc-cni, serviceAccountRoleARN: %q}`, arn)))
	entry := b.synced(b.apply("AccessEntry", "portolan", `{clusterName: prod, principalARN: "arn:aws:iam::111122223333:role/portolan",
		accessPolicies: [{policyARN: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy", accessScope: {type: cluster}}]}`))
	pods := b.synced(b.apply("PodIdentityAssociation", "dns", association(role), policyKey, "adopt-or-create"))
	bucket := b.synced(b.apply("Bucket", "logs", bucketSpec))
	certificate := b.synced(b.apply("Certificate", "r1", `{domainName: r1.example.com, `+tags+`}`))
	record := b.synced(b.apply("RecordSet", "api", cname(zone, "api", "a.example.net")))

	other := b.role("other")
	edits := []struct {
		cr   *unstructured.Unstructured
		spec string
	}{
		{vpc, untag},
		{table, `{routes: null}`}, {table, `{routes: ` + routes + `}`},
		{first, `{routeTables: null, mapPublicIPOnLaunch: true}`},
		{group, `{ingressRules: null, egressRules: null}`},
		{role, `{description: d, assumeRolePolicyDocument: "{ }", policies: null, inlinePolicies: null, permissionsBoundary: "arn:aws:iam::aws:policy/B", tags: null}`},
		{role, `{permissionsBoundary: null, policies: ["arn:aws:iam::aws:policy/A"], inlinePolicies: {one: "{}"}}`},
		{cluster, `{version: "1.35", tags: {a: b}, upgradePolicy: {supportType: STANDARD}}`}, {cluster, untag},
		{nodes, `{version: "1.35", releaseVersion: null, scalingConfig: {desiredSize: 3}}`},
		{addon, `{configurationValues: "{}"}`},
		{entry, `{username: me, accessPolicies: null}`},
		{pods, fmt.Sprintf(`{roleARN: %q}`, text(other, "status", "ackResourceMetadata", "arn"))},
		{bucket, `{versioning: {status: Suspended}, encryption: {rules: [{bucketKeyEnabled: true}]}, ownershipControls: {rules: [{objectOwnership: ObjectWriter}]},
			policy: "{}", lifecycle: {rules: [{id: a, status: Enabled}]}}`},
		{certificate, `{options: {certificateTransparencyLoggingPreference: DISABLED}, tags: null}`},
		{record, `{ttl: 60}`},
	}
	for _, edit := range edits {
		b.update(edit.cr, edit.spec)
	}
	for _, cr := range []*unstructured.Unstructured{
		record, certificate, bucket, pods, entry, addon, nodes, cluster, role, other, group, nat, address, first, second, table, gateway, vpc,
	} {
		b.delete(cr)
	}
	b.gone(vpc)
	b.gone(role)
	b.gone(cluster)
	for service, want := range ack.Actions() {
		b.Expect(g.byRole()[service]).To(ConsistOf(want), service)
	}
}

// update edits the spec and waits until the controller has called AWS about it.
func (b *bed) update(cr *unstructured.Unstructured, spec string) {
	b.t.Helper()
	before := len(b.cloud.Samples())
	b.edit(cr, spec)
	b.Eventually(func() int { return len(b.cloud.Samples()) }).Should(BeNumerically(">", before), cr.GetName())
	b.synced(cr)
}
