package drift_test

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
)

func TestDriftOfClusters(t *testing.T) {
	cases := map[string]struct {
		edit func(c *aws.Cluster)
		want []string
	}{
		"reordered": {edit: func(c *aws.Cluster) {
			slices.Reverse(c.Logging)
			slices.Reverse(c.PublicCIDRs)
		}},
		"in AWS's own words":            {edit: func(c *aws.Cluster) { c.PublicCIDRs[0] = "198.51.100.7/24" }},
		"a log that nobody decided on":  {edit: func(c *aws.Cluster) { c.Logging = append(c.Logging, "controllerManager") }},
		"somebody else's tag":           {edit: func(c *aws.Cluster) { c.Tags["aws:x"] = "y" }},
		"CIDRs of no endpoint":          {edit: func(c *aws.Cluster) { c.PublicAccess, c.PublicCIDRs = false, nil }, want: []string{"endpointPublicAccess: AWS has false, wanted true"}},
		"another version":               {edit: func(c *aws.Cluster) { c.Version = "1.35" }, want: []string{"version: AWS has 1.35, wanted 1.34"}},
		"no protection":                 {edit: func(c *aws.Cluster) { c.DeletionProtection = false }, want: []string{"deletionProtection: AWS has false, wanted true"}},
		"no private access":             {edit: func(c *aws.Cluster) { c.PrivateAccess = false }, want: []string{"endpointPrivateAccess: AWS has false, wanted true"}},
		"a log is off":                  {edit: func(c *aws.Cluster) { c.Logging = []string{"api"} }, want: []string{"logging: AWS has no audit"}},
		"a log is on":                   {edit: func(c *aws.Cluster) { c.Logging = append(c.Logging, "scheduler") }, want: []string{"logging: AWS has scheduler besides"}},
		"open to the world":             {edit: func(c *aws.Cluster) { c.PublicCIDRs = append(c.PublicCIDRs, "0.0.0.0/0") }, want: []string{"publicAccessCIDRs: AWS has 0.0.0.0/0 besides"}},
		"closed to some":                {edit: func(c *aws.Cluster) { c.PublicCIDRs = c.PublicCIDRs[:1] }, want: []string{"publicAccessCIDRs: AWS lacks 203.0.113.0/24"}},
		"a tag is gone":                 {edit: func(c *aws.Cluster) { delete(c.Tags, "portolan.dev/region") }, want: []string{"tags: AWS lacks portolan.dev/region=one"}},
		"being deleted":                 {edit: func(c *aws.Cluster) { c.Status, c.Version = "DELETING", "1.35" }, want: []string{"status: AWS has DELETING"}},
		"being updated, by whom is not": {edit: func(c *aws.Cluster) { c.Status, c.Version = "UPDATING", "1.35" }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := mirror(cluster())
			fake.Edit(f, "prod", tc.edit)
			NewWithT(t).Expect(fields(t, find(t, f, cluster()))).To(Equal(tc.want))
		})
	}
}

func TestDriftOfNodegroups(t *testing.T) {
	cases := map[string]struct {
		edit func(n *aws.Nodegroup)
		want []string
	}{
		"reordered": {edit: func(n *aws.Nodegroup) { slices.Reverse(n.Taints) }},
		"sizes": {
			edit: func(n *aws.Nodegroup) { n.MinSize, n.MaxSize = 0, 7 },
			want: []string{"maxSize: AWS has 7, wanted 3", "minSize: AWS has 0, wanted 1"},
		},
		"a label is gone":          {edit: func(n *aws.Nodegroup) { delete(n.Labels, "pool") }, want: []string{"labels: AWS lacks pool=system"}},
		"a label besides":          {edit: func(n *aws.Nodegroup) { n.Labels["x"] = "y" }, want: []string{"labels: AWS has x=y besides"}},
		"a label of another value": {edit: func(n *aws.Nodegroup) { n.Labels["tier"] = "b" }, want: []string{"labels: AWS has tier=b besides", "labels: AWS lacks tier=a"}},
		"a taint is gone":          {edit: func(n *aws.Nodegroup) { n.Taints = n.Taints[1:] }, want: []string{"taints: AWS lacks a=b:NO_SCHEDULE"}},
		"a taint besides": {
			edit: func(n *aws.Nodegroup) { n.Taints = append(n.Taints, aws.Taint{Key: "x", Effect: "NO_EXECUTE"}) },
			want: []string{"taints: AWS has x=:NO_EXECUTE besides"},
		},
		"a tag is gone": {edit: func(n *aws.Nodegroup) { n.Tags = nil }, want: []string{"tags: AWS lacks Team=core, portolan.dev/region=one"}},
		"being deleted": {edit: func(n *aws.Nodegroup) { n.Status = "DELETING" }, want: []string{"status: AWS has DELETING"}},
		"degraded":      {edit: func(n *aws.Nodegroup) { n.Status, n.MaxSize = "DEGRADED", 4 }, want: []string{"maxSize: AWS has 4, wanted 3"}},
		"being updated": {edit: func(n *aws.Nodegroup) { n.Status, n.MaxSize = "UPDATING", 4 }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := mirror(cluster())
			fake.Edit(f, "prod/system", tc.edit)
			NewWithT(t).Expect(fields(t, find(t, f, cluster()))).To(Equal(tc.want))
		})
	}
}

