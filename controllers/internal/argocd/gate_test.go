package argocd

import (
	"cmp"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

var (
	oldSHA = strings.Repeat("a", 40)
	newSHA = strings.Repeat("b", 40)
	noon   = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
)

func clockTime(offset time.Duration) *metav1.Time { return &metav1.Time{Time: noon.Add(offset)} }

func values(raw string) *Helm { return &Helm{ValuesObject: &runtime.RawExtension{Raw: []byte(raw)}} }

func sourceAt(revision string) Source {
	return Source{
		RepoURL: "https://git.example/infra", Path: "charts/unkey-api", TargetRevision: revision,
		Helm: values(`{"seeds":"x,y","replicas":3}`),
	}
}

// settled is an Application that was synced to the revision at noon and compared a second later.
func settled(revision string) *Application {
	a := &Application{}
	a.Namespace, a.Name = "argocd", "unkey-api-dublin"
	source := sourceAt(revision)
	a.Spec.Source = &source
	a.Status = ApplicationStatus{
		Sync:           Sync{Status: "Synced", Revision: revision, ComparedTo: ComparedTo{Source: sourceAt(revision)}},
		Health:         Health{Status: "Healthy"},
		ReconciledAt:   clockTime(time.Second),
		OperationState: &OperationState{Phase: "Succeeded", FinishedAt: clockTime(0), SyncResult: &SyncResult{Revision: revision}},
		Resources:      []Resource{{Kind: "Deployment", Name: "unkey-api"}},
	}
	return a
}

// classes of the reasons.
var classes = map[string]Class{
	"ApplicationTerminating": Pending, "SpecNotUpdated": Pending, "NotCompared": Pending, "OutOfSync": Pending,
	"OperationRequested": Pending, "OperationRunning": Pending, "NotHealthy": Pending,
	"StaleAfterOperation": Stale, "SyncFailed": Failed,
	"InvalidSpecError": Blocked, "RevisionLacksRegionConfig": Blocked, "StuckOperationState": Blocked,
	"NothingDeployed": Blocked, "HydratorNotSupported": Blocked,
}

// webhookAway is how most syncs fail that mention the network.
const webhookAway = "one or more objects failed to apply, reason: Internal error occurred: failed calling webhook \"mutate.example.org\": failed to call webhook: " +
	"Post \"https://mutate.default.svc:443/mutate?timeout=10s\": dial tcp 10.0.0.2:443: connect: connection refused"

// failed has the last sync fail.
func failed(a *Application, message string) {
	a.Status.OperationState.Phase, a.Status.OperationState.Message = "Failed", message
}

// Every case begins with an Application that passes and re-enacts one race or trap.
func TestGate(t *testing.T) {
	for name, tc := range map[string]struct {
		begin       string // the revision at which everything is settled, if not the asked one
		change      func(*Application)
		wantReason  string // empty: healthy
		wantClass   Class  // empty: the reason's
		wantMessage string
	}{
		"settled at the revision": {},
		"the ApplicationSet has not rendered the pin yet": {
			begin: oldSHA, wantReason: "SpecNotUpdated", wantMessage: "the ApplicationSet has not rendered bbbbbbb",
		},
		"rendered, and nothing compared yet": {
			begin: oldSHA, change: func(a *Application) { a.Spec.Source.TargetRevision = newSHA },
			wantReason: "NotCompared",
		},
		"the revision is filled in before anything was rendered": {
			begin: oldSHA,
			change: func(a *Application) {
				a.Spec.Source.TargetRevision = newSHA
				a.Status.Sync.Revision = newSHA
			},
			wantReason: "NotCompared",
		},
		"a comparison failed although health and revision look right": {
			change: func(a *Application) {
				a.Status.Sync.Status = "Unknown"
				a.Status.Conditions = []Condition{{Type: "ComparisonError", Message: "no such file or directory"}}
			},
			wantReason: "RevisionLacksRegionConfig", wantMessage: "no such file or directory (pin a revision that has the files)",
		},
		"a comparison failed beside Synced and Healthy": {
			change: func(a *Application) {
				a.Status.Conditions = []Condition{{Type: "InvalidSpecError", Message: "no project"}}
			},
			wantReason: "InvalidSpecError", wantMessage: "no project",
		},
		"a comparison of the revision before failed": {
			begin: oldSHA,
			change: func(a *Application) {
				a.Spec.Source.TargetRevision = newSHA
				a.Status.Conditions = []Condition{{Type: "ComparisonError", Message: "old news"}}
			},
			wantReason: "NotCompared",
		},
		"warnings do not count": {
			change: func(a *Application) {
				a.Status.Conditions = []Condition{{Type: "OrphanedResourceWarning"}, {Type: "SharedResourceWarning"}}
			},
		},
		"compared with other values": {
			change:     func(a *Application) { a.Spec.Source.Helm = values(`{"seeds":"x,y,z","replicas":3}`) },
			wantReason: "NotCompared",
		},
		"compared with the same values in another order": {
			change: func(a *Application) { a.Spec.Source.Helm = values(`{ "replicas": 3, "seeds": "x,y" }`) },
		},
		"compared before there were values": {
			change:     func(a *Application) { a.Status.Sync.ComparedTo.Source.Helm = nil },
			wantReason: "NotCompared",
		},
		"no values, empty or absent": {
			change: func(a *Application) {
				a.Spec.Source.Helm = &Helm{ValuesObject: &runtime.RawExtension{}}
				a.Status.Sync.ComparedTo.Source.Helm = nil
			},
		},
		"compared with another path": {
			change:     func(a *Application) { a.Status.Sync.ComparedTo.Source.Path = "charts/other" },
			wantReason: "NotCompared",
		},
		"compared with another repository": {
			change:     func(a *Application) { a.Status.Sync.ComparedTo.Source.RepoURL = "https://git.example/other" },
			wantReason: "NotCompared",
		},
		"not synced yet": {
			change:     func(a *Application) { a.Status.Sync.Status = "OutOfSync" },
			wantReason: "OutOfSync", wantMessage: `sync status is "OutOfSync"`,
		},
		"sync status unknown": {
			change:     func(a *Application) { a.Status.Sync.Status = "Unknown" },
			wantReason: "OutOfSync", wantMessage: `sync status is "Unknown"`,
		},
		"an operation was requested": {
			change:     func(a *Application) { a.Operation = &runtime.RawExtension{Raw: []byte(`{"sync":{}}`)} },
			wantReason: "OperationRequested",
		},
		"an operation runs": {
			change:     func(a *Application) { a.Status.OperationState = &OperationState{Phase: "Running"} },
			wantReason: "OperationRunning",
		},
		"an operation waits for a retry": {
			change:     func(a *Application) { a.Status.OperationState.Phase = "Running" },
			wantReason: "OperationRunning",
		},
		"an operation is being stopped": {
			change:     func(a *Application) { a.Status.OperationState.Phase = "Terminating" },
			wantReason: "OperationRunning",
		},
		"the sync of this revision failed": {
			change: func(a *Application) {
				a.Status.OperationState.Phase, a.Status.OperationState.Message = "Failed", "hook failed"
			},
			wantReason: "SyncFailed", wantMessage: "hook failed",
		},
		"the sync of this revision did not get through to the cluster": {
			change: func(a *Application) {
				failed(a, "one or more objects failed to apply, reason: Get \"https://x/api/v1\": dial tcp 10.0.0.1:443: i/o timeout")
				a.Status.ReconciledAt = clockTime(-time.Second)
			},
			wantReason: "ClusterUnreachable", wantClass: Unreachable,
			wantMessage: "one or more objects failed to apply, reason: Get \"https://x/api/v1\": dial tcp 10.0.0.1:443: i/o timeout",
		},
		"the sync of this revision was not let in": {
			change: func(a *Application) {
				failed(a, "one or more synchronization tasks are not valid, reason: Unauthorized")
				a.Status.ReconciledAt = nil
			},
			wantReason: "ClusterUnreachable", wantClass: Unreachable,
			wantMessage: "one or more synchronization tasks are not valid, reason: Unauthorized",
		},
		"nor does the comparison after it": {
			change: func(a *Application) {
				failed(a, "Get \"https://x/api/v1\": dial tcp 10.0.0.1:443: i/o timeout")
				a.Status.Sync.Status = "Unknown"
			},
			wantReason: "ClusterUnreachable", wantClass: Unreachable, wantMessage: "Get \"https://x/api/v1\": dial tcp 10.0.0.1:443: i/o timeout",
		},
		"it did not get through until it gave up, and the cluster is back": {
			change: func(a *Application) {
				failed(a, "Get \"https://x/api/v1\": dial tcp 10.0.0.1:443: i/o timeout (retried 5 times).")
				a.Status.Sync.Status = "OutOfSync"
			},
			wantReason: "SyncFailed", wantMessage: "Get \"https://x/api/v1\": dial tcp 10.0.0.1:443: i/o timeout (retried 5 times).",
		},
		"a webhook in the cluster does not answer": {
			change: func(a *Application) {
				failed(a, webhookAway)
				a.Status.ReconciledAt = clockTime(-time.Second)
			},
			wantReason: "SyncFailed", wantMessage: webhookAway,
		},
		"a hook of the revision did not get through to something": {
			change: func(a *Application) {
				failed(a, "one or more synchronization tasks completed unsuccessfully, reason: Get \"https://db\": dial tcp 10.0.0.3:443: connect: connection refused")
				a.Status.ReconciledAt = clockTime(-time.Second)
			},
			wantReason:  "SyncFailed",
			wantMessage: "one or more synchronization tasks completed unsuccessfully, reason: Get \"https://db\": dial tcp 10.0.0.3:443: connect: connection refused",
		},
		"the sync of this revision met an error": {
			change: func(a *Application) {
				a.Status.OperationState.Phase, a.Status.OperationState.Message = "Error", "too long"
			},
			wantReason: "SyncFailed", wantMessage: "too long",
		},
		"an earlier sync failed": {
			change: func(a *Application) {
				a.Status.OperationState.Phase, a.Status.OperationState.SyncResult.Revision = "Failed", oldSHA
			},
		},
		"a sync failed before it knew its revision": {
			change: func(a *Application) {
				a.Status.OperationState.Phase, a.Status.OperationState.SyncResult = "Failed", nil
			},
		},
		"an operation succeeded and never finished": {
			change:      func(a *Application) { a.Status.OperationState.FinishedAt = nil },
			wantReason:  "StuckOperationState",
			wantMessage: "the last operation succeeded and never finished: refresh the Application",
		},
		"health is from before the operation": {
			change:     func(a *Application) { a.Status.ReconciledAt = clockTime(-time.Second) },
			wantReason: "StaleAfterOperation",
		},
		"compared in the second in which the operation finished": {
			change: func(a *Application) { a.Status.ReconciledAt = clockTime(0) },
		},
		"never compared": {
			change:     func(a *Application) { a.Status.ReconciledAt = nil },
			wantReason: "StaleAfterOperation",
		},
		"a commit that changes no manifest starts no operation": {
			change: func(a *Application) { a.Status.OperationState.SyncResult.Revision = oldSHA },
		},
		"adopted as it was, so never synced": {
			change: func(a *Application) { a.Status.OperationState = nil },
		},
		"an empty render": {
			change:     func(a *Application) { a.Status.Resources = nil },
			wantReason: "NothingDeployed", wantMessage: "the Application renders no objects",
		},
		"still rolling out": {
			change:     func(a *Application) { a.Status.Health.Status = "Progressing" },
			wantReason: "NotHealthy", wantMessage: `health is "Progressing"`,
		},
		"degraded": {
			change:     func(a *Application) { a.Status.Health.Status = "Degraded" },
			wantReason: "NotHealthy", wantMessage: `health is "Degraded"`, wantClass: Degraded,
		},
		"health was not assessed": {
			change:     func(a *Application) { a.Status.Health.Status = "" },
			wantReason: "NotHealthy", wantMessage: `health is ""`,
		},
		"being deleted": {
			change:     func(a *Application) { a.DeletionTimestamp = clockTime(0) },
			wantReason: "ApplicationTerminating",
		},
		"no source": {
			change:     func(a *Application) { a.Spec.Source = nil },
			wantReason: "SpecNotUpdated", wantMessage: "the ApplicationSet has not rendered bbbbbbb",
		},
		"hydrated": {
			change:     func(a *Application) { a.Spec.SourceHydrator = &runtime.RawExtension{} },
			wantReason: "HydratorNotSupported", wantMessage: "the Application syncs hydrated revisions",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			a := settled(newSHA)
			if tc.begin != "" {
				a = settled(tc.begin)
			}
			if tc.change != nil {
				tc.change(a)
			}
			g.Expect(Evaluate(a, newSHA)).To(Equal(Verdict{
				Healthy: tc.wantReason == "", Class: cmp.Or(tc.wantClass, classes[tc.wantReason]), Reason: tc.wantReason, Message: tc.wantMessage,
			}))
		})
	}
}

