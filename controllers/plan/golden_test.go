package plan

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

func environmentOf(g Gomega, file string) *v1alpha1.Environment {
	raw, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	env := &v1alpha1.Environment{}
	g.Expect(yaml.UnmarshalStrict(raw, env)).To(Succeed())
	return env
}

// Whole plans, as a change of the planner changes them: read the difference.
func TestWholePlans(t *testing.T) {
	for _, profile := range []string{"base", "deploy"} {
		t.Run(profile, func(t *testing.T) {
			g := NewWithT(t)
			env := environmentOf(g, "testdata/environment.yaml")
			region := regionIn("eu-west-1", "")
			region.Spec.Profile = profile
			region.Spec.NodeGroups = []v1alpha1.NodeGroupSize{{Name: "unkey", Min: new(int32(3))}}
			g.Expect(CheckAddresses(env)).To(Succeed())
			g.Expect(CheckProfiles(env)).To(Succeed())

			taken := held("Region us-east-1 of production001/production001", "10.12.0.0/18")
			block, err := Address(env, region, taken)
			g.Expect(err).NotTo(HaveOccurred())
			p, err := For(env, region, block, threeZones)
			g.Expect(err).NotTo(HaveOccurred())

			var got bytes.Buffer
			encoder := json.NewEncoder(&got)
			encoder.SetEscapeHTML(false)
			encoder.SetIndent("", "  ")
			g.Expect(encoder.Encode(struct {
				Objects []v1alpha1.PlannedObjects
				Plan    *Plan
			}{p.Objects(region, env), p})).To(Succeed())
			file := "testdata/" + profile + ".json"
			if *update {
				g.Expect(os.WriteFile(file, got.Bytes(), 0o600)).To(Succeed())
			}
			want, err := os.ReadFile(file)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got.String()).To(Equal(string(want)), "if this is meant: go test ./controllers/plan -update")
		})
	}
}
