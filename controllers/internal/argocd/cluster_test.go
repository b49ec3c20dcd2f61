package argocd

import (
	"context"
	"errors"
	"maps"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

const (
	cluster   = "production001-dublin"
	ringKey   = v1alpha1.AnnotationWANSeedsPrefix + "api"
	pinKey    = v1alpha1.AnnotationRevisionPrefix + "unkey-api"
	namespace = "argocd"
)

// hub is a cluster with Argo CD's kinds in it that counts what is written.
type hub struct {
	*Clusters
	client.WithWatch
	writes int
	broken error // what the next reads and writes fail with
}

func newHub(t *testing.T, objects ...client.Object) *hub {
	t.Helper()
	g := NewWithT(t)
	scheme := runtime.NewScheme()
	g.Expect(corev1.AddToScheme(scheme)).To(Succeed())
	g.Expect(AddToScheme(scheme)).To(Succeed())
	h := &hub{}
	h.WithWatch = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if h.broken != nil {
				return h.broken
			}
			return c.Get(ctx, key, obj, opts...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			h.writes++
			return c.Apply(ctx, obj, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			h.writes++
			return c.Patch(ctx, obj, patch, opts...)
		},
	}).Build()
	h.Clusters = &Clusters{Client: h.WithWatch, Live: h.WithWatch, Namespace: namespace}
	return h
}

func (h *hub) secret(t *testing.T) *corev1.Secret {
	t.Helper()
	secret, err := h.Clusters.Get(t.Context(), cluster)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(secret).NotTo(BeNil())
	return secret
}

func secretNamed(name string, labels, annotations map[string]string) *corev1.Secret {
	s := &corev1.Secret{}
	s.Namespace, s.Name, s.Labels, s.Annotations = namespace, name, labels, annotations
	return s
}

func registration() Registration {
	return Registration{
		Cluster: cluster, Server: "https://eks.example", CA: []byte("PEM"), RoleARN: "arn:aws:iam::1:role/argocd",
		Labels:      map[string]string{v1alpha1.LabelManaged: "true", v1alpha1.LabelRegion: "dublin", "tier": "edge"},
		Annotations: map[string]string{"portolan.dev/vpc-id": "vpc-1"},
	}
}

// forApplicationSets returns the annotations without our own bookkeeping.
func forApplicationSets(s *corev1.Secret) map[string]string {
	annotations := maps.Clone(s.Annotations)
	delete(annotations, annotationRegistered)
	return annotations
}

func TestALabelThatIsNoLongerWantedGoes(t *testing.T) {
	g := NewWithT(t)
	h := newHub(t)
	g.Expect(h.Register(t.Context(), registration())).To(BeTrue())
	fewer := registration()
	delete(fewer.Labels, "tier")
	g.Expect(h.Register(t.Context(), fewer)).To(BeTrue())
	g.Expect(h.secret(t).Labels).NotTo(HaveKey("tier"))
	g.Expect(h.Register(t.Context(), fewer)).To(BeFalse())
}

func TestBirthPrecedesRegistration(t *testing.T) {
	g := NewWithT(t)
	h := newHub(t)
	keys := map[string]string{ringKey: "x,y", pinKey: oldSHA}
	g.Expect(h.Bear(t.Context(), cluster, keys)).To(Succeed())
	born := h.secret(t)
	g.Expect(born.Annotations).To(Equal(keys))
	g.Expect(born.Labels).NotTo(HaveKey(LabelSecretType), "no ApplicationSet may see it yet")

	g.Expect(h.Register(t.Context(), registration())).To(BeTrue())
	secret := h.secret(t)
	g.Expect(secret.Labels).To(Equal(map[string]string{
		LabelSecretType: "cluster", v1alpha1.LabelManaged: "true", v1alpha1.LabelRegion: "dublin", "tier": "edge",
	}))
	g.Expect(forApplicationSets(secret)).To(Equal(map[string]string{ringKey: "x,y", pinKey: oldSHA, "portolan.dev/vpc-id": "vpc-1"}))
	g.Expect(secret.Type).To(Equal(corev1.SecretTypeOpaque))
	g.Expect(secret.Data).To(HaveLen(3))
	g.Expect(string(secret.Data["name"])).To(Equal(cluster))
	g.Expect(string(secret.Data["server"])).To(Equal("https://eks.example"))
	g.Expect(secret.Data["config"]).To(MatchJSON(`{
		"awsAuthConfig": {"clusterName": "production001-dublin", "roleARN": "arn:aws:iam::1:role/argocd"},
		"tlsClientConfig": {"insecure": false, "caData": "UEVN"}
	}`))
}

func TestRegistrationWithoutARole(t *testing.T) {
	g := NewWithT(t)
	h := newHub(t)
	r := registration()
	r.RoleARN = ""
	g.Expect(h.Register(t.Context(), r)).To(BeTrue())
	g.Expect(string(h.secret(t).Data["config"])).NotTo(ContainSubstring("roleARN"))
}

