package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// snapshot is the state of a world in lines that are the same in an equal world.
func (w *world) snapshot(ctx context.Context, g Gomega) []string {
	n := w.naming()
	var lines []string
	for _, r := range w.Cloud.List(nil) {
		lines = append(lines, n.resource(r))
	}
	lines = append(lines, w.creations(n)...)
	lines = append(lines, w.declared(ctx, g, n)...)
	lines = append(lines, w.registered(ctx, g, n)...)
	lines = append(lines, w.reported(ctx, g)...)
	installed, err := inCluster(ctx, w.Bed)
	g.Expect(err).NotTo(HaveOccurred())
	for _, line := range installed {
		lines = append(lines, n.text(line))
	}
	slices.Sort(lines)
	return lines
}

// naming calls what AWS names by what we call it.
type naming struct{ names *strings.Replacer }

// naming knows everything that ever was, as what is left may speak of it.
func (w *world) naming() naming {
	w.mu.Lock()
	defer w.mu.Unlock()
	var pairs []string
	for _, r := range w.created {
		if given := r.Tags[v1alpha1.TagObject]; given != "" && strings.HasPrefix(r.Type, "ec2/") {
			pairs = append(pairs, r.ID, "<"+r.Type+" "+given+">")
		}
	}
	return naming{strings.NewReplacer(pairs...)}
}

// random is what differs between two worlds, or two looks at one: identifiers, times, ports.
var random = regexp.MustCompile(`\b[a-z]+-0?[0-9a-f]{16,17}\b` +
	`|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}` +
	`|\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)` +
	`|(-|/)[0-9a-f]{8,16}\b` +
	`|127\.0\.0\.1:\d+|\b52\.\d+\.\d+\.\d+`)

// revival is what remains of an object that ACK was made to try again. That depends on how
// soon it tried, which no two worlds have in common.
var revival = regexp.MustCompile(alternatives(`"portolan\.dev/revivals?":"\d+"`) + "|" + alternatives(`\{"key":"portolan\.dev/revival","value":"\d+"\}`))

// alternatives match an element of a JSON list with one of its commas.
func alternatives(element string) string { return "," + element + "|" + element + ",|" + element }

func (n naming) text(s string) string {
	return random.ReplaceAllString(n.names.Replace(revival.ReplaceAllString(s, "")), "<…>")
}

// own are facts that only the simulator knows, or of one world: its regional API server,
// the addresses of pods in the order in which they started, what hashes a random ARN.
var own = []string{"settlesAt", "createdAt", "endpoint", "ca", "targets", "idempotencyToken"}

func (n naming) resource(r cloud.Resource) string {
	maps.DeleteFunc(r.Data, func(fact, _ string) bool { return slices.Contains(own, fact) })
	parents := make([]string, len(r.Parents))
	for i, p := range r.Parents {
		parents[i] = n.text(p.String())
	}
	slices.Sort(parents)
	return n.text(fmt.Sprintf("AWS has %s, %s, %s, %s, in %s", r.Key, r.State, inJSON(r.Tags), inJSON(r.Data), inJSON(parents)))
}

// creations says how often each thing was created.
func (w *world) creations(n naming) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	times := map[string]int{}
	for _, r := range w.created {
		times[n.text(r.String()+" "+r.Tags["Name"])]++
	}
	var lines []string
	for what, many := range times {
		lines = append(lines, fmt.Sprintf("AWS created %s %d times", what, many))
	}
	return lines
}

// declared is what ACK was told.
func (w *world) declared(ctx context.Context, g Gomega, n naming) []string {
	definitions := &apiextensionsv1.CustomResourceDefinitionList{}
	g.Expect(w.Client.List(ctx, definitions)).To(Succeed())
	var lines []string
	for _, crd := range definitions.Items {
		if !strings.HasSuffix(crd.Spec.Group, ".services.k8s.aws") {
			continue
		}
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(schema.GroupVersionKind{Group: crd.Spec.Group, Version: "v1alpha1", Kind: crd.Spec.Names.ListKind})
		g.Expect(w.Client.List(ctx, list, client.InNamespace(environment))).To(Succeed())
		for _, o := range list.Items {
			lines = append(lines, n.text(fmt.Sprintf("ACK has %s %s, %s, %s, %s", o.GetKind(), o.GetName(),
				inJSON(o.GetLabels()), inJSON(said(o.GetAnnotations())), inJSON(o.Object["spec"]))))
		}
	}
	return lines
}

// said leaves out what hashes identifiers.
func said(annotations map[string]string) map[string]string {
	annotations = maps.Clone(annotations)
	delete(annotations, "portolan.dev/applied")
	return annotations
}

// registered is what Argo CD was told.
func (w *world) registered(ctx context.Context, g Gomega, n naming) []string {
	secrets := &corev1.SecretList{}
	g.Expect(w.Client.List(ctx, secrets, client.InNamespace(bed.ArgoCDNamespace))).To(Succeed())
	var lines []string
	for _, s := range secrets.Items {
		lines = append(lines, n.text(fmt.Sprintf("Argo CD has Secret %s, %s, %s, %s", s.Name, inJSON(s.Labels), inJSON(s.Annotations),
			inJSON(slices.Sorted(maps.Keys(s.Data))))))
	}
	return lines
}

// reported is what the user is told.
func (w *world) reported(ctx context.Context, g Gomega) []string {
	regions := &v1alpha1.RegionList{}
	g.Expect(w.Client.List(ctx, regions)).To(Succeed())
	var lines []string
	for _, r := range regions.Items {
		for _, c := range r.Status.Conditions {
			lines = append(lines, fmt.Sprintf("Region %s is %s %s: %s", r.Name, c.Type, c.Status, c.Reason))
		}
		lines = append(lines, fmt.Sprintf("Region %s has %s", r.Name, inJSON(r.Finalizers)))
	}
	environments := &v1alpha1.EnvironmentList{}
	g.Expect(w.Client.List(ctx, environments)).To(Succeed())
	for _, e := range environments.Items {
		lines = append(lines, fmt.Sprintf("Environment %s has %s", e.Name, inJSON(e.Status.Allocations)))
	}
	return lines
}

func inJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// lacking returns the lines of one that the other does not have as often.
func lacking(one, other []string) []string {
	left := map[string]int{}
	for _, line := range other {
		left[line]++
	}
	var lines []string
	for _, line := range one {
		if left[line]--; left[line] < 0 {
			lines = append(lines, line)
		}
	}
	return lines
}
