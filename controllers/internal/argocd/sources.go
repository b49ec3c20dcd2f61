package argocd

import (
	"bytes"
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
)

// sources are those of the spec: one, or several.
func (a *Application) sources() []Source {
	if len(a.Spec.Sources) > 0 {
		return a.Spec.Sources
	}
	if a.Spec.Source != nil {
		return []Source{*a.Spec.Source}
	}
	return nil
}

// Paths are the folders of the repository that the Application is rendered from.
func (a *Application) Paths() []string {
	var paths []string
	for _, s := range a.sources() {
		if s.Path != "" {
			paths = append(paths, s.Path)
		}
	}
	return paths
}

// comparedSources are those that status.sync was made for, in the same way.
func (a *Application) comparedSources() []Source {
	if to := a.Status.Sync.ComparedTo; len(to.Sources) > 0 {
		return to.Sources
	}
	return []Source{a.Status.Sync.ComparedTo.Source}
}

func targets(sources []Source) []string {
	all := make([]string, len(sources))
	for i, s := range sources {
		all[i] = s.TargetRevision
	}
	return all
}

// comparedAt tells whether the last comparison was made for the spec, and saw the revision in
// every source that is to have it.
func (a *Application) comparedAt(revision string) bool {
	sources := a.sources()
	if !slices.EqualFunc(sources, a.comparedSources(), sameSource) {
		return false
	}
	if len(a.Spec.Sources) == 0 {
		return a.Status.Sync.Revision == revision
	}
	for i, source := range sources {
		if source.TargetRevision == revision && (i >= len(a.Status.Sync.Revisions) || a.Status.Sync.Revisions[i] != revision) {
			return false
		}
	}
	return true
}

func sameSource(a, b Source) bool {
	return a.RepoURL == b.RepoURL && a.Path == b.Path && a.TargetRevision == b.TargetRevision &&
		a.Chart == b.Chart && a.Ref == b.Ref && bytes.Equal(canonical(a.Helm), canonical(b.Helm))
}

// canonical renders Helm values so that the order of keys does not matter.
func canonical(h *Helm) []byte {
	if h == nil || h.ValuesObject == nil || equality.Semantic.DeepEqual(*h.ValuesObject, runtime.RawExtension{}) {
		return nil
	}
	var values any
	if err := json.Unmarshal(h.ValuesObject.Raw, &values); err != nil {
		return h.ValuesObject.Raw
	}
	raw, err := json.Marshal(values)
	if err != nil {
		return h.ValuesObject.Raw
	}
	return raw
}
