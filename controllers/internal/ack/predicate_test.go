package ack

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
)

func TestSubstantial(t *testing.T) {
	stale, current := syncedAt(applied.Add(-time.Minute)), syncedAt(applied)
	for name, tc := range map[string]struct {
		before conditions // by default stale
		change func(*ec2.VPC)
		want   bool
	}{
		"nothing":         {change: func(*ec2.VPC) {}},
		"another version": {change: func(v *ec2.VPC) { v.ResourceVersion = "2" }},
		"a later look at the same spec": {
			before: current, change: func(v *ec2.VPC) { v.Status.Conditions = syncedAt(applied.Add(time.Hour)) },
		},
		"the sync of the newest spec, which only moves the time": {
			change: func(v *ec2.VPC) { v.Status.Conditions = current }, want: true,
		},
		"a condition's status": {
			change: func(v *ec2.VPC) {
				v.Status.Conditions = conditions{at(applied.Add(-time.Minute), says(isSynced, "False", ""))}
			}, want: true,
		},
		"a condition's message": {
			change: func(v *ec2.VPC) {
				v.Status.Conditions = conditions{at(applied.Add(-time.Minute), says(isSynced, "True", "why"))}
			}, want: true,
		},
		"a condition more": {
			change: func(v *ec2.VPC) {
				v.Status.Conditions = append(v.Status.Conditions, says(isTerminal, "True", "refused"))
			}, want: true,
		},
		"the status": {change: func(v *ec2.VPC) { v.Status.State = new("available") }, want: true},
		"the spec":   {change: func(v *ec2.VPC) { v.Spec.EnableDNSSupport = new(false) }, want: true},
		"a label":    {change: func(v *ec2.VPC) { v.Labels["x"] = "y" }, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			before := desiredVPC()
			before.ResourceVersion = "1"
			before.Annotations[annotationApplied] = record{spec: "01", metadata: "23", at: applied, syncedBefore: applied.Add(-time.Minute)}.String()
			before.Status.Conditions = stale
			if tc.before != nil {
				before.Status.Conditions = tc.before
			}
			after := before.DeepCopy()
			tc.change(after)
			got := Substantial().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after})
			NewWithT(t).Expect(got).To(Equal(tc.want))
		})
	}
}