func TestRegisterWritesOnlyWhatChanged(t *testing.T) {
	for name, tc := range map[string]struct {
		want        func(*Registration)
		actual      func(*corev1.Secret)
		wantChanged bool
	}{
		"nothing": {},
		"others' labels, annotations and pins": {
			actual: func(s *corev1.Secret) { s.Labels["other"], s.Annotations[pinKey] = "x", newSHA },
		},
		"another endpoint":         {want: func(r *Registration) { r.Server = "https://new.example" }, wantChanged: true},
		"another certificate":      {want: func(r *Registration) { r.CA = []byte("NEW") }, wantChanged: true},
		"another role":             {want: func(r *Registration) { r.RoleARN = "" }, wantChanged: true},
		"another label":            {want: func(r *Registration) { r.Labels["tier"] = "core" }, wantChanged: true},
		"one label more":           {want: func(r *Registration) { r.Labels["new"] = "" }, wantChanged: true},
		"another annotation":       {want: func(r *Registration) { r.Annotations["portolan.dev/vpc-id"] = "vpc-2" }, wantChanged: true},
		"a label lost by hand":     {actual: func(s *corev1.Secret) { delete(s.Labels, LabelSecretType) }, wantChanged: true},
		"data changed by hand":     {actual: func(s *corev1.Secret) { s.Data["server"] = []byte("https://elsewhere") }, wantChanged: true},
		"data added by hand":       {actual: func(s *corev1.Secret) { s.Data["shard"] = []byte("1") }},
		"annotations lost by hand": {actual: func(s *corev1.Secret) { clear(s.Annotations) }, wantChanged: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			h := newHub(t)
			_, err := h.Register(t.Context(), registration())
			g.Expect(err).NotTo(HaveOccurred())
			if tc.actual != nil {
				secret := h.secret(t)
				tc.actual(secret)
				g.Expect(h.WithWatch.Update(t.Context(), secret)).To(Succeed())
			}
			h.writes = 0
			r := registration()
			if tc.want != nil {
				tc.want(&r)
			}
			g.Expect(h.Register(t.Context(), r)).To(Equal(tc.wantChanged))
			if tc.wantChanged {
				g.Expect(h.writes).To(Equal(1))
			} else {
				g.Expect(h.writes).To(BeZero())
			}
			secret := h.secret(t)
			for k, v := range r.Labels {
				g.Expect(secret.Labels).To(HaveKeyWithValue(k, v))
			}
			for k, v := range r.Annotations {
				g.Expect(secret.Annotations).To(HaveKeyWithValue(k, v))
			}
			g.Expect(string(secret.Data["server"])).To(Equal(r.Server))
		})
	}
}

func TestSeedsAndPins(t *testing.T) {
	type set func(ctx context.Context, h *hub, value string) (bool, error)
	for name, tc := range map[string]struct {
		set set
		key string
	}{
		"seeds": {func(ctx context.Context, h *hub, v string) (bool, error) { return h.SetSeeds(ctx, cluster, "api", v) }, ringKey},
		"pins": {func(ctx context.Context, h *hub, v string) (bool, error) {
			return h.SetPin(ctx, cluster, "unkey-api", v)
		}, pinKey},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			h := newHub(t)
			g.Expect(tc.set(t.Context(), h, "v1")).To(BeFalse(), "a region that is not registered is born with its values")
			g.Expect(h.writes).To(BeZero())

			g.Expect(h.Bear(t.Context(), cluster, map[string]string{ringKey: "born", pinKey: "born"})).To(Succeed())
			h.writes = 0
			g.Expect(tc.set(t.Context(), h, "born")).To(BeFalse())
			g.Expect(h.writes).To(BeZero())

			g.Expect(tc.set(t.Context(), h, "")).To(BeTrue())
			g.Expect(h.secret(t).Annotations).To(HaveKeyWithValue(tc.key, ""))
			g.Expect(tc.set(t.Context(), h, "v2")).To(BeTrue())
			g.Expect(tc.set(t.Context(), h, "v2")).To(BeFalse())
			g.Expect(h.writes).To(Equal(2))

			want := map[string]string{ringKey: "born", pinKey: "born"}
			want[tc.key] = "v2"
			g.Expect(h.secret(t).Annotations).To(Equal(want))
		})
	}
}

