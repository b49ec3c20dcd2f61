package argocdhealth

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// folder holds what Portolan ships for Argo CD.
const folder = "../../config/argocd"

// suite is a health_test.yaml, in the format of Argo CD's own resource_customizations.
type suite struct {
	Tests []struct {
		HealthStatus health `json:"healthStatus"`
		InputPath    string `json:"inputPath"`
	} `json:"tests"`
}

// kinds are those of our API, without lists and options of the API machinery.
func kinds(g Gomega) []string {
	scheme := known(g)
	var all []string
	for kind := range scheme.KnownTypes(v1alpha1.GroupVersion) {
		if scheme.Recognizes(v1alpha1.GroupVersion.WithKind(kind + "List")) {
			all = append(all, kind)
		}
	}
	slices.Sort(all)
	g.Expect(all).NotTo(BeEmpty())
	return all
}

func known(g Gomega) *runtime.Scheme {
	scheme := runtime.NewScheme()
	g.Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	return scheme
}

func read(g Gomega, path ...string) string {
	raw, err := os.ReadFile(filepath.Join(append([]string{folder}, path...)...))
	g.Expect(err).NotTo(HaveOccurred())
	return string(raw)
}

func suiteOf(g Gomega, kind string) suite {
	var s suite
	g.Expect(yaml.UnmarshalStrict([]byte(read(g, "health", kind, "health_test.yaml")), &s)).To(Succeed())
	return s
}

// input reads an object, which has to be one that our types can hold.
func input(g Gomega, kind, path string) *unstructured.Unstructured {
	raw := []byte(read(g, "health", kind, path))
	typed, err := known(g).New(v1alpha1.GroupVersion.WithKind(kind))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(yaml.UnmarshalStrict(raw, typed)).To(Succeed(), path)
	asJSON, err := yaml.YAMLToJSON(raw)
	g.Expect(err).NotTo(HaveOccurred())
	obj := &unstructured.Unstructured{}
	g.Expect(obj.UnmarshalJSON(asJSON)).To(Succeed(), path)
	g.Expect(obj.GroupVersionKind()).To(Equal(v1alpha1.GroupVersion.WithKind(kind)), path)
	return obj
}

func TestEveryKindHasAScriptWithCases(t *testing.T) {
	g := NewWithT(t)
	var folders []string
	entries, err := os.ReadDir(filepath.Join(folder, "health"))
	g.Expect(err).NotTo(HaveOccurred())
	for _, e := range entries {
		if e.IsDir() {
			folders = append(folders, e.Name())
		}
	}
	g.Expect(folders).To(ConsistOf(kinds(g)))

	for _, kind := range folders {
		g.Expect(read(g, "health", kind, "health.lua")).To(Equal(read(g, "health", "health.lua")), kind+": run hack/argocd-cm.sh")
		var wanted, used []string
		for _, tc := range suiteOf(g, kind).Tests {
			g.Expect(statuses).To(ContainElement(tc.HealthStatus.Status), kind)
			wanted, used = append(wanted, tc.HealthStatus.Status), append(used, tc.InputPath)
		}
		g.Expect(wanted).To(ContainElements("Healthy", "Progressing", "Degraded"), kind)
		testdata, err := filepath.Glob(filepath.Join(folder, "health", kind, "testdata", "*"))
		g.Expect(err).NotTo(HaveOccurred())
		for i, path := range testdata {
			testdata[i] = strings.TrimPrefix(filepath.ToSlash(path), folder+"/health/"+kind+"/")
		}
		g.Expect(used).To(ConsistOf(testdata), "each file of testdata is a case")
	}
}

func TestScripts(t *testing.T) {
	for _, kind := range kinds(NewWithT(t)) {
		for _, tc := range suiteOf(NewWithT(t), kind).Tests {
			t.Run(kind+"/"+filepath.Base(tc.InputPath), func(t *testing.T) {
				g := NewWithT(t)
				got, err := healthOf(t.Context(), read(g, "health", kind, "health.lua"), input(g, kind, tc.InputPath))
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(got).To(Equal(tc.HealthStatus))
			})
		}
	}
}

// An error in a script is Unknown health, which nobody can explain: what is missing in an
// object, or is there by mistake, must not lead to one.
func TestScriptsStandWhateverTheyAreGiven(t *testing.T) {
	cases := map[string]struct {
		object string
		want   string
	}{
		"nothing at all":               {"{}", "Progressing"},
		"a status with nothing in it":  {`{metadata: {generation: 1}, status: {}}`, "Progressing"},
		"no conditions":                {`{metadata: {generation: 1}, status: {observedGeneration: 1}}`, "Progressing"},
		"conditions that are empty":    {`{metadata: {generation: 1}, status: {observedGeneration: 1, conditions: []}}`, "Progressing"},
		"a null":                       {`{metadata: {generation: 1}, spec: null, status: {observedGeneration: 1, conditions: null}}`, "Progressing"},
		"no message":                   {ready("status: 'True', reason: Succeeded"), "Healthy"},
		"no generation in a condition": {ready("status: 'True', reason: Succeeded, message: ''"), "Healthy"},
		"a condition of an older spec": {ready("status: 'True', reason: Succeeded, observedGeneration: 6"), "Progressing"},
		"False, but not stalled":       {ready("status: 'False', reason: Waiting, message: for it"), "Progressing"},
		"a status that is unknown":     {ready("status: Unknown, reason: Waiting"), "Progressing"},
		"a condition that nobody set":  {ready("status: 'True', reason: Succeeded}, {type: Stalled, status: 'False', reason: Fine"), "Healthy"},
		"ready, and at work":           {ready("status: 'True', reason: Succeeded}, {type: Reconciling, status: 'True', reason: Creating"), "Progressing"},
		"held without being stalled":   {ready("status: Unknown, reason: X}, {type: Held, status: 'True', reason: Paused"), "Suspended"},
		"held no more":                 {ready("status: 'True', reason: Succeeded}, {type: Held, status: 'False', reason: Paused"), "Healthy"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			obj := &unstructured.Unstructured{}
			g.Expect(yaml.Unmarshal([]byte(tc.object), &obj.Object)).To(Succeed())
			for _, kind := range kinds(g) {
				got, err := healthOf(t.Context(), read(g, "health", kind, "health.lua"), obj)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(got).To(HaveField("Status", tc.want))
				g.Expect(got.Message).NotTo(BeEmpty())
			}
		})
	}
}

// ready is an object at generation 7 with a condition Ready.
func ready(condition string) string {
	return "{metadata: {generation: 7}, status: {observedGeneration: 7, conditions: [{type: Ready, " + condition + "}]}}"
}
