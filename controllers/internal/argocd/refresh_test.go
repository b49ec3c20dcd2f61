package argocd

import (
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func TestAllApplicationsOfAnEnvironment(t *testing.T) {
	g := NewWithT(t)
	elsewhere, staging := applicationOf("core", "dublin"), applicationOf("core", "oslo")
	elsewhere.Namespace = "other"
	staging.Labels[v1alpha1.LabelEnvironment] = "staging001"
	h := newHub(t, applicationOf("core", "dublin"), applicationOf("frontline", "dublin"), applicationOf("core", "paris"), elsewhere, staging,
		regionIn("production", "production001", "dublin", true), regionIn("production", "production001", "paris", true),
		regionIn("production", "staging001", "oslo", true))
	all, err := h.AllApplications(t.Context(), environmentIn("production", "production001", v1alpha1.ArgoCDHub))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(all).To(HaveLen(2))
	g.Expect(all["dublin"]).To(HaveLen(2))
	g.Expect(all["dublin"]["frontline"].Name).To(Equal("frontline-dublin"))
	g.Expect(all["paris"]["core"].Name).To(Equal("core-paris"))

	younger := regionIn("sandbox", "production001", "dublin", false)
	younger.CreationTimestamp = metav1.NewTime(time.Unix(1, 0))
	g.Expect(h.Create(t.Context(), younger)).To(Succeed())
	g.Expect(h.AllApplications(t.Context(), environmentIn("sandbox", "production001", v1alpha1.ArgoCDHub))).To(BeEmpty(), "they are another's")
}

func TestARefreshIsAskedForOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		stands     string // in the annotation
		hard       bool
		want       string
		wantWrites int
	}{
		"a normal one":                  {want: "normal", wantWrites: 1},
		"a hard one":                    {hard: true, want: "hard", wantWrites: 1},
		"one is asked for":              {stands: "normal", want: "normal"},
		"a hard one is asked for":       {stands: "hard", want: "hard"},
		"a hard one is asked for twice": {stands: "hard", hard: true, want: "hard"},
		"a normal one becomes hard":     {stands: "normal", hard: true, want: "hard", wantWrites: 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			a := applicationOf("core", "dublin")
			if tc.stands != "" {
				a.Annotations = map[string]string{annotationRefresh: tc.stands}
			}
			h := newHub(t, a)
			g.Expect(h.WithWatch.Get(t.Context(), client.ObjectKeyFromObject(a), a)).To(Succeed())
			before := a.DeepCopy()
			g.Expect(h.Refresh(t.Context(), a, tc.hard)).To(Succeed())
			g.Expect(h.writes).To(Equal(tc.wantWrites))
			g.Expect(a).To(Equal(before), "it is shared with a cache")
			after := &Application{}
			g.Expect(h.WithWatch.Get(t.Context(), client.ObjectKeyFromObject(a), after)).To(Succeed())
			g.Expect(after.Annotations).To(HaveKeyWithValue(annotationRefresh, tc.want))
			g.Expect(after.Status.Health).To(Equal(a.Status.Health))
		})
	}
}

func TestARefreshOfAnApplicationThatIsGone(t *testing.T) {
	NewWithT(t).Expect(newHub(t).Refresh(t.Context(), applicationOf("core", "dublin"), false)).To(Succeed())
}

func TestWhoLastWroteAPin(t *testing.T) {
	wrote := func(manager, key string, at *metav1.Time) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{
			Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", FieldsType: "FieldsV1", Time: at,
			FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:annotations":{"f:` + key + `":{}}}}`),
		}
	}
	for name, tc := range map[string]struct {
		fields []metav1.ManagedFieldsEntry
		want   string
	}{
		"nobody who is known": {want: "somebody"},
		"the last of several": {[]metav1.ManagedFieldsEntry{
			wrote("birth", pinKey, clockTime(0)), wrote("kubectl", pinKey, clockTime(time.Hour)), wrote("portolan", pinKey, clockTime(time.Minute)),
		}, "kubectl"},
		"not who wrote another one": {[]metav1.ManagedFieldsEntry{
			wrote("birth", pinKey, clockTime(0)), wrote("kubectl", pinKey+"-next", clockTime(time.Hour)),
		}, "birth"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			secret := secretNamed(SecretName(cluster), nil, nil)
			secret.ManagedFields = tc.fields
			scheme := runtime.NewScheme()
			g.Expect(corev1.AddToScheme(scheme)).To(Succeed())
			c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(secret).WithReturnManagedFields().Build()
			g.Expect((&Clusters{Client: c, Live: c, Namespace: namespace}).PinOwner(t.Context(), dublin(), "unkey-api")).To(Equal(tc.want))
		})
	}
	g := NewWithT(t)
	h := newHub(t)
	g.Expect(h.PinOwner(t.Context(), dublin(), "unkey-api")).To(Equal("somebody"), "there is no Secret")
	h.broken = errors.New("refused")
	_, err := h.PinOwner(t.Context(), dublin(), "unkey-api")
	g.Expect(err).To(MatchError(h.broken))
}

func TestPathsOfAnApplication(t *testing.T) {
	g := NewWithT(t)
	a := settled(newSHA)
	g.Expect(a.Paths()).To(Equal([]string{"charts/unkey-api"}))
	a.Spec.Sources = []Source{{Ref: "values"}, {Path: "a"}, {Chart: "redis"}, {Path: "b"}}
	g.Expect(a.Paths()).To(Equal([]string{"a", "b"}))
	a.Spec.Source, a.Spec.Sources = nil, nil
	g.Expect(a.Paths()).To(BeEmpty())
}
