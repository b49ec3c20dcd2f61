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
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/plan"
)

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
	from, to := s.before(), s.world.target.Revision
	known := st.Changelog
	switch {
	case !s.accepted || s.environment.Spec.ArgoCD.Repository == nil || from == "" || from == to:
		return
	case known != nil && known.To == to && known.From == from:
		return
	}
	key := client.ObjectKeyFromObject(s.promotion)
	if !r.untold.due(key, s.world.now, r.SlowPoll) {
		return
	}
	text, err := r.compare(ctx, s, string(from), string(to))
	if err == nil {
		err = r.publish(ctx, s, text.Text())
	}
	if err != nil {
		r.untold.note(key, s.world.now)
		log.FromContext(ctx).V(1).Info("No changelog", "from", from, "to", to, "because", err.Error())
		return
	}
	st.Changelog = text.Short(changelogName(s.promotion))
}

// before is the revision that a rollout starts from: the last that was completed, or, where
// regions have begun to leave that for another one and are to go back, the other one.
func (s *scope) before() v1alpha1.GitRevision {
	current, rollout := s.promotion.Status.CurrentRevision, s.promotion.Status.Rollout
	if rollout != nil && rollout.Phase != v1alpha1.RolloutCompleted && current == s.world.target.Revision {
		return rollout.Revision
	}
	return current
}

func changelogName(p *v1alpha1.Promotion) string { return p.Name + "-changelog" }

func (r *Reconciler) compare(ctx context.Context, s *scope, from, to string) (*changelog.Log, error) {
	source := s.environment.Spec.ArgoCD.Repository
	repository, err := r.ArgoCD.Repository(ctx, source.URL, source.CredentialsSecretRef)
	if err != nil {
		return nil, err
	}
	added, more, err := r.Commits.Between(ctx, repository, from, to, mostCommits)
	if err != nil {
		return nil, fmt.Errorf("reading what comes: %w", err)
	}
	removed, evenMore, err := r.Commits.Between(ctx, repository, to, from, mostCommits)
	if err != nil {
		return nil, fmt.Errorf("reading what goes: %w", err)
	}
	return changelog.Build(from, to, added, removed, more || evenMore, s.paths()), nil
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
)
