package bootstrap_test

import (
	"testing"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/bootstrap"
)

var variables = bootstrap.Variables{
	Environment: "production001", Region: "eu-west-1", Account: "111122223333", Cluster: "production001-eu-west-1",
	VPCID: "vpc-1", KubernetesVersion: "1.34",
}

// bed is a repository and a Source that knows it.
type bed struct {
	*repository
	*bootstrap.Source
}

func newBed(t *testing.T, o bootstrap.Options) *bed {
	t.Helper()
	RegisterTestingT(t)
	r := newRepository()
	t.Cleanup(r.Close)
	return &bed{repository: r, Source: bootstrap.NewSource(o)}
}

func (b *bed) render(t *testing.T, item v1alpha1.BootstrapItem) (*bootstrap.Rendered, error) {
	t.Helper()
	return b.Render(t.Context(), item, nil, variables)
}

// names returns "Kind name" of each object, in order.
func names(r *bootstrap.Rendered) []string {
	all := make([]string, 0, len(r.Objects))
	for _, o := range r.Objects {
		all = append(all, o.GetKind()+" "+o.GetName())
	}
	return all
}

func with(item v1alpha1.BootstrapItem, values string) v1alpha1.BootstrapItem {
	item = *item.DeepCopy()
	item.Helm.Values = &apiextensionsv1.JSON{Raw: []byte(values)}
	return item
}

// object is one with nothing but a name, and maybe annotations.
func object(kind, name string, annotations ...string) string {
	text := "---\napiVersion: example.test/v1\nkind: " + kind + "\nmetadata:\n  name: " + name + "\n"
	if kind == "Namespace" {
		text = "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: " + name + "\n"
	}
	for i, a := range annotations {
		if i == 0 {
			text += "  annotations:\n"
		}
		text += "    " + a + "\n"
	}
	return text
}

const crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: buoys.sea.test}
spec:
  group: sea.test
  names: {kind: Buoy, plural: buoys}
  versions: [{name: v1, served: true}, {name: v1alpha1, served: false}]
