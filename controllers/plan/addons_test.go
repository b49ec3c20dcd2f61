package plan

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func profileWith(addons ...v1alpha1.Addon) v1alpha1.Profile {
	p := completeProfile("base")
	p.Addons = addons
	return p
}

func TestOrderOfAddons(t *testing.T) {
	g := NewWithT(t)
	all, err := addons(profileWith(
		v1alpha1.Addon{Name: "metrics-server"}, v1alpha1.Addon{Name: "coredns", Version: "v1.12.4-eksbuild.1"}, v1alpha1.Addon{Name: "aws-efs-csi-driver"},
		v1alpha1.Addon{Name: "eks-pod-identity-agent"}, v1alpha1.Addon{Name: "snapshot-controller"}, v1alpha1.Addon{Name: "kube-proxy"},
		v1alpha1.Addon{Name: "aws-ebs-csi-driver"}, v1alpha1.Addon{Name: "vpc-cni"},
	))
	g.Expect(err).NotTo(HaveOccurred())
	var order []string
	needsNodes := map[string]bool{}
	for _, a := range all {
		order = append(order, a.Name)
		needsNodes[a.Name] = a.NeedsNodes
	}
	g.Expect(order).To(Equal([]string{
		"vpc-cni", "kube-proxy", "eks-pod-identity-agent",
		"metrics-server", "coredns", "aws-efs-csi-driver", "snapshot-controller", "aws-ebs-csi-driver",
	}))
	g.Expect(needsNodes).To(Equal(map[string]bool{
		"vpc-cni": false, "kube-proxy": false, "eks-pod-identity-agent": false, "snapshot-controller": false,
		"metrics-server": true, "coredns": true, "aws-efs-csi-driver": true, "aws-ebs-csi-driver": true,
	}))
	g.Expect(all[4].Version).To(Equal("v1.12.4-eksbuild.1"))
}

