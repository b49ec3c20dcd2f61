package plan

import (
	"os"
	"testing"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func between(a, b string) int { return kilometers(siteOf(a).point(), siteOf(b).point()) }

func TestKilometers(t *testing.T) {
	for name, tc := range map[string]struct {
		a, b string
		want int
	}{
		"the same place":          {"eu-west-1", "eu-west-1", 0},
		"Dublin to London":        {"eu-west-1", "eu-west-2", 464},
		"across the Atlantic":     {"us-east-1", "eu-west-1", 5450},
		"across the date line":    {"ap-southeast-6", "us-west-2", 11140},
		"across the equator":      {"sa-east-1", "us-east-1", 7640},
		"one place for two names": {"us-west-2", "us-gov-west-1", 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(between(tc.a, tc.b)).To(BeNumerically("~", tc.want, tc.want/50))
			g.Expect(between(tc.b, tc.a)).To(Equal(between(tc.a, tc.b)))
		})
	}
	t.Run("opposite ends", func(t *testing.T) {
		NewWithT(t).Expect(kilometers(site{30, 40}.point(), site{-30, -140}.point())).To(Equal(20015))
	})
}

func TestSitesLieWhereTheirNamesSay(t *testing.T) {
	for region, nearest := range map[string]string{
		"us-west-1": "us-west-2", "eu-central-2": "eu-south-1", "ap-southeast-5": "ap-southeast-1", "me-south-1": "me-central-1",
		"ca-central-1": "us-east-1", "ap-southeast-4": "ap-southeast-2", "ap-northeast-3": "ap-northeast-1", "il-central-1": "me-south-1",
	} {
		t.Run(region, func(t *testing.T) {
			g := NewWithT(t)
			for other := range sites {
				if other != region && other != nearest {
					g.Expect(between(region, other)).To(BeNumerically(">=", between(region, nearest)), other)
				}
			}
		})
	}
}

// The API knows which regions AWS has: a new one there needs a place here.
func TestEveryRegionOfTheAPIHasAPlace(t *testing.T) {
	g := NewWithT(t)
	raw, err := os.ReadFile("../../config/crd/bases/portolan.dev_regions.yaml")
	g.Expect(err).NotTo(HaveOccurred())
	crd := &apiextensionsv1.CustomResourceDefinition{}
	g.Expect(yaml.Unmarshal(raw, crd)).To(Succeed())
	spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	regions := spec.Properties["awsRegion"].Enum
	g.Expect(len(regions)).To(BeNumerically(">", 30))
	for _, quoted := range regions {
		var region string
		g.Expect(yaml.Unmarshal(quoted.Raw, &region)).To(Succeed())
		g.Expect(sites).To(HaveKey(region))
	}
}

func TestSiteOfRegionsThatAreNotKnown(t *testing.T) {
	for region, standIn := range map[string]string{
		"ap-southeast-99": "ap-southeast-1",
		"eu-west-9":       "eu-west-1",
		"eu-nowhere-1":    "eu-central-1",
		"us-gov-north-1":  "us-gov-east-1",
		"us-iso-east-1":   "us-east-1",
		"ca-east-1":       "ca-central-1",
	} {
		t.Run(region, func(t *testing.T) {
			NewWithT(t).Expect(siteOf(region)).To(Equal(sites[standIn]))
		})
	}
	for _, region := range []string{"", "eu", "e-west-1", "xx-west-1"} {
		t.Run("of no known part: "+region, func(t *testing.T) {
			NewWithT(t).Expect(siteOf(region)).To(Equal(site{}))
		})
	}
}
