package region

import (
	"context"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// remains waits, before a region is planned, for what an earlier Region of its name left to be
// deleted: somebody took its finalizer away.
func (r *Reconciler) remains(ctx context.Context, region *v1alpha1.Region) error {
	if region.Status.Plan != nil {
		return nil
	}
	var left []string
	for _, kind := range ack.Kinds() {
		objects, err := r.labelled(ctx, region, kind)
		if err != nil {
			return err
		}
		for _, obj := range objects {
			if !obj.GetDeletionTimestamp().IsZero() {
				left = append(left, kindOf(r.Client, obj)+" "+obj.GetName())
			}
		}
	}
	if len(left) == 0 {
		return nil
	}
	slices.Sort(left)
	return step.Wait(v1alpha1.ReasonRemains, "an earlier Region of this name is still being taken down: %s", strings.Join(left, ", "))
}
