package plan

import (
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func TestHolders(t *testing.T) {
	region := func(namespace, environment, name string, age int, built bool) v1alpha1.Region {
		r := v1alpha1.Region{}
		r.Namespace, r.Name, r.Spec.EnvironmentRef.Name = namespace, name, environment
		r.CreationTimestamp = metav1.NewTime(time.Unix(int64(1000-age), 0))
		if built {
			r.Status.Network = &v1alpha1.RegionNetwork{VPCID: "vpc-1"}
		}
		return r
	}
	for name, tc := range map[string]struct {
		a, b v1alpha1.Region
		want string // the namespace of the first one's holder
	}{
		"no other":               {region("a", "prod", "dublin", 1, false), region("b", "prod", "oslo", 2, true), "a"},
		"the older":              {region("a", "prod", "dublin", 1, false), region("b", "prod", "dublin", 2, false), "b"},
		"the one that was built": {region("a", "prod", "dublin", 1, true), region("b", "prod", "dublin", 2, false), "a"},
		"the older of two built": {region("a", "prod", "dublin", 1, true), region("b", "prod", "dublin", 2, true), "b"},
		"of the same moment":     {region("a", "prod", "dublin", 1, false), region("b", "prod", "dublin", 1, false), "a"},
		"put together otherwise": {region("a", "prod-eu", "west-1", 1, false), region("b", "prod", "eu-west-1", 2, false), "b"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			all := []v1alpha1.Region{tc.a, tc.b}
			for range 2 {
				g.Expect(Holders(all)[ClusterName(&tc.a)].Namespace).To(Equal(tc.want))
				slices.Reverse(all)
			}
		})
	}
}
