package promotion

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/delivery"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/internal/yamledit"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// byFiles commits pins to files that ApplicationSets read.
type byFiles struct {
	clusters  *argocd.Clusters
	editor    delivery.GitEditor
	spec      *v1alpha1.PinFiles
	promotion *v1alpha1.Promotion
	found     map[string]map[string]*argocd.Application // by Region and application
	branch    gitrepo.Branch
	path      map[pinKey]string // of each region's applications
	files     map[string][]byte // nil while they could not be read
}

// open reads the files. Without an answer from git, s.unread says why.
func (r *Reconciler) open(ctx context.Context, s *scope, w *byFiles) error {
	err := r.read(ctx, s, w)
	if err == nil {
		return nil
	}
	s.unread = clip(err.Error())
	if errors.Is(err, gitrepo.ErrUnreachable) {
		return nil
	}
	return err
}

func (r *Reconciler) read(ctx context.Context, s *scope, w *byFiles) error {
	paths, err := w.paths(s)
	if err != nil {
		return step.Terminal(v1alpha1.ReasonInvalidDelivery, "spec.delivery.git: %w", err)
	}
	if w.branch, err = r.ArgoCD.Branch(ctx, s.environment, w.spec.GitBranch); err != nil {
		return step.Stuck(r.SlowPoll, v1alpha1.ReasonNoRepository, "spec.delivery.git: %w", err)
	}
	if w.files, err = w.editor.Read(ctx, w.branch, paths, r.Poll); err != nil {
		w.files = nil
		return r.unanswered("reading pins", err)
	}
	return nil
}

// paths of all files.
func (w *byFiles) paths(s *scope) ([]string, error) {
	if _, err := w.summary(); err != nil {
		return nil, err
	}
	w.path = map[pinKey]string{}
	users := map[string][]string{} // regions of a rollout
	var paths []string
	for _, region := range s.regions {
		profile, err := plan.Profile(s.environment, region.Spec.Profile)
		if err != nil {
			continue // the Region itself reports it
		}
		for _, app := range profile.Applications {
			path, err := w.expand(region, app.Name)
			if err != nil {
				return nil, err
			}
			w.path[pinKey{region.Name, app.Name}] = path
			paths = append(paths, path)
			if s.partOf(region) && !slices.Contains(users[path], region.Name) {
				users[path] = append(users[path], region.Name)
			}
		}
	}
	paths = distinct(paths)
	if !w.spec.Shared() {
		s.noteClashes(paths, users)
	}
	return paths, nil
}

// noteClashes remembers regions that move one after the other, and need files of their own for that.
func (s *scope) noteClashes(paths []string, users map[string][]string) {
	s.clashes = map[string]string{}
	for _, path := range paths {
		if len(users[path]) < 2 {
			continue
		}
		slices.Sort(users[path])
		for _, region := range users[path] {
			s.clashes[region] = cmp.Or(s.clashes[region],
				fmt.Sprintf("spec.delivery.git: path is %s for each of %s: put {{ .name }} into it", path, strings.Join(clipped(users[path]), ", ")))
		}
	}
}

// clash is what is wrong with the way for some regions. The others go on.
func (s *scope) clash() error {
	for _, region := range s.regions {
		if said := s.clashes[region.Name]; said != "" {
			return step.Terminal(v1alpha1.ReasonInvalidDelivery, "%s", said)
		}
	}
	return nil
}

func (w *byFiles) expand(region *v1alpha1.Region, application string) (string, error) {
	path, err := plan.Expand(w.spec.Path, plan.Variables{
		"environment": region.Spec.EnvironmentRef.Name, "region": string(region.Spec.AWSRegion), "name": region.Name, "application": application,
	})
	if err != nil {
		return "", fmt.Errorf("path: %w", err)
	}
	return path, nil
}

func (w *byFiles) fileOf(m move) string { return w.path[pinKey{m.region.Name, m.application}] }

func (w *byFiles) summary() (string, error) {
	path, err := plan.Expand(w.spec.Summary, plan.Variables{"environment": w.promotion.Spec.EnvironmentRef.Name})
	if err != nil {
		return "", fmt.Errorf("summary: %w", err)
	}
	return path, nil
}

func (w *byFiles) pinned(region *v1alpha1.Region, _ *argocd.Application, application string, annotated v1alpha1.GitRevision) v1alpha1.GitRevision {
	if w.files == nil {
		return annotated
	}
	value, _, err := yamledit.Get(w.files[w.path[pinKey{region.Name, application}]], w.spec.Key)
	if err != nil {
		return "" // what cannot be read cannot be changed either, and that is reported
	}
	return commitOrNone(value)
}

