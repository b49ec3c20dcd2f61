package revision

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

var now = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

func environment(uid types.UID) *v1alpha1.Environment {
	env := &v1alpha1.Environment{}
	env.Namespace, env.Name, env.UID = "fleet", "production001", uid
	env.Spec.AWS.Tags = map[string]string{"team": "platform"}
	env.Spec.Profiles = []v1alpha1.Profile{{
		Name: "base", KubernetesVersion: "1.34", NodeGroups: []v1alpha1.NodeGroup{{Name: "system"}},
	}}
	return env
}

func revisionOf(t *testing.T, env *v1alpha1.Environment) *plan.ProfileRevision {
	t.Helper()
	rev, err := plan.ProfileRevisionOf(env, "base")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return rev
}

// store is an API server that counts writes and can fail.
type store struct {
	client.WithWatch
	records *Records
	clock   *testingclock.FakePassiveClock
	writes  []string
	// broken fails the call of that name.
	broken map[string]error
	// blind hides records from as many reads as a cache that is behind would.
	blind int
}

func newStore(t *testing.T) *store {
	t.Helper()
	scheme := runtime.NewScheme()
	NewWithT(t).Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	NewWithT(t).Expect(appsv1.AddToScheme(scheme)).To(Succeed())
	s := &store{broken: map[string]error{}, clock: testingclock.NewFakePassiveClock(now)}
	s.WithWatch = fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if err := s.broken["get"]; err != nil {
				return err
			}
			if s.blind > 0 {
				s.blind--
				return apierrors.NewNotFound(appsv1.Resource("controllerrevisions"), key.Name)
			}
			return c.Get(ctx, key, obj, opts...)
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if err := s.broken["list"]; err != nil {
				return err
			}
			return c.List(ctx, list, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if err := s.broken["create"]; err != nil {
				return err
			}
			s.writes = append(s.writes, "create "+obj.GetName())
			obj.SetCreationTimestamp(metav1.NewTime(s.clock.Now()))
			return c.Create(ctx, obj, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			if err := s.broken["delete"]; err != nil {
				return err
			}
			s.writes = append(s.writes, "delete "+obj.GetName())
			return c.Delete(ctx, obj, opts...)
		},
	}).Build()
	s.records = &Records{Client: s, Clock: s.clock}
	return s
}

func (s *store) names(t *testing.T) []string {
	t.Helper()
	list := &appsv1.ControllerRevisionList{}
	NewWithT(t).Expect(s.List(t.Context(), list)).To(Succeed())
	var names []string
	for _, r := range list.Items {
		names = append(names, r.Name)
	}
	return names
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	g := NewWithT(t)
	s, env := newStore(t), environment("one")
	rev := revisionOf(t, env)
	g.Expect(s.records.Save(t.Context(), env, rev)).To(Succeed())
	g.Expect(s.records.Load(t.Context(), env, rev.Name())).To(Equal(rev))

	name := "production001-" + rev.Name()
	record := &appsv1.ControllerRevision{}
	g.Expect(s.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: name}, record)).To(Succeed())
	g.Expect(record.Labels).To(Equal(map[string]string{"portolan.dev/environment": "production001"}))
	g.Expect(record.OwnerReferences).To(Equal([]metav1.OwnerReference{{
		APIVersion: "portolan.dev/v1alpha1", Kind: "Environment", Name: "production001", UID: "one",
	}}), "it goes with its Environment and holds nothing up")

	g.Expect(s.records.Save(t.Context(), env, rev)).To(Succeed())
	g.Expect(s.writes).To(Equal([]string{"create " + name}), "once is enough")
}

func TestWhatIsNotKeptIsNotFound(t *testing.T) {
	g := NewWithT(t)
	s, env := newStore(t), environment("one")
	_, err := s.records.Load(t.Context(), env, "base-0000000000")
	g.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "got %v", err)
	g.Expect(err).To(MatchError(ContainSubstring("production001-base-0000000000")))
}

func TestACacheThatIsBehindIsNoFailure(t *testing.T) {
	g := NewWithT(t)
	s, env := newStore(t), environment("one")
	rev := revisionOf(t, env)
	g.Expect(s.records.Save(t.Context(), env, rev)).To(Succeed())

	s.blind = 1 // until the create was refused
	g.Expect(s.records.Save(t.Context(), env, rev)).To(Succeed())
	s.blind = 2
	g.Expect(apierrors.IsAlreadyExists(s.records.Save(t.Context(), env, rev))).To(BeTrue(), "nobody knows yet whose it is: try again")
}

