package gates

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

var movedAt = time.Date(2026, 3, 1, 12, 0, 0, 123, time.UTC)

// runIn is that of a gate "smoke" of a Promotion "main" for Region dublin.
func runIn(namespace string) Run {
	p := &v1alpha1.Promotion{}
	p.Namespace, p.Name, p.UID = namespace, "main", types.UID("uid-of-main")
	p.Spec.EnvironmentRef.Name = "production001"
	return Run{
		Promotion: p, Gate: "smoke", CronJob: "smoke-test", Rollout: "new+1234abcd", MovedAt: movedAt,
		Region: "dublin", AWSRegion: "eu-west-1", Revision: "new", PreviousRevision: "old",
	}
}

// template is a CronJob that only Jobs are made from.
func template(namespace string) *batchv1.CronJob {
	c := &batchv1.CronJob{}
	c.Namespace, c.Name = namespace, "smoke-test"
	c.Spec.Schedule, c.Spec.Suspend = "0 0 31 2 *", new(true)
	from := &c.Spec.JobTemplate
	from.Labels, from.Annotations = map[string]string{"team": "sre"}, map[string]string{"why": "smoke"}
	from.Spec.BackoffLimit, from.Spec.Suspend = new(int32(1)), new(true)
	from.Spec.Template.Spec = corev1.PodSpec{
		RestartPolicy:  corev1.RestartPolicyNever,
		InitContainers: []corev1.Container{{Name: "init", Image: "i"}},
		Containers: []corev1.Container{{Name: "main", Image: "i", Env: []corev1.EnvVar{
			{Name: "PORTOLAN_REGION", Value: "somewhere"}, {Name: "URL", Value: "https://$(PORTOLAN_REGION).example"},
		}}},
	}
	return c
}

// finish plays the Job controller.
func finish(ctx context.Context, job *batchv1.Job, on, of batchv1.JobConditionType) {
	GinkgoHelper()
	now := metav1.Now()
	job.Status.StartTime = &now
	if of == batchv1.JobComplete {
		job.Status.CompletionTime, job.Status.Succeeded = &now, 1
	}
	for _, t := range []batchv1.JobConditionType{on, of} {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
			Type: t, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded", Message: "Job has reached the specified backoff limit.",
		})
	}
	Expect(server.Status().Update(ctx, job)).To(Succeed())
}

