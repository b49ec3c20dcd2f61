package ack_test

import (
	"fmt"
	"sync"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/ack"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func TestFailedCalls(t *testing.T) {
	cases := map[string]struct {
		code, condition, status string
	}{
		"throttling":       {"RequestLimitExceeded", "ACK.Recoverable", "StatusCode: 400"},
		"no permission":    {"UnauthorizedOperation", "ACK.Recoverable", "StatusCode: 403"},
		"a quota":          {"VpcLimitExceeded", "ACK.Recoverable", "StatusCode: 400"},
		"AWS's own fault":  {"InternalError", "ACK.Recoverable", "StatusCode: 500"},
		"AWS is away":      {"Unavailable", "ACK.Recoverable", "StatusCode: 503"},
		"a terminal error": {"InvalidParameterValue", "ACK.Terminal", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.running.Fail(func(call ack.Call) *cloud.Error {
				if call != (ack.Call{Kind: "VPC", Operation: "Create", Region: region, Name: "main"}) {
					return nil
				}
				return &cloud.Error{Code: tc.code, Message: "because of the test"}
			})
			vpc := b.apply("VPC", "main", `{cidrBlocks: ["10.16.0.0/16"]}`)
			b.Eventually(b.refresh(vpc)).Should(haveCondition(tc.condition, "True", "api error "+tc.code+": because of the test"))
			if tc.condition == "ACK.Terminal" {
				return
			}
			b.Expect(conditionOf(vpc, "ACK.ResourceSynced")).To(HaveKeyWithValue("reason",
				And(ContainSubstring("operation error EC2: CreateVpc"), ContainSubstring(tc.status))))
			b.running.Fail(nil)
			b.synced(vpc)
		})
	}
}

func TestEveryOperationCanFail(t *testing.T) {
	b := newBed(t)
	var mu sync.Mutex
	failing := "Create"
	b.running.Fail(func(call ack.Call) *cloud.Error {
		mu.Lock()
		defer mu.Unlock()
		if call.Operation != failing {
			return nil
		}
		return &cloud.Error{Code: "ThrottlingException", Message: "Rate exceeded for " + call.Operation}
	})
	fail := func(operation string) {
		mu.Lock()
		defer mu.Unlock()
		failing = operation
	}
	role := b.apply("Role", "eks", fmt.Sprintf(trust, "eks"))
	for _, step := range []struct {
		operation string
		then      func()
	}{
		{"Create", func() { b.synced(role); fail("Update"); b.edit(role, `{policies: ["arn:aws:iam::aws:policy/A"]}`) }},
		{"Update", func() { b.synced(role); fail("Read"); b.edit(role, `{policies: null}`) }},
		{"Read", func() { b.synced(role); fail("Delete"); b.delete(role) }},
		{"Delete", func() { b.gone(role) }},
	} {
		b.Eventually(b.refresh(role)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring("Rate exceeded for "+step.operation)))
		fail("")
		step.then()
	}
	b.Expect(b.stored("iam/role")()).To(BeEmpty())
}

func TestLostCreate(t *testing.T) {
	b := newBed(t)
	b.running.LoseCreate("VPC")
	vpc := b.vpc()
	b.Expect(b.stored("ec2/vpc")()).To(HaveLen(2)) // AWS has two: nobody knows the first
	b.Expect(text(vpc, "status", "vpcID")).NotTo(BeEmpty())

	b.running.LoseCreate("Role")
	b.role("eks")
	b.Expect(b.stored("iam/role")()).To(HaveLen(1)) // the name finds it

	b.running.LoseCreate("SecurityGroup")
	group := b.apply("SecurityGroup", "gossip", `{name: gossip, description: d, vpcID: `+text(vpc, "status", "vpcID")+`}`)
	b.Eventually(b.refresh(group)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring("InvalidGroup.Duplicate")))
}

func TestBrokenCreations(t *testing.T) {
	b := newBed(t)
	subnets, role := b.runningCluster()
	for _, kind := range []string{"Nodegroup", "Addon", "NATGateway", "Certificate"} {
		b.running.BreakNext(kind, "TestFailure", "because of the test")
	}
	inHealth := And(
		haveField("CREATE_FAILED", "status", "status"), lackCondition("ACK.Terminal"),
		haveField(ConsistOf(And(HaveKeyWithValue("code", "TestFailure"), HaveKeyWithValue("message", "because of the test"))), "status", "health", "issues"))
	nodes := b.apply("Nodegroup", "system", nodegroupSpec(role, subnets, oneToThree))
	b.Eventually(b.refresh(nodes)).Should(inHealth)
	addon := b.apply("Addon", "vpc-cni", `{clusterName: prod, name: vpc-cni}`)
	b.Eventually(b.refresh(addon)).Should(inHealth)
	certificate := b.apply("Certificate", "r1", `{domainName: r1.example.com}`)
	b.Eventually(b.refresh(certificate)).Should(And(
		haveField("FAILED", "status", "status"), haveField("TestFailure", "status", "failureReason")))

	address := b.synced(b.apply("ElasticIPAddress", "nat", `{}`))
	vpc := b.stored("ec2/vpc")()[0].ID
	b.synced(b.apply("InternetGateway", "main", `{vpc: `+vpc+`}`))
	spec := fmt.Sprintf(`{subnetID: %s, allocationID: %s}`, b.stored("ec2/subnet")()[0].ID, text(address, "status", "allocationID"))
	nat := b.apply("NATGateway", "broken", spec)
	b.Eventually(b.refresh(nat)).Should(And(
		haveField("failed", "status", "state"), haveACKField("because of the test", "status", "failureMessage")))
	b.synced(b.apply("NATGateway", "next", spec)) // only the next one was to break

	b.running.BreakNext("Cluster", "TestFailure", "because of the test")
	cluster := b.apply("Cluster", "other", `{name: other`+clusterSpec(role, subnets)[len(`{name: prod`):])
	b.Eventually(b.refresh(cluster)).Should(And(
		haveField("FAILED", "status", "status"), haveCondition("ACK.Terminal", "True", ContainSubstring("FAILED"))))
}
