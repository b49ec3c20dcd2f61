package gossipring

import (
	"fmt"
	"os"
	"testing"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/probe"
)

// tooLong returns the lists that the API server would refuse.
func tooLong(schema apiextensionsv1.JSONSchemaProps, value any, path string) []string {
	var all []string
	switch v := value.(type) {
	case []any:
		if schema.MaxItems != nil && int64(len(v)) > *schema.MaxItems {
			all = append(all, fmt.Sprintf("%s has %d of %d", path, len(v), *schema.MaxItems))
		}
		for _, item := range v {
			all = append(all, tooLong(*schema.Items.Schema, item, path)...)
		}
	case map[string]any:
		for key, item := range v {
			all = append(all, tooLong(schema.Properties[key], item, path+"."+key)...)
		}
	}
	return all
}

func TestTheStatusOfALargeRingThatFellApartFits(t *testing.T) {
	g := NewWithT(t)
	raw, err := os.ReadFile("../../config/crd/bases/portolan.dev_gossiprings.yaml")
	g.Expect(err).NotTo(HaveOccurred())
	crd := &apiextensionsv1.CustomResourceDefinition{}
	g.Expect(yaml.Unmarshal(raw, crd)).To(Succeed())

	var members []*member
	for i := range 200 {
		m := settled(fmt.Sprintf("m%03d", i), 1)
		var rows []probe.Row
		for j := range 200 {
			rows = append(rows, probe.Row{To: fmt.Sprintf("m%03d", j), TCP: v1alpha1.ProbeUnreachable, UDP: v1alpha1.ProbeUnreachable})
			m.desired = append(m.desired, fmt.Sprintf("m%03d.example", j))
			m.addresses = []string{"192.0.2.1"}
		}
		m.but(probes(rows...)).applied = []string{"gone.example"}
		members = append(members, m)
	}
	for i := range 3 { // a part of three, which has to stay
		members[197+i].seen = new(int32(3))
	}
	s := passOver(members...)
	for i := range 100 {
		s.leavers = append(s.leavers, settled(fmt.Sprintf("former%03d", i), 0).but(func(m *member) { m.former = true }))
		members[0].written = append(members[0].written, fmt.Sprintf("former%03d.example", i))
	}
	driver(nil).report(s)
	g.Expect(s.ring.Status.Partitions).To(HaveLen(128))
	g.Expect(s.ring.Status.Partitions[0].Members).To(HaveExactElements("m197", "m198", "m199"))
	g.Expect(s.ring.Status.Members).To(HaveLen(256))

	status, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&s.ring.Status)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(tooLong(crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"], status, "status")).To(BeEmpty())
}
