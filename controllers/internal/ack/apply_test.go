package ack

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"testing"
	"time"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

const owner = client.FieldOwner("portolan-region")

func newScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	NewWithT(t).Expect(AddToScheme(scheme)).To(Succeed())
	return scheme
}

func describeForTest(t *testing.T, obj client.Object) string {
	t.Helper()
	gvk, err := apiutil.GVKForObject(obj, newScheme(t))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return gvk.Kind
}

// withConditions returns an object of obj's kind with the conditions in its status.
func withConditions(t *testing.T, obj client.Object, c conditions) client.Object {
	t.Helper()
	g := NewWithT(t)
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	g.Expect(err).NotTo(HaveOccurred())
	content["status"], err = runtime.DefaultUnstructuredConverter.ToUnstructured(&ec2.Observed{Conditions: c})
	g.Expect(err).NotTo(HaveOccurred())
	copied, ok := obj.DeepCopyObject().(client.Object)
	g.Expect(ok).To(BeTrue())
	g.Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(content, copied)).To(Succeed())
	return copied
}

// world is a cluster with ACK's kinds in it that counts what is written.
type world struct {
	client.WithWatch
	clock   *testingclock.FakePassiveClock
	writes  int
	deletes []*client.DeleteOptions
	broken  error // what the next writes fail with
	aws     *existing
	account string
	observe bool
}

const retryAfter = 5 * time.Minute

// existing is what AWS has for every object.
type existing struct {
	Match
	err   error
	asked []string
}

func (e *existing) Find(_ context.Context, obj client.Object) (Match, error) {
	e.asked = append(e.asked, obj.GetName())
	return e.Match, e.err
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	w := &world{clock: testingclock.NewFakePassiveClock(applied.Add(300 * time.Millisecond)), aws: &existing{}}
	w.WithWatch = fake.NewClientBuilder().WithScheme(newScheme(t)).WithObjects(objects...).WithStatusSubresource(Kinds()...).
		WithInterceptorFuncs(interceptor.Funcs{
			Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
				w.writes++
				if w.broken != nil {
					return w.broken
				}
				return c.Patch(ctx, obj, patch, opts...)
			},
			Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
				w.deletes = append(w.deletes, (&client.DeleteOptions{}).ApplyOptions(opts))
				if w.broken != nil {
					return w.broken
				}
				return c.Delete(ctx, obj, opts...)
			},
		}).Build()
	return w
}

// applier is that of one pass of one step.
func (w *world) applier() *Applier {
	return NewApplier(Config{
		Client: w, Clock: w.clock, Owner: owner, Existing: w.aws, Account: w.account, RetryAfter: retryAfter, Observe: w.observe,
	})
}

// ensured is one pass of a step with one object of any kind.
func ensured[T client.Object](t *testing.T, w *world, desired T, checks ...func(T) error) (T, bool, error) {
	t.Helper()
	a := w.applier()
	observed, done := Ensure(t.Context(), a, desired, checks...)
	return observed, done, a.Outcome()
}

// found reads the object of the name and kind of another.
func found[T client.Object](t *testing.T, w *world, like T) T {
	t.Helper()
	copied, ok := like.DeepCopyObject().(T)
	NewWithT(t).Expect(ok).To(BeTrue())
	NewWithT(t).Expect(w.Get(t.Context(), client.ObjectKeyFromObject(like), copied)).To(Succeed())
	return copied
}

// report is what ACK does: it replaces the status of an object.
func (w *world) report(t *testing.T, obj client.Object, status map[string]any, c ...*ackv1alpha1.Condition) {
	t.Helper()
	g := NewWithT(t)
	all := map[string]any{"conditions": c}
	maps.Copy(all, status)
	raw, err := json.Marshal(map[string]any{"status": all})
	g.Expect(err).NotTo(HaveOccurred())
	copied, ok := obj.DeepCopyObject().(client.Object)
	g.Expect(ok).To(BeTrue())
	g.Expect(w.Status().Patch(t.Context(), copied, client.RawPatch(types.MergePatchType, raw))).To(Succeed())
}

// ensure is one pass of a step with one object.
func (w *world) ensure(t *testing.T, desired *ec2.VPC, checks ...func(*ec2.VPC) error) (*ec2.VPC, bool, error) {
	t.Helper()
	return ensured(t, w, desired, checks...)
}

// pass is ensure where what it returns is not looked at.
func (w *world) pass(t *testing.T, desired *ec2.VPC) {
	t.Helper()
	Ensure(t.Context(), w.applier(), desired)
}

func (w *world) vpc(t *testing.T) *ec2.VPC {
	t.Helper()
	v := &ec2.VPC{}
	NewWithT(t).Expect(w.Get(t.Context(), client.ObjectKeyFromObject(desiredVPC()), v)).To(Succeed())
	return v
}