func TestOwnersDoNotTakeEachOthersKeys(t *testing.T) {
	g := NewWithT(t)
	h := newHub(t)
	const otherRing, otherPin = v1alpha1.AnnotationWANSeedsPrefix + "frontline", v1alpha1.AnnotationRevisionPrefix + "core"
	g.Expect(h.Bear(t.Context(), cluster, map[string]string{ringKey: "a", otherRing: "b", pinKey: "c", otherPin: "d"})).To(Succeed())
	g.Expect(h.Register(t.Context(), registration())).To(BeTrue())
	for _, err := range []error{
		second(h.SetSeeds(t.Context(), cluster, "api", "A")),
		second(h.SetSeeds(t.Context(), cluster, "frontline", "B")),
		second(h.SetPin(t.Context(), cluster, "unkey-api", "C")),
		second(h.SetPin(t.Context(), cluster, "core", "D")),
		second(h.SetSeeds(t.Context(), cluster, "api", "AA")),
	} {
		g.Expect(err).NotTo(HaveOccurred())
	}
	r := registration()
	r.Annotations = map[string]string{"portolan.dev/vpc-id": "vpc-2"}
	g.Expect(h.Register(t.Context(), r)).To(BeTrue())
	g.Expect(forApplicationSets(h.secret(t))).To(Equal(map[string]string{
		ringKey: "AA", otherRing: "B", pinKey: "C", otherPin: "D", "portolan.dev/vpc-id": "vpc-2",
	}))
}

func second(_ bool, err error) error { return err }

func TestForeign(t *testing.T) {
	for name, tc := range map[string]struct {
		there *corev1.Secret
		want  bool
	}{
		"nothing there":                   {nil, false},
		"somebody else's":                 {secretNamed(SecretName(cluster), nil, nil), true},
		"another Region's":                {secretNamed(SecretName(cluster), map[string]string{v1alpha1.LabelRegion: "paris"}, nil), true},
		"with annotations of others":      {secretNamed(SecretName(cluster), nil, map[string]string{"portolan.dev/other": "x"}), true},
		"this Region's":                   {secretNamed(SecretName(cluster), map[string]string{v1alpha1.LabelRegion: "dublin"}, nil), false},
		"its birth was interrupted":       {secretNamed(SecretName(cluster), nil, map[string]string{pinKey: "x"}), false},
		"its birth with a ring, the same": {secretNamed(SecretName(cluster), nil, map[string]string{ringKey: ""}), false},
		"a Secret of another name":        {secretNamed("cluster-other", nil, nil), false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			if tc.there != nil {
				h = newHub(t, tc.there)
			}
			NewWithT(t).Expect(h.Foreign(t.Context(), cluster, "dublin")).To(Equal(tc.want))
		})
	}
}

func TestDeselect(t *testing.T) {
	g := NewWithT(t)
	h := newHub(t)
	g.Expect(h.Deselect(t.Context(), cluster)).To(Succeed(), "nothing to deselect")
	g.Expect(h.writes).To(BeZero())

	g.Expect(h.Register(t.Context(), registration())).To(BeTrue())
	h.writes = 0
	for range 2 {
		g.Expect(h.Deselect(t.Context(), cluster)).To(Succeed())
		secret := h.secret(t)
		g.Expect(secret.Labels).To(HaveKeyWithValue(v1alpha1.LabelManaged, "false"))
		g.Expect(secret.Labels).To(HaveKeyWithValue(LabelSecretType, SecretTypeCluster), "Argo CD must still know it to delete from it")
		g.Expect(secret.Data).To(HaveLen(3))
	}
	g.Expect(h.writes).To(Equal(1))
}

func TestDelete(t *testing.T) {
	g := NewWithT(t)
	h := newHub(t, secretNamed("cluster-other", nil, nil))
	g.Expect(h.Register(t.Context(), registration())).To(BeTrue())
	for range 2 {
		g.Expect(h.Clusters.Delete(t.Context(), cluster)).To(Succeed())
		g.Expect(h.Clusters.Get(t.Context(), cluster)).To(BeNil())
	}
	g.Expect(h.Clusters.Get(t.Context(), "other")).NotTo(BeNil())
}

func TestWhatCannotBeReadIsNotWritten(t *testing.T) {
	for name, call := range map[string]func(context.Context, *hub) error{
		"Get":      func(ctx context.Context, h *hub) error { _, err := h.Clusters.Get(ctx, cluster); return err },
		"Foreign":  func(ctx context.Context, h *hub) error { _, err := h.Foreign(ctx, cluster, "dublin"); return err },
		"Register": func(ctx context.Context, h *hub) error { _, err := h.Register(ctx, registration()); return err },
		"SetSeeds": func(ctx context.Context, h *hub) error { _, err := h.SetSeeds(ctx, cluster, "api", "x"); return err },
		"SetPin":   func(ctx context.Context, h *hub) error { _, err := h.SetPin(ctx, cluster, "api", "x"); return err },
		"Deselect": func(ctx context.Context, h *hub) error { return h.Deselect(ctx, cluster) },
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			h := newHub(t)
			h.broken = errors.New("no quorum")
			err := call(t.Context(), h)
			g.Expect(err).To(MatchError(h.broken))
			g.Expect(err).To(MatchError(HavePrefix("reading cluster Secret cluster-production001-dublin: ")))
			g.Expect(h.writes).To(BeZero())
		})
	}
}
