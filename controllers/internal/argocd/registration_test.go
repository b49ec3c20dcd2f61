package argocd

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func TestRegistrationNamesTheClusterAsItsArgoCDKnowsIt(t *testing.T) {
	const arn = "arn:aws:eks:eu-west-1:1:cluster/" + cluster
	cases := map[v1alpha1.ArgoCDMode]map[string]string{
		v1alpha1.ArgoCDHub: {
			"name": cluster, "server": "https://eks.example",
			"config": `{"awsAuthConfig":{"clusterName":"production001-dublin","roleARN":"arn:aws:iam::1:role/argocd"},"tlsClientConfig":{"insecure":false,"caData":"UEVN"}}`,
		},
		"":                           nil, // what was stored before there were modes is a hub
		v1alpha1.ArgoCDEKSCapability: {"name": cluster, "server": arn, "project": "default"},
		v1alpha1.ArgoCDPerCluster:    {"name": "in-cluster", "server": "https://kubernetes.default.svc"},
	}
	cases[""] = cases[v1alpha1.ArgoCDHub]
	for mode, want := range cases {
		t.Run(string(mode), func(t *testing.T) {
			g, h := NewWithT(t), newHub(t)
			r := registration()
			r.Mode, r.ARN = mode, arn
			_, err := h.Register(t.Context(), r)
			g.Expect(err).NotTo(HaveOccurred())
			data := map[string]string{}
			for key, value := range h.secret(t).Data {
				data[key] = string(value)
			}
			g.Expect(data).To(Equal(want))
			changed, err := h.Register(t.Context(), r)
			g.Expect(changed, err).To(BeFalse(), "a second time")
		})
	}
}
