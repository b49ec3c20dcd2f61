package argocd

import (
	"regexp"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// comparisonErrors are condition types that keep an Application from being compared.
var comparisonErrors = []string{"InvalidSpecError", "ComparisonError", "UnknownError"}

// Reasons that comparison errors are recognised by, beside RevisionLacksRegionConfig.
const (
	reasonRepositoryUnauthorized = "RepositoryUnauthorized"
	reasonClusterUnreachable     = "ClusterUnreachable"
	reasonRenderFailed           = "RenderFailed"
)

// essence leaves out of an error what leads to it, and what differs from one try to the next: a
// status with it would be written again each time.
func essence(message string) string {
	message = preamble.ReplaceAllString(message, "")
	if _, said, found := strings.Cut(message, " failed exit status 1: Error: "); found { // after a command with the names of temporary files
		message = said
	}
	return strings.TrimSuffix(temporary.ReplaceAllString(message, "…"), usage)
}

var (
	preamble  = regexp.MustCompile(`^(Failed to load target state: )?(failed to generate manifest for source \d+ of \d+: )?(rpc error: code = \w+ desc = )+`)
	temporary = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
)

// usage is how helm ends what it says.
const usage = "\n\nUse --debug flag to render out invalid YAML"

// What Argo CD says of a cluster whose API server does not answer, or lets nobody in: inCluster are its
// own words, onTheWay is what the network says, of anything. elsewhere are those who say that of other
// places: the repo server of git and registries, an API server of webhooks, a revision's hooks of whatever they need.
var (
	inCluster = regexp.MustCompile(`(?i)failed to get cluster (info|cache|version)|error synchronizing cache state|` +
		`the server has asked for the client to provide credentials`)
	onTheWay  = regexp.MustCompile(`(?i)connection refused|i/o timeout|tls handshake timeout|no such host|no route to host|unauthorized`)
	elsewhere = regexp.MustCompile(`(?i)webhook|rpc error|failed to generate manifest|manifest generation error|repo server|completed unsuccessfully`)
)

// clusterUnreachable tells whether a message says that Argo CD does not get through to the Application's
// cluster. Whatever else fails on the way is an error of the revision, as it may last as long as that does.
func clusterUnreachable(message string) bool {
	switch {
	case elsewhere.MatchString(message):
		return false
	case inCluster.MatchString(message):
		return true
	}
	return onTheWay.MatchString(message) && !strings.Contains(message, "Failed to load target state")
}

// causes of comparison errors, by what git, helm, Kubernetes and Argo CD's repo server write.
var causes = []struct {
	reason string
	class  Class
	said   func(message string) bool
	remedy string
}{
	{
		reasonClusterUnreachable, Unreachable, clusterUnreachable, "",
	},
	{
		v1alpha1.ReasonRevisionLacksRegionConfig, Blocked,
		regexp.MustCompile(`no such file or directory|app path does not exist`).MatchString, "pin a revision that has the files",
	},
	{
		v1alpha1.ReasonUnknownRevision, Blocked,
		regexp.MustCompile(`not our ref|unable to resolve|(?i)failed to checkout revision`).MatchString, "pin a revision that the repository has",
	},
	{
		reasonRepositoryUnauthorized, Blocked,
		regexp.MustCompile(`(?i)authentication required|authorization failed|repository not (found|accessible)|permission denied \(publickey\)|unauthorized`).MatchString,
		"give Argo CD credentials for the repository",
	},
	{
		reasonRenderFailed, Blocked,
		regexp.MustCompile(`(?i)manifest generation error|helm (template|dependency build)|kustomize build|error unmarshal|failed to (parse|execute)`).MatchString, "correct what it renders",
	},
}

// failedComparison is the index of the condition that says so, -1 without one.
func (a *Application) failedComparison() int {
	return slices.IndexFunc(a.Status.Conditions, func(c Condition) bool { return slices.Contains(comparisonErrors, c.Type) })
}

func comparisonFailed(a *Application) bool { return a.failedComparison() >= 0 }

// comparisonWorked looks for an error of a comparison at this revision. Argo CD reports it
// beside a Synced status and a Healthy one.
func comparisonWorked(a *Application, revision string) *Verdict {
	i := a.failedComparison()
	if i < 0 || !slices.Contains(targets(a.comparedSources()), revision) {
		return nil
	}
	c := a.Status.Conditions[i]
	v := missing(Blocked, c.Type, "%s", essence(c.Message))
	for _, cause := range causes {
		if c.Type != "InvalidSpecError" && cause.said(c.Message) {
			v.Class, v.Reason = cause.class, cause.reason
			if cause.remedy != "" {
				v.Message += " (" + cause.remedy + ")"
			}
			break
		}
	}
	if c.LastTransitionTime != nil {
		v.Since = c.LastTransitionTime.Time
	}
	return v
}
