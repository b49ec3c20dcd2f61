package promotion

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// scope is what one pass has seen. It is never kept between passes.
type scope struct {
	promotion   *v1alpha1.Promotion
	environment *v1alpha1.Environment // nil when there is none
	promotions  []v1alpha1.Promotion  // all of the namespace
	regions     []*v1alpha1.Region    // of the environment, by age, without those that are being deleted
	rings       []v1alpha1.GossipRing
	secrets     map[string]sight                          // by Region
	found       map[string]map[string]*argocd.Application // by Region and application; nil without Argo CD
	broken      argocd.BrokenSets
	world       world
	progress    map[string]*v1alpha1.RegionProgress // as it was recorded
	conflicts   []string                            // applications that another Promotion pins with the same right
	way         way
	// undeliverable is what is wrong with the way that a person has to put right, unread why
	// it could not be looked at which pins there are.
	undeliverable error
	unread        string
	silent        error             // why git is not asked for the files of regions any more
	unheard       int               // how often git gave no answer, as far as hints go
	withheldFor   time.Duration     // until it is asked again for files that pins lack, or zero
	clashes       map[string]string // what is wrong with the way for some Regions only, by their names
	accepted      bool              // the target may be rolled out, as far as git and other Promotions tell
	decision      *decision
}

// sight is a region's cluster Secret, nil without one, or why it cannot be seen.
type sight struct {
	secret *corev1.Secret
	err    error
}

// observe collects the regions that Argo CD knows, the oldest first. A region that is not
// registered yet is born with the promotion's pins and is no part of a rollout.
func (r *Reconciler) observe(ctx context.Context, promotion *v1alpha1.Promotion) (*scope, error) {
	s := &scope{promotion: promotion, environment: &v1alpha1.Environment{}}
	key := client.ObjectKey{Namespace: promotion.Namespace, Name: promotion.Spec.EnvironmentRef.Name}
	if err := r.Client.Get(ctx, key, s.environment); err != nil {
		s.environment = nil
		return s, client.IgnoreNotFound(err)
	}
	if err := r.list(ctx, s); err != nil {
		return nil, err
	}
	s.world = world{now: r.Clock.Now(), rollout: promotion.Status.Rollout}
	s.progress = progressIn(s.world.rollout)
	s.secrets = map[string]sight{}
	for _, region := range s.regions {
		secret, err := r.ArgoCD.Get(ctx, region)
		s.secrets[region.Name] = sight{secret, err}
	}
	s.way = r.wayOf(ctx, s)
	for _, region := range s.regions {
		state, err := r.look(ctx, s, region)
		if err != nil {
			return nil, err
		}
		if state != nil {
			s.world.regions = append(s.world.regions, *state)
		}
	}
	return s, nil
}

func (r *Reconciler) list(ctx context.Context, s *scope) error {
	here := []client.ListOption{client.InNamespace(s.promotion.Namespace), client.UnsafeDisableDeepCopy}
	regions, promotions, rings := &v1alpha1.RegionList{}, &v1alpha1.PromotionList{}, &v1alpha1.GossipRingList{}
	for _, list := range []client.ObjectList{regions, promotions, rings} {
		if err := r.Client.List(ctx, list, here...); err != nil {
			return fmt.Errorf("listing %T: %w", list, err)
		}
	}
	s.promotions, s.rings = promotions.Items, rings.Items
	for i := range regions.Items {
		if region := &regions.Items[i]; region.Spec.EnvironmentRef == s.promotion.Spec.EnvironmentRef && region.DeletionTimestamp.IsZero() {
			s.regions = append(s.regions, region)
		}
	}
	slices.SortFunc(s.regions, byAge)
	found, err := r.ArgoCD.AllApplications(ctx, s.environment)
	if err != nil && !meta.IsNoMatchError(err) {
		return err
	}
	s.found = found
	s.broken, err = r.ArgoCD.BrokenSets(ctx)
	return err
}

func byAge(a, b *v1alpha1.Region) int {
	if older := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); older != 0 {
		return older
	}
	return strings.Compare(a.Name, b.Name)
}

// look observes one region, or returns nil when it has no part in a rollout.
func (r *Reconciler) look(ctx context.Context, s *scope, region *v1alpha1.Region) (*regionState, error) {
	state := &regionState{name: region.Name, cluster: plan.ClusterName(region), unconnected: s.unconnected(region)}
	secret, err := s.secrets[region.Name].secret, s.secrets[region.Name].err
	switch {
	case errors.Is(err, argocd.ErrUnreachable): // it keeps its turn
		state.unknown, state.unseen = clip(err.Error()), true
		return state, nil
	case err != nil:
		return nil, err
	case !s.partOf(region):
		return nil, nil //nolint:nilnil // it is born with its pins
	}
	profile, err := plan.Profile(s.environment, region.Spec.Profile)
	if err != nil { // likewise
		state.unknown, state.unseen = clip(err.Error()), true
		return state, nil
	}
	broken, err := r.brokenFor(ctx, s, region)
	if err != nil {
		return nil, err
	}
	for _, app := range profile.Applications {
		responsible := plan.Responsible(s.promotions, s.environment.Name, app.Name)
		if responsible == nil || responsible.Name != s.promotion.Name {
			s.noteConflict(app.Name, responsible)
			continue
		}
		state.apps = append(state.apps, s.lookAt(region, app.Name, secret, broken))
	}
	if state.unknown = s.untouchable(region, secret); state.unknown == "" {
		state.unknown, state.blind = s.unjudged(region, state.apps)
	}
	return state, nil
}