// reconcileVPC is what ACK does with the object: it reports in the status, and what
// it knows better than we it writes into the spec.
func (w *world) reconcileVPC(t *testing.T, change func(*ec2.VPC), c ...conditions) {
	t.Helper()
	g := NewWithT(t)
	v := w.vpc(t)
	if change != nil {
		change(v)
		g.Expect(w.Update(t.Context(), v)).To(Succeed())
	}
	for _, all := range c {
		v.Status.Conditions = all
		v.Status.VPCID = new("vpc-1")
		g.Expect(w.Status().Update(t.Context(), v)).To(Succeed())
	}
}

func desiredVPC() *ec2.VPC {
	v := &ec2.VPC{}
	v.Namespace, v.Name = "fleet", "production001-dublin"
	v.Labels = map[string]string{v1alpha1.LabelRegion: "dublin"}
	v.Annotations = map[string]string{AnnotationRegion: "eu-west-1"}
	v.Spec = ec2.VPCSpec{
		CIDRBlocks: []string{"10.0.0.0/18"}, EnableDNSSupport: new(true),
		Tags: []ec2.Tag{{Key: "Name", Value: "production001-dublin"}, {Key: "team", Value: "fleet"}},
	}
	return v
}

func syncedAt(moment time.Time) conditions { return conditions{at(moment, says(isSynced, "True", ""))} }

func TestEnsureCreatesOnceAndWaits(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)

	_, done, outcome := w.ensure(t, desiredVPC())
	g.Expect(done).To(BeFalse())
	g.Expect(outcome).To(MatchError("VPC production001-dublin"))
	g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonCreating))
	created := w.vpc(t)
	g.Expect(created.Spec).To(Equal(desiredVPC().Spec))
	g.Expect(created.Labels).To(Equal(desiredVPC().Labels))
	g.Expect(created.Annotations).To(HaveKeyWithValue(AnnotationRegion, "eu-west-1"))

	_, done, outcome = w.ensure(t, desiredVPC())
	g.Expect(done).To(BeFalse())
	g.Expect(step.IsWaiting(outcome)).To(BeTrue())

	w.reconcileVPC(t, nil, syncedAt(applied.Add(time.Second)))
	observed, done, outcome := w.ensure(t, desiredVPC())
	g.Expect(outcome).NotTo(HaveOccurred())
	g.Expect(done).To(BeTrue())
	g.Expect(observed.Status.VPCID).To(HaveValue(Equal("vpc-1")))
	g.Expect(w.writes).To(Equal(1))
}

func TestEnsureComparesWhatItOwns(t *testing.T) {
	for name, tc := range map[string]struct {
		desired    func(*ec2.VPC) // what we want on the second pass
		actual     func(*ec2.VPC) // what others did meanwhile
		wantWrites int
		wantSpec   func(*ec2.VPC) // what the object has in the end, if not what we want
	}{
		"nothing changed": {},
		"late-initialised fields": {
			actual:   func(v *ec2.VPC) { v.Spec.EnableDNSHostnames = new(true) },
			wantSpec: func(v *ec2.VPC) { v.Spec.EnableDNSHostnames = new(true) },
		},
		"labels and annotations of others": {
			actual: func(v *ec2.VPC) {
				v.Labels["other"] = "x"
				v.Annotations["other"] = "x"
			},
		},
		"a field was changed by hand": {
			actual: func(v *ec2.VPC) { v.Spec.CIDRBlocks = []string{"10.9.0.0/18"} }, wantWrites: 1,
		},
		"a list was extended by hand": {
			actual: func(v *ec2.VPC) { v.Spec.Tags = append(v.Spec.Tags, ec2.Tag{Key: "x", Value: "y"}) }, wantWrites: 1,
		},
		"our label was taken away": {
			actual: func(v *ec2.VPC) { v.Labels = nil }, wantWrites: 1,
		},
		"we want another value": {
			desired: func(v *ec2.VPC) { v.Spec.EnableDNSSupport = new(false) }, wantWrites: 1,
		},
		"we want a field less": {
			desired: func(v *ec2.VPC) { v.Spec.EnableDNSSupport = nil }, wantWrites: 1,
		},
		"we want a list entry less": {
			desired: func(v *ec2.VPC) { v.Spec.Tags = v.Spec.Tags[:1] }, wantWrites: 1,
		},
		"we want a label less": {
			desired: func(v *ec2.VPC) { v.Labels = nil }, wantWrites: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			w.pass(t, desiredVPC())
			w.reconcileVPC(t, tc.actual, syncedAt(applied.Add(time.Second)))
			w.writes = 0
			w.clock.SetTime(applied.Add(time.Minute))

			desired := desiredVPC()
			if tc.desired != nil {
				tc.desired(desired)
			}
			_, done, outcome := w.ensure(t, desired.DeepCopy())
			g.Expect(w.writes).To(Equal(tc.wantWrites))
			if tc.wantWrites > 0 {
				g.Expect(done).To(BeFalse())
				g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonSyncing))
			} else {
				g.Expect(done).To(BeTrue())
			}
			final := desired.DeepCopy()
			if tc.wantSpec != nil {
				tc.wantSpec(final)
			}
			g.Expect(w.vpc(t).Spec).To(Equal(final.Spec))

			w.pass(t, desired.DeepCopy())
			g.Expect(w.writes).To(Equal(tc.wantWrites), "a second pass writes nothing")
		})
	}
}

