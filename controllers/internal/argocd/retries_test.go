package argocd

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func argoWith(t *testing.T, objects ...client.Object) *Clusters {
	t.Helper()
	scheme := runtime.NewScheme()
	NewWithT(t).Expect(AddToScheme(scheme)).To(Succeed())
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	return &Clusters{Client: c, Live: c, Namespace: "argocd"}
}

// Argo CD remembers errors of rendering. It is asked to forget them, and never in a loop.
func TestErrorsOfAComparisonAreRetriedSeldom(t *testing.T) {
	g := NewWithT(t)
	blocked := settled(newSHA)
	blocked.UID = "1"
	blocked.Status.Conditions = []Condition{{
		Type: "ComparisonError", Message: "Manifest generation error (cached): dial tcp: lookup charts.example: no such host", LastTransitionTime: clockTime(0),
	}}
	c, retries := argoWith(t, blocked), &Retries{}
	asked := func(after time.Duration, revision string) bool {
		t.Helper()
		live := &Application{}
		g.Expect(c.Client.Get(t.Context(), client.ObjectKeyFromObject(blocked), live)).To(Succeed())
		live.Annotations = nil // Argo CD has compared
		g.Expect(c.Client.Update(t.Context(), live)).To(Succeed())
		verdict := Evaluate(live, revision)
		g.Expect(retries.Retry(t.Context(), c, live, revision, verdict, noon.Add(after))).To(Succeed())
		g.Expect(c.Client.Get(t.Context(), client.ObjectKeyFromObject(blocked), live)).To(Succeed())
		g.Expect(live.Annotations[annotationRefresh]).To(BeElementOf("", "hard"))
		return live.Annotations[annotationRefresh] == "hard"
	}
	g.Expect(asked(50*time.Second, newSHA)).To(BeFalse(), "most errors pass")
	g.Expect(asked(time.Minute, newSHA)).To(BeTrue())
	g.Expect(asked(2*time.Minute, newSHA)).To(BeFalse())
	g.Expect(asked(3*time.Minute, newSHA)).To(BeTrue(), "two minutes later")
	g.Expect(asked(6*time.Minute, newSHA)).To(BeFalse())
	g.Expect(asked(7*time.Minute, newSHA)).To(BeTrue(), "four minutes later")
	g.Expect(asked(10*time.Hour, oldSHA)).To(BeFalse(), "the error is not about this revision")
}

func TestWhatIsNeverRetried(t *testing.T) {
	for name, change := range map[string]func(*Application){
		"healthy":           func(*Application) {},
		"waiting":           func(a *Application) { a.Status.Sync.Status = "OutOfSync" },
		"running badly":     func(a *Application) { a.Status.Health.Status = "Degraded" },
		"rendering nothing": func(a *Application) { a.Status.Resources = nil },
		"failed to sync":    func(a *Application) { a.Status.OperationState.Phase = "Failed" },
		"cluster unreachable": func(a *Application) {
			a.Status.Conditions = []Condition{{Type: "ComparisonError", Message: "Failed to load live state: i/o timeout", LastTransitionTime: clockTime(0)}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			a := settled(newSHA)
			change(a)
			c := argoWith(t, a)
			g.Expect((&Retries{}).Retry(t.Context(), c, a, newSHA, Evaluate(a, newSHA), noon.Add(time.Hour))).To(Succeed())
			g.Expect(c.Client.Get(t.Context(), client.ObjectKeyFromObject(a), a)).To(Succeed())
			g.Expect(a.Annotations).To(BeEmpty())
		})
	}
	g := NewWithT(t)
	g.Expect((&Retries{}).Retry(t.Context(), nil, nil, newSHA, Evaluate(nil, newSHA), noon)).To(Succeed())
}

func TestAnApplicationSetThatFailsIsNamed(t *testing.T) {
	g := NewWithT(t)
	set := func(name, status string) *ApplicationSet {
		s := &ApplicationSet{}
		s.Namespace, s.Name = "argocd", name
		s.Status.Conditions = []Condition{{Type: "ResourcesUpToDate", Status: "True"}, {Type: "ErrorOccurred", Status: status, Message: "map has no entry for key " + name}}
		return s
	}
	broken, err := argoWith(t, set("fine", "False"), set("api", "True"), set("zoo", "True")).BrokenSets(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(broken).To(Equal(BrokenSets{"api": "map has no entry for key api", "zoo": "map has no entry for key zoo"}))

	missing := Evaluate(nil, newSHA)
	g.Expect(broken.Explain(nil, missing).Message).To(HaveSuffix("; ApplicationSet api makes no Applications: map has no entry for key api"))
	g.Expect(BrokenSets{}.Explain(nil, missing)).To(Equal(missing))
	behind := settled(oldSHA)
	g.Expect(broken.Explain(behind, Evaluate(behind, newSHA)).Message).NotTo(ContainSubstring("ApplicationSet api"), "somebody else's set")
	behind.OwnerReferences = []metav1.OwnerReference{{Kind: "ApplicationSet", Name: "zoo"}}
	g.Expect(broken.Explain(behind, Evaluate(behind, newSHA)).Message).To(HaveSuffix("; ApplicationSet zoo: map has no entry for key zoo"))
	degraded := settled(newSHA)
	degraded.Status.Health.Status = "Degraded"
	g.Expect(broken.Explain(degraded, Evaluate(degraded, newSHA))).To(Equal(Evaluate(degraded, newSHA)))
}
