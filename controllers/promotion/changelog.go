package promotion

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	applymetav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/changelog"
	"github.com/portolan-dev/portolan/controllers/internal/github"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// PullRequests says what is known of pull requests beside what git knows. What it finds is good in
// spite of an error.
type PullRequests interface {
	Enrich(ctx context.Context, repo gitrepo.Repository, numbers []int32) (map[int32]github.PullRequest, error)
}

const (
	// mostCommits is how many commits of each direction a changelog has.
	mostCommits = 2000
	// changelogKey is the ConfigMap's key.
	changelogKey = "changelog.md"
	// owner is the field manager of what a Promotion owns.
	owner = client.FieldOwner("portolan-promotion")
)

// tell says what the target would bring and take away, before anybody approves it. It is for
// people: a rollout does not wait for it, and what git does not say is left out.
func (r *Reconciler) tell(ctx context.Context, s *scope) {
	st := &s.promotion.Status
	spans := s.spans()
	if !s.accepted || s.environment.Spec.ArgoCD.Repository == nil || len(spans) == 0 || told(st.Changelog, spans) {
		return
	}
	key := client.ObjectKeyFromObject(s.promotion)
	if !r.untold.due(key, s.world.now, r.SlowPoll) {
		return
	}
	logs, err := r.compare(ctx, s, spans)
	if err == nil {
		err = r.publish(ctx, s, logs.Text())
	}
	if err != nil {
		r.untold.note(key, s.world.now)
		log.FromContext(ctx).V(1).Info("No changelog", "from", spans[0].from, "to", spans[0].to, "because", err.Error())
		return
	}
	st.Changelog = logs.Short(changelogName(s.promotion))
}

// span is applications that go from one revision to another.
type span struct {
	from, to     v1alpha1.GitRevision
	applications []string // sorted
}

// spans are what there is to compare: the revision's first, then those of applications that are,
// or were, pinned elsewhere, by their first application.
func (s *scope) spans() []span {
	before, target := s.before(), s.world.target
	main := span{from: before.Revision, to: target.Revision}
	var others []span
	for _, app := range target.applications {
		from, to := before.Of(app), target.Of(app)
		i := slices.IndexFunc(others, func(o span) bool { return o.from == from && o.to == to })
		switch {
		case from == main.from && to == main.to:
			main.applications = append(main.applications, app)
		case from == "" || from == to:
		case i >= 0:
			others[i].applications = append(others[i].applications, app)
		default:
			others = append(others, span{from, to, []string{app}})
		}
	}
	if main.from == "" || main.from == main.to || len(main.applications) == 0 && len(others) > 0 {
		return others
	}
	return append([]span{main}, others...)
}

// told tells whether a changelog is about these spans.
func told(known *v1alpha1.Changelog, spans []span) bool {
	if known == nil || known.From != spans[0].from || known.To != spans[0].to || len(known.Others) != min(len(spans)-1, changelog.MaxOthers) {
		return false
	}
	for i, o := range known.Others {
		if other := spans[i+1]; o.From != other.from || o.To != other.to || !slices.Equal(o.Applications, other.applications) {
			return false
		}
	}
	return true
}

// before is what a rollout starts from: what was completed last, or, where regions have begun to
// leave that for another and are to go back, the other.
func (s *scope) before() plan.PinSet {
	st, target := &s.promotion.Status, s.world.target
	if rollout := st.Rollout; rollout != nil && rollout.Phase != v1alpha1.RolloutCompleted && rollout.ID != target.ID() && st.CurrentRevision == target.Revision {
		return plan.PinSet{Revision: rollout.Revision, Overrides: rollout.Overrides}
	}
	current := plan.PinSet{Revision: st.CurrentRevision}
	for i := range st.History {
		if record := &st.History[i]; record.Outcome == v1alpha1.RolloutCompleted {
			current.Overrides = record.Overrides
			break
		}
	}
	return current
}

func changelogName(p *v1alpha1.Promotion) string { return p.Name + "-changelog" }

func (r *Reconciler) compare(ctx context.Context, s *scope, spans []span) (changelog.Logs, error) {
	source := s.environment.Spec.ArgoCD.Repository
	repository, err := r.ArgoCD.Repository(ctx, source.URL, source.CredentialsSecretRef)
	if err != nil {
		return nil, err
	}
	var logs changelog.Logs
	for _, span := range spans {
		l, err := r.compareSpan(ctx, s, repository, span)
		if err != nil {
			return nil, err
		}
		logs = append(logs, l)
	}
	r.enrich(ctx, repository, logs)
	return logs, nil
}

func (r *Reconciler) compareSpan(ctx context.Context, s *scope, repository gitrepo.Repository, span span) (*changelog.Log, error) {
	from, to := string(span.from), string(span.to)
	added, more, err := r.Commits.Between(ctx, repository, from, to, mostCommits)
	if err != nil {
		return nil, fmt.Errorf("reading what comes: %w", err)
	}
	removed, evenMore, err := r.Commits.Between(ctx, repository, to, from, mostCommits)
	if err != nil {
		return nil, fmt.Errorf("reading what goes: %w", err)
	}
	apps := slices.DeleteFunc(s.paths(), func(a changelog.Application) bool { return !slices.Contains(span.applications, a.Name) })
	return changelog.Build(from, to, added, removed, more || evenMore, apps), nil
}

// enrich asks once, and goes on with whatever it has got.
func (r *Reconciler) enrich(ctx context.Context, repository gitrepo.Repository, logs changelog.Logs) {
	if r.PullRequests == nil {
		return
	}
	found, err := r.PullRequests.Enrich(ctx, repository, logs.PullRequests())
	if err != nil {
		log.FromContext(ctx).V(1).Info("The changelog has what git knows of pull requests", "because", err.Error())
	}
	logs.Enrich(found)
}

// paths are the files of each application: those of its Applications' sources, and its
// configuration.
func (s *scope) paths() []changelog.Application {
	var all []changelog.Application
	for _, name := range s.world.target.applications {
		app := changelog.Application{Name: name}
		for _, region := range s.regions {
			if found := s.found[region.Name][name]; found != nil {
				app.Paths = append(app.Paths, found.Paths()...)
			}
			files, err := plan.ConfigFiles(s.environment, region.Spec.AWSRegion, name)
			if err != nil {
				continue // the target was refused for it
			}
			for _, file := range files {
				if strings.Contains(file, name) { // the others are everybody's
					app.Paths = append(app.Paths, path.Clean(file))
				}
			}
		}
		slices.Sort(app.Paths)
		app.Paths = slices.Compact(app.Paths)
		all = append(all, app)
	}
	return all
}

// publish writes the whole changelog into a ConfigMap that goes with the Promotion.
func (r *Reconciler) publish(ctx context.Context, s *scope, text string) error {
	p := s.promotion
	cm := applycorev1.ConfigMap(changelogName(p), p.Namespace).
		WithLabels(map[string]string{"app.kubernetes.io/managed-by": "portolan"}).
		WithOwnerReferences(applymetav1.OwnerReference().
			WithAPIVersion(v1alpha1.GroupVersion.String()).WithKind(kind).WithName(p.Name).WithUID(p.UID)).
		WithData(map[string]string{changelogKey: text})
	if err := r.Client.Apply(ctx, cm, owner, client.ForceOwnership, client.DisableReadYourWritesConsistency); err != nil {
		return fmt.Errorf("writing ConfigMap %s: %w", changelogName(p), err)
	}
	return nil
}

var (
	_ Files   = (*gitrepo.Repositories)(nil)
	_ Commits = (*gitrepo.History)(nil)

	_ PullRequests = (*github.PullRequests)(nil)
)
