package delivery

import (
	"context"
	"errors"
	goruntime "runtime"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/plan"
)

func regionOf(name string) *v1alpha1.Region {
	return build.Region("portolan", v1alpha1.AWSRegion(name))
}

func secretOf(region string) string { return argocd.SecretName(plan.ClusterName(regionOf(region))) }

// argoCD has the cluster Secrets of those clusters, with the ring's seeds, and counts writes.
func argoCD(seeds map[string]string, broken string) (clusters *argocd.Clusters, writes *atomic.Int32) {
	writes = &atomic.Int32{}
	errBroken := errors.New("broken")
	b := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if key.Name == secretOf(broken) {
				return errBroken
			}
			return c.Get(ctx, key, obj, opts...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			writes.Add(1)
			return c.Apply(ctx, obj, opts...)
		},
	})
	for cluster, text := range seeds {
		secret := &corev1.Secret{}
		secret.Namespace, secret.Name = "argocd", secretOf(cluster)
		secret.Annotations = map[string]string{v1alpha1.AnnotationWANSeedsPrefix + "api": text, v1alpha1.AnnotationWANSeedsPrefix + "other": "z", argocd.AnnotationOwner: "portolan/" + cluster}
		b = b.WithObjects(secret)
	}
	c := b.Build()
	return &argocd.Clusters{Client: c, Live: c, Namespace: "argocd"}, writes
}

func TestTheClusterSecretIsReadWhereThereIsOne(t *testing.T) {
	g := NewWithT(t)
	clusters, _ := argoCD(map[string]string{"a": "x,y", "b": ""}, "d")
	found := ForClusterSecret(clusters, build.Ring("portolan", "api")).
		Read(t.Context(), []Target{{Region: regionOf("a")}, {Region: regionOf("b")}, {Region: regionOf("unregistered")}, {Region: regionOf("d")}})
	g.Expect(found).To(HaveExactElements(
		Equal(Found{Text: "x,y", Known: true}),
		Equal(Found{Known: true}),
		Equal(Found{}),
		And(HaveField("Known", false), HaveField("Err", MatchError(ContainSubstring("broken")))),
	))
	g.Expect(found[0].Holds("x,y")).To(BeTrue())
	g.Expect(found[0].Holds("x")).To(BeFalse())
	g.Expect(found[1].Holds("")).To(BeTrue())
	g.Expect(found[2].Holds("")).To(BeFalse())
	g.Expect(found[3].Holds("")).To(BeFalse())
}

func TestAnAnnotationThatIsMissingIsWrittenEvenIfItIsEmpty(t *testing.T) {
	g := NewWithT(t)
	clusters, writes := argoCD(map[string]string{"a": ""}, "")
	ring := build.Ring("portolan", "younger")
	target := Target{Region: regionOf("a")}
	d := ForClusterSecret(clusters, ring)
	g.Expect(d.Read(t.Context(), []Target{target})).To(HaveExactElements(Found{Known: true, Unfinished: true}))
	g.Expect(d.Write(t.Context(), []Write{{Target: target}})).To(HaveExactElements(BeNil()))
	g.Expect(d.Read(t.Context(), []Target{target})).To(HaveExactElements(Found{Known: true}))
	g.Expect(d.Write(t.Context(), []Write{{Target: target}})).To(HaveExactElements(BeNil()))
	g.Expect(writes.Load()).To(Equal(int32(1)))
}

func TestTheClusterSecretIsWrittenWhereItDiffers(t *testing.T) {
	g := NewWithT(t)
	clusters, writes := argoCD(map[string]string{"a": "x,y", "b": "x"}, "d")
	errs := ForClusterSecret(clusters, build.Ring("portolan", "api")).Write(t.Context(), []Write{
		{Target: Target{Region: regionOf("a")}, Text: "x,y"},
		{Target: Target{Region: regionOf("b")}, Text: "x,y"},
		{Target: Target{Region: regionOf("gone")}, Text: "x"},
		{Target: Target{Region: regionOf("d")}, Text: "x"},
	})
	g.Expect(errs).To(HaveExactElements(BeNil(), BeNil(), BeNil(), MatchError(ContainSubstring("broken"))))
	g.Expect(writes.Load()).To(Equal(int32(1)))
	secret, err := clusters.Get(t.Context(), regionOf("b"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(secret.Annotations).To(Equal(map[string]string{
		v1alpha1.AnnotationWANSeedsPrefix + "api": "x,y", v1alpha1.AnnotationWANSeedsPrefix + "other": "z", argocd.AnnotationOwner: "portolan/b",
	}))
	g.Expect(clusters.Get(t.Context(), regionOf("gone"))).To(BeNil(), "no Secret is made for seeds alone")
}

func TestRegionsDoNotWaitForEachOther(t *testing.T) {
	g := NewWithT(t)
	meet := make(chan int)
	answers := each(2, func(i int) int {
		select { // in turn, neither would ever meet the other
		case meet <- i:
			return i
		case <-meet:
			return i
		}
	})
	g.Expect(answers).To(Equal([]int{0, 1}))

	var now, most atomic.Int32
	each(10*atOnce, func(int) bool {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			continue
		}
		goruntime.Gosched()
		now.Add(-1)
		return true
	})
	g.Expect(most.Load()).To(BeNumerically("<=", atOnce))
}

func TestManyAnswersKeepTheirOrder(t *testing.T) {
	g := NewWithT(t)
	const n = 3 * atOnce
	var writes []Write
	seeds := map[string]string{}
	for i := range n {
		name := string(rune('a'+i%26)) + string(rune('a'+i/26))
		seeds[name] = ""
		writes = append(writes, Write{Target: Target{Region: regionOf(name)}, Text: name})
	}
	clusters, _ := argoCD(seeds, "")
	d := ForClusterSecret(clusters, build.Ring("portolan", "api"))
	for _, err := range d.Write(t.Context(), writes) {
		g.Expect(err).NotTo(HaveOccurred())
	}
	for i, found := range d.Read(t.Context(), []Target{writes[0].Target, writes[n-1].Target}) {
		g.Expect(found.Text).To(Equal(writes[i*(n-1)].Text), "answers keep their order")
	}
}

func TestAPodTellsItsSeedsByItsEnvironment(t *testing.T) {
	ring := build.Ring("portolan", "api")
	seeds := corev1.EnvVar{Name: ring.Spec.Workload.Env, Value: "a,b"}
	elsewhere := corev1.EnvVar{Name: ring.Spec.Workload.Env, ValueFrom: &corev1.EnvVarSource{}}
	other := corev1.EnvVar{Name: "OTHER", Value: "c"}
	for name, tt := range map[string]struct {
		containers [][]corev1.EnvVar
		want       string
		wantOK     bool
	}{
		"in its container":      {containers: [][]corev1.EnvVar{{other, seeds}}, want: "a,b", wantOK: true},
		"in a second container": {containers: [][]corev1.EnvVar{{other}, {seeds}}, want: "a,b", wantOK: true},
		"no seeds":              {containers: [][]corev1.EnvVar{{{Name: ring.Spec.Workload.Env}}}, wantOK: true},
		"from elsewhere":        {containers: [][]corev1.EnvVar{{elsewhere}}},
		"not at all":            {containers: [][]corev1.EnvVar{{other}, {}}, wantOK: true},
		"no container":          {wantOK: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			pod := &corev1.Pod{}
			for _, env := range tt.containers {
				pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Env: env})
			}
			text, ok := ForClusterSecret(nil, ring).Applied(pod, "wanted")
			g.Expect(text).To(Equal(tt.want))
			g.Expect(ok).To(Equal(tt.wantOK))
		})
	}
}
