package ack_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/ack"
)

func TestCRDsOfAllSimulatedKinds(t *testing.T) {
	g := NewWithT(t)
	crds, err := ack.CRDs()
	g.Expect(err).NotTo(HaveOccurred())
	var kinds []string
	for _, crd := range crds {
		kinds = append(kinds, crd.Spec.Names.Kind)
	}
	g.Expect(kinds).To(ConsistOf("VPC", "Subnet", "InternetGateway", "RouteTable", "ElasticIPAddress", "NATGateway",
		"Role", "Cluster", "Nodegroup", "Addon", "AccessEntry", "SecurityGroup", "PodIdentityAssociation", "Bucket",
		"Certificate", "RecordSet"))
}

func TestCRDsComeFromTheFolderInTheEnvironment(t *testing.T) {
	g, folder := NewWithT(t), t.TempDir()
	t.Setenv(ack.CRDsVariable, folder)
	_, err := ack.CRDs()
	g.Expect(err).To(MatchError(ContainSubstring("none of the simulated kinds was found")))

	role := `{"spec": {"group": "iam.services.k8s.aws", "names": {"kind": "Role"}}}`
	g.Expect(os.WriteFile(filepath.Join(folder, "role.yaml"), []byte(role), 0o600)).To(Succeed())
	crds, err := ack.CRDs()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(crds).To(HaveLen(1))
}