// jobsIn lists those of a namespace.
func jobsIn(ctx context.Context, namespace string) []batchv1.Job {
	GinkgoHelper()
	list := &batchv1.JobList{}
	Expect(server.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
	return list.Items
}

var _ = Describe("Jobs", func() {
	var run Run
	var jobs *Jobs
	var namespace string
	BeforeEach(func(ctx SpecContext) {
		namespace = namespaced(ctx)
		run = runIn(namespace)
		jobs = &Jobs{Client: server, Live: server}
	})

	ensure := func(ctx context.Context) (State, string) {
		GinkgoHelper()
		state, text, err := jobs.Ensure(ctx, run)
		Expect(err).NotTo(HaveOccurred())
		return state, text
	}

	It("are made from their CronJob once", func(ctx SpecContext) {
		state, text := ensure(ctx)
		Expect(state).To(Equal(Missing))
		Expect(text).To(Equal("namespace " + namespace + " has no CronJob smoke-test: create it, with suspend: true, as the template of gate smoke"))
		Expect(jobsIn(ctx, namespace)).To(BeEmpty())

		Expect(server.Create(ctx, template(namespace))).To(Succeed())
		state, text = ensure(ctx)
		Expect(state).To(Equal(Running))
		made := jobsIn(ctx, namespace)
		Expect(made).To(HaveLen(1))
		job := made[0]
		Expect(text).To(Equal("Job " + job.Name + " is running; see kubectl describe -n " + namespace + " job/" + job.Name))
		Expect(job.Name).To(HavePrefix("smoke-dublin-"))
		Expect(job.Labels).To(And(
			HaveKeyWithValue("team", "sre"), HaveKeyWithValue("portolan.dev/promotion", "main"), HaveKeyWithValue("portolan.dev/gate", "smoke"),
			HaveKeyWithValue("portolan.dev/region", "dublin"), HaveKeyWithValue("portolan.dev/environment", "production001"),
		))
		Expect(job.Annotations).To(And(HaveKeyWithValue("why", "smoke"), HaveKeyWithValue("portolan.dev/rollout", "new+1234abcd")))
		Expect(job.OwnerReferences).To(HaveExactElements(metav1.OwnerReference{
			APIVersion: "portolan.dev/v1alpha1", Kind: "Promotion", Name: "main", UID: "uid-of-main", Controller: new(true),
		}))
		Expect(job.Spec.Suspend).To(HaveValue(BeFalse()))
		Expect(job.Spec.BackoffLimit).To(HaveValue(BeEquivalentTo(1)))
		Expect(job.Spec.TTLSecondsAfterFinished).To(HaveValue(BeEquivalentTo(3600)))
		told := []corev1.EnvVar{
			{Name: "PORTOLAN_ENVIRONMENT", Value: "production001"}, {Name: "PORTOLAN_REGION", Value: "dublin"}, {Name: "PORTOLAN_AWS_REGION", Value: "eu-west-1"},
			{Name: "PORTOLAN_REVISION", Value: "new"}, {Name: "PORTOLAN_PREVIOUS_REVISION", Value: "old"},
		}
		Expect(job.Spec.Template.Spec.InitContainers[0].Env).To(Equal(told))
		Expect(job.Spec.Template.Spec.Containers[0].Env).To(Equal(append(told, corev1.EnvVar{Name: "URL", Value: "https://$(PORTOLAN_REGION).example"})))

		By("finding it again, also without the template")
		Expect(server.Delete(ctx, template(namespace))).To(Succeed())
		again, same := ensure(ctx)
		Expect(again).To(Equal(Running))
		Expect(same).To(Equal(text))
		Expect(jobsIn(ctx, namespace)).To(HaveLen(1))
	})

	It("pass when they have succeeded", func(ctx SpecContext) {
		Expect(server.Create(ctx, template(namespace))).To(Succeed())
		ensure(ctx)
		job := jobsIn(ctx, namespace)[0]
		job.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobSuspended, Status: corev1.ConditionFalse}}
		finish(ctx, &job, batchv1.JobSuccessCriteriaMet, batchv1.JobComplete)
		state, text := ensure(ctx)
		Expect(state).To(Equal(Passed))
		Expect(text).To(Equal("Job " + job.Name + " has succeeded"))
		Expect(jobsIn(ctx, namespace)).To(HaveLen(1))
	})

	It("fail for good", func(ctx SpecContext) {
		Expect(server.Create(ctx, template(namespace))).To(Succeed())
		ensure(ctx)
		job := jobsIn(ctx, namespace)[0]
		finish(ctx, &job, batchv1.JobFailureTarget, batchv1.JobFailed)
		state, text := ensure(ctx)
		Expect(state).To(Equal(Failed))
		Expect(text).To(Equal("Job " + job.Name + " has failed, BackoffLimitExceeded: Job has reached the specified backoff limit; see kubectl logs -n " +
			namespace + " job/" + job.Name))
		Expect(jobsIn(ctx, namespace)).To(HaveLen(1))
	})

	It("are not judged before their last pod has ended", func(ctx SpecContext) {
		Expect(server.Create(ctx, template(namespace))).To(Succeed())
		ensure(ctx)
		job := jobsIn(ctx, namespace)[0]
		finish(ctx, &job, batchv1.JobSuccessCriteriaMet, batchv1.JobSuspended)
		state, _ := ensure(ctx)
		Expect(state).To(Equal(Running))
	})

	It("are made once more when somebody deletes them", func(ctx SpecContext) {
		Expect(server.Create(ctx, template(namespace))).To(Succeed())
		ensure(ctx)
		job := jobsIn(ctx, namespace)[0]
		job.Finalizers = []string{"test.example/held"}
		Expect(server.Update(ctx, &job)).To(Succeed())
		Expect(server.Delete(ctx, &job, client.PropagationPolicy(metav1.DeletePropagationBackground))).To(Succeed())
		state, text := ensure(ctx)
		Expect(state).To(Equal(Running))
		Expect(text).To(Equal("Job " + job.Name + " is being deleted, and made once more"))

		Expect(server.Get(ctx, client.ObjectKeyFromObject(&job), &job)).To(Succeed())
		job.Finalizers = nil
		Expect(server.Update(ctx, &job)).To(Succeed())
		ensure(ctx)
		Expect(jobsIn(ctx, namespace)).To(HaveExactElements(HaveField("UID", Not(Equal(job.UID)))))
	})

	DescribeTable("are kept until they were seen", func(ctx SpecContext, wanted, kept int32) {
		c := template(namespace)
		c.Spec.JobTemplate.Spec.TTLSecondsAfterFinished = &wanted
		Expect(server.Create(ctx, c)).To(Succeed())
		ensure(ctx)
		Expect(jobsIn(ctx, namespace)[0].Spec.TTLSecondsAfterFinished).To(HaveValue(Equal(kept)))
	},
		Entry("if they were to go at once", int32(0), int32(600)),
		Entry("and as long as they are to be", int32(86400), int32(86400)),
	)

	It("are found while a cache does not have them yet", func(ctx SpecContext) {
		Expect(server.Create(ctx, template(namespace))).To(Succeed())
		ensure(ctx)
		job := jobsIn(ctx, namespace)[0]
		finish(ctx, &job, batchv1.JobSuccessCriteriaMet, batchv1.JobComplete)
		jobs.Client = interceptor.NewClient(server, interceptor.Funcs{
			Get: func(_ context.Context, _ client.WithWatch, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
				return apierrors.NewNotFound(batchv1.Resource("jobs"), key.Name)
			},
		})
		state, _ := ensure(ctx)
		Expect(state).To(Equal(Passed))
		Expect(jobsIn(ctx, namespace)).To(HaveLen(1))
	})

	It("are not taken from somebody else", func(ctx SpecContext) {
		Expect(server.Create(ctx, template(namespace))).To(Succeed())
		ensure(ctx)
		job := jobsIn(ctx, namespace)[0]
		job.OwnerReferences = nil
		Expect(server.Update(ctx, &job)).To(Succeed())
		finish(ctx, &job, batchv1.JobSuccessCriteriaMet, batchv1.JobComplete)
		_, _, err := jobs.Ensure(ctx, run)
		Expect(err).To(MatchError("Job " + job.Name + " is not of this Promotion, and has the name that its gate smoke needs: delete it"))
		Expect(IsRefusal(err)).To(BeTrue())
	})

	DescribeTable("say what went wrong", func(ctx SpecContext, with interceptor.Funcs, want string, refused bool) {
		Expect(server.Create(ctx, template(namespace))).To(Succeed())
		failing := interceptor.NewClient(server, with)
		jobs.Client, jobs.Live = failing, failing
		_, _, err := jobs.Ensure(ctx, run)
		Expect(err).To(MatchError(ContainSubstring(want)))
		Expect(IsRefusal(err)).To(Equal(refused))
	},
		Entry("reading the Job", failingGet[*batchv1.Job](), "reading Job smoke-dublin-", false),
		Entry("reading the CronJob", failingGet[*batchv1.CronJob](), "reading CronJob smoke-test: broken", false),
		Entry("creating", failingCreate(errors.New("broken")), "creating Job smoke-dublin-", false),
		Entry("creating what nobody can", failingCreate(apierrors.NewInvalid(batchv1.SchemeGroupVersion.WithKind("Job").GroupKind(), "x", nil)), "CronJob smoke-test makes no Job that is valid", true),
	)
})