func TestARecordOfAnEarlierEnvironmentIsReplaced(t *testing.T) {
	g := NewWithT(t)
	s := newStore(t)
	rev := revisionOf(t, environment("one"))
	g.Expect(s.records.Save(t.Context(), environment("one"), rev)).To(Succeed())

	// The garbage collector is going to delete what belongs to the one that is gone.
	again := environment("two")
	g.Expect(s.records.Save(t.Context(), again, rev)).To(Succeed())
	record := &appsv1.ControllerRevision{}
	g.Expect(s.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: "production001-" + rev.Name()}, record)).To(Succeed())
	g.Expect(record.OwnerReferences).To(HaveExactElements(HaveField("UID", types.UID("two"))))
	g.Expect(s.records.Load(t.Context(), again, rev.Name())).To(Equal(rev))
}

func TestPrune(t *testing.T) {
	for name, tc := range map[string]struct {
		age      time.Duration
		keep     []string
		as       types.UID
		wantKept bool
	}{
		"nobody names it":                     {age: time.Hour, as: "one"},
		"others are named":                    {age: time.Hour, as: "one", keep: []string{"base-0000000000", ""}},
		"it is named":                         {age: time.Hour, as: "one", keep: []string{"base-0000000000", "*"}, wantKept: true},
		"it may be named in a moment":         {age: 59 * time.Second, as: "one", wantKept: true},
		"it is of another Environment":        {age: time.Hour, as: "two", wantKept: true},
		"it was made by a clock that is fast": {age: -time.Hour, as: "one", wantKept: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := newStore(t)
			rev := revisionOf(t, environment("one"))
			g.Expect(s.records.Save(t.Context(), environment("one"), rev)).To(Succeed())
			s.clock.SetTime(now.Add(tc.age))
			for i, k := range tc.keep {
				if k == "*" {
					tc.keep[i] = rev.Name()
				}
			}
			g.Expect(s.records.Prune(t.Context(), environment(tc.as), tc.keep)).To(Succeed())
			if tc.wantKept {
				g.Expect(s.names(t)).To(HaveExactElements("production001-" + rev.Name()))
			} else {
				g.Expect(s.names(t)).To(BeEmpty())
			}
		})
	}
}

func TestOtherObjectsOfTheKindAreLeftAlone(t *testing.T) {
	g := NewWithT(t)
	s := newStore(t)
	other := &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: "fleet", Name: "production001-base", Labels: map[string]string{"app": "db"}}}
	g.Expect(s.Create(t.Context(), other)).To(Succeed())
	s.clock.SetTime(now.Add(time.Hour))
	g.Expect(s.records.Prune(t.Context(), environment("one"), nil)).To(Succeed())
	g.Expect(s.names(t)).To(HaveLen(1))
}

func TestFailuresAreHandedOn(t *testing.T) {
	refused := errors.New("refused")
	for name, tc := range map[string]struct {
		call string
		do   func(*store, *v1alpha1.Environment) error
	}{
		"reading before saving": {"get", func(s *store, env *v1alpha1.Environment) error {
			return s.records.Save(t.Context(), env, revisionOf(t, env))
		}},
		"creating": {"create", func(s *store, env *v1alpha1.Environment) error {
			env.Spec.AWS.Tags = nil
			return s.records.Save(t.Context(), env, revisionOf(t, env))
		}},
		"replacing": {"delete", func(s *store, env *v1alpha1.Environment) error {
			return s.records.Save(t.Context(), environment("two"), revisionOf(t, env))
		}},
		"loading": {"get", func(s *store, env *v1alpha1.Environment) error {
			_, err := s.records.Load(t.Context(), env, revisionOf(t, env).Name())
			return err
		}},
		"listing": {"list", func(s *store, env *v1alpha1.Environment) error {
			return s.records.Prune(t.Context(), env, nil)
		}},
		"pruning": {"delete", func(s *store, env *v1alpha1.Environment) error {
			return s.records.Prune(t.Context(), env, nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, env := newStore(t), environment("one")
			g.Expect(s.records.Save(t.Context(), env, revisionOf(t, env))).To(Succeed())
			s.clock.SetTime(now.Add(time.Hour))
			s.broken[tc.call] = refused
			g.Expect(tc.do(s, env)).To(MatchError(refused))
		})
	}
}

func TestARecordThatIsNoRevision(t *testing.T) {
	g := NewWithT(t)
	s, env := newStore(t), environment("one")
	g.Expect(s.Create(t.Context(), &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{Namespace: "fleet", Name: "production001-base-0000000000"},
		Data:       runtime.RawExtension{Raw: []byte(`{"profile":"base"}`)},
	})).To(Succeed())
	_, err := s.records.Load(t.Context(), env, "base-0000000000")
	g.Expect(err).To(MatchError(HavePrefix("decoding ControllerRevision production001-base-0000000000")))
	g.Expect(apierrors.IsNotFound(err)).To(BeFalse())
}
