// Package revision keeps what an Environment said about the regions of a profile for as long as
// a region still follows it.
//
// A record is an apps/v1 ControllerRevision, the kind that Kubernetes has for this: its data
// never changes, https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/controller-revision-v1/.
// It belongs to the Environment and goes with it.
package revision

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// Records are the revisions that are kept.
type Records struct {
	Client client.Client
	Clock  clock.PassiveClock
}

// Save keeps a revision. Nothing is written if it is kept already.
func (r *Records) Save(ctx context.Context, env *v1alpha1.Environment, rev *plan.ProfileRevision) error {
	record, err := r.record(env, rev)
	if err != nil {
		return err
	}
	kept, err := r.find(ctx, env, rev.Name())
	switch {
	case err == nil && belongsTo(kept, env):
		return nil
	case err == nil:
		// An earlier Environment of the name had it, and the garbage collector takes it away.
		if err := r.delete(ctx, kept); err != nil {
			return err
		}
	case !apierrors.IsNotFound(err):
		return err
	}
	err = r.Client.Create(ctx, record)
	if apierrors.IsAlreadyExists(err) { // the cache is behind, or it is somebody else's
		if kept, findErr := r.find(ctx, env, rev.Name()); findErr == nil && belongsTo(kept, env) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("creating ControllerRevision %s: %w", record.Name, err)
	}
	return nil
}

// Load returns a kept revision. apierrors.IsNotFound tells that it is not kept.
func (r *Records) Load(ctx context.Context, env *v1alpha1.Environment, name string) (*plan.ProfileRevision, error) {
	kept, err := r.find(ctx, env, name)
	if err != nil {
		return nil, err
	}
	rev := &plan.ProfileRevision{}
	if err := json.Unmarshal(kept.Data.Raw, rev); err != nil {
		return nil, fmt.Errorf("decoding ControllerRevision %s: %w", kept.Name, err)
	}
	return rev, nil
}

// fresh is how old a record has to be before it may be pruned: it is there some time before a
// status names it.
const fresh = time.Minute

// Prune deletes the Environment's records of revisions that nothing names any more.
func (r *Records) Prune(ctx context.Context, env *v1alpha1.Environment, keep []string) error {
	records := &appsv1.ControllerRevisionList{}
	err := r.Client.List(ctx, records, client.InNamespace(env.Namespace), client.MatchingLabels(labelsFor(env)))
	if err != nil {
		return fmt.Errorf("listing ControllerRevisions: %w", err)
	}
	names := make([]string, 0, len(keep))
	for _, revision := range keep {
		names = append(names, recordName(env, revision))
	}
	for i := range records.Items {
		record := &records.Items[i]
		if slices.Contains(names, record.Name) || !belongsTo(record, env) || r.Clock.Since(record.CreationTimestamp.Time) < fresh {
			continue
		}
		if err := r.delete(ctx, record); err != nil {
			return err
		}
	}
	return nil
}

func (r *Records) find(ctx context.Context, env *v1alpha1.Environment, revision string) (*appsv1.ControllerRevision, error) {
	record := &appsv1.ControllerRevision{}
	name := recordName(env, revision)
	if err := r.Client.Get(ctx, client.ObjectKey{Namespace: env.Namespace, Name: name}, record); err != nil {
		return nil, fmt.Errorf("reading ControllerRevision %s: %w", name, err)
	}
	return record, nil
}

// delete removes a record that is still the one that was read.
func (r *Records) delete(ctx context.Context, record *appsv1.ControllerRevision) error {
	err := r.Client.Delete(ctx, record, client.Preconditions{UID: &record.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting ControllerRevision %s: %w", record.Name, err)
	}
	return nil
}

func (r *Records) record(env *v1alpha1.Environment, rev *plan.ProfileRevision) (*appsv1.ControllerRevision, error) {
	content, err := json.Marshal(rev)
	if err != nil {
		return nil, fmt.Errorf("encoding revision %s: %w", rev.Name(), err)
	}
	record := &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{Namespace: env.Namespace, Name: recordName(env, rev.Name()), Labels: labelsFor(env)},
		Data:       runtime.RawExtension{Raw: content},
		// The order of revisions is in the Environment's status: the kind wants a number all the same.
		Revision: 1,
	}
	if err := controllerutil.SetOwnerReference(env, record, r.Client.Scheme()); err != nil {
		return nil, fmt.Errorf("owning ControllerRevision %s: %w", record.Name, err)
	}
	return record, nil
}

func recordName(env *v1alpha1.Environment, revision string) string { return env.Name + "-" + revision }

func labelsFor(env *v1alpha1.Environment) map[string]string {
	return map[string]string{v1alpha1.LabelEnvironment: env.Name}
}

func belongsTo(record *appsv1.ControllerRevision, env *v1alpha1.Environment) bool {
	return slices.ContainsFunc(record.OwnerReferences, func(o metav1.OwnerReference) bool { return o.UID == env.UID })
}
