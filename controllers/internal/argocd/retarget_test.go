package argocd

import (
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestRetarget(t *testing.T) {
	const infra, charts = "https://git.test/infra", "https://charts.test"
	from := func(url, revision string) Source { return Source{RepoURL: url, Path: "a", TargetRevision: revision} }
	chart := Source{RepoURL: charts, Chart: "x", TargetRevision: "1.2.3"}
	for name, tc := range map[string]struct {
		source     *Source
		sources    []Source
		repository string
		want       []string // the revisions afterwards
		wantBefore string   // TargetRevision
		wantWrites int
		wantErr    error
	}{
		"one source":                  {source: new(from(infra, oldSHA)), repository: infra, want: []string{newSHA}, wantBefore: oldSHA, wantWrites: 1},
		"one without a revision":      {source: new(from(infra, "")), repository: infra, want: []string{newSHA}, wantWrites: 1},
		"another form of the URL":     {source: new(from("https://git.test/Infra.git/", oldSHA)), repository: infra, want: []string{newSHA}, wantBefore: oldSHA, wantWrites: 1},
		"any repository":              {source: new(from(infra, oldSHA)), want: []string{newSHA}, wantBefore: oldSHA, wantWrites: 1},
		"it is there":                 {source: new(from(infra, newSHA)), repository: infra, want: []string{newSHA}, wantBefore: newSHA},
		"another repository":          {source: new(from("https://git.test/else", oldSHA)), repository: infra, want: []string{oldSHA}, wantErr: ErrNoSource},
		"a chart only":                {source: &chart, want: []string{"1.2.3"}, wantErr: ErrNoSource},
		"a chart and values from git": {sources: []Source{chart, from(infra, oldSHA)}, repository: infra, want: []string{"1.2.3", newSHA}, wantBefore: oldSHA, wantWrites: 1},
		"two from git, one of them there": {
			sources: []Source{from(infra, newSHA), from(infra, oldSHA)}, repository: infra, want: []string{newSHA, newSHA}, wantWrites: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			a := applicationOf("core", "dublin")
			a.Spec.Source, a.Spec.Sources = tc.source, tc.sources
			a.Spec.Destination = Destination{Name: "kept"}
			h := newHub(t, a)
			g.Expect(h.WithWatch.Get(t.Context(), client.ObjectKeyFromObject(a), a)).To(Succeed())
			g.Expect(a.TargetRevision(tc.repository)).To(Equal(tc.wantBefore))
			err := h.Retarget(t.Context(), a, tc.repository, newSHA)
			if tc.wantErr != nil {
				g.Expect(err).To(MatchError(tc.wantErr))
			} else {
				g.Expect(err).NotTo(HaveOccurred())
			}
			g.Expect(h.writes).To(Equal(tc.wantWrites))
			g.Expect(h.WithWatch.Get(t.Context(), client.ObjectKeyFromObject(a), a)).To(Succeed())
			g.Expect(targets(a.sources())).To(Equal(tc.want))
			g.Expect(a.Spec.Destination.Name).To(Equal("kept"))
		})
	}
}

func TestSourcesThatChangedMeanwhileAreLeftAlone(t *testing.T) {
	g := NewWithT(t)
	a := applicationOf("core", "dublin")
	a.Spec.Sources = []Source{{RepoURL: "https://git.test/infra", TargetRevision: oldSHA}, {RepoURL: "https://git.test/else", TargetRevision: oldSHA}}
	h := newHub(t, a)
	seen := a.DeepCopy()
	g.Expect(h.WithWatch.Get(t.Context(), client.ObjectKeyFromObject(a), a)).To(Succeed())
	a.Spec.Sources[0], a.Spec.Sources[1] = a.Spec.Sources[1], a.Spec.Sources[0]
	g.Expect(h.Update(t.Context(), a)).To(Succeed())
	g.Expect(h.Retarget(t.Context(), seen, "https://git.test/infra", newSHA)).NotTo(Succeed())
	g.Expect(h.WithWatch.Get(t.Context(), client.ObjectKeyFromObject(a), a)).To(Succeed())
	g.Expect(targets(a.Spec.Sources)).To(Equal([]string{oldSHA, oldSHA}))
}

func TestWhoOwnsAnApplication(t *testing.T) {
	var missing *Application
	NewWithT(t).Expect(missing.Owner()).To(BeEmpty())
	for want, but := range map[string]func(*Application){
		"": func(a *Application) { a.OwnerReferences = []metav1.OwnerReference{{Kind: "Deployment", Name: "x"}} },
		"ApplicationSet core": func(a *Application) {
			a.OwnerReferences = []metav1.OwnerReference{{Kind: "ApplicationSet", Name: "core"}}
		},
		"Application fleet": func(a *Application) {
			a.Annotations = map[string]string{annotationTracking: "fleet:argoproj.io/Application:argocd/core"}
		},
	} {
		a := applicationOf("core", "dublin")
		but(a)
		NewWithT(t).Expect(a.Owner()).To(Equal(want))
	}
}

func TestEachApplicationSetIsAskedOnceToLookAtGit(t *testing.T) {
	g := NewWithT(t)
	of := func(name, region, set string) *Application {
		a := applicationOf(name, region)
		a.OwnerReferences = []metav1.OwnerReference{{Kind: "ApplicationSet", Name: set}}
		return a
	}
	set := &ApplicationSet{}
	set.Namespace, set.Name = namespace, "core"
	h := newHub(t, set)
	g.Expect(h.RefreshSets(t.Context(), []*Application{nil, of("core", "dublin", "core"), of("core", "paris", "core"), of("x", "paris", "gone"), applicationOf("y", "paris")})).To(Succeed())
	g.Expect(h.writes).To(Equal(2))
	g.Expect(h.WithWatch.Get(t.Context(), client.ObjectKeyFromObject(set), set)).To(Succeed())
	g.Expect(set.Annotations).To(Equal(map[string]string{annotationRefreshSet: "true"}))
}
