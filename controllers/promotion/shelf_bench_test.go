package promotion

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/tools/events"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// shelf is a fleet and a client of it in one. It answers as a warm cache does and takes writes at
// once, so that what is measured over it is Portolan's own work.
type shelf struct {
	client.Client // panics where nothing is overridden

	environment *v1alpha1.Environment
	promotion   *v1alpha1.Promotion
	regions     []v1alpha1.Region
	secrets     map[string]*corev1.Secret
	apps        []argocd.Application
	places      map[string]int // of Applications in apps, by name

	reconciler *Reconciler
	clock      *testingclock.FakePassiveClock

	passes   int
	requests int       // that write
	wrote    time.Time // when the first pin was written since this was last zero, by the real clock
	length   int       // the most bytes that the Promotion's JSON ever had
}

const (
	applicationsOnShelf = 20 // in each region
	togetherOnShelf     = 20 // regions of a wave
)

// shelfOf has a settled fleet at the old revision, and waves of twenty regions.
func shelfOf(b *testing.B, regions int) *shelf {
	b.Helper()
	s := &shelf{
		environment: &v1alpha1.Environment{}, promotion: promotionTo(old), clock: testingclock.NewFakePassiveClock(start),
		secrets: map[string]*corev1.Secret{}, places: map[string]int{},
	}
	s.environment.Namespace, s.environment.Name = "fleet", environment
	s.promotion.ResourceVersion = "1"
	profile := v1alpha1.Profile{Name: "base", KubernetesVersion: "1.34", NodeGroups: []v1alpha1.NodeGroup{{Name: "system"}}}
	for a := range applicationsOnShelf {
		profile.Applications = append(profile.Applications, v1alpha1.Application{Name: fmt.Sprintf("app-%02d", a)})
	}
	s.environment.Spec.Profiles = []v1alpha1.Profile{profile}
	for n := range regions {
		name := fmt.Sprintf("region-%03d", n)
		if n%togetherOnShelf == 0 {
			s.promotion.Spec.Waves = append(s.promotion.Spec.Waves, v1alpha1.PromotionWave{Name: "from " + name})
		}
		last := &s.promotion.Spec.Waves[len(s.promotion.Spec.Waves)-1]
		last.Regions = append(last.Regions, name)
		s.add(regionNamed(name, n), profile.Applications)
	}
	s.reconciler = NewReconciler(Deps{
		Client: s, Clock: s.clock, Events: &events.FakeRecorder{}, Poll: time.Minute, SlowPoll: time.Minute, Resync: time.Hour,
		ArgoCD: &argocd.Clusters{Client: s, Live: s, Namespace: "argocd"},
	})
	s.until(b, "settled", func() bool { return meta.IsStatusConditionTrue(s.promotion.Status.Conditions, v1alpha1.ConditionReady) })
	if waves := s.promotion.Status.Rollout.Waves; len(waves) != len(s.promotion.Spec.Waves) {
		b.Fatalf("the fleet settled in %d waves: %s", len(waves), s.waitsFor())
	}
	s.passes, s.requests, s.length = 0, 0, 0
	return s
}

// add puts a region on the shelf, with Applications that are healthy at the old revision.
func (s *shelf) add(region *v1alpha1.Region, applications []v1alpha1.Application) {
	s.regions = append(s.regions, *region)
	secret := &corev1.Secret{}
	secret.Namespace, secret.Name, secret.Annotations = "argocd", argocd.SecretName(plan.ClusterName(region)), map[string]string{}
	s.secrets[secret.Name] = secret
	for _, app := range applications {
		secret.Annotations[v1alpha1.AnnotationRevisionPrefix+app.Name] = string(old)
		a := argocd.Application{}
		a.Namespace, a.Name, a.Labels = "argocd", region.Name+"-"+app.Name, plan.Labels(region)
		a.Labels[v1alpha1.LabelApplication] = app.Name
		a.Spec.Source = &argocd.Source{RepoURL: "https://git.example/infra", Path: "charts/" + app.Name, TargetRevision: string(old)}
		deployed(&a, start)
		s.places[a.Name] = len(s.apps)
		s.apps = append(s.apps, a)
	}
}

func (s *shelf) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	switch o := obj.(type) {
	case *v1alpha1.Environment:
		s.environment.DeepCopyInto(o)
	case *corev1.Secret:
		s.secrets[key.Name].DeepCopyInto(o)
	default:
		return fmt.Errorf("there is no %T on the shelf", obj)
	}
	return nil
}