func TestDriftOfAddons(t *testing.T) {
	cases := map[string]struct {
		edit func(a *aws.Addon)
		want []string
	}{
		"written otherwise":   {edit: func(a *aws.Addon) { a.Configuration = "replicaCount: 2\n" }},
		"another version":     {edit: func(a *aws.Addon) { a.Version = "v2" }, want: []string{"addonVersion: AWS has v2, wanted v1.11.4-eksbuild.2"}},
		"no version":          {edit: func(a *aws.Addon) { a.Version = "" }, want: []string{"addonVersion: AWS has none, wanted v1.11.4-eksbuild.2"}},
		"other values":        {edit: func(a *aws.Addon) { a.Configuration = `{"replicaCount":3}` }, want: []string{"configurationValues: AWS has others"}},
		"no values":           {edit: func(a *aws.Addon) { a.Configuration = "" }, want: []string{"configurationValues: AWS has others"}},
		"a tag is gone":       {edit: func(a *aws.Addon) { delete(a.Tags, "Team") }, want: []string{"tags: AWS lacks Team=core"}},
		"being created again": {edit: func(a *aws.Addon) { a.Status, a.Version = "CREATING", "v2" }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := mirror(cluster())
			fake.Edit(f, "prod/coredns", tc.edit)
			NewWithT(t).Expect(fields(t, find(t, f, cluster()))).To(Equal(tc.want))
		})
	}
}

func TestDriftOfAccess(t *testing.T) {
	cases := map[string]struct {
		edit func(p *[]aws.AccessPolicy)
		want []string
	}{
		"reordered": {edit: func(p *[]aws.AccessPolicy) {
			slices.Reverse(*p)
			slices.Reverse((*p)[0].Namespaces)
		}},
		"one is gone": {edit: func(p *[]aws.AccessPolicy) { *p = (*p)[1:] }, want: []string{"accessPolicies: AWS lacks " + viewARN}},
		"one besides": {
			edit: func(p *[]aws.AccessPolicy) { *p = append(*p, aws.AccessPolicy{ARN: adminARN, Scope: "cluster"}) },
			want: []string{"accessPolicies: AWS has " + adminARN + " besides"},
		},
		"another namespace": {
			edit: func(p *[]aws.AccessPolicy) { (*p)[1].Namespaces = []string{"a", "c"} },
			want: []string{
				"accessPolicies: AWS has " + adminARN + " for namespaces a c besides", "accessPolicies: AWS lacks " + adminARN + " for namespaces a b",
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := mirror(cluster())
			fake.Edit(f, "prod/"+principal, tc.edit)
			NewWithT(t).Expect(fields(t, find(t, f, cluster()))).To(Equal(tc.want))
		})
	}
}

func TestDriftOfPodIdentities(t *testing.T) {
	f := mirror(cluster())
	fake.Edit(f, "prod/a-1", func(p *aws.PodIdentity) {
		p.RoleARN = "arn:aws:iam::111122223333:role/admin"
		delete(p.Tags, "Team")
	})
	NewWithT(t).Expect(fields(t, find(t, f, cluster()))).To(Equal([]string{
		"roleARN: AWS has arn:aws:iam::111122223333:role/admin, wanted arn:aws:iam::111122223333:role/dns", "tags: AWS lacks Team=core",
	}))
}

func TestWhatIsLeftToAWSInTheCluster(t *testing.T) {
	objects := []client.Object{
		&eks.Cluster{
			ObjectMeta: named("cluster"), Status: eks.ClusterStatus{Observed: eks.Observed(settled())}, Spec: eks.ClusterSpec{Name: new("prod")},
		},
		&eks.Addon{
			ObjectMeta: named("vpc-cni"), Status: eks.AddonStatus{Observed: eks.Observed(settled())},
			Spec: eks.AddonSpec{Name: new("vpc-cni"), ClusterName: new("prod")},
		},
		&eks.Nodegroup{
			ObjectMeta: named("nodes"), Status: eks.NodegroupStatus{Observed: eks.Observed(settled())},
			Spec: eks.NodegroupSpec{Name: new("system"), ClusterName: new("prod")},
		},
	}
	f := mirror(objects)
	fake.Edit(f, "prod", func(c *aws.Cluster) {
		*c = aws.Cluster{
			Status: "ACTIVE", Version: "1.34", PublicAccess: true, PublicCIDRs: []string{"0.0.0.0/0"}, DeletionProtection: true, Logging: []string{"api"},
		}
	})
	fake.Edit(f, "prod/vpc-cni", func(a *aws.Addon) { a.Configuration, a.Version = `{"a":1}`, "v1.20.0-eksbuild.1" })
	fake.Edit(f, "prod/system", func(n *aws.Nodegroup) { n.MinSize, n.MaxSize = 1, 2 })
	NewWithT(t).Expect(find(t, f, objects)).To(BeEmpty())
}