func failingGet[T client.Object]() interceptor.Funcs {
	return interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
		if _, is := obj.(T); is {
			return errors.New("broken")
		}
		return c.Get(ctx, key, obj, opts...)
	}}
}

func failingCreate(err error) interceptor.Funcs {
	return interceptor.Funcs{Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return err }}
}

func TestNamesOfJobs(t *testing.T) {
	g := NewWithT(t)
	usual := runIn("fleet")
	again := runIn("fleet")
	again.MovedAt = movedAt.Truncate(time.Second) // as a status has it
	g.Expect(again.name()).To(Equal(usual.name()))
	again.Revision, again.PreviousRevision, again.CronJob = "x", "y", "z"
	g.Expect(again.name()).To(Equal(usual.name()), "only what a run is for counts")

	names := map[string]string{usual.name(): "usual"}
	for what, edit := range map[string]func(*Run){
		"another Promotion of the same name": func(r *Run) { r.Promotion.UID = "another" },
		"another gate":                       func(r *Run) { r.Gate = "load" },
		"another gate that begins alike":     func(r *Run) { r.Gate = strings.Repeat("a", 30) + "b" },
		"and another one":                    func(r *Run) { r.Gate = strings.Repeat("a", 30) + "c" },
		"another region":                     func(r *Run) { r.Region = "tokyo" },
		"another rollout":                    func(r *Run) { r.Rollout = "newer" },
		"the region moved once more":         func(r *Run) { r.MovedAt = movedAt.Add(time.Second) },
		"names that end where they are cut":  func(r *Run) { r.Gate, r.Region = strings.Repeat("a", 23)+"-b", strings.Repeat("b", 23)+".c" },
	} {
		other := runIn("fleet")
		edit(&other)
		g.Expect(names).NotTo(HaveKey(other.name()), what)
		names[other.name()] = what
	}
	for name, what := range names {
		g.Expect(validation.IsDNS1123Label(name)).To(BeEmpty(), what)
	}
}

func TestConditionsThatDoNotHold(t *testing.T) {
	g := NewWithT(t)
	run := runIn("fleet")
	job := run.job(template("fleet"))
	job.Status.Conditions = []batchv1.JobCondition{
		{Type: batchv1.JobComplete, Status: corev1.ConditionFalse}, {Type: batchv1.JobFailed, Status: corev1.ConditionUnknown},
	}
	state, _, err := run.stateOf(job)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(state).To(Equal(Running))
}

func TestLabelsOfJobs(t *testing.T) {
	g := NewWithT(t)
	run := runIn("fleet")
	run.Promotion.Name = strings.Repeat("x", 62) + "." + strings.Repeat("y", 100)
	job := run.job(template("fleet"))
	g.Expect(validation.IsValidLabelValue(job.Labels[LabelPromotion])).To(BeEmpty())
	g.Expect(job.Labels[LabelPromotion]).To(HaveLen(62))
}