`

func TestOrderOfAChart(t *testing.T) {
	b := newBed(t, bootstrap.Options{})
	for name, tc := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"CRDs, Namespaces, then Helm's order of installation": {
			files: map[string]string{
				"templates/a.yaml": object("Deployment", "d") + object("Buoy", "b") + object("Namespace", "networking") + object("ServiceAccount", "s"),
				"templates/z.yaml": crd,
			},
			want: []string{"CustomResourceDefinition buoys.sea.test", "Namespace networking", "Namespace platform", "ServiceAccount s", "Deployment d", "Buoy b"},
		},
		"the CRDs that are no templates": {
			files: map[string]string{"crds/c.yaml": crd, "templates/a.yaml": object("Service", "s")},
			want:  []string{"CustomResourceDefinition buoys.sea.test", "Namespace platform", "Service s"},
		},
		"the chart's own Namespace instead of ours": {
			files: map[string]string{"templates/a.yaml": object("Namespace", "platform")},
			want:  []string{"Namespace platform"},
		},
		"hooks around the rest, by weight": {
			files: map[string]string{"templates/a.yaml": object("Service", "s") +
				object("Job", "after", `helm.sh/hook: post-install,post-upgrade`) +
				object("Job", "heavy", `helm.sh/hook: pre-install`, `helm.sh/hook-weight: "5"`) +
				object("Job", "light", `helm.sh/hook: pre-install`, `helm.sh/hook-weight: "-5"`)},
			want: []string{"Namespace platform", "Job light", "Job heavy", "Service s", "Job after"},
		},
		"no tests, and nothing that belongs to upgrades and deletions": {
			files: map[string]string{"templates/a.yaml": object("Pod", "test", `helm.sh/hook: test`) +
				object("Pod", "old-test", `helm.sh/hook: test-success`) + object("Job", "d", `helm.sh/hook: pre-delete`) +
				object("Job", "u", `helm.sh/hook: pre-upgrade,post-rollback`) + object("Job", "both", `helm.sh/hook: pre-delete,pre-install`)},
			want: []string{"Namespace platform", "Job both"},
		},
		"no notes, partials and empty documents": {
			files: map[string]string{
				"templates/NOTES.txt":  "Thank you",
				"templates/_names.tpl": `{{ define "n" }}x{{ end }}`,
				"templates/none.yaml":  "{{ if false }}x{{ end }}\n---\n# nothing\n",
				"templates/a.yaml":     object("Service", `{{ include "n" . }}`),
			},
			want: []string{"Namespace platform", "Service x"},
		},
		"the items of lists": {
			files: map[string]string{"templates/a.yaml": "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: one}}\n- {apiVersion: v1, kind: ServiceAccount, metadata: {name: two}}\n"},
			want:  []string{"Namespace platform", "ServiceAccount two", "Service one"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			item := newBed(t, bootstrap.Options{}).publish("c", "1.0.0", tc.files)
			rendered, err := b.render(t, item)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(names(rendered)).To(Equal(tc.want))
		})
	}
}

// echo is a chart that shows what templates get to know.
func echo(t *testing.T, expression string) (b *bed, item v1alpha1.BootstrapItem) {
	t.Helper()
	b = newBed(t, bootstrap.Options{})
	return b, b.publish("echo", "1.2.3", map[string]string{
		"values.yaml":      "kept: default\n",
		"crds/c.yaml":      crd,
		"templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  out: {{ " + expression + " | toString | quote }}\n",
	})
}

func TestWhatTemplatesKnow(t *testing.T) {
	for name, tc := range map[string]struct {
		expression string
		values     string
		want       string
	}{
		"defaults of the chart":               {expression: ".Values.kept", want: "default"},
		"values of the profile":               {expression: ".Values.kept", values: `{"kept":"mine"}`, want: "mine"},
		"a placeholder":                       {expression: ".Values.a", values: `{"a":"{{ .cluster }}"}`, want: "production001-eu-west-1"},
		"several, with text":                  {expression: ".Values.a", values: `{"a":"{{ .environment }}.{{.region}} {{- .vpcID -}} !"}`, want: "production001.eu-west-1vpc-1!"},
		"one in a list":                       {expression: "index .Values.a 0 \"b\"", values: `{"a":[{"b":"{{ .account }}"}]}`, want: "111122223333"},
		"keys stay":                           {expression: "keys .Values.a | first", values: `{"a":{"{{ .region }}":1}}`, want: "{{ .region }}"},
		"templates for the chart itself":      {expression: "tpl .Values.a .", values: `{"a":"{{ \"{{\" }} .Release.Name }}"}`, want: "echo"},
		"numbers as Helm reads them":          {expression: "kindOf .Values.n", values: `{"n":3}`, want: "float64"},
		"booleans":                            {expression: "kindOf .Values.n", values: `{"n":true}`, want: "bool"},
		"defaults can be removed":             {expression: "hasKey .Values \"kept\"", values: `{"kept":null}`, want: "false"},
		"the release":                         {expression: "print .Release.Name .Release.Namespace .Release.IsInstall .Release.Revision", want: "echoplatformtrue 1"},
		"the version of Kubernetes":           {expression: ".Capabilities.KubeVersion.Version", want: "v1.34"},
		"stable API versions":                 {expression: `.Capabilities.APIVersions.Has "policy/v1"`, want: "true"},
		"and their kinds":                     {expression: `.Capabilities.APIVersions.Has "networking.k8s.io/v1/Ingress"`, want: "true"},
		"not those that EKS has not":          {expression: `.Capabilities.APIVersions.Has "policy/v1beta1"`, want: "false"},
		"the chart's own kinds":               {expression: `.Capabilities.APIVersions.Has "sea.test/v1/Buoy"`, want: "true"},
		"not those that the CRDs don't serve": {expression: `.Capabilities.APIVersions.Has "sea.test/v1alpha1"`, want: "false"},
		"no cluster":                          {expression: `lookup "v1" "Namespace" "" "" | len`, want: "0"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			b, item := echo(t, tc.expression)
			if tc.values != "" {
				item = with(item, tc.values)
			}
			rendered, err := b.render(t, item)
			g.Expect(err).NotTo(HaveOccurred())
			last := rendered.Objects[len(rendered.Objects)-1]
			g.Expect(last.Object["data"]).To(HaveKeyWithValue("out", tc.want))
		})
	}
}

func TestRefusedValues(t *testing.T) {
	const known = "may hold {{ .account }}, {{ .cluster }}, {{ .environment }}, {{ .region }}, {{ .vpcID }}"
	const literally = `write {{ "{{" }} for a template that the chart itself expands`
	for name, tc := range map[string]struct {
		values string
		want   []string
	}{
		"an unknown placeholder":  {values: `{"a":{"b":["{{ .zone }}"]}}`, want: []string{"values.a.b[0]: ", "unknown key .zone", known, literally}},
		"one without a value yet": {values: `{"a":"{{ .gossipSecurityGroupID }}"}`, want: []string{"values.a: ", "unknown key .gossipSecurityGroupID", known}},
		"one below another":       {values: `{"a":"{{ .region.name }}"}`, want: []string{"not a template that Portolan expands", known}},
		"functions":               {values: `{"a":"{{ printf .region }}"}`, want: []string{"values.a: ", known, literally}},
		"pipes":                   {values: `{"a":"{{ .region | .cluster }}"}`, want: []string{"values.a"}},
		"control flow":            {values: `{"a":"{{ if .region }}x{{ end }}"}`, want: []string{"values.a: ", known}},
		"half a template":         {values: `{"a":"{{ .region"}`, want: []string{"values.a: ", known}},
		"the first of several":    {values: `{"z":"{{ .z }}","a":"{{ .a }}"}`, want: []string{"values.a: ", "unknown key .a"}},
		"a list instead of them":  {values: `["a"]`, want: []string{"reading values"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			b, item := echo(t, "1")
			_, err := b.render(t, with(item, tc.values))
			for _, part := range tc.want {
				g.Expect(err).To(MatchError(ContainSubstring(part)))
			}
			g.Expect(b.requests("/index.yaml")).To(BeZero(), "nothing is fetched for values that cannot be used")
		})
	}
}

func TestRefusedCharts(t *testing.T) {
	const metadata = "apiVersion: v2\nname: c\nversion: 1.0.0\n"
	for name, tc := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"a required value, with file and line": {
			files: map[string]string{"templates/a.yaml": "a: 1\nb: {{ required \"vpcId is required\" .Values.vpcId }}\n"},
			want:  []string{"chart c 1.0.0: ", "c/templates/a.yaml:2", "vpcId is required"},
		},
		"a broken template, with file and line": {
			files: map[string]string{"templates/a.yaml": "a: 1\n\nb: {{ nonsense }}\n"},
			want:  []string{"c/templates/a.yaml:3", `function "nonsense" not defined`},
		},
		"a failing template": {
			files: map[string]string{"templates/a.yaml": `{{ .Values.a.b.c }}`},
			want:  []string{"c/templates/a.yaml:1", "nil pointer"},
		},
		"no YAML": {
			files: map[string]string{"templates/a.yaml": "a: b: c\n"},
			want:  []string{"c/templates/a.yaml"},
		},
		"no kind": {
			files: map[string]string{"templates/a.yaml": "apiVersion: v1\nmetadata: {name: a}\n"},
			want:  []string{"document 1 of c/templates/a.yaml has no kind: every object needs apiVersion and kind"},
		},
		"no name": {
			files: map[string]string{"templates/a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n"},
			want:  []string{"has a Pod without metadata.name", "generateName"},
		},
		"a CRD that is none": {
			files: map[string]string{"crds/a.yaml": "- 1\n"},
			want:  []string{"document 1 of c/crds/a.yaml is no object"},
		},
		"a library": {
			files: map[string]string{"Chart.yaml": metadata + "type: library\n"},
			want:  []string{"it is a library"},
		},
		"another Kubernetes": {
			files: map[string]string{"Chart.yaml": metadata + "kubeVersion: \">= 1.99\"\n"},
			want:  []string{"it needs Kubernetes >= 1.99, but the cluster has v1.34"},
		},
		"a missing dependency": {
			files: map[string]string{"Chart.yaml": metadata + "dependencies: [{name: sub, version: 1.0.0, repository: \"https://charts.test\"}]\n"},
			want:  []string{"chart sub, which it depends on, is not in its archive"},
		},
		"values that its schema refuses": {
			files: map[string]string{"values.schema.json": `{"type":"object","required":["vpcId"]}`},
			want:  []string{"schema", "vpcId"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			b := newBed(t, bootstrap.Options{})
			_, err := b.render(t, b.publish("c", "1.0.0", tc.files))
			g.Expect(err).To(HaveOccurred())
			for _, part := range tc.want {
				g.Expect(err).To(MatchError(ContainSubstring(part)))
			}
			g.Expect(err.Error()).NotTo(ContainSubstring("\n"), "it has to fit into a condition")
		})
	}
}

func TestDependencies(t *testing.T) {
	g := NewWithT(t)
	b := newBed(t, bootstrap.Options{})
	item := b.publish("c", "1.0.0", map[string]string{
		"Chart.yaml":                    "apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies:\n- {name: sub, version: 1.0.0, condition: sub.enabled}\n",
		"charts/sub/Chart.yaml":         "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
		"charts/sub/crds/c.yaml":        crd,
		"charts/sub/templates/sub.yaml": object("Service", "{{ .Values.name }}"),
	})
	rendered, err := b.render(t, with(item, `{"sub":{"name":"{{ .region }}"}}`))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(names(rendered)).To(ContainElements("CustomResourceDefinition buoys.sea.test", "Service eu-west-1"))

	rendered, err = b.render(t, with(item, `{"sub":{"enabled":false}}`))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(names(rendered)).NotTo(ContainElement(HavePrefix("Service")))
}

func TestHash(t *testing.T) {
	g := NewWithT(t)
	b := newBed(t, bootstrap.Options{})
	files := map[string]string{"templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {random: {{ randAlphaNum 20 }}}\n"}
	item := b.publish("c", "1.0.0", files)
	files["templates/b.yaml"] = object("Service", "s")
	newer := b.publish("c", "1.0.1", files)
	hashOf := func(item v1alpha1.BootstrapItem, v bootstrap.Variables) string {
		rendered, err := b.Render(t.Context(), item, nil, v)
		g.Expect(err).NotTo(HaveOccurred())
		return rendered.Hash
	}
	first := hashOf(item, variables)
	g.Expect(hashOf(item, variables)).To(Equal(first), "although the chart makes up a value each time")
	unused := variables
	unused.VPCID = "vpc-2"
	g.Expect(hashOf(item, unused)).To(Equal(first), "a variable that is not used makes no difference")

	renamed, moved, upgraded := *item.DeepCopy(), *item.DeepCopy(), variables
	renamed.Name, moved.Helm.Namespace, upgraded.KubernetesVersion = "other", "elsewhere", "1.35"
	for name, other := range map[string]string{
		"version": hashOf(newer, variables), "values": hashOf(with(item, `{"a":1}`), variables),
		"name": hashOf(renamed, variables), "namespace": hashOf(moved, variables),
		"Kubernetes": hashOf(item, upgraded), "used variable": hashOf(with(item, `{"a":"{{ .vpcID }}"}`), variables),
	} {
		g.Expect(other).NotTo(Equal(first), name)
	}
	g.Expect(hashOf(with(item, `{"a":"{{ .vpcID }}"}`), variables)).NotTo(Equal(hashOf(with(item, `{"a":"{{ .vpcID }}"}`), unused)))
}

func TestManifests(t *testing.T) {
	b := newBed(t, bootstrap.Options{})
	address, digest := b.put("/m.yaml", object("Service", "s")+object("Namespace", "networking")+"---"+crd)
	url := func(address, digest string) v1alpha1.BootstrapItem {
		return v1alpha1.BootstrapItem{Name: "m", Manifests: &v1alpha1.Manifests{URL: address, SHA256: digest}}
	}
	configMap := v1alpha1.BootstrapItem{Name: "m", Manifests: &v1alpha1.Manifests{ConfigMapRef: &v1alpha1.LocalReference{Name: "extras"}}}
	empty, emptyDigest := b.put("/empty.yaml", "# nothing yet\n")
	for name, tc := range map[string]struct {
		item      v1alpha1.BootstrapItem
		configMap map[string]string
		want      []string
		wantError []string
	}{
		"of a URL": {
			item: url(address, digest),
			want: []string{"CustomResourceDefinition buoys.sea.test", "Namespace networking", "Service s"},
		},
		"of a URL that serves something else": {
			item:      url(address+"?token=secret", sum([]byte("x"))),
			wantError: []string{"/m.yaml has SHA-256 " + digest, "the profile says " + sum([]byte("x"))},
		},
		"of a URL that serves nothing":     {item: url(b.URL+"/none.yaml", digest), wantError: []string{"/none.yaml answers 404 Not Found: check the address"}},
		"of a URL that serves no manifest": {item: url(empty, emptyDigest), wantError: []string{"/empty.yaml holds no objects"}},
		"of a ConfigMap, key by key": {
			item:      configMap,
			configMap: map[string]string{"20": object("Buoy", "b"), "10": object("Buoy", "a"), "30": object("Service", "s")},
			want:      []string{"Service s", "Buoy a", "Buoy b"},
		},
		"without a kind": {
			item:      configMap,
			configMap: map[string]string{"a.yaml": object("Service", "s") + "---\napiVersion: v1\n"},
			wantError: []string{"document 2 of key a.yaml of ConfigMap extras has no kind"},
		},
		"with a broken item in a list": {
			item:      configMap,
			configMap: map[string]string{"a": "apiVersion: v1\nkind: List\nitems: [{kind: Pod}]"},
			wantError: []string{"document 1 of key a of ConfigMap extras is a list of which an item has no kind"},
		},
		"that are no YAML":      {item: configMap, configMap: map[string]string{"a": "\t"}, wantError: []string{"document 1 of key a of ConfigMap extras is no YAML"}},
		"of an empty ConfigMap": {item: configMap, wantError: []string{"ConfigMap extras holds no objects"}},
		"of nowhere":            {item: v1alpha1.BootstrapItem{Name: "m"}, wantError: []string{"bootstrap item m is empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			rendered, err := b.Render(t.Context(), tc.item, tc.configMap, variables)
			for _, part := range tc.wantError {
				g.Expect(err).To(MatchError(ContainSubstring(part)))
				g.Expect(err.Error()).NotTo(ContainSubstring("secret"))
			}
			if tc.wantError == nil {
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(names(rendered)).To(Equal(tc.want))
				g.Expect(rendered.Hash).NotTo(BeEmpty())
			}
		})
	}
}

func TestManifestsHash(t *testing.T) {
	g := NewWithT(t)
	b := newBed(t, bootstrap.Options{})
	item := v1alpha1.BootstrapItem{Name: "m", Manifests: &v1alpha1.Manifests{ConfigMapRef: &v1alpha1.LocalReference{Name: "extras"}}}
	hashOf := func(content map[string]string) string {
		rendered, err := b.Render(t.Context(), item, content, variables)
		g.Expect(err).NotTo(HaveOccurred())
		return rendered.Hash
	}
	first := hashOf(map[string]string{"a": object("Buoy", "a"), "b": object("Buoy", "b")})
	g.Expect(hashOf(map[string]string{"b": object("Buoy", "b"), "a": object("Buoy", "a")})).To(Equal(first))
	g.Expect(hashOf(map[string]string{"a": object("Buoy", "a")})).NotTo(Equal(first))
}
