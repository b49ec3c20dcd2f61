package promotion

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// theatre plays a promotion: regions, their Applications, and an Argo CD that moves each
// Application one stage further between two passes of the reconciler.
type theatre struct {
	client.WithWatch
	reconciler *Reconciler
	clock      *testingclock.FakePassiveClock
	// deployedFrom says which revision Argo CD is given; nil for the cluster Secret's.
	deployedFrom func(region, application string) string
	log          []string // what each pass that brought news did
	passes       int
}

const (
	environment = "production001"
	refresh     = "argocd.argoproj.io/refresh"
)

// cast are the Regions, from the oldest to the youngest, and the applications in each.
var (
	cast         = []string{"virginia", "dublin", "tokyo"}
	applications = []string{"core", "unkey-api"}
)

func newTheatre(t *testing.T) *theatre {
	t.Helper()
	g := NewWithT(t)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme, argocd.AddToScheme} {
		g.Expect(add(scheme)).To(Succeed())
	}
	env := &v1alpha1.Environment{}
	env.Namespace, env.Name = "fleet", environment
	profile := v1alpha1.Profile{Name: "base", KubernetesVersion: "1.34", NodeGroups: []v1alpha1.NodeGroup{{Name: "system"}}}
	for _, a := range applications {
		profile.Applications = append(profile.Applications, v1alpha1.Application{Name: a})
	}
	env.Spec.Profiles = []v1alpha1.Profile{profile}
	objects := []client.Object{env}
	for age, name := range cast {
		objects = append(objects, born(name, age)...)
	}
	th := &theatre{clock: testingclock.NewFakePassiveClock(start)}
	th.WithWatch = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(&v1alpha1.Promotion{}).Build()
	th.reconciler = NewReconciler(Deps{
		Client: th, Clock: th.clock, Events: events.NewFakeRecorder(1024), Poll: time.Minute, SlowPoll: 5 * time.Minute, Resync: time.Hour,
		ArgoCD: &argocd.Clusters{Client: th, Live: th, Namespace: "argocd"},
	})
	return th
}

func regionNamed(name string, age int) *v1alpha1.Region {
	region := &v1alpha1.Region{}
	region.Namespace, region.Name = "fleet", name
	region.CreationTimestamp = metav1.NewTime(start.Add(time.Duration(age) * time.Hour))
	region.Spec.EnvironmentRef.Name, region.Spec.Profile = environment, "base"
	return region
}

// born is a Region that runs the old revision healthily, and what belongs to it.
func born(name string, age int) []client.Object {
	region := regionNamed(name, age)
	secret := &corev1.Secret{}
	secret.Namespace, secret.Name = "argocd", argocd.SecretName(plan.ClusterName(region))
	secret.Annotations = map[string]string{argocd.AnnotationOwner: region.Namespace + "/" + region.Name}
	objects := []client.Object{region, secret}
	for _, a := range applications {
		secret.Annotations[v1alpha1.AnnotationRevisionPrefix+a] = string(old)
		application := &argocd.Application{}
		application.Namespace, application.Name = "argocd", a+"-"+name
		application.Labels = plan.Labels(region)
		application.Labels[v1alpha1.LabelApplication] = a
		application.Spec.Source = &argocd.Source{RepoURL: "https://git.test/infra", TargetRevision: string(old)}
		deployed(application, start)
		objects = append(objects, application)
	}
	return objects
}

// deployed puts an Application where a healthy deployment of its revision leaves it.
func deployed(a *argocd.Application, at time.Time) {
	a.Status = argocd.ApplicationStatus{
		Sync:           argocd.Sync{Status: "Synced", Revision: a.Spec.Source.TargetRevision, ComparedTo: argocd.ComparedTo{Source: *a.Spec.Source}},
		Health:         argocd.Health{Status: "Healthy"},
		ReconciledAt:   &metav1.Time{Time: at},
		OperationState: &argocd.OperationState{Phase: "Succeeded", FinishedAt: &metav1.Time{Time: at}},
		Resources:      []argocd.Resource{{Kind: "Deployment", Name: "x"}},
	}
}

// stage moves an Application one stage further on its way to the pin; unkey-api has one
// stage more than core, and a bad revision of it never becomes healthy.
func stage(a *argocd.Application, pin string, now time.Time) {
	slow := a.Labels[v1alpha1.LabelApplication] == "unkey-api"
	switch {
	case a.Spec.Source.TargetRevision != pin:
		a.Spec.Source.TargetRevision = pin
	case a.Status.Sync.Revision != pin:
		deployed(a, now)
		a.Status.OperationState = &argocd.OperationState{Phase: "Running"}
	case a.Status.OperationState.Phase == "Running":
		deployed(a, now)
		if slow {
			a.Status.Health.Status = "Progressing"
		}
	case slow && pin == string(bad):
		a.Status.Health.Status = "Degraded"
	case a.Status.Health.Status != "Healthy":
		deployed(a, now)
	}
}