func TestConfigurationOfAddons(t *testing.T) {
	ours := []v1alpha1.Toleration{{Key: "node-class", Operator: "Equal", Value: "unkey", Effect: "NoSchedule"}, {Key: "spot", Operator: "Exists"}}
	const oursJSON = `[{"effect":"NoSchedule","key":"node-class","operator":"Equal","value":"unkey"},{"key":"spot","operator":"Exists"}]`
	for name, tc := range map[string]struct {
		addon string
		tols  []v1alpha1.Toleration
		given string
		want  string
	}{
		"coredns tolerates everything":          {addon: "coredns", want: `{"tolerations":[{"operator":"Exists"}]}`},
		"the agent tolerates everything":        {addon: "eks-pod-identity-agent", want: `{"tolerations":[{"operator":"Exists"}]}`},
		"metrics-server tolerates everything":   {addon: "metrics-server", want: `{"tolerations":[{"operator":"Exists"}]}`},
		"vpc-cni does so by itself":             {addon: "vpc-cni", want: ""},
		"kube-proxy does so by itself":          {addon: "kube-proxy", want: ""},
		"another is not touched":                {addon: "snapshot-controller", want: ""},
		"EBS tolerates everything in two parts": {addon: "aws-ebs-csi-driver", want: `{"controller":{"tolerations":[{"operator":"Exists"}]},"node":{"tolerateAllTaints":true}}`},

		"beside other settings": {addon: "coredns", given: `{"replicaCount": 3}`, want: `{"replicaCount":3,"tolerations":[{"operator":"Exists"}]}`},
		"a key of the configuration wins over the default": {
			addon: "coredns", given: `{"tolerations":[]}`, want: `{"tolerations":[]}`,
		},
		"also one that is null": {addon: "coredns", given: `{"tolerations":null}`, want: `{"tolerations":null}`},
		"EBS beside settings of its parts": {
			addon: "aws-ebs-csi-driver", given: `{"controller":{"replicaCount":1},"node":{"enableWindows":false}}`,
			want: `{"controller":{"replicaCount":1,"tolerations":[{"operator":"Exists"}]},"node":{"enableWindows":false,"tolerateAllTaints":true}}`,
		},
		"EBS with a part of its own": {
			addon: "aws-ebs-csi-driver", given: `{"controller":{"tolerations":[]}}`,
			want: `{"controller":{"tolerations":[]},"node":{"tolerateAllTaints":true}}`,
		},
		"EBS whose nodes do not tolerate everything": {
			addon: "aws-ebs-csi-driver", given: `{"node":{"tolerateAllTaints":false}}`,
			want: `{"controller":{"tolerations":[{"operator":"Exists"}]},"node":{"tolerateAllTaints":false}}`,
		},
		"EBS whose nodes have tolerations": {
			addon: "aws-ebs-csi-driver", given: `{"node":{"tolerations":[]}}`,
			want: `{"controller":{"tolerations":[{"operator":"Exists"}]},"node":{"tolerations":[]}}`,
		},
		"a part that is no object is EKS's to refuse": {
			addon: "aws-ebs-csi-driver", given: `{"node":7}`, want: `{"controller":{"tolerations":[{"operator":"Exists"}]},"node":7}`,
		},

		"coredns with tolerations": {addon: "coredns", tols: ours, given: `{"replicaCount":3}`, want: `{"replicaCount":3,"tolerations":` + oursJSON + `}`},
		"vpc-cni with tolerations": {addon: "vpc-cni", tols: ours, want: `{"tolerations":` + oursJSON + `}`},
		"another with tolerations": {addon: "snapshot-controller", tols: ours, want: `{"tolerations":` + oursJSON + `}`},
		"EBS with tolerations": {
			addon: "aws-ebs-csi-driver", tols: ours,
			want: `{"controller":{"tolerations":` + oursJSON + `},"node":{"tolerateAllTaints":false,"tolerations":` + oursJSON + `}}`,
		},
		"EFS with tolerations": {
			addon: "aws-efs-csi-driver", tols: ours,
			want: `{"controller":{"tolerations":` + oursJSON + `},"node":{"tolerations":` + oursJSON + `}}`,
		},

		"keys are sorted and white space goes": {addon: "vpc-cni", given: " {\"b\": 1.50,\n \"a\": {\"d\": \"<&>\", \"c\": 12345678901234567890}} ", want: `{"a":{"c":12345678901234567890,"d":"<&>"},"b":1.50}`},
		"an empty object stays one":            {addon: "vpc-cni", given: "{ }", want: "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			all, err := addons(profileWith(v1alpha1.Addon{Name: tc.addon, Tolerations: tc.tols, Configuration: tc.given}))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(all[0].Configuration).To(Equal(tc.want))
		})
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	some := []v1alpha1.Toleration{{Operator: "Exists"}}
	conflict := func(where string) types.GomegaMatcher {
		return Equal("add-on x of profile base has tolerations and its configuration sets " + where + ": say it in one place")
	}
	for name, tc := range map[string]struct {
		addon string
		tols  []v1alpha1.Toleration
		given string
		want  types.GomegaMatcher
	}{
		"no JSON":              {given: "replicaCount: 3", want: ContainSubstring("the configuration of add-on x of profile base is not a JSON object")},
		"an array":             {given: "[]", want: ContainSubstring("is not a JSON object")},
		"null":                 {given: "null", want: ContainSubstring("null is not an object")},
		"two objects":          {given: "{}{}", want: ContainSubstring("something follows the object")},
		"an object and a half": {given: "{}}", want: ContainSubstring("something follows the object")},
		"half an object":       {given: `{"a":`, want: ContainSubstring("is not a JSON object")},

		"tolerations twice":            {tols: some, given: `{"tolerations":[]}`, want: conflict("tolerations")},
		"of the controller twice":      {addon: "aws-ebs-csi-driver", tols: some, given: `{"controller":{"tolerations":[]}}`, want: ContainSubstring("sets controller.tolerations:")},
		"of the nodes twice":           {addon: "aws-ebs-csi-driver", tols: some, given: `{"node":{"tolerations":[]}}`, want: ContainSubstring("sets node.tolerations:")},
		"everything and some":          {addon: "aws-ebs-csi-driver", tols: some, given: `{"node":{"tolerateAllTaints":true}}`, want: ContainSubstring("sets node.tolerateAllTaints:")},
		"of a part that is no object":  {addon: "aws-ebs-csi-driver", tols: some, given: `{"node":[]}`, want: ContainSubstring("sets node:")},
		"of a part of EFS, also twice": {addon: "aws-efs-csi-driver", tols: some, given: `{"node":{"tolerations":[]}}`, want: ContainSubstring("sets node.tolerations:")},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.addon == "" {
				tc.addon = "x"
			}
			_, err := addons(profileWith(v1alpha1.Addon{Name: tc.addon, Tolerations: tc.tols, Configuration: tc.given}))
			NewWithT(t).Expect(err).To(beFinding(v1alpha1.ReasonInvalidProfile, tc.want))
		})
	}
}

func TestProfilesAreNotChangedByTheirAddons(t *testing.T) {
	g := NewWithT(t)
	p := profileWith(v1alpha1.Addon{Name: "coredns"}, v1alpha1.Addon{Name: "vpc-cni"})
	before := *p.DeepCopy()
	_, err := addons(p)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(p).To(Equal(before))
}
