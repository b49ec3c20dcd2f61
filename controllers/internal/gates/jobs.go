package gates

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// What Jobs carry, besides the labels of the Region and the Environment.
const (
	// LabelPromotion is the name of the Promotion that a Job was made for, as much of it as a label takes.
	LabelPromotion = "portolan.dev/promotion"
	// LabelGate is the name of the gate.
	LabelGate = "portolan.dev/gate"
	// AnnotationRollout is the id of the rollout.
	AnnotationRollout = "portolan.dev/rollout"
)

// State is what has become of a Job.
type State string

// States of a Job.
const (
	// Running has no result yet.
	Running State = "Running"
	// Passed has succeeded.
	Passed State = "Passed"
	// Failed has failed, and is not tried again.
	Failed State = "Failed"
	// Missing has no CronJob that it could be made from.
	Missing State = "Missing"
)

// Run is one run of a gate: in one region, for one move of it.
type Run struct {
	Promotion *v1alpha1.Promotion
	// Gate is the gate's name, CronJob the name of the Job's template.
	Gate, CronJob string
	// Rollout is the rollout's id. MovedAt is when the region's pins were written: one that moves
	// once more is judged once more.
	Rollout string
	MovedAt time.Time
	// Region is the Region's name.
	Region string
	// What the Job gets to know: the region by its code in AWS, and what it comes from and is at.
	AWSRegion, Revision, PreviousRevision string
}

// Jobs runs Jobs in the management cluster.
type Jobs struct {
	// Client creates Jobs.
	Client client.Writer
	// Live reads Jobs and CronJobs. A cache would need the right to watch them in every namespace.
	Live client.Reader
}

// Ensure makes the Job of a run from its CronJob, as kubectl create job --from does, if it is not
// there, and says what has become of it. Its name follows from the run, so that a Job is found again
// whose creation nobody remembers. The text is the same as long as the state is.
func (j *Jobs) Ensure(ctx context.Context, run Run) (state State, text string, err error) {
	key := client.ObjectKey{Namespace: run.Promotion.Namespace, Name: run.name()}
	job := &batchv1.Job{}
	err = j.Live.Get(ctx, key, job)
	if err == nil {
		return run.stateOf(job)
	}
	if !apierrors.IsNotFound(err) {
		return "", "", fmt.Errorf("reading Job %s: %w", key.Name, err)
	}
	template := &batchv1.CronJob{}
	err = j.Live.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: run.CronJob}, template)
	if apierrors.IsNotFound(err) {
		return Missing, fmt.Sprintf("namespace %s has no CronJob %s: create it, with suspend: true, as the template of gate %s",
			key.Namespace, run.CronJob, run.Gate), nil
	}
	if err != nil {
		return "", "", fmt.Errorf("reading CronJob %s: %w", run.CronJob, err)
	}
	job = run.job(template)
	err = j.Client.Create(ctx, job, client.DisableReadYourWritesConsistency)
	if apierrors.IsAlreadyExists(err) { // by another replica
		err = j.Live.Get(ctx, key, job)
	}
	switch {
	case apierrors.IsInvalid(err):
		return "", "", refuse("CronJob %s makes no Job that is valid: %v", run.CronJob, err)
	case err != nil:
		return "", "", fmt.Errorf("creating Job %s: %w", key.Name, err)
	}
	return run.stateOf(job)
}

// name is that of the run's Job: what a person looks for, and a hash of what it depends on.
func (run *Run) name() string {
	const part, digits = 24, 12
	// In whole seconds: a status has no more.
	content := fmt.Sprintf("%s\n%s\n%s\n%s\n%d", run.Promotion.UID, run.Gate, run.Region, run.Rollout, run.MovedAt.Unix())
	sum := sha256.Sum256([]byte(content))
	return short(run.Gate, part) + "-" + short(run.Region, part) + "-" + hex.EncodeToString(sum[:])[:digits]
}

// short is the beginning of a name, and a name as well.
func short(name string, most int) string { return strings.TrimRight(name[:min(len(name), most)], "-.") }

