package argocdhealth

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const syncOptions = "argocd.argoproj.io/sync-options"

// permission is an entry of a project's whitelists.
type permission struct {
	Group string `json:"group"`
	Kind  string `json:"kind"`
}

// destination is a place in a cluster.
type destination struct {
	Server    string `json:"server"`
	Namespace string `json:"namespace"`
}

// project is what we use of an AppProject.
type project struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec struct {
		Description                string        `json:"description"`
		SourceRepos                []string      `json:"sourceRepos"`
		Destinations               []destination `json:"destinations"`
		ClusterResourceWhitelist   []permission  `json:"clusterResourceWhitelist"`
		NamespaceResourceWhitelist []permission  `json:"namespaceResourceWhitelist"`
	} `json:"spec"`
}

// application is what we use of an Application.
type application struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		Annotations map[string]string `json:"annotations"`
		Finalizers  []string          `json:"finalizers"`
	} `json:"metadata"`
	Spec struct {
		Project     string            `json:"project"`
		Source      map[string]string `json:"source"`
		Destination destination       `json:"destination"`
		SyncPolicy  struct {
			Automated   map[string]bool `json:"automated"`
			Retry       map[string]any  `json:"retry"`
			SyncOptions []string        `json:"syncOptions"`
		} `json:"syncPolicy"`
	} `json:"spec"`
}

func documents[T any](g Gomega, path ...string) []T {
	var all []T
	for document := range strings.SplitSeq(read(g, path...), "\n---\n") {
		var one T
		g.Expect(yaml.UnmarshalStrict([]byte(document), &one)).To(Succeed())
		all = append(all, one)
	}
	return all
}

func projects(g Gomega) map[string]project {
	all := map[string]project{}
	for _, p := range documents[project](g, "project.yaml") {
		g.Expect(schema.FromAPIVersionAndKind(p.APIVersion, p.Kind).String()).To(Equal("argoproj.io/v1alpha1, Kind=AppProject"))
		all[p.Metadata.Name] = p
	}
	return all
}

// built is what `kubectl kustomize` makes of a folder.
func built(g Gomega, files filesys.FileSystem, path string) []*unstructured.Unstructured {
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, path)
	g.Expect(err).NotTo(HaveOccurred())
	var all []*unstructured.Unstructured
	for _, r := range resources.Resources() {
		content, err := r.Map()
		g.Expect(err).NotTo(HaveOccurred())
		all = append(all, &unstructured.Unstructured{Object: content})
	}
	g.Expect(all).NotTo(BeEmpty())
	return all
}

// fleet is a folder of a user's git repository: the samples with our component.
func fleet(g Gomega) []*unstructured.Unstructured {
	files := filesys.MakeFsInMemory()
	names := []string{"namespace", "environment", "regions", "gossiprings", "promotion"}
	for i, name := range names {
		raw, err := os.ReadFile(filepath.Join("..", "..", "config", "samples", name+".yaml"))
		g.Expect(err).NotTo(HaveOccurred())
		names[i] = name + ".yaml"
		g.Expect(files.WriteFile("/fleet/"+names[i], raw)).To(Succeed())
	}
	g.Expect(files.WriteFile("/protect/kustomization.yaml", []byte(read(g, "protect", "kustomization.yaml")))).To(Succeed())
	g.Expect(files.WriteFile("/fleet/kustomization.yaml", []byte("resources: ["+strings.Join(names, ", ")+"]\ncomponents: [../protect]\n"))).To(Succeed())
	return built(g, files, "/fleet")
}

func TestConfigMapIsUpToDate(t *testing.T) {
	g := NewWithT(t)
	var config corev1.ConfigMap
	g.Expect(yaml.UnmarshalStrict([]byte(read(g, "argocd-cm.yaml")), &config)).To(Succeed())
	want := map[string]string{}
	for _, kind := range kinds(g) {
		want["resource.customizations.health.portolan.dev_"+kind] = read(g, "health", kind, "health.lua")
	}
	g.Expect(config.Data).To(Equal(want), "run hack/argocd-cm.sh")
	g.Expect(config.Namespace + "/" + config.Name).To(Equal("argocd/argocd-cm"))
	g.Expect(config.Labels).To(HaveKeyWithValue("app.kubernetes.io/part-of", "argocd"))
}

