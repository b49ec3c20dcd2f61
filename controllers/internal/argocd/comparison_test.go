package argocd

import (
	"cmp"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// The messages are those of Argo CD v3.1.
func TestWhatAComparisonErrorMeans(t *testing.T) {
	for name, tc := range map[string]struct {
		message, wantReason string
		wantClass           Class
		wantMessage         string // empty: the whole message
	}{
		"value file missing": {
			"Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = failed to execute helm template command: " +
				"failed to get command args to log: `helm template . --values <path to cached source>/eu-west-1.yaml --values /tmp/f660ce13-13c5-4f94-976a-b3dbcc5ce974 --include-crds` " +
				"failed exit status 1: Error: open <path to cached source>/environments/production001/eu-west-1.yaml: no such file or directory",
			v1alpha1.ReasonRevisionLacksRegionConfig, Blocked,
			"open <path to cached source>/environments/production001/eu-west-1.yaml: no such file or directory (pin a revision",
		},
		"chart missing": {
			"Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = eks-cluster/helm-chart/unkey-api: app path does not exist",
			v1alpha1.ReasonRevisionLacksRegionConfig, Blocked, "eks-cluster/helm-chart/unkey-api: app path does not exist (pin",
		},
		"commit missing": {
			"Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = failed to initialize repository resources: rpc error: code = Internal " +
				"desc = Failed to checkout revision 0123: `git fetch origin 0123 --tags --force --prune` failed exit status 128: fatal: remote error: upload-pack: not our ref 0123",
			v1alpha1.ReasonUnknownRevision, Blocked, "failed to initialize repository resources",
		},
		"rendering fails": {
			"rpc error: code = Unknown desc = Manifest generation error (cached): failed to execute helm template command: `helm template .` failed exit status 1: " +
				"Error: execution error at (unkey-api/templates/config.yaml:1:3): nobody can render this\n\nUse --debug flag to render out invalid YAML",
			reasonRenderFailed, Blocked, "execution error at (unkey-api/templates/config.yaml:1:3): nobody can render this (correct",
		},
		"no credentials":      {"rpc error: code = Unknown desc = authentication required: Repository not found.", reasonRepositoryUnauthorized, Blocked, "authentication required"},
		"no access to region": {"Failed to load live state: Get \"https://x.eks.amazonaws.com/version\": dial tcp 10.0.0.1:443: i/o timeout", reasonClusterUnreachable, Unreachable, ""},
		"token refused":       {"Failed to load live state: failed to get cluster info for \"https://x\": error synchronizing cache state : Unauthorized", reasonClusterUnreachable, Unreachable, ""},
		"the version of the cluster": {
			"Failed to load target state: failed to get cluster version for cluster \"https://x\": failed to get cluster info for \"https://x\": error synchronizing cache state : " +
				"failed to get server version: the server has asked for the client to provide credentials",
			reasonClusterUnreachable, Unreachable, "",
		},
		"a cluster that is gone": {"error synchronizing cache state : failed to get server version: Get \"https://x/version\": dial tcp: lookup x: no such host", reasonClusterUnreachable, Unreachable, ""},
		"a chart's repository that nobody knows": {
			"Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = failed to execute helm template command: `helm dependency build` " +
				"failed exit status 1: Error: Get \"https://charts.intrenal/index.yaml\": dial tcp: lookup charts.intrenal: no such host",
			reasonRenderFailed, Blocked, "Get \"https://charts.intrenal/index.yaml\": dial tcp: lookup charts.intrenal: no such host (correct",
		},
		"a registry that lets nobody in": {
			"Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = error fetching chart: failed to fetch chart: `helm pull oci://x` " +
				"failed exit status 1: Error: unexpected status from HEAD request to https://x/v2/y: 401 Unauthorized",
			reasonRepositoryUnauthorized, Blocked, "unexpected status from HEAD request to https://x/v2/y: 401 Unauthorized (give",
		},
		"git that does not answer": {
			"Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = failed to list refs: dial tcp 10.0.0.1:22: i/o timeout",
			"ComparisonError", Blocked, "failed to list refs: dial tcp 10.0.0.1:22: i/o timeout",
		},
		"the repo server is away": {
			"Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unavailable desc = connection error: desc = " +
				"\"transport: Error while dialing: dial tcp 10.0.0.1:8081: connect: connection refused\"",
			"ComparisonError", Blocked, "connection error: ",
		},
		"a webhook that the revision brought": {
			"Failed to load live state: failed to get cluster info for \"https://x\": error synchronizing cache state : failed to load initial state of resource Y.example.org: " +
				"conversion webhook for example.org/v1, Kind=Y failed: Post \"https://y.default.svc:443/convert\": dial tcp 10.0.0.2:443: connect: connection refused",
			"ComparisonError", Blocked, "",
		},
		"bad template":  {"rpc error: code = Unknown desc = Manifest generation error (cached): helm template . failed exit status 1: nil pointer", reasonRenderFailed, Blocked, "Manifest generation error"},
		"anything else": {"something new", "ComparisonError", Blocked, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			a := settled(newSHA)
			a.Status.Conditions = []Condition{{Type: "ComparisonError", Message: tc.message, LastTransitionTime: clockTime(time.Minute)}}
			v := Evaluate(a, newSHA)
			g.Expect(v.Reason).To(Equal(tc.wantReason))
			g.Expect(v.Class).To(Equal(tc.wantClass))
			g.Expect(v.Message).To(HavePrefix(cmp.Or(tc.wantMessage, tc.message)))
			g.Expect(v.Since).To(Equal(noon.Add(time.Minute)))
		})
	}
}