// shortest is for how long a finished Job is kept at least: one that goes at once might never be
// seen to have finished, and would be made again for ever.
const (
	shortest = 10 * time.Minute
	usual    = time.Hour
)

func (run *Run) job(template *batchv1.CronJob) *batchv1.Job {
	from := template.Spec.JobTemplate.DeepCopy()
	job := &batchv1.Job{Spec: from.Spec}
	job.Namespace, job.Name = run.Promotion.Namespace, run.name()
	job.Labels, job.Annotations = map[string]string{}, map[string]string{}
	maps.Copy(job.Labels, from.Labels)
	maps.Copy(job.Labels, map[string]string{
		LabelPromotion:            short(run.Promotion.Name, validation.LabelValueMaxLength),
		LabelGate:                 run.Gate,
		v1alpha1.LabelRegion:      run.Region,
		v1alpha1.LabelEnvironment: run.Promotion.Spec.EnvironmentRef.Name,
	})
	maps.Copy(job.Annotations, from.Annotations)
	job.Annotations[AnnotationRollout] = run.Rollout
	job.Spec.Suspend = nil // nobody would let it go on
	keep := int32(usual.Seconds())
	if ttl := job.Spec.TTLSecondsAfterFinished; ttl != nil {
		keep = max(*ttl, int32(shortest.Seconds()))
	}
	job.Spec.TTLSecondsAfterFinished = &keep
	pod := &job.Spec.Template.Spec
	for _, containers := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for i := range containers {
			containers[i].Env = run.env(containers[i].Env)
		}
	}
	owner := metav1.NewControllerRef(run.Promotion, v1alpha1.GroupVersion.WithKind("Promotion"))
	owner.BlockOwnerDeletion = nil // some clusters let only those set it who may change the owner's finalizers
	job.OwnerReferences = []metav1.OwnerReference{*owner}
	return job
}

// env puts what the Job gets to know before a container's own variables, which may refer to it.
func (run *Run) env(own []corev1.EnvVar) []corev1.EnvVar {
	env := []corev1.EnvVar{
		{Name: "PORTOLAN_ENVIRONMENT", Value: run.Promotion.Spec.EnvironmentRef.Name},
		{Name: "PORTOLAN_REGION", Value: run.Region},
		{Name: "PORTOLAN_AWS_REGION", Value: run.AWSRegion},
		{Name: "PORTOLAN_REVISION", Value: run.Revision},
		{Name: "PORTOLAN_PREVIOUS_REVISION", Value: run.PreviousRevision},
	}
	known := map[string]bool{}
	for _, e := range env {
		known[e.Name] = true
	}
	for _, e := range own {
		if !known[e.Name] { // a name may be there once
			env = append(env, e)
		}
	}
	return env
}

// stateOf tells what has become of a Job. Success and failure are told by the conditions that are
// set last, when no pod is left (https://kubernetes.io/docs/concepts/workloads/controllers/job/).
func (run *Run) stateOf(job *batchv1.Job) (State, string, error) {
	if !metav1.IsControlledBy(job, run.Promotion) {
		return "", "", refuse("Job %s is not of this Promotion, and has the name that its gate %s needs: delete it", job.Name, run.Gate)
	}
	for _, c := range job.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == batchv1.JobComplete:
			return Passed, fmt.Sprintf("Job %s has succeeded", job.Name), nil
		case c.Type == batchv1.JobFailed:
			return Failed, fmt.Sprintf("Job %s has failed, %s: %s; see kubectl logs -n %s job/%s",
				job.Name, c.Reason, strings.TrimSuffix(c.Message, "."), job.Namespace, job.Name), nil
		}
	}
	if !job.DeletionTimestamp.IsZero() {
		return Running, fmt.Sprintf("Job %s is being deleted, and made once more", job.Name), nil
	}
	return Running, fmt.Sprintf("Job %s is running; see kubectl describe -n %s job/%s", job.Name, job.Namespace, job.Name), nil
}
