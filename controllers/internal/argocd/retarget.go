package argocd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
)

// annotationTracking on an object says which Application manages it:
// "<application>:<group>/<kind>:<namespace>/<name>" (docs/user-guide/resource_tracking.md).
const annotationTracking = "argocd.argoproj.io/tracking-id"

// ErrNoSource means that an Application has nothing whose revision could be set.
var ErrNoSource = errors.New("it has no source in the repository")

// ErrAmbiguous means that several Applications have the same three labels.
var ErrAmbiguous = errors.New("they have the same three labels: delete all but one")

// Owner names who manages the Application and would put back what others change of it: an
// ApplicationSet, or the Application that it is deployed by. Empty if nobody does.
func (a *Application) Owner() string {
	if a == nil {
		return ""
	}
	for _, owner := range a.OwnerReferences {
		if owner.Kind == "ApplicationSet" {
			return owner.Kind + " " + owner.Name
		}
	}
	if parent, _, tracked := strings.Cut(a.Annotations[annotationTracking], ":"); tracked {
		return "Application " + parent
	}
	return ""
}

// moves tells whether a source is of the repository, or of any if none is said.
func (s *Source) moves(repository string) bool {
	return s.Chart == "" && (repository == "" || gitrepo.Repository{URL: repository}.Is(s.RepoURL))
}

// TargetRevision is what the Application's sources of a repository (of any, if it is empty) are
// to be at; empty where they differ or there is none.
func (a *Application) TargetRevision(repository string) string {
	revision, found := "", false
	for _, s := range a.sources() {
		switch {
		case !s.moves(repository):
		case found && s.TargetRevision != revision:
			return ""
		default:
			revision, found = s.TargetRevision, true
		}
	}
	return revision
}

// Retarget sets the revision of an Application's sources of a repository (of any, if it is empty).
// Everything else stays, and an Application whose sources changed meanwhile is left alone, and so is one of several with its labels.
// Errors: ErrNoSource, ErrAmbiguous.
func (c *Clusters) Retarget(ctx context.Context, a *Application, repository, revision string) error {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value string `json:"value"`
	}
	if len(a.namesakes) > 0 {
		return fmt.Errorf("setting the revision of Applications %s: %w", strings.Join(a.namesakes, ", "), ErrAmbiguous)
	}
	var patch []operation
	moved := false
	for i, s := range a.sources() {
		if !s.moves(repository) {
			continue
		}
		if moved = true; s.TargetRevision == revision {
			continue
		}
		at := "/spec/source"
		if len(a.Spec.Sources) > 0 {
			at = fmt.Sprintf("/spec/sources/%d", i)
		}
		patch = append(patch, operation{"test", at + "/repoURL", s.RepoURL}, operation{"add", at + "/targetRevision", revision})
	}
	if !moved {
		return fmt.Errorf("setting the revision of Application %s: %w %s", a.Name, ErrNoSource, gitrepo.Repository{URL: repository})
	}
	if len(patch) == 0 {
		return nil
	}
	raw, err := json.Marshal(patch)
	if err != nil {
		return fmt.Errorf("encoding a patch: %w", err)
	}
	writer, err := c.clientOf(ctx, a)
	if err != nil {
		return err
	}
	if err := writer.Patch(ctx, a.DeepCopy(), client.RawPatch(types.JSONPatchType, raw)); err != nil {
		return fmt.Errorf("setting the revision of Application %s: %w", a.Name, err)
	}
	return nil
}
