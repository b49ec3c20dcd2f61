package aws

import (
	"net/http"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/controllers/plan"
)

// offering answers with one version of an add-on for 1.34, or as the default for 1.33.
func offering(next string, versions ...string) http.HandlerFunc {
	body := `{"addons":[{"addonName":"coredns","addonVersions":[`
	for i, v := range versions {
		if i > 0 {
			body += ","
		}
		body += `{"addonVersion":"` + v + `","compatibilities":[{"clusterVersion":"1.33","defaultVersion":true},{"clusterVersion":"1.34","defaultVersion":false}]}`
	}
	return reply(200, body+`]}]`+next+`}`)
}

func TestAddonVersionsAreThoseOfTheKubernetesVersion(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeAddons, inTurn(
		reply(200, `{"nextToken":"more","addons":[{"addonName":"coredns","addonVersions":[
			{"addonVersion":"v1.9.3-eksbuild.20","compatibilities":[{"clusterVersion":"1.34","defaultVersion":true}]},
			{"addonVersion":"v1.8.0-eksbuild.1","compatibilities":[{"clusterVersion":"1.30"}]}]}]}`),
		offering("", "v1.9.3-eksbuild.3", "v1.12.4-eksbuild.1")))
	g.Expect(s.AddonVersions(t.Context(), "", "eu-west-1", "1.34", "coredns")).To(Equal(map[string][]plan.AddonVersion{
		"coredns": {{Version: "v1.12.4-eksbuild.1"}, {Version: "v1.9.3-eksbuild.20", Default: true}, {Version: "v1.9.3-eksbuild.3"}},
	}))
	asked := w.requests(describeAddons)
	g.Expect(asked).To(HaveLen(2))
	g.Expect(asked[0].form.Get("addonName")).To(Equal("coredns"))
	g.Expect(asked[0].form.Get("kubernetesVersion")).To(Equal("1.34"))
	g.Expect(asked[0].region).To(Equal("eu-west-1"))
	g.Expect(asked[1].form.Get("nextToken")).To(Equal("more"))
}

func TestAddonVersionsOfWhatEKSDoesNotKnow(t *testing.T) {
	cases := map[string]http.HandlerFunc{
		"listed as nothing": reply(200, `{"addons":[]}`),
		"not found":         refuse(describeAddons, 404, "ResourceNotFoundException", "No add-on."),
		"invalid":           refuse(describeAddons, 400, "InvalidParameterException", "No such version."),
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeAddons, answer)
			g.Expect(s.AddonVersions(t.Context(), "", "eu-west-1", "1.99", "coredns", "coffee")).To(Equal(
				map[string][]plan.AddonVersion{"coredns": nil, "coffee": nil}))
		})
	}
}

func TestAddonVersionsAreRememberedButFailuresAreNot(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, clk := newSessions(t, w.url)
	w.on(describeAddons, inTurn(refuse(describeAddons, 403, "AccessDeniedException", "No."), offering("", "v1.0.0-eksbuild.1")))
	_, err := s.AddonVersions(t.Context(), "", "eu-west-1", "1.33", "coredns")
	g.Expect(ClassOf(err)).To(Equal(AccessDenied))
	for range 2 {
		found, err := s.AddonVersions(t.Context(), "", "eu-west-1", "1.33", "coredns")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(found).To(HaveKeyWithValue("coredns", []plan.AddonVersion{{Version: "v1.0.0-eksbuild.1", Default: true}}))
		found["coredns"][0].Version = "changed by the caller"
	}
	g.Expect(w.requests(describeAddons)).To(HaveLen(2))
	for _, another := range []struct{ region, kubernetes, addon string }{
		{"eu-west-2", "1.33", "coredns"}, {"eu-west-1", "1.34", "coredns"}, {"eu-west-1", "1.33", "vpc-cni"},
	} {
		_, err := s.AddonVersions(t.Context(), "", another.region, another.kubernetes, another.addon)
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(w.requests(describeAddons)).To(HaveLen(5), "each is a question of its own")
	clk.Step(factsTTL)
	_, err = s.AddonVersions(t.Context(), "", "eu-west-1", "1.33", "coredns")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.requests(describeAddons)).To(HaveLen(6))
}

func TestNewestFirst(t *testing.T) {
	cases := map[string]struct {
		a, b string
		want int
	}{
		"a later patch":        {"v1.2.10-eksbuild.1", "v1.2.9-eksbuild.1", -1},
		"a later build":        {"v1.2.9-eksbuild.10", "v1.2.9-eksbuild.9", -1},
		"the same":             {"v1.2.9-eksbuild.1", "v1.2.9-eksbuild.1", 0},
		"an earlier minor":     {"v1.2.9-eksbuild.1", "v1.10.0-eksbuild.1", 1},
		"what is no version":   {"latest", "v1.10.0-eksbuild.1", 0},
		"against no version":   {"v1.10.0-eksbuild.1", "latest", 0},
		"two that are no such": {"x", "y", 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(newestFirst(plan.AddonVersion{Version: tc.a}, plan.AddonVersion{Version: tc.b})).To(Equal(tc.want))
		})
	}
}

func TestClusterVersion(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeCluster, inTurn(reply(200, `{"cluster":{"name":"prod-euw1","version":"1.34"}}`),
		refuse(describeCluster, 404, "ResourceNotFoundException", "No cluster found for name: prod-euw1.")))
	g.Expect(s.ClusterVersion(t.Context(), "", "eu-west-1", "prod-euw1")).To(Equal("1.34"))
	_, err := s.ClusterVersion(t.Context(), "", "eu-west-1", "prod-euw1")
	g.Expect(ClassOf(err)).To(Equal(NotFound))
	g.Expect(w.requests(describeCluster)[0].path).To(Equal("/clusters/prod-euw1"))
	g.Expect(w.requests(describeCluster)[0].region).To(Equal("eu-west-1"))
}
