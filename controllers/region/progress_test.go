package region

import (
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// The clocks of a deletion decide when a cluster is given up: only what a stage says of itself moves them.
func TestWhatIsRecordedOfADeletion(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	began, now := metav1.NewTime(start), metav1.NewTime(start.Add(time.Minute))
	holders := []v1alpha1.Holder{{Resource: "vpc-1", HeldBy: "the load balancer of Service a/b", Since: began}}
	for name, tc := range map[string]struct {
		stage   string
		because error
		want    v1alpha1.RegionDeletion
	}{
		"a call of an earlier stage fails": {
			stage: v1alpha1.ReasonDrainingTraffic, because: errors.New("throttled"),
			want: v1alpha1.RegionDeletion{Stage: v1alpha1.ReasonRemovingApplications, StartedAt: began, Holders: holders},
		},
		"a call of its own fails": {
			stage: v1alpha1.ReasonRemovingApplications, because: errors.New("throttled"),
			want: v1alpha1.RegionDeletion{Stage: v1alpha1.ReasonRemovingApplications, StartedAt: began, Holders: holders},
		},
		"it cannot look for a moment": {
			stage: v1alpha1.ReasonRemovingApplications, because: step.Wait(v1alpha1.ReasonRemovingApplications, "looking"),
			want: v1alpha1.RegionDeletion{Stage: v1alpha1.ReasonRemovingApplications, StartedAt: began, Holders: holders},
		},
		"the next stage begins": {
			stage: v1alpha1.ReasonDeletingCluster, because: step.Wait(v1alpha1.ReasonDeletingCluster, "deleting"),
			want: v1alpha1.RegionDeletion{Stage: v1alpha1.ReasonDeletingCluster, StartedAt: now},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Reconciler{Deps: Deps{Clock: testingclock.NewFakeClock(now.Time)}}
			region := &v1alpha1.Region{}
			region.Status.Deletion = &v1alpha1.RegionDeletion{Stage: v1alpha1.ReasonRemovingApplications, StartedAt: began, Holders: holders}
			r.progress(region, stage{reason: tc.stage}, tc.because)
			NewWithT(t).Expect(*region.Status.Deletion).To(Equal(tc.want))
		})
	}
}