func (s *shelf) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	o := (&client.ListOptions{}).ApplyOptions(opts)
	switch l := list.(type) {
	case *v1alpha1.RegionList:
		l.Items = s.regions
	case *v1alpha1.PromotionList:
		l.Items = []v1alpha1.Promotion{*s.promotion}
	case *argocd.ApplicationList:
		l.Items = make([]argocd.Application, 0, len(s.apps))
		for i := range s.apps {
			if o.LabelSelector == nil || o.LabelSelector.Matches(labels.Set(s.apps[i].Labels)) {
				l.Items = append(l.Items, s.apps[i])
			}
		}
	}
	return nil
}

func (s *shelf) Apply(_ context.Context, obj runtime.ApplyConfiguration, _ ...client.ApplyOption) error {
	if s.requests++; s.wrote.IsZero() {
		s.wrote = time.Now()
	}
	secret, ok := obj.(*applycorev1.SecretApplyConfiguration)
	if !ok {
		return fmt.Errorf("there is no %T on the shelf", obj)
	}
	maps.Copy(s.secrets[*secret.Name].Annotations, secret.Annotations)
	return nil
}

// Patch is only ever asked for a comparison.
func (s *shelf) Patch(_ context.Context, obj client.Object, _ client.Patch, _ ...client.PatchOption) error {
	s.requests++
	s.apps[s.places[obj.GetName()]].Annotations = map[string]string{refresh: "normal"}
	return nil
}

func (s *shelf) Status() client.SubResourceWriter { return shelfStatus{shelf: s} }

type shelfStatus struct {
	client.SubResourceWriter
	shelf *shelf
}

// Patch encodes the patch, as it would have to be sent.
func (w shelfStatus) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	w.shelf.requests++
	if _, err := patch.Data(obj); err != nil {
		return fmt.Errorf("encoding the patch: %w", err)
	}
	return nil
}

// deploy plays an Argo CD that needs no time: every Application is healthy at its pin, and was
// compared as often as asked.
func (s *shelf) deploy() {
	for i := range s.apps {
		a := &s.apps[i]
		pin := s.secretOf(a).Annotations[v1alpha1.AnnotationRevisionPrefix+a.Labels[v1alpha1.LabelApplication]]
		if a.Spec.Source.TargetRevision == pin && a.Annotations == nil {
			continue
		}
		a.Annotations, a.Spec.Source = nil, &argocd.Source{RepoURL: a.Spec.Source.RepoURL, Path: a.Spec.Source.Path, TargetRevision: pin}
		deployed(a, s.clock.Now())
	}
}

func (s *shelf) secretOf(a *argocd.Application) *corev1.Secret {
	return s.secrets[argocd.SecretName(plan.ClusterName(regionNamed(a.Labels[v1alpha1.LabelRegion], 0)))]
}

func (s *shelf) pin(region, application string) string {
	return s.secretOf(&s.apps[s.places[region+"-"+application]]).Annotations[v1alpha1.AnnotationRevisionPrefix+application]
}

// progress is what the status says of a region.
func (s *shelf) progress(region string) v1alpha1.RegionProgress {
	if at := progressIn(s.promotion.Status.Rollout)[region]; at != nil {
		return *at
	}
	return v1alpha1.RegionProgress{}
}

// fail ends the last sync of an Application badly.
func (s *shelf) fail(name string) {
	a := &s.apps[s.places[name]]
	a.Annotations = nil
	a.Status.OperationState = &argocd.OperationState{
		Phase: "Failed", FinishedAt: &metav1.Time{Time: s.clock.Now()}, SyncResult: &argocd.SyncResult{Revision: a.Spec.Source.TargetRevision},
	}
}

// pass reconciles once, a second after the pass before, and returns how long that took.
func (s *shelf) pass(b *testing.B) time.Duration {
	b.Helper()
	s.clock.SetTime(s.clock.Now().Add(time.Second))
	s.passes++
	began := time.Now()
	if _, err := s.reconciler.Reconcile(b.Context(), s.promotion); err != nil {
		b.Fatal(err)
	}
	took := time.Since(began)
	encoded, err := json.Marshal(s.promotion)
	if err != nil {
		b.Fatal(err)
	}
	s.length = max(s.length, len(encoded))
	return took
}

// until makes passes until something is so, with Argo CD's work between them, and returns how long
// Portolan took.
func (s *shelf) until(b *testing.B, what string, so func() bool) time.Duration {
	b.Helper()
	var took time.Duration
	most := s.passes + 20 + 10*len(s.promotion.Spec.Waves)
	for !so() {
		if s.passes == most {
			b.Fatalf("not %s after %d passes: %s", what, most, s.waitsFor())
		}
		took += s.pass(b)
		s.deploy()
	}
	return took
}

func (s *shelf) waitsFor() string {
	ready := meta.FindStatusCondition(s.promotion.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return "it has no condition Ready"
	}
	return fmt.Sprintf("wave %s, %s: %s", s.promotion.Status.Wave, ready.Reason, ready.Message)
}