// act lets Argo CD work for a minute.
func (th *theatre) act(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	th.clock.SetTime(th.clock.Now().Add(time.Minute))
	for _, name := range cast {
		region := regionNamed(name, 0)
		secret, err := th.reconciler.ArgoCD.Get(t.Context(), region)
		g.Expect(err).NotTo(HaveOccurred())
		if secret == nil {
			continue // not registered
		}
		found, err := th.reconciler.ArgoCD.Applications(t.Context(), region)
		g.Expect(err).NotTo(HaveOccurred())
		for app, a := range found {
			before := a.DeepCopy()
			pin := secret.Annotations[v1alpha1.AnnotationRevisionPrefix+app]
			if th.deployedFrom != nil {
				pin = th.deployedFrom(name, app)
			}
			stage(a, pin, th.clock.Now())
			if a.Annotations[refresh] != "" { // the comparison that was asked for
				delete(a.Annotations, refresh)
				a.Status.ReconciledAt = &metav1.Time{Time: th.clock.Now()}
			}
			if !reflect.DeepEqual(a, before) {
				g.Expect(th.Update(t.Context(), a)).To(Succeed())
			}
		}
	}
}

// pins says at which commit each application of each region is pinned.
func (th *theatre) pins(t *testing.T) string {
	t.Helper()
	var all []string
	for _, name := range cast {
		secret, err := th.reconciler.ArgoCD.Get(t.Context(), regionNamed(name, 0))
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		if secret == nil {
			continue
		}
		pins := name
		for _, a := range applications {
			pins += " " + a + "@" + secret.Annotations[v1alpha1.AnnotationRevisionPrefix+a][:1]
		}
		all = append(all, pins)
	}
	return strings.Join(all, ", ")
}

// pass reconciles the Promotion as long as it asks to be looked at again at once, and logs what
// that did.
func (th *theatre) pass(t *testing.T, name string) *v1alpha1.Promotion {
	t.Helper()
	g := NewWithT(t)
	p := &v1alpha1.Promotion{}
	for range 20 {
		g.Expect(th.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: name}, p)).To(Succeed())
		result, err := th.reconciler.Reconcile(t.Context(), p)
		g.Expect(err).NotTo(HaveOccurred())
		if result.RequeueAfter > atOnce {
			break
		}
	}
	th.passes++
	ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
	said := fmt.Sprintf("%s\n  %s, Ready is %s: %s\n", th.pins(t), p.Status.Wave,
		ready.Status, strings.TrimSuffix(ready.Reason+", "+ready.Message, ", "))
	if len(th.log) == 0 || th.log[len(th.log)-1] != said {
		th.log = append(th.log, said)
	}
	return p
}

// play repeats passes until two in a row bring no news: nothing in this world takes longer.
func (th *theatre) play(t *testing.T, name string) *v1alpha1.Promotion {
	t.Helper()
	for quiet := 0; ; quiet++ {
		known := len(th.log)
		p := th.pass(t, name)
		switch {
		case len(th.log) > known:
			quiet = 0
		case quiet == 2:
			return p
		}
		if th.passes > 100 {
			t.Fatalf("the promotion never comes to rest:\n%s", strings.Join(th.log, ""))
		}
		th.act(t)
	}
}

// set writes the Promotion that is wanted from now on.
func (th *theatre) set(t *testing.T, p *v1alpha1.Promotion) {
	t.Helper()
	g := NewWithT(t)
	current := &v1alpha1.Promotion{}
	err := th.Get(t.Context(), client.ObjectKeyFromObject(p), current)
	if client.IgnoreNotFound(err) == nil && err != nil {
		g.Expect(th.Create(t.Context(), p.DeepCopy())).To(Succeed())
	} else {
		g.Expect(err).NotTo(HaveOccurred())
		current.Spec = p.Spec
		g.Expect(th.Update(t.Context(), current)).To(Succeed())
	}
	th.log = append(th.log, fmt.Sprintf("--- %s: %s%s\n", p.Name, p.Spec.Revision[:1], overrides(p)))
}

func overrides(p *v1alpha1.Promotion) string {
	var all strings.Builder
	for _, o := range p.Spec.Overrides {
		fmt.Fprintf(&all, ", %s at %s", o.Application, o.Revision[:1])
	}
	return all.String()
}

func promotionTo(revision v1alpha1.GitRevision, over ...v1alpha1.RevisionOverride) *v1alpha1.Promotion {
	p := &v1alpha1.Promotion{}
	p.Namespace, p.Name = "fleet", "all"
	p.Spec.EnvironmentRef.Name, p.Spec.Revision, p.Spec.Overrides = environment, revision, over
	return p
}

func TestRolloutOverThreeRegions(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	th.set(t, promotionTo(good))
	p := th.play(t, "all")
	g.Expect(p.Status.CurrentRevision).To(Equal(good))
}

func TestABadRevisionStopsAtTheFirstRegionAndIsReverted(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	th.set(t, promotionTo(old))
	g.Expect(th.play(t, "all").Status.CurrentRevision).To(Equal(old))
	th.set(t, promotionTo(bad))
	p := th.play(t, "all")
	g.Expect(p.Status.CurrentRevision).To(Equal(old))
	g.Expect(th.pins(t)).To(Equal("virginia core@c unkey-api@c, dublin core@a unkey-api@a, tokyo core@a unkey-api@a"))
	th.set(t, promotionTo(old))
	g.Expect(th.play(t, "all").Status.CurrentRevision).To(Equal(old))
}

func TestAnOverridePinsOneApplication(t *testing.T) {
	th := newTheatre(t)
	th.set(t, promotionTo(good, v1alpha1.RevisionOverride{Application: "core", Revision: old}))
	th.play(t, "all")
	NewWithT(t).Expect(th.pins(t)).To(Equal("virginia core@a unkey-api@b, dublin core@a unkey-api@b, tokyo core@a unkey-api@b"))
}