// permits tells what a project lets into the cluster of Argo CD.
func permits(g Gomega, p project, objs []*unstructured.Unstructured) {
	var needed, allowed = sets.New[permission](), sets.New[permission]()
	places := sets.New[string]()
	for _, d := range p.Spec.Destinations {
		g.Expect(d.Server).To(Equal("https://kubernetes.default.svc"))
		places.Insert(d.Namespace)
	}
	for _, obj := range objs {
		one := permission{obj.GroupVersionKind().Group, obj.GetKind()}
		needed.Insert(one)
		if obj.GetNamespace() == "" {
			g.Expect(p.Spec.ClusterResourceWhitelist).To(ContainElement(one))
			continue
		}
		g.Expect(p.Spec.NamespaceResourceWhitelist).To(ContainElement(one))
		g.Expect(places).To(HaveKey(obj.GetNamespace()))
	}
	allowed.Insert(p.Spec.ClusterResourceWhitelist...).Insert(p.Spec.NamespaceResourceWhitelist...)
	g.Expect(allowed.UnsortedList()).To(ConsistOf(needed.UnsortedList()), "no more than is needed")
}

func TestProjectsPermitWhatTheirApplicationsApply(t *testing.T) {
	g := NewWithT(t)
	all := projects(g)
	g.Expect(all).To(HaveLen(2))
	permits(g, all["portolan"], built(g, filesys.MakeFsOnDisk(), filepath.Join("..", "..", "config", "default")))
	permits(g, all["fleet"], fleet(g))
}

func TestApplicationsDeleteNothingByThemselves(t *testing.T) {
	g := NewWithT(t)
	all := projects(g)
	for _, app := range documents[application](g, "application.yaml") {
		p, found := all[app.Spec.Project]
		g.Expect(found).To(BeTrue(), app.Spec.Project)
		delete(all, app.Spec.Project)
		g.Expect(schema.FromAPIVersionAndKind(app.APIVersion, app.Kind).String()).To(Equal("argoproj.io/v1alpha1, Kind=Application"))
		g.Expect(app.Metadata.Namespace).To(Equal(p.Metadata.Namespace))
		g.Expect(p.Spec.SourceRepos).To(ConsistOf(app.Spec.Source["repoURL"]))
		g.Expect(p.Spec.Destinations).To(ContainElement(app.Spec.Destination))
		g.Expect(app.Metadata.Finalizers).To(BeEmpty())
		g.Expect(app.Spec.SyncPolicy.Automated).To(Equal(map[string]bool{"prune": false, "selfHeal": true}))
		g.Expect(app.Metadata.Annotations).To(HaveKeyWithValue("argocd.argoproj.io/compare-options", "ServerSideDiff=true"))
		g.Expect(app.Spec.SyncPolicy.SyncOptions).To(ContainElement("ServerSideApply=true"))
	}
	g.Expect(all).To(BeEmpty(), "each project has its Application")
}

func TestWhatIsInGitIsProtected(t *testing.T) {
	g := NewWithT(t)
	seen := sets.New[string]()
	for _, obj := range fleet(g) {
		seen.Insert(obj.GetKind())
		options := "Prune=confirm,Delete=confirm,SkipDryRunOnMissingResource=true"
		if obj.GetKind() == "Promotion" {
			options = "SkipDryRunOnMissingResource=true"
		}
		g.Expect(obj.GetAnnotations()).To(Equal(map[string]string{syncOptions: options}), obj.GetKind()+", and no wave or hook")
	}
	g.Expect(seen.UnsortedList()).To(ConsistOf(append(kinds(g), "Namespace")))
}
