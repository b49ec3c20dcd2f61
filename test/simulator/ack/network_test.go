package ack_test

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const nowhere = "vpc-00000000000000000"

func (b *bed) vpc() *unstructured.Unstructured {
	b.t.Helper()
	return b.synced(b.apply("VPC", "main", `{cidrBlocks: ["10.16.0.0/16"], enableDNSSupport: true, enableDNSHostnames: true}`))
}

func (b *bed) subnet(vpc *unstructured.Unstructured, index int) *unstructured.Unstructured {
	b.t.Helper()
	return b.synced(b.apply("Subnet", fmt.Sprintf("private-%d", index), fmt.Sprintf(
		`{vpcID: %s, cidrBlock: 10.16.%d.0/20, availabilityZone: %s%c}`, text(vpc, "status", "vpcID"), index*16, region, 'a'+index)))
}

func TestVPCReportsWhatACKReports(t *testing.T) {
	b := newBed(t)
	vpc := b.vpc()
	b.Expect(vpc.GetFinalizers()).To(ConsistOf("finalizers.ec2.services.k8s.aws/VPC"))
	b.Expect(vpc).To(And(
		haveField(MatchRegexp("^vpc-0[0-9a-f]{16}$"), "status", "vpcID"),
		haveField("available", "status", "state"),
		haveField(region, "status", "ackResourceMetadata", "region"),
		haveField(b.cloud.Account(), "status", "ackResourceMetadata", "ownerAccountID"),
		haveField(BeNil(), "status", "ackResourceMetadata", "arn"),
		haveACKField(false, "spec", "enableNetworkAddressUsageMetrics"),
		haveCondition("Ready", "True", "Resource synced successfully"),
		haveCondition("ACK.LateInitialized", "True", "Late initialization successful"),
	))
	b.Expect(b.get("ec2/vpc", region, text(vpc, "status", "vpcID"))()).To(HaveField("Data", HaveKeyWithValue("cidr", "10.16.0.0/16")))
}

func TestARegionIsNeeded(t *testing.T) {
	b := newBed(t)
	vpc := b.applyBare("VPC", "main", `{cidrBlocks: ["10.16.0.0/16"]}`, nil)
	b.Eventually(b.refresh(vpc)).Should(And(
		haveCondition("ACK.ResourceSynced", "Unknown", "Unable to determine if desired resource state matches latest observed state"),
		haveField(BeNil(), "status", "vpcID"),
	))
	b.Expect(vpc.GetFinalizers()).To(BeEmpty())
	b.Expect(b.cloud.List(nil)).To(BeEmpty())
}

