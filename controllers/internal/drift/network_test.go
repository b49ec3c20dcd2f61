package drift_test

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
)

func TestDriftOfTheNetwork(t *testing.T) {
	cases := map[string]struct {
		edit func(f *fake.AWS)
		want []string
	}{
		"names of hosts are off": {
			edit: func(f *fake.AWS) { fake.Edit(f, "vpc-1", func(a *fake.DNSAttributes) { a.Hostnames = false }) },
			want: []string{"enableDNSHostnames: AWS has false, wanted true"},
		},
		"a tag of a VPC is gone": {
			edit: func(f *fake.AWS) { fake.Edit(f, "vpc-1", func(v *aws.VPC) { delete(v.Tags, "Team") }) },
			want: []string{"tags: AWS lacks Team=core"},
		},
		"a tag of an address has another value": {
			edit: func(f *fake.AWS) {
				fake.Edit(f, "eipalloc-1", func(a *aws.Address) { a.Tags["portolan.dev/region"] = "two" })
			},
			want: []string{"tags: AWS has portolan.dev/region=two, wanted one"},
		},
		"somebody else's tag": {edit: func(f *fake.AWS) {
			fake.Edit(f, "nat-1", func(g *aws.NATGateway) { g.Tags["aws:cloudformation:stack"] = "x" })
		}},
		"a subnet without public addresses": {
			edit: func(f *fake.AWS) { fake.Edit(f, "subnet-1", func(s *aws.Subnet) { s.MapPublicIPOnLaunch = false }) },
			want: []string{"mapPublicIPOnLaunch: AWS has false, wanted true"},
		},
		"a subnet that follows another table": {
			edit: func(f *fake.AWS) { fake.Edit(f, "rtb-1", func(t *aws.RouteTable) { t.Subnets = nil }) },
			want: []string{"routeTables: AWS lacks rtb-1"},
		},
		"a gateway that is detached": {
			edit: func(f *fake.AWS) { fake.Edit(f, "igw-1", func(g *aws.InternetGateway) { g.VPCs = nil }) },
			want: []string{"vpc: AWS lacks vpc-1"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := mirror(network())
			tc.edit(f)
			NewWithT(t).Expect(fields(t, find(t, f, network()))).To(Equal(tc.want))
		})
	}
}

func TestDriftOfRoutes(t *testing.T) {
	cases := map[string]struct {
		edit func(t *aws.RouteTable)
		want []string
	}{
		"reordered":             {edit: func(t *aws.RouteTable) { slices.Reverse(t.Routes) }},
		"in AWS's own words":    {edit: func(t *aws.RouteTable) { t.Routes[2].Destination = "192.168.7.0/16" }},
		"propagated ones":       {edit: add(aws.Route{Destination: "172.16.0.0/12", Target: "vgw-1", Propagated: true})},
		"of a gateway endpoint": {edit: add(aws.Route{Destination: "pl-6da54004", Target: "vpce-1"})},
		"of a service network":  {edit: add(aws.Route{Destination: "pl-1", Target: "VpcLattice"})},
		"one is gone": {
			edit: func(t *aws.RouteTable) { t.Routes = t.Routes[:2] },
			want: []string{"routes: AWS lacks 192.168.0.0/16 to nat-1"},
		},
		"one besides": {
			edit: add(aws.Route{Destination: "172.31.0.0/16", Target: "pcx-1"}),
			want: []string{"routes: AWS has 172.31.0.0/16 to pcx-1 besides"},
		},
		"one leads elsewhere": {
			edit: func(t *aws.RouteTable) { t.Routes[1].Target = "eni-1" },
			want: []string{"routes: AWS has 0.0.0.0/0 to eni-1 besides", "routes: AWS lacks 0.0.0.0/0 to igw-1"},
		},
		"one leads nowhere": {
			edit: func(t *aws.RouteTable) { t.Routes[2].Blackhole = true },
			want: []string{"routes: AWS has 192.168.0.0/16 to nat-1 as a blackhole"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := mirror(network())
			fake.Edit(f, "rtb-1", tc.edit)
			NewWithT(t).Expect(fields(t, find(t, f, network()))).To(Equal(tc.want))
		})
	}
}

func add(route aws.Route) func(*aws.RouteTable) {
	return func(t *aws.RouteTable) { t.Routes = append(t.Routes, route) }
}

func TestATableWithoutRoutesIsToHaveNone(t *testing.T) {
	objects := []client.Object{&ec2.RouteTable{
		ObjectMeta: named("private"), Status: ec2.RouteTableStatus{Observed: settled(), RouteTableID: new("rtb-2")},
	}}
	f := mirror(objects)
	fake.Edit(f, "rtb-2", add(aws.Route{Destination: "0.0.0.0/0", Target: "igw-1"}))
	NewWithT(t).Expect(fields(t, find(t, f, objects))).To(Equal([]string{"routes: AWS has 0.0.0.0/0 to igw-1 besides"}))
}