// An Application with several sources is pinned where they are to have the revision.
func TestSeveralSources(t *testing.T) {
	values := Source{RepoURL: "https://git.example/values", TargetRevision: "main", Ref: "values"}
	for name, tc := range map[string]struct {
		change     func(*Application)
		wantReason string
	}{
		"compared":                        {},
		"the pinned source is not yet":    {func(a *Application) { a.Status.Sync.Revisions[1] = oldSHA }, "NotCompared"},
		"nothing was compared":            {func(a *Application) { a.Status.Sync.Revisions = nil }, "NotCompared"},
		"another source moved":            {func(a *Application) { a.Status.Sync.Revisions[0] = newSHA }, ""},
		"compared with one source fewer":  {func(a *Application) { a.Status.Sync.ComparedTo.Sources = a.Status.Sync.ComparedTo.Sources[1:] }, "NotCompared"},
		"none of them is to have the pin": {func(a *Application) { a.Spec.Sources[1].TargetRevision = oldSHA }, "SpecNotUpdated"},
		"the sync of the pin failed": {
			func(a *Application) {
				a.Status.OperationState.Phase, a.Status.OperationState.SyncResult = "Failed", &SyncResult{Revisions: []string{oldSHA, newSHA}}
			}, "SyncFailed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			a := settled(newSHA)
			a.Spec.Source, a.Spec.Sources = nil, []Source{values, sourceAt(newSHA)}
			a.Status.Sync = Sync{
				Status: "Synced", Revisions: []string{oldSHA, newSHA},
				ComparedTo: ComparedTo{Sources: []Source{values, sourceAt(newSHA)}},
			}
			if tc.change != nil {
				tc.change(a)
			}
			g.Expect(Evaluate(a, newSHA).Reason).To(Equal(tc.wantReason))
		})
	}
}

func TestWhatConfirmsAComparison(t *testing.T) {
	requested := noon.Add(300 * time.Millisecond)
	for name, tc := range map[string]struct {
		compared *metav1.Time
		asked    string // what still stands in the annotation
		after    time.Duration
		want     bool
	}{
		"a comparison in the same second":                    {compared: clockTime(0), after: time.Second, want: true},
		"a later one":                                        {compared: clockTime(time.Minute), after: time.Hour, want: true},
		"not one that began before":                          {compared: clockTime(-time.Second), after: time.Second},
		"not one that did not see the request":               {compared: clockTime(time.Second), asked: "normal", after: time.Minute},
		"not nothing":                                        {after: time.Hour},
		"a clock that is behind is not waited for very long": {compared: clockTime(-time.Hour), after: time.Minute + time.Second, want: true},
		"but the request has to be gone":                     {compared: clockTime(-time.Hour), asked: "normal", after: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			a := settled(newSHA)
			a.Status.ReconciledAt = tc.compared
			if tc.asked != "" {
				a.Annotations = map[string]string{annotationRefresh: tc.asked}
			}
			NewWithT(t).Expect(Confirmed(a, requested, noon.Add(tc.after))).To(Equal(tc.want))
		})
	}
}