// partOf tells whether a region has a part in a rollout.
func (s *scope) partOf(region *v1alpha1.Region) bool {
	return s.secrets[region.Name].secret != nil || s.progress[region.Name] != nil
}

// brokenFor are the ApplicationSets that cannot make the applications of a region.
func (r *Reconciler) brokenFor(ctx context.Context, s *scope, region *v1alpha1.Region) (argocd.BrokenSets, error) {
	if s.environment.Spec.ArgoCD.Mode == v1alpha1.ArgoCDPerCluster {
		return r.ArgoCD.BrokenSetsOf(ctx, region)
	}
	return s.broken, nil
}

func (s *scope) lookAt(region *v1alpha1.Region, application string, secret *corev1.Secret, broken argocd.BrokenSets) appState {
	if secret == nil {
		return appState{name: application}
	}
	found := s.found[region.Name][application]
	annotated := v1alpha1.GitRevision(secret.Annotations[v1alpha1.AnnotationRevisionPrefix+application])
	pinned := s.way.pinned(region, found, application, annotated)
	state := appState{
		name: application, pinned: pinned, untold: pinned != annotated,
		verdict: broken.Explain(found, argocd.Evaluate(found, string(pinned))),
	}
	if at := s.progress[region.Name]; at != nil && at.ConfirmAt != nil {
		state.confirmed = argocd.Confirmed(found, at.ConfirmAt.Time, s.world.now)
	}
	return state
}

// progressIn is how far the rollout that is recorded has come in each Region that it goes to.
func progressIn(rollout *v1alpha1.PromotionRollout) map[string]*v1alpha1.RegionProgress {
	progress := map[string]*v1alpha1.RegionProgress{}
	if rollout != nil {
		p := &planner{world: world{rollout: rollout}}
		p.progress(func(_ *v1alpha1.WaveStatus, at *v1alpha1.RegionProgress) { progress[at.Region] = at })
	}
	return progress
}

// untouchable says why a region must not be touched, or cannot.
func (s *scope) untouchable(region *v1alpha1.Region, secret *corev1.Secret) string {
	switch {
	case secret == nil:
		return "it is not registered in Argo CD any more; it goes on when it is"
	case region.Spec.Paused:
		return "its Region is paused; it goes on when that ends"
	case region.Spec.ManagementPolicy == v1alpha1.ManagementObserve:
		return "its Region is only observed"
	case s.unread != "":
		return s.unread + "; it goes on when its pins can be read"
	case s.clashes[region.Name] != "":
		return s.clashes[region.Name]
	case s.found == nil:
		return "the management cluster has no kind Application: install Argo CD"
	}
	return ""
}

// unjudged says why a region cannot be judged, and whether its Applications are seen nevertheless.
func (s *scope) unjudged(region *v1alpha1.Region, apps []appState) (why string, blind bool) {
	for _, a := range apps {
		if a.verdict.Class != argocd.Unreachable {
			continue
		}
		if why == "" {
			why, blind = a.name+" is "+a.verdict.String()+"; it goes on when Argo CD gets through", true
		}
		blind = blind && s.found[region.Name][a.name].Seen()
	}
	return why, blind
}

// unconnected names a ring in which the region does not see all others.
func (s *scope) unconnected(region *v1alpha1.Region) string {
	for i := range s.rings {
		ring := &s.rings[i]
		if !ring.DeletionTimestamp.IsZero() || !plan.Selects(ring, region) || plan.Overruled(ring) {
			continue
		}
		for _, m := range ring.Status.Members {
			if m.Region == region.Name && m.State != v1alpha1.MemberConverged {
				return fmt.Sprintf("ring %s: it is %s, not yet Converged", ring.Name, m.State)
			}
		}
	}
	return ""
}

// noteConflict remembers an application that this promotion and another one pin with
// the same right: both by name, or both by naming none.
func (s *scope) noteConflict(app string, responsible *v1alpha1.Promotion) {
	if responsible == nil || slices.Contains(s.conflicts, app) {
		return
	}
	ours, theirs := s.promotion.Spec.Applications, responsible.Spec.Applications
	if slices.Contains(ours, app) || len(ours) == 0 && len(theirs) == 0 {
		s.conflicts = append(s.conflicts, app)
	}
}

// applications are those that the promotion is responsible for: in any profile of a region, and in each of
// the regions that have a part in a rollout.
func (s *scope) applications() (all []string, in map[string][]string) {
	in = map[string][]string{}
	for _, region := range s.regions {
		apps, err := s.pinnedIn(region)
		if err != nil { // the Region itself reports it
			continue
		}
		all = append(all, apps...)
		if s.world.region(region.Name) != nil {
			in[region.Name] = slices.Sorted(slices.Values(apps))
		}
	}
	slices.Sort(all)
	return slices.Compact(all), in
}

// pinnedIn are the applications of a region's profile that the promotion is responsible for.
func (s *scope) pinnedIn(region *v1alpha1.Region) ([]string, error) {
	profile, err := plan.Profile(s.environment, region.Spec.Profile)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, app := range profile.Applications {
		if p := plan.Responsible(s.promotions, s.environment.Name, app.Name); p != nil && p.Name == s.promotion.Name {
			names = append(names, app.Name)
		}
	}
	return names, nil
}