func TestGateWithoutAnApplication(t *testing.T) {
	g := NewWithT(t)
	v := Evaluate(nil, newSHA)
	g.Expect(v.Healthy).To(BeFalse())
	g.Expect(v.Reason).To(Equal("ApplicationMissing"))
	g.Expect(v.Message).To(And(ContainSubstring(v1alpha1.LabelApplication), ContainSubstring(v1alpha1.LabelRegion)))
}

func TestFollowingHEADIsNoPin(t *testing.T) {
	g := NewWithT(t)
	a := settled(newSHA)
	a.Spec.Source.TargetRevision, a.Status.Sync.ComparedTo.Source.TargetRevision = "", ""
	g.Expect(Evaluate(a, "").Healthy).To(BeFalse(), "where there is no pin")
	g.Expect(Evaluate(a, newSHA).Reason).To(Equal("SpecNotUpdated"), "though HEAD happens to be the pin")
}

func TestAnApplicationThatHasNoPinYetWaitsForIt(t *testing.T) {
	const noCommit = "0000000000000000000000000000000000000000" // what templates default to
	for _, pin := range []string{"", newSHA} {
		g := NewWithT(t)
		a := settled(noCommit)
		a.Status.Sync.Status, a.Status.Health.Status = "Unknown", "Missing"
		a.Status.Conditions = []Condition{{Type: "ComparisonError", Message: "failed to checkout revision " + noCommit}}
		g.Expect(Evaluate(a, pin)).To(And(HaveField("Class", Pending), HaveField("Reason", "SpecNotUpdated")))
	}
}

func TestVerdictsReadAsSentences(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Verdict{Reason: "NotCompared"}.String()).To(Equal("NotCompared"))
	g.Expect(Verdict{Reason: "SyncFailed", Message: "timeout"}.String()).To(Equal("SyncFailed: timeout"))
}

func FuzzCanonicalValues(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[true,null]}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, b := sourceAt(newSHA), sourceAt(newSHA)
		a.Helm, b.Helm = values(string(raw)), values(string(raw))
		if !sameSource(a, b) {
			t.Errorf("%q differs from itself", raw)
		}
		b.Helm.ValuesObject.Raw = canonical(a.Helm)
		if !sameSource(a, b) {
			t.Errorf("%q differs from its canonical form %q", raw, b.Helm.ValuesObject.Raw)
		}
	})
}
