package plan

import (
	"maps"
	"testing"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func revisionOf(g Gomega, change func(*v1alpha1.Environment, *v1alpha1.Region)) string {
	env := environmentOf(g, "testdata/environment.yaml")
	region := regionIn("eu-west-1", "")
	region.Spec.Profile = "deploy"
	change(env, region)
	p, err := For(env, region, block, threeZones)
	g.Expect(err).NotTo(HaveOccurred())
	return p.Revision()
}

func TestRevision(t *testing.T) {
	g := NewWithT(t)
	same := revisionOf(g, func(*v1alpha1.Environment, *v1alpha1.Region) {})
	g.Expect(same).To(MatchRegexp("^[0-9a-f]{12}$"))

	for name, change := range map[string]func(*v1alpha1.Environment, *v1alpha1.Region){
		"another look": func(*v1alpha1.Environment, *v1alpha1.Region) {},
		"maps that were filled in another order": func(e *v1alpha1.Environment, _ *v1alpha1.Region) {
			tags := map[string]string{}
			for _, k := range []string{"CostCenter", "Team"} {
				tags[k] = e.Spec.AWS.Tags[k]
			}
			g.Expect(maps.Equal(tags, e.Spec.AWS.Tags)).To(BeTrue())
			e.Spec.AWS.Tags = tags
		},
		"values of a chart that are written otherwise": func(e *v1alpha1.Environment, _ *v1alpha1.Region) {
			e.Spec.Profiles[0].Bootstrap[0].Helm.Values = &apiextensionsv1.JSON{
				Raw: []byte(`{ "vpcId": "{{ .vpcID }}", "region": "{{ .region }}", "clusterName": "{{ .cluster }}" }`),
			}
		},
		"what the Environment knows of other regions": func(e *v1alpha1.Environment, _ *v1alpha1.Region) {
			e.Spec.Network.Assignments = nil
			e.Status.Regions = 7
		},
		"what the Region has become": func(_ *v1alpha1.Environment, r *v1alpha1.Region) { r.Status.JoinedRings = "1/1" },
		"a profile of other regions": func(e *v1alpha1.Environment, _ *v1alpha1.Region) {
			e.Spec.Profiles = append(e.Spec.Profiles, completeProfile("edge"))
		},
	} {
		t.Run("stays with "+name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(revisionOf(g, change)).To(Equal(same))
		})
	}

	seen := map[string]string{}
	for name, change := range map[string]func(*v1alpha1.Environment, *v1alpha1.Region){
		"a size": func(_ *v1alpha1.Environment, r *v1alpha1.Region) {
			r.Spec.NodeGroups = []v1alpha1.NodeGroupSize{{Name: "unkey", Max: new(int32(11))}}
		},
		"the version":  func(e *v1alpha1.Environment, _ *v1alpha1.Region) { e.Spec.Profiles[0].KubernetesVersion = "1.35" },
		"a tag":        func(e *v1alpha1.Environment, _ *v1alpha1.Region) { e.Spec.AWS.Tags["Team"] = "api" },
		"NAT gateways": func(e *v1alpha1.Environment, _ *v1alpha1.Region) { e.Spec.Network.NATGateways = "Single" },
		"a secret": func(e *v1alpha1.Environment, _ *v1alpha1.Region) {
			e.Spec.Profiles[1].Secrets = append(e.Spec.Profiles[1].Secrets, "x")
		},
		"the secrets' home": func(e *v1alpha1.Environment, _ *v1alpha1.Region) { e.Spec.Secrets.PrimaryRegion = "us-west-2" },
		"an application":    func(e *v1alpha1.Environment, _ *v1alpha1.Region) { e.Spec.Profiles[1].Applications[0].Name = "krane" },
		"another profile":   func(_ *v1alpha1.Environment, r *v1alpha1.Region) { r.Spec.Profile = "base" },
		"a listener":        func(e *v1alpha1.Environment, _ *v1alpha1.Region) { e.Spec.GlobalAccelerator.ListenerARN = "arn:x" },
		"name servers":      func(e *v1alpha1.Environment, _ *v1alpha1.Region) { e.Spec.DNS.Zones[1].NameServers = []string{"a"} },
		"the repository": func(e *v1alpha1.Environment, _ *v1alpha1.Region) {
			e.Spec.ArgoCD.Repository = &v1alpha1.ConfigRepository{}
		},
		"a value of a chart":  func(e *v1alpha1.Environment, _ *v1alpha1.Region) { e.Spec.Profiles[0].Bootstrap[0].Helm.Values = nil },
		"the control plane":   func(e *v1alpha1.Environment, _ *v1alpha1.Region) { e.Spec.Profiles[0].ControlPlane = nil },
		"the port of gossip":  func(e *v1alpha1.Environment, _ *v1alpha1.Region) { e.Spec.Network.Gossip.Port = 7948 },
		"the region's name":   func(_ *v1alpha1.Environment, r *v1alpha1.Region) { r.Name = "dublin" },
		"the role of Argo CD": func(e *v1alpha1.Environment, _ *v1alpha1.Region) { e.Spec.ArgoCD.RoleARN = "" },
	} {
		t.Run("moves with "+name, func(t *testing.T) {
			g := NewWithT(t)
			revision := revisionOf(g, change)
			g.Expect(revision).NotTo(Equal(same))
			g.Expect(seen).NotTo(HaveKey(revision), "as with %s", seen[revision])
			seen[revision] = name
		})
	}
}