func TestEnsureDoesNotBelieveConditionsOfTheSpecBefore(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	w.pass(t, desiredVPC())
	w.reconcileVPC(t, nil, syncedAt(applied.Add(time.Second)))

	w.clock.SetTime(applied.Add(time.Minute))
	changed := desiredVPC()
	changed.Spec.EnableDNSSupport = new(false)
	w.pass(t, changed)
	_, done, outcome := w.ensure(t, changed)
	g.Expect(done).To(BeFalse())
	g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonSyncing))

	w.reconcileVPC(t, nil, syncedAt(applied.Add(time.Minute+time.Second)))
	_, done, _ = w.ensure(t, changed)
	g.Expect(done).To(BeTrue())
}

func TestEnsureReportsWhatACKSays(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	w.pass(t, desiredVPC())
	w.reconcileVPC(t, nil, conditions{says(isTerminal, "True", "bad block")})
	observed, done, outcome := w.ensure(t, desiredVPC())
	g.Expect(done).To(BeFalse())
	g.Expect(step.IsTerminal(outcome)).To(BeTrue())
	g.Expect(outcome).To(MatchError("VPC production001-dublin: bad block"))
	g.Expect(observed.Status.VPCID).To(HaveValue(Equal("vpc-1")), "what is known is known")
}

func TestEnsureReportsWhatACKsSchemaRefuses(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	w.pass(t, desiredVPC())
	w.broken = apierrors.NewInvalid(schema.GroupKind{Group: "ec2.services.k8s.aws", Kind: "VPC"}, "production001-dublin",
		field.ErrorList{field.Invalid(field.NewPath("spec", "cidrBlocks"), "10.9.0.0/18", "Value is immutable once set")})
	changed := desiredVPC()
	changed.Spec.CIDRBlocks = []string{"10.9.0.0/18"}
	_, done, outcome := w.ensure(t, changed)
	g.Expect(done).To(BeFalse())
	g.Expect(step.IsTerminal(outcome)).To(BeTrue())
	g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonRejectedByACK))
	g.Expect(outcome).To(MatchError(ContainSubstring("Value is immutable once set")))
}

func TestEnsureChecksTheKindsOwnState(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	check := func(v *ec2.VPC) error { return step.Wait("Pending", "VPC is %s", ptr.Deref(v.Status.State, "unknown")) }
	_, done, outcome := w.ensure(t, desiredVPC(), check)
	g.Expect(done).To(BeFalse())
	g.Expect(outcome).To(MatchError("VPC production001-dublin"), "nothing to check yet")

	w.reconcileVPC(t, nil, syncedAt(applied.Add(time.Second)))
	_, done, outcome = w.ensure(t, desiredVPC(), func(*ec2.VPC) error { return nil }, check)
	g.Expect(done).To(BeFalse())
	g.Expect(outcome).To(MatchError("VPC is unknown"))
	g.Expect(step.ReasonOf(outcome)).To(Equal("Pending"))
}

func TestEnsureLeavesADyingObjectAlone(t *testing.T) {
	g := NewWithT(t)
	dying := desiredVPC()
	dying.Finalizers = []string{"finalizers.ec2.services.k8s.aws/VPC"}
	w := newWorld(t, dying)
	g.Expect(w.Delete(t.Context(), w.vpc(t))).To(Succeed())
	_, done, outcome := w.ensure(t, desiredVPC())
	g.Expect(done).To(BeFalse())
	g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonDeleting))
	g.Expect(w.writes).To(BeZero())
}

func TestEnsureTakesOverAnObjectThatIsThere(t *testing.T) {
	g := NewWithT(t)
	found := desiredVPC()
	found.Annotations[annotationApplied] = "not ours"
	w := newWorld(t, found)
	_, done, _ := w.ensure(t, desiredVPC())
	g.Expect(done).To(BeFalse())
	g.Expect(w.writes).To(Equal(1))
}

