package v1alpha1_test

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// An object that the API server stores and Go cannot decode stops every watch of its kind: one
// user's typing error would stop the operator for everybody.
var _ = Describe("What the API server stores", func() {
	type typed interface {
		runtime.Object
		metav1.Object
	}
	refuses := func(ctx context.Context, valid typed, value any, path ...string) {
		GinkgoHelper()
		valid.SetNamespace("default")
		raw, err := runtime.DefaultUnstructuredConverter.ToUnstructured(valid)
		Expect(err).NotTo(HaveOccurred())
		obj := &unstructured.Unstructured{Object: raw}
		kind := reflect.TypeOf(valid).Elem().Name()
		obj.SetGroupVersionKind(schema.GroupVersionKind{Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Kind: kind})
		Expect(unstructured.SetNestedField(obj.Object, value, path...)).To(Succeed())
		Expect(cluster.Create(ctx, obj)).To(MatchError(ContainSubstring("spec.")), "%s: %v", strings.Join(path, "."), value)
	}

	DescribeTable("is no duration that Go does not know", func(ctx context.Context, value string) {
		refuses(ctx, validPromotion(), value, "spec", "gates", "soak")
		refuses(ctx, validPromotion(), value, "spec", "gates", "progressDeadline")
		refuses(ctx, validPromotion(), []any{map[string]any{"kind": "Allow", "schedule": "0 8 * * *", "duration": value}}, "spec", "windows")
		refuses(ctx, validRing(), value, "spec", "rollout", "convergeTimeout")
	},
		Entry("days", "1d"), Entry("words", "10min"), Entry("nothing", ""), Entry("a bare number", "10"),
		Entry("more than it can count", "999999h999999h999999h"), Entry("less than nothing", "-5m"), Entry("a blank", "1h 30m"),
	)
	DescribeTable("is no deadline of nothing", func(ctx context.Context, value string) {
		refuses(ctx, validPromotion(), value, "spec", "gates", "progressDeadline")
		refuses(ctx, validPromotion(), []any{map[string]any{"kind": "Allow", "schedule": "0 8 * * *", "duration": value}}, "spec", "windows")
		refuses(ctx, validRing(), value, "spec", "rollout", "convergeTimeout")
	},
		Entry("without a unit", "0"), Entry("seconds", "0s"), Entry("in two units", "0h0m"),
	)

	DescribeTable("has a rule for every value that Go reads in its own way", func(kind string, spec any) {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		raw, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "bases", "portolan.dev_"+kind+".yaml"))
		Expect(err).NotTo(HaveOccurred())
		Expect(yaml.UnmarshalStrict(raw, crd)).To(Succeed())
		Expect(undecodable(reflect.TypeOf(spec), crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"], "spec")).To(BeEmpty())
	},
		Entry(nil, "environments", v1alpha1.EnvironmentSpec{}), Entry(nil, "regions", v1alpha1.RegionSpec{}),
		Entry(nil, "gossiprings", v1alpha1.GossipRingSpec{}), Entry(nil, "promotions", v1alpha1.PromotionSpec{}),
	)
})

// lax tells whether a schema accepts what a value of the type cannot be.
func lax(t reflect.Type, s apiextensionsv1.JSONSchemaProps) bool {
	switch {
	case t == reflect.TypeFor[metav1.Duration]():
		return len(s.XValidations) == 0
	case t == reflect.TypeFor[metav1.Time]():
		return s.Format != "date-time"
	case t.Kind() == reflect.Int32:
		return (s.Maximum == nil || s.Minimum == nil) && len(s.Enum) == 0
	}
	return false
}

// undecodable lists the fields of a type whose schema accepts what Go does not decode.
func undecodable(t reflect.Type, s apiextensionsv1.JSONSchemaProps, path string) []string {
	switch {
	case t.Kind() == reflect.Pointer:
		return undecodable(t.Elem(), s, path)
	case lax(t, s):
		return []string{path}
	case t.Kind() == reflect.Slice && s.Items != nil:
		return undecodable(t.Elem(), *s.Items.Schema, path+"[]")
	case t.Kind() != reflect.Struct || t.Implements(reflect.TypeFor[interface{ UnmarshalJSON([]byte) error }]()):
		return nil
	}
	var all []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			all = append(all, undecodable(f.Type, s, path)...)
			continue
		}
		all = append(all, undecodable(f.Type, s.Properties[name], path+"."+name)...)
	}
	return all
}
