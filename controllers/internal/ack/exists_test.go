package ack

import (
	"errors"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
)

func TestExists(t *testing.T) {
	table := &ec2.RouteTable{ObjectMeta: metaOf("private")}
	for name, tc := range map[string]struct {
		aws         existing
		want        bool
		wantOutcome string
	}{
		"what AWS has":     {aws: existing{Match: Match{Found: true, Ours: true, ID: "rtb-1"}}, want: true},
		"what AWS has not": {},
		"what AWS does not tell, to be on the safe side": {
			aws: existing{err: errors.New("throttled")}, want: true, wantOutcome: "looking for RouteTable private in AWS: throttled",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g, w := NewWithT(t), newWorld(t)
			w.aws = &tc.aws
			a := w.applier()
			g.Expect(a.Exists(t.Context(), table)).To(Equal(tc.want))
			g.Expect(w.aws.asked).To(Equal([]string{"private"}))
			g.Expect(w.writes).To(BeZero())
			if tc.wantOutcome == "" {
				g.Expect(a.Outcome()).To(Succeed())
			} else {
				g.Expect(a.Outcome()).To(MatchError(tc.wantOutcome))
			}
		})
	}
}

func TestExistsWithoutAnybodyToAsk(t *testing.T) {
	g, w := NewWithT(t), newWorld(t)
	a := NewApplier(Config{Client: w, Clock: w.clock})
	g.Expect(a.Exists(t.Context(), &ec2.RouteTable{ObjectMeta: metaOf("private")})).To(BeFalse())
	g.Expect(a.Outcome()).To(Succeed())
}