func TestFailuresAreRetried(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	w.broken = errors.New("no quorum")
	_, done, outcome := w.ensure(t, desiredVPC())
	g.Expect(done).To(BeFalse())
	g.Expect(outcome).To(MatchError(w.broken))
	g.Expect(outcome).To(MatchError(HavePrefix("applying VPC production001-dublin: ")))
	g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonRetrying))
}

func TestOutcomeOfAStepWithSeveralObjects(t *testing.T) {
	broken := errors.New("broken")
	for name, tc := range map[string]struct {
		pending      []error
		wantReason   string
		wantMessage  string
		wantTerminal bool
		wantAfter    time.Duration
	}{
		"all done": {wantReason: v1alpha1.ReasonSucceeded},
		"all that is waited for": {
			pending:    []error{step.Wait("Creating", "VPC a"), step.Wait("Syncing", "Role b")},
			wantReason: "Creating", wantMessage: "VPC a, Role b",
		},
		"a failure before what waits": {
			pending:    []error{step.Wait("Creating", "VPC a"), broken},
			wantReason: v1alpha1.ReasonRetrying, wantMessage: "broken",
		},
		"what is refused before what waits": {
			pending:    []error{step.Wait("Creating", "VPC a"), step.Terminal("RejectedByAWS", "Role b: bad")},
			wantReason: "RejectedByAWS", wantMessage: "Role b: bad", wantTerminal: true,
		},
		"a failure before what is stuck": {
			pending:    []error{step.Stuck(time.Minute, "NotOurs", "Role b"), broken},
			wantReason: v1alpha1.ReasonRetrying, wantMessage: "broken",
		},
		"trouble before what only takes time": {
			pending:    []error{step.Wait("Adopting", "VPC a"), step.Wait("Creating", "Subnet a"), step.Wait("RetryingInAWS", "Role b: throttled")},
			wantReason: "RetryingInAWS", wantMessage: "VPC a, Subnet a, Role b: throttled",
		},
		"the earliest look at what waits": {
			pending:    []error{step.Poll(time.Hour, "Creating", "VPC a"), step.Wait("Creating", "VPC b"), step.Poll(time.Minute, "Creating", "VPC c")},
			wantReason: "Creating", wantMessage: "VPC a, VPC b, VPC c", wantAfter: time.Minute,
		},
		"the earliest look at what is stuck": {
			pending:    []error{step.Stuck(time.Hour, "NotOurs", "Role a"), step.Stuck(time.Minute, "RejectedByAWS", "Role b")},
			wantReason: "NotOurs", wantMessage: "Role a", wantTerminal: true, wantAfter: time.Minute,
		},
		"the earliest look, although it is at what waits": {
			pending:    []error{step.Poll(time.Minute, "Creating", "VPC a"), step.Terminal("RejectedByACK", "Role b")},
			wantReason: "RejectedByACK", wantMessage: "Role b", wantTerminal: true, wantAfter: time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			a := &Applier{pending: tc.pending}
			g.Expect(step.ReasonOf(a.Outcome())).To(Equal(tc.wantReason))
			g.Expect(step.IsTerminal(a.Outcome())).To(Equal(tc.wantTerminal))
			g.Expect(step.PollAfter(a.Outcome())).To(Equal(tc.wantAfter))
			if tc.wantMessage != "" {
				g.Expect(a.Outcome()).To(MatchError(tc.wantMessage))
			}
		})
	}
}

func TestEnsureDoesNotWaitForACKToSeeALabel(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	w.pass(t, desiredVPC())
	w.reconcileVPC(t, nil, syncedAt(applied.Add(time.Second)))

	w.clock.SetTime(applied.Add(time.Minute))
	labelled := desiredVPC()
	labelled.Labels["new"] = "x"
	w.pass(t, labelled)
	g.Expect(w.writes).To(Equal(2))
	_, done, _ := w.ensure(t, labelled)
	g.Expect(done).To(BeTrue(), "ACK reconciles no object whose generation stays, so its conditions stay valid")
}

func FuzzLastApply(f *testing.F) {
	f.Add("0123.4567 2026-01-02T03:04:05Z 2026-01-02T03:04:04Z")
	f.Add("0123.4567 2026-01-02T03:04:05Z -")
	f.Add("0123")
	f.Add("")
	f.Fuzz(func(t *testing.T, annotation string) {
		v := desiredVPC()
		v.Annotations[annotationApplied] = annotation
		// Whatever somebody wrote there, ACK's word on an object that it synced since counts.
		last := lastApply(v)
		if err := synced("VPC x", syncedAt(last.syncedBefore.Add(time.Second)), last); err != nil {
			t.Errorf("%q: %v", annotation, err)
		}
	})
}