func TestTheRegionCannotChange(t *testing.T) {
	b := newBed(t)
	vpc := b.vpc()
	moved := client.RawPatch("application/merge-patch+json", []byte(
		`{"metadata":{"annotations":{"services.k8s.aws/region":"us-east-1"}},"spec":{"enableDNSHostnames":false}}`))
	b.Expect(b.client.Patch(t.Context(), vpc, moved)).To(Succeed())
	id := text(vpc, "status", "vpcID")
	b.Consistently(b.get("ec2/vpc", region, id), "200ms").Should(HaveField("Data", HaveKeyWithValue("enableDNSHostnames", "true")))

	back := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"services.k8s.aws/region":"`+region+`"}}}`))
	b.Expect(b.client.Patch(t.Context(), vpc, back)).To(Succeed())
	b.Eventually(b.get("ec2/vpc", region, id)).Should(HaveField("Data", HaveKeyWithValue("enableDNSHostnames", "false")))
	b.Expect(b.cloud.List(nil)).To(HaveLen(1))
}

func TestNetworkWithRoutesToTheInternet(t *testing.T) {
	b := newBed(t)
	vpc := b.vpc()
	id := text(vpc, "status", "vpcID")
	gateway := b.synced(b.apply("InternetGateway", "main", `{vpc: `+id+`}`))
	public := b.synced(b.apply("RouteTable", "public", fmt.Sprintf(
		`{vpcID: %s, routes: [{destinationCIDRBlock: 0.0.0.0/0, gatewayID: %s}]}`, id, text(gateway, "status", "internetGatewayID"))))
	subnet := b.synced(b.apply("Subnet", "public", fmt.Sprintf(
		`{vpcID: %s, cidrBlock: 10.16.0.0/20, routeTables: [%s]}`, id, text(public, "status", "routeTableID"))))
	address := b.synced(b.apply("ElasticIPAddress", "nat", `{tags: [{key: Name, value: nat}]}`))
	nat := b.synced(b.apply("NATGateway", "nat", fmt.Sprintf(`{subnetID: %s, allocationID: %s}`,
		text(subnet, "status", "subnetID"), text(address, "status", "allocationID"))))
	private := b.synced(b.apply("RouteTable", "private", fmt.Sprintf(
		`{vpcID: %s, routes: [{destinationCIDRBlock: 0.0.0.0/0, natGatewayID: %s}]}`, id, text(nat, "status", "natGatewayID"))))

	b.Expect(nat).To(haveField("available", "status", "state"))
	b.Expect(address).To(haveACKField(MatchRegexp(`^3\.`), "status", "publicIP"))
	b.Expect(subnet).To(And(
		haveField(region+"a", "spec", "availabilityZone"),
		haveField(HavePrefix("arn:aws:ec2:"+region), "status", "ackResourceMetadata", "arn")))
	b.Expect(private).To(haveACKField(ContainElement(And(
		HaveKeyWithValue("natGatewayID", text(nat, "status", "natGatewayID")), HaveKeyWithValue("state", "active"),
	)), "status", "routeStatuses"))

	b.delete(public)
	b.Eventually(b.refresh(public)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring("DependencyViolation")))
	b.delete(gateway)
	b.Eventually(b.refresh(gateway)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring("mapped public address")))
	for _, cr := range []*unstructured.Unstructured{nat, subnet, address, private} {
		b.delete(cr)
	}
	for _, cr := range []*unstructured.Unstructured{nat, subnet, address, private, public, gateway} {
		b.gone(cr)
	}
}

func TestVPCIsHeldByItsSubnets(t *testing.T) {
	b := newBed(t)
	vpc := b.vpc()
	subnet := b.subnet(vpc, 0)
	b.delete(vpc)
	b.Eventually(b.refresh(vpc)).Should(And(
		haveCondition("ACK.Recoverable", "True", And(
			ContainSubstring("DependencyViolation"), ContainSubstring(text(subnet, "status", "subnetID")))),
		haveCondition("Ready", "True", "Resource synced successfully"), // stale, as with ACK
	))
	b.delete(subnet)
	b.gone(subnet)
	b.gone(vpc)
	b.Expect(b.cloud.List(nil)).To(BeEmpty())
}

func TestNATGatewayLeavesKubernetesBeforeAWS(t *testing.T) {
	b := newBedAt(t, slow)
	vpc := b.vpc()
	b.synced(b.apply("InternetGateway", "main", `{vpc: `+text(vpc, "status", "vpcID")+`}`))
	subnet := b.subnet(vpc, 0)
	address := b.synced(b.apply("ElasticIPAddress", "nat", `{}`))
	nat := b.apply("NATGateway", "nat", fmt.Sprintf(`{subnetID: %s, allocationID: %s}`,
		text(subnet, "status", "subnetID"), text(address, "status", "allocationID")))
	b.Eventually(b.refresh(nat)).Should(haveCondition("ACK.Recoverable", "True", "resource is pending"))
	b.synced(nat)

	id := text(nat, "status", "natGatewayID")
	b.delete(nat)
	b.gone(nat)
	b.Expect(b.get("ec2/natgateway", region, id)()).To(HaveField("State", "deleting"))
	b.delete(subnet)
	b.Eventually(b.refresh(subnet)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring(id)))
	b.gone(subnet)
	b.Expect(b.get("ec2/natgateway", region, id)()).Error().To(HaveOccurred())
}

func TestNATGatewayFailsWithoutInternetGateway(t *testing.T) {
	b := newBed(t)
	subnet := b.subnet(b.vpc(), 0)
	address := b.synced(b.apply("ElasticIPAddress", "nat", `{}`))
	nat := b.apply("NATGateway", "nat", fmt.Sprintf(`{subnetID: %s, allocationID: %s}`,
		text(subnet, "status", "subnetID"), text(address, "status", "allocationID")))
	b.Eventually(b.refresh(nat)).Should(And(
		haveField("failed", "status", "state"),
		haveACKField("Gateway.NotAttached", "status", "failureCode"),
		haveCondition("ACK.ResourceSynced", "False", "NATGateway is in 'failed' status"),
	))
}

func TestRefusedSubnets(t *testing.T) {
	b := newBed(t)
	vpc := b.vpc()
	b.subnet(vpc, 0)
	cases := map[string]struct {
		vpc, block, zone string
		want             string
		wantMessage      string
	}{
		"block outside the VPC":   {block: "10.17.0.0/20", want: "ACK.Recoverable", wantMessage: "InvalidSubnet.Range"},
		"block of another subnet": {block: "10.16.0.0/24", want: "ACK.Recoverable", wantMessage: "InvalidSubnet.Conflict"},
		"block that is none":      {block: "10.16.0.1/20", want: "ACK.Terminal", wantMessage: "InvalidParameterValue"},
		"zone of another region":  {block: "10.16.64.0/20", zone: "us-east-1a", want: "ACK.Terminal", wantMessage: "InvalidParameterValue"},
		"VPC that does not exist": {block: "10.16.64.0/20", vpc: nowhere, want: "ACK.Recoverable", wantMessage: "InvalidVpcID.NotFound"},
	}
	number := 0
	for name, tc := range cases {
		number++
		t.Run(name, func(t *testing.T) {
			if tc.vpc == "" {
				tc.vpc = text(vpc, "status", "vpcID")
			}
			if tc.zone == "" {
				tc.zone = region + "a"
			}
			subnet := b.apply("Subnet", fmt.Sprintf("refused-%d", number),
				fmt.Sprintf(`{vpcID: %s, cidrBlock: %s, availabilityZone: %s}`, tc.vpc, tc.block, tc.zone))
			b.Eventually(b.refresh(subnet)).Should(And(
				haveCondition(tc.want, "True", ContainSubstring(tc.wantMessage)),
				haveCondition("Ready", "False", ContainSubstring(tc.wantMessage)),
				WithTransform((*unstructured.Unstructured).GetFinalizers, BeEmpty()),
			))
		})
	}
}

func TestTerminalIsStickyUntilTheSpecChanges(t *testing.T) {
	b := newBed(t)
	vpc := b.apply("VPC", "main", `{cidrBlocks: ["10.16.0.0/8"]}`)
	b.Eventually(b.refresh(vpc)).Should(haveCondition("ACK.Terminal", "True", ContainSubstring("InvalidParameterValue")))

	version := vpc.GetResourceVersion()
	b.Consistently(b.refresh(vpc), "300ms").Should(haveField(version, "metadata", "resourceVersion"))

	poke := client.MergeFrom(vpc.DeepCopy())
	vpc.SetAnnotations(map[string]string{"services.k8s.aws/region": region, "poked": "yes"})
	b.Expect(b.client.Patch(t.Context(), vpc, poke)).To(Succeed())
	b.Consistently(b.refresh(vpc), "300ms").Should(haveCondition("ACK.Terminal", "True", ContainSubstring("InvalidParameterValue")))

	edit := client.MergeFrom(vpc.DeepCopy())
	b.Expect(unstructured.SetNestedStringSlice(vpc.Object, []string{"10.16.0.0/16"}, "spec", "cidrBlocks")).To(Succeed())
	b.Expect(b.client.Patch(t.Context(), vpc, edit)).To(Succeed())
	b.Expect(b.synced(vpc)).To(lackCondition("ACK.Terminal"))
}

func TestRoutesFollowTheSpec(t *testing.T) {
	b := newBed(t)
	id := text(b.vpc(), "status", "vpcID")
	table := b.synced(b.apply("RouteTable", "public", `{vpcID: `+id+`}`))
	gateway := b.synced(b.apply("InternetGateway", "main", `{vpc: `+id+`}`))
	target := text(gateway, "status", "internetGatewayID")

	edit := client.MergeFrom(table.DeepCopy())
	routes := []any{map[string]any{"destinationCIDRBlock": "0.0.0.0/0", "gatewayID": target}}
	b.Expect(unstructured.SetNestedSlice(table.Object, routes, "spec", "routes")).To(Succeed())
	b.Expect(b.client.Patch(t.Context(), table, edit)).To(Succeed())
	b.Eventually(b.refresh(table)).Should(haveACKField(ContainElement(HaveKeyWithValue("gatewayID", target)), "status", "routeStatuses"))
}
