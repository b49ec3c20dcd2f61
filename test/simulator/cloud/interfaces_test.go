package cloud

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestInterfaces(t *testing.T) {
	held := Key{Type: TypeInterface, Region: "eu-west-1", ID: "eni-0a"}
	cases := map[string]struct {
		leaking  string
		wantGone bool
	}{
		"go with their nodes":        {wantGone: true},
		"of another cluster leak":    {leaking: "other", wantGone: true},
		"of the cluster stay behind": {leaking: "prod"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g, c := NewWithT(t), network(t)
			g.Expect(c.Delete(nat)).To(Succeed())
			g.Expect(c.Create(Resource{
				Key: held, State: "in-use", Parents: []Key{subnet}, Tags: map[string]string{"cluster.k8s.amazonaws.com/name": "prod"},
				Data: map[string]string{"cluster": "prod", "attachmentID": "eni-attach-1"},
			})).To(Succeed())
			g.Expect(code(c.Delete(subnet))).To(Equal(CodeDependencyViolation))
			if tc.leaking != "" {
				c.LeakInterfaces(tc.leaking)
			}
			g.Expect(c.ReleaseInterface(held)).To(Succeed())
			left, found := c.Get(held)
			g.Expect(found).To(Equal(!tc.wantGone))
			if tc.wantGone {
				g.Expect(c.ReleaseInterface(held)).To(Succeed(), "somebody else was quicker")
				g.Expect(c.Delete(subnet)).To(Succeed())
				return
			}
			g.Expect(left.State).To(Equal("available"))
			g.Expect(left.Data).NotTo(HaveKey("attachmentID"))
			g.Expect(left.Tags).To(HaveKeyWithValue("cluster.k8s.amazonaws.com/name", "prod"))
			g.Expect(code(c.Delete(subnet))).To(Equal(CodeDependencyViolation))
		})
	}
}