func TestStatesOfNATGateways(t *testing.T) {
	for state, wantDeleted := range map[string]bool{
		"pending": false, "available": false, "deleting": true, "deleted": true, "failed": true,
	} {
		t.Run(state, func(t *testing.T) {
			g := NewWithT(t)
			f := mirror(network())
			fake.Edit(f, "nat-1", func(g *aws.NATGateway) { g.State = state })
			findings := find(t, f, network())
			g.Expect(len(findings) == 1 && findings[0].Deleted && findings[0].ID == "nat-1").To(Equal(wantDeleted))
		})
	}
}

func TestDriftOfSecurityGroups(t *testing.T) {
	anyone := "0.0.0.0/0"
	cases := map[string]struct {
		edit func(g *aws.SecurityGroup)
		want []string
	}{
		"reordered": {edit: func(g *aws.SecurityGroup) { slices.Reverse(g.Ingress) }},
		"in AWS's own words": {edit: func(g *aws.SecurityGroup) {
			g.Ingress[2] = rule("6", 7946, 7946, "10.1.2.3/8")
			g.Egress[0] = rule("-1", 0, 65535, anyone)
		}},
		"told twice": {edit: func(g *aws.SecurityGroup) { g.Ingress = append(g.Ingress, g.Ingress[0]) }},
		"the world may log in": {
			edit: func(g *aws.SecurityGroup) { g.Ingress = append(g.Ingress, rule("tcp", 22, 22, anyone)) },
			want: []string{"ingressRules: AWS has tcp 22 from 0.0.0.0/0 besides"},
		},
		"groups, lists and ranges": {
			edit: func(g *aws.SecurityGroup) {
				g.Ingress = append(g.Ingress, rule("udp", 53, 54, "sg-2"), aws.SecurityRule{Protocol: "-1", Peer: "pl-1"},
					rule("icmp", -1, -1, "2001:db8::/32"))
			},
			want: []string{"ingressRules: AWS has all traffic from pl-1, icmp from 2001:db8::/32, udp 53-54 from sg-2 besides"},
		},
		"one is gone": {
			edit: func(g *aws.SecurityGroup) { g.Ingress = g.Ingress[1:] },
			want: []string{"ingressRules: AWS lacks tcp 7947 from 10.0.0.0/9"},
		},
		"one has other ports": {
			edit: func(g *aws.SecurityGroup) { g.Ingress[2] = rule("tcp", 7946, 7950, "10.0.0.0/8") },
			want: []string{"ingressRules: AWS has tcp 7946-7950 from 10.0.0.0/8 besides", "ingressRules: AWS lacks tcp 7946 from 10.0.0.0/8"},
		},
		"nothing gets out": {
			edit: func(g *aws.SecurityGroup) { g.Egress = nil },
			want: []string{"egressRules: AWS lacks all traffic to 0.0.0.0/0"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := mirror(network())
			fake.Edit(f, "sg-7", tc.edit)
			NewWithT(t).Expect(fields(t, find(t, f, network()))).To(Equal(tc.want))
		})
	}
}

// What the object leaves to AWS is no drift, whatever AWS chose.
func TestWhatIsLeftToAWSInTheNetwork(t *testing.T) {
	objects := []client.Object{
		&ec2.VPC{ObjectMeta: named("vpc"), Status: ec2.VPCStatus{Observed: settled(), VPCID: new("vpc-1")}},
		&ec2.Subnet{ObjectMeta: named("subnet"), Status: ec2.SubnetStatus{Observed: settled(), SubnetID: new("subnet-1")}},
		&ec2.InternetGateway{ObjectMeta: named("igw"), Status: ec2.InternetGatewayStatus{Observed: settled(), InternetGatewayID: new("igw-1")}},
	}
	f := mirror(objects)
	fake.Edit(f, "vpc-1", func(a *fake.DNSAttributes) { *a = fake.DNSAttributes{Hostnames: true} })
	fake.Edit(f, "subnet-1", func(s *aws.Subnet) { s.MapPublicIPOnLaunch = true })
	fake.Edit(f, "igw-1", func(g *aws.InternetGateway) { g.VPCs = []string{"vpc-9"} })
	g := NewWithT(t)
	g.Expect(find(t, f, objects)).To(BeEmpty())
	g.Expect(f.Calls(fake.VPCAttributes)).To(BeZero())
}
