package argocd

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	g.Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
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
	secret, err := h.Clusters.Get(t.Context(), dublin())
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
		Region: dublin(), Server: "https://eks.example", CA: []byte("PEM"), RoleARN: "arn:aws:iam::1:role/argocd",
		Labels:      map[string]string{v1alpha1.LabelManaged: "true", v1alpha1.LabelRegion: "dublin", "tier": "edge"},
		Annotations: map[string]string{"portolan.dev/vpc-id": "vpc-1"},
	}
}

// forApplicationSets returns the annotations without our own bookkeeping.
func forApplicationSets(s *corev1.Secret) map[string]string {
	annotations := maps.Clone(s.Annotations)
	delete(annotations, annotationRegistered)
	delete(annotations, AnnotationOwner)
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
	g.Expect(h.Bear(t.Context(), dublin(), keys)).To(Succeed())
	born := h.secret(t)
	g.Expect(born.Annotations).To(HaveKeyWithValue(AnnotationOwner, "production/dublin"))
	g.Expect(forApplicationSets(born)).To(Equal(keys))
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
		"seeds": {func(ctx context.Context, h *hub, v string) (bool, error) { return h.SetSeeds(ctx, dublin(), "api", v) }, ringKey},
		"pins": {func(ctx context.Context, h *hub, v string) (bool, error) {
			return h.SetPin(ctx, dublin(), "unkey-api", v)
		}, pinKey},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			h := newHub(t)
			g.Expect(tc.set(t.Context(), h, "v1")).To(BeFalse(), "a region that is not registered is born with its values")
			g.Expect(h.writes).To(BeZero())

			g.Expect(h.Bear(t.Context(), dublin(), map[string]string{ringKey: "born", pinKey: "born"})).To(Succeed())
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
			g.Expect(forApplicationSets(h.secret(t))).To(Equal(want))
		})
	}
}

func TestOwnersDoNotTakeEachOthersKeys(t *testing.T) {
	g := NewWithT(t)
	h := newHub(t)
	const otherRing, otherPin = v1alpha1.AnnotationWANSeedsPrefix + "frontline", v1alpha1.AnnotationRevisionPrefix + "core"
	g.Expect(h.Bear(t.Context(), dublin(), map[string]string{ringKey: "a", otherRing: "b", pinKey: "c", otherPin: "d"})).To(Succeed())
	g.Expect(h.Register(t.Context(), registration())).To(BeTrue())
	for _, err := range []error{
		second(h.SetSeeds(t.Context(), dublin(), "api", "A")),
		second(h.SetSeeds(t.Context(), dublin(), "frontline", "B")),
		second(h.SetPin(t.Context(), dublin(), "unkey-api", "C")),
		second(h.SetPin(t.Context(), dublin(), "core", "D")),
		second(h.SetSeeds(t.Context(), dublin(), "api", "AA")),
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
	there := func(labels, annotations map[string]string) *corev1.Secret {
		return secretNamed(SecretName(cluster), labels, annotations)
	}
	ours := map[string]string{v1alpha1.LabelRegion: "dublin", v1alpha1.LabelEnvironment: "production001"}
	older := dublin()
	older.Namespace, older.CreationTimestamp = "older", metav1.NewTime(time.Unix(1, 0))
	for name, tc := range map[string]struct {
		there   *corev1.Secret
		other   *v1alpha1.Region
		foreign bool
		owner   string
	}{
		"nothing there":                                     {},
		"somebody else's":                                   {there: there(nil, nil), foreign: true},
		"another Region's":                                  {there: there(map[string]string{v1alpha1.LabelRegion: "paris"}, nil), foreign: true},
		"with annotations of others":                        {there: there(nil, map[string]string{"portolan.dev/other": "x"}), foreign: true},
		"this Region's":                                     {there: there(ours, map[string]string{AnnotationOwner: "production/dublin"})},
		"its birth was interrupted":                         {there: there(nil, map[string]string{AnnotationOwner: "production/dublin"})},
		"that of another namespace":                         {there: there(ours, map[string]string{AnnotationOwner: "sandbox/dublin"}), foreign: true, owner: "sandbox/dublin"},
		"from before Secrets said":                          {there: there(ours, nil)},
		"likewise, without labels":                          {there: there(nil, map[string]string{pinKey: "x"})},
		"likewise, and an older Region has the name":        {there: there(ours, nil), other: older, foreign: true, owner: "older/dublin"},
		"this Region's, though an older Region is named so": {there: there(ours, map[string]string{AnnotationOwner: "production/dublin"}), other: older},
		"a Secret of another name":                          {there: secretNamed("cluster-other", nil, nil)},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			region := dublin()
			region.CreationTimestamp = metav1.NewTime(time.Unix(2, 0))
			objects := []client.Object{region}
			if tc.there != nil {
				objects = append(objects, tc.there)
			}
			if tc.other != nil {
				objects = append(objects, tc.other)
			}
			h := newHub(t, objects...)
			foreign, owner, err := h.Foreign(t.Context(), region)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(foreign).To(Equal(tc.foreign))
			g.Expect(owner).To(Equal(tc.owner))
			secret, err := h.Clusters.Get(t.Context(), region)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(secret != nil).To(Equal(tc.there != nil && tc.there.Name == SecretName(cluster) && !tc.foreign))
			if !tc.foreign {
				return
			}
			for range 2 { // nothing of theirs is touched
				_, err := h.SetPin(t.Context(), region, "unkey-api", "x")
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(h.Deselect(t.Context(), region)).To(Succeed())
				g.Expect(h.Clusters.Delete(t.Context(), region)).To(Succeed())
			}
			g.Expect(h.writes).To(BeZero())
			g.Expect(h.WithWatch.Get(t.Context(), client.ObjectKeyFromObject(tc.there), &corev1.Secret{})).To(Succeed())
		})
	}
}

func TestDeselect(t *testing.T) {
	g := NewWithT(t)
	h := newHub(t)
	g.Expect(h.Deselect(t.Context(), dublin())).To(Succeed(), "nothing to deselect")
	g.Expect(h.writes).To(BeZero())

	g.Expect(h.Register(t.Context(), registration())).To(BeTrue())
	h.writes = 0
	for range 2 {
		g.Expect(h.Deselect(t.Context(), dublin())).To(Succeed())
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
		g.Expect(h.Clusters.Delete(t.Context(), dublin())).To(Succeed())
		g.Expect(h.Clusters.Get(t.Context(), dublin())).To(BeNil())
	}
	g.Expect(h.WithWatch.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "cluster-other"}, &corev1.Secret{})).To(Succeed())
}

func TestWhatCannotBeReadIsNotWritten(t *testing.T) {
	for name, call := range map[string]func(context.Context, *hub) error{
		"Get":      func(ctx context.Context, h *hub) error { _, err := h.Clusters.Get(ctx, dublin()); return err },
		"Foreign":  func(ctx context.Context, h *hub) error { _, _, err := h.Foreign(ctx, dublin()); return err },
		"Register": func(ctx context.Context, h *hub) error { _, err := h.Register(ctx, registration()); return err },
		"SetSeeds": func(ctx context.Context, h *hub) error { _, err := h.SetSeeds(ctx, dublin(), "api", "x"); return err },
		"SetPin":   func(ctx context.Context, h *hub) error { _, err := h.SetPin(ctx, dublin(), "api", "x"); return err },
		"Deselect": func(ctx context.Context, h *hub) error { return h.Deselect(ctx, dublin()) },
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