// deliver makes one commit. A file that cannot be changed stays as it is, and holds up no other. Argo CD
// looks for what was pushed at once, instead of when it next would.
func (w *byFiles) deliver(ctx context.Context, moves []move, rollout *v1alpha1.PromotionRollout) (made map[move]bool, err error) {
	if len(moves) == 0 {
		return nil, nil
	}
	edits := map[string]*edit{}
	var changes []gitrepo.Change
	for _, m := range moves {
		path := w.fileOf(m)
		if edits[path] == nil {
			edits[path] = &edit{key: w.spec.Key}
			changes = append(changes, gitrepo.Change{Path: path, Edit: edits[path].to})
		}
		edits[path].pin = m.pin
	}
	if changes, err = w.withSummary(changes, edits, rollout); err != nil {
		return nil, err
	}
	if _, _, err := w.editor.Commit(ctx, w.branch, w.message(moves, rollout), changes); err != nil {
		return nil, err
	}
	var failures []error
	var changed []move
	made = make(map[move]bool, len(moves))
	for _, m := range moves {
		e := edits[w.fileOf(m)]
		if e.failure != nil {
			failures = append(failures, fmt.Errorf("changing %s: %w", w.fileOf(m), e.failure))
			continue
		}
		if made[m] = e.changed; e.changed {
			changed = append(changed, m)
		}
	}
	if err := w.clusters.RefreshSets(ctx, w.readers(changed)); err != nil {
		failures = append(failures, err)
	}
	return made, first(failures...)
}

// readers are Applications whose ApplicationSets read the files of moves. Before a region has its own, they
// are those of the same application in other regions: one that was just registered would wait for minutes.
func (w *byFiles) readers(moves []move) []*argocd.Application {
	var found []*argocd.Application
	var absent []string
	for _, m := range moves {
		if m.found != nil {
			found = append(found, m.found)
		} else {
			absent = append(absent, m.application)
		}
	}
	for _, app := range distinct(absent) {
		for _, region := range slices.Sorted(maps.Keys(w.found)) {
			found = append(found, w.found[region][app])
		}
	}
	return found
}

// edit gives one file its pin.
type edit struct {
	key     string
	pin     v1alpha1.GitRevision
	changed bool
	failure error
}

// to may be asked more than once, of newer files each time.
func (e *edit) to(before []byte) (after []byte, _ error) {
	document := before
	if document == nil {
		document = []byte(written)
	}
	after, e.failure = yamledit.Set(document, e.key, string(e.pin))
	if e.failure != nil {
		after = before
	}
	e.changed = !bytes.Equal(after, before)
	return after, nil
}

// withSummary adds the summary, which follows when a file could be changed.
func (w *byFiles) withSummary(changes []gitrepo.Change, edits map[string]*edit, rollout *v1alpha1.PromotionRollout) ([]gitrepo.Change, error) {
	if w.spec.Summary == "" {
		return changes, nil
	}
	path, err := w.summary()
	if err != nil {
		return nil, err
	}
	text, err := summaryOf(rollout)
	if err != nil {
		return nil, err
	}
	return append(changes, gitrepo.Change{Path: path, Edit: func(before []byte) ([]byte, error) {
		for _, e := range edits {
			if e.failure == nil {
				return text, nil
			}
		}
		return before, nil
	}}), nil
}

// message says in its first line as much as fits there.
func (w *byFiles) message(moves []move, rollout *v1alpha1.PromotionRollout) string {
	var regions, apps, pins []string
	for _, m := range moves {
		regions, apps, pins = append(regions, m.region.Name), append(apps, m.application), append(pins, string(m.pin))
	}
	to := distinct(pins)
	for i := range to {
		to[i] = to[i][:7]
	}
	return fmt.Sprintf("Pin %s to %s in %s\n\nWritten by Portolan for Promotion %s/%s, rollout %s.\nRegions: %s\nApplications: %s\n",
		atMost(distinct(apps), "applications"), atMost(to, "revisions"), atMost(distinct(regions), "regions"),
		w.promotion.Namespace, w.promotion.Name, rollout.ID, strings.Join(distinct(regions), ", "), strings.Join(distinct(apps), ", "))
}

func distinct(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// atMost names a few things, and counts more.
func atMost(names []string, things string) string {
	const few = 3
	if len(names) > few {
		return fmt.Sprintf("%d %s", len(names), things)
	}
	return strings.Join(names, ", ")
}

func (w *byFiles) rival(_ context.Context, m move) (who, where string, err error) {
	return "somebody", fmt.Sprintf("%s in file %s, %s", w.spec.Key, w.fileOf(m), w.branch), nil
}
