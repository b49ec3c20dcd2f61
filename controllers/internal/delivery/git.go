package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/yamledit"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// GitEditor reads and changes files of a branch; gitrepo.Editor is one.
type GitEditor interface {
	// Read returns the files that exist at the head, as it was at most maxAge ago.
	Read(ctx context.Context, b gitrepo.Branch, paths []string, maxAge time.Duration) (map[string][]byte, error)
	// Commit makes one commit of all changes, and none where they change nothing. It has changed
	// something with an error where nobody knows what became of a push.
	Commit(ctx context.Context, b gitrepo.Branch, message string, changes []gitrepo.Change) (commit string, changed bool, err error)
}

// git delivers by whatever deploys from the branch.
type git struct {
	editor GitEditor
	branch gitrepo.Branch
	// Nothing of the ring itself: a read may outlive the pass, which patches it.
	ring   client.ObjectKey
	place  v1alpha1.GitDelivery
	env    string // the workload's variable
	maxAge time.Duration
}

// ForGit commits to one value of a YAML file of each region. All that one Write is told
// becomes one commit. A file that is not there is not made: what else has to be in it, only
// its owner knows. Read may answer with what was there maxAge ago.
func ForGit(editor GitEditor, branch gitrepo.Branch, ring *v1alpha1.GossipRing, maxAge time.Duration) Delivery {
	return &git{
		editor: editor, branch: branch, maxAge: maxAge,
		ring: client.ObjectKeyFromObject(ring), place: *ring.Spec.Seeds.Delivery.Git, env: ring.Spec.Workload.Env,
	}
}

// Read implements Delivery.
func (d *git) Read(ctx context.Context, targets []Target) []Found {
	found := make([]Found, len(targets))
	paths, errs := d.pathsOf(targets)
	wanted := slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return p == "" })
	if len(wanted) == 0 {
		return failed(found, errs)
	}
	files, err := d.editor.Read(ctx, d.branch, wanted, d.maxAge)
	for i, path := range paths {
		switch {
		case errs[i] != nil:
		case err != nil:
			errs[i] = err
		default:
			found[i], errs[i] = d.value(path, files)
		}
	}
	return failed(found, errs)
}

func (d *git) value(path string, files map[string][]byte) (Found, error) {
	document, exists := files[path]
	if !exists {
		return Found{}, d.missing(path)
	}
	text, found, err := yamledit.Get(document, d.key())
	if err != nil {
		return Found{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return Found{Text: text, Known: true, Unfinished: !found}, nil
}

func failed(found []Found, errs []error) []Found {
	for i, err := range errs {
		if err != nil {
			found[i] = Found{Err: err}
		}
	}
	return found
}

// Write implements Delivery.
func (d *git) Write(ctx context.Context, writes []Write) []error {
	targets := make([]Target, 0, len(writes))
	for _, w := range writes {
		targets = append(targets, w.Target)
	}
	paths, errs := d.pathsOf(targets)
	var changes []gitrepo.Change
	var regions []string
	for i, path := range paths {
		if errs[i] == nil {
			changes = append(changes, d.change(path, writes[i].Text, &errs[i]))
			regions = append(regions, writes[i].Region.Name)
		}
	}
	if len(changes) == 0 {
		return errs
	}
	if _, pushed, err := d.editor.Commit(ctx, d.branch, d.message(regions), changes); err != nil {
		if pushed {
			err = unheard{err}
		}
		for i := range errs {
			if errs[i] == nil {
				errs[i] = err
			}
		}
	}
	return errs
}

// change sets one file's value. A file for which that fails stays as it is, so that the
// others are committed; Commit may ask more than once, of newer files each time.
func (d *git) change(path, text string, failure *error) gitrepo.Change {
	return gitrepo.Change{Path: path, Edit: func(before []byte) ([]byte, error) {
		if *failure = nil; before == nil {
			*failure = d.missing(path)
			return before, nil
		}
		after, err := yamledit.Set(before, d.key(), text)
		if err != nil {
			*failure = fmt.Errorf("changing %s: %w", path, err)
			return before, nil
		}
		return after, nil
	}}
}

// Applied implements Delivery.
func (d *git) Applied(pod *corev1.Pod, _ string) (text string, ok bool) {
	return literal(pod, d.env)
}

func (d *git) key() string { return d.place.Key }

// missing says what only the file's owner can do.
func (d *git) missing(path string) error {
	return fmt.Errorf("branch %s has no file %s: create it. Portolan changes values, it does not write whole files", d.branch.Name, path)
}

// pathsOf returns each region's file, or an empty path and why there is none. A file of more
// than one region is nobody's.
func (d *git) pathsOf(targets []Target) ([]string, []error) {
	paths, errs := make([]string, len(targets)), make([]error, len(targets))
	owners := map[string][]int{}
	for i, t := range targets {
		paths[i], errs[i] = d.path(t.Region)
		owners[paths[i]] = append(owners[paths[i]], i)
	}
	for path, shared := range owners {
		if path == "" || len(shared) == 1 {
			continue
		}
		names := make([]string, 0, len(shared))
		for _, i := range shared {
			names = append(names, targets[i].Region.Name)
		}
		slices.Sort(names)
		for _, i := range shared {
			paths[i] = ""
			errs[i] = fmt.Errorf("spec.seeds.delivery.git.path is %s for each of %s: put {{ .name }} into it", path, strings.Join(names, ", "))
		}
	}
	return paths, errs
}

func (d *git) path(region *v1alpha1.Region) (string, error) {
	path, err := plan.Expand(d.place.Path, plan.Variables{
		"environment": region.Spec.EnvironmentRef.Name,
		"region":      string(region.Spec.AWSRegion),
		"name":        region.Name,
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("spec.seeds.delivery.git.path: %w", err)
	case path == "":
		return "", errors.New("spec.seeds.delivery.git.path is empty")
	}
	return path, nil
}

// namedRegions is how many regions fit into the first line of a commit's message.
const namedRegions = 3

// message says in its first line as much as fits there.
func (d *git) message(regions []string) string {
	slices.Sort(regions)
	all := strings.Join(regions, ", ")
	short := all
	if len(regions) > namedRegions {
		short = fmt.Sprintf("%d regions", len(regions))
	}
	return fmt.Sprintf("Set the seeds of ring %s in %s\n\nWritten by Portolan for GossipRing %s/%s.\nRegions: %s\n",
		d.ring.Name, short, d.ring.Namespace, d.ring.Name, all)
}
