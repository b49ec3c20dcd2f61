package faults

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// world is a bed and what was created in it.
type world struct {
	*bed.Bed
	lifetime context.Context //nolint:containedctx // the suite's
	reaper   *reaper         // nil where nobody dies

	mu      sync.Mutex
	created []cloud.Resource
}

func newWorld(ctx context.Context, b *bed.Bed) *world {
	w := &world{Bed: b, lifetime: ctx}
	b.Cloud.Subscribe(func(e cloud.Event) {
		if e.Type == cloud.Created {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.created = append(w.created, e.Resource)
		}
	})
	return w
}

func (w *world) stop() {
	if w.reaper != nil {
		w.reaper.stop()
	}
	w.Stop()
}

// The region's names. Everything else is named after them.
const (
	environment = "faults"
	regionName  = "eu-west-1"
)

func theRegion() *v1alpha1.Region {
	return &v1alpha1.Region{
		ObjectMeta: metav1.ObjectMeta{Namespace: environment, Name: regionName},
		Spec: v1alpha1.RegionSpec{
			EnvironmentRef: v1alpha1.LocalReference{Name: environment}, AWSRegion: "eu-west-1", Profile: "deploy",
		},
	}
}

// ready tells whether the Region is settled on its newest generation and the Environment's.
func (w *world) ready(ctx context.Context, g Gomega) {
	g.Expect(w.failure()).To(Succeed())
	r := theRegion()
	g.Expect(w.Client.Get(ctx, client.ObjectKeyFromObject(r), r)).To(Succeed())
	c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReady)
	g.Expect(c).NotTo(BeNil())
	g.Expect(c.Status).To(Equal(metav1.ConditionTrue), c.Reason+": "+c.Message)
	g.Expect(c.ObservedGeneration).To(Equal(r.Generation))
}

func (w *world) gone(ctx context.Context, g Gomega) {
	g.Expect(w.failure()).To(Succeed())
	r := theRegion()
	err := w.Client.Get(ctx, client.ObjectKeyFromObject(r), r)
	g.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
}

func (w *world) failure() error {
	if w.reaper == nil {
		return nil
	}
	return w.reaper.failure()
}

// prepare makes everything that a Region needs.
func (w *world) prepare(ctx context.Context) {
	GinkgoHelper()
	Expect(w.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: environment}})).To(Succeed())
	Expect(w.Apply(ctx, "applicationsets.yaml")).To(Succeed())
	Expect(w.Client.Create(ctx, classes("urgent"))).To(Succeed())
	Expect(w.Client.Create(ctx, theEnvironment(w.Listener()))).To(Succeed())
	Expect(w.Client.Create(ctx, &v1alpha1.Promotion{
		ObjectMeta: metav1.ObjectMeta{Namespace: environment, Name: environment},
		Spec: v1alpha1.PromotionSpec{
			EnvironmentRef: v1alpha1.LocalReference{Name: environment}, Revision: v1alpha1.GitRevision(revision),
		},
	})).To(Succeed())
}

// change edits the Environment.
func (w *world) change(ctx context.Context) {
	GinkgoHelper()
	env := &v1alpha1.Environment{ObjectMeta: metav1.ObjectMeta{Namespace: environment, Name: environment}}
	Expect(w.Client.Get(ctx, client.ObjectKeyFromObject(env), env)).To(Succeed())
	before := env.DeepCopy()
	edit(&env.Spec)
	Expect(w.Client.Update(ctx, classes("urgent", "later"))).To(Succeed())
	Expect(w.Client.Patch(ctx, env, client.MergeFrom(before))).To(Succeed())
}

// remove deletes the Region, which is the last one that serves its application.
func (w *world) remove(ctx context.Context) {
	GinkgoHelper()
	r := theRegion()
	confirmation := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationConfirmDelete, r.Name)
	Expect(w.Client.Patch(ctx, r, client.RawPatch(types.MergePatchType, []byte(confirmation)))).To(Succeed())
	Expect(w.Client.Delete(ctx, r)).To(Succeed())
}

// tell reports how the Region is doing to whoever reads of a failure.
func (w *world) tell(name string) {
	r := theRegion()
	if err := w.Client.Get(context.WithoutCancel(w.lifetime), client.ObjectKeyFromObject(r), r); err == nil {
		for _, c := range r.Status.Conditions {
			GinkgoWriter.Println(fmt.Sprintf("%s: %-20s %-8s %s: %s", name, c.Type, c.Status, c.Reason, c.Message))
		}
	}
	if raw, err := os.ReadFile(w.OperatorLog()); err == nil {
		lines := strings.Split(string(raw), "\n")
		GinkgoWriter.Println(name + ": the operator's last lines:\n" + strings.Join(lines[max(0, len(lines)-10):], "\n"))
	}
}

// changed tells whether AWS has what edit asks for.
func (w *world) changed(ctx context.Context, g Gomega) {
	has := func(resourceType string, matcher OmegaMatcher) {
		g.Expect(w.Cloud.List(func(r cloud.Resource) bool { return r.Type == resourceType })).To(ContainElement(matcher), resourceType)
	}
	groups := w.Cloud.List(func(r cloud.Resource) bool { return r.Type == "eks/nodegroup" })
	g.Expect(groups).To(ConsistOf(HaveField("Data", And(
		HaveKeyWithValue("max", "3"), HaveKeyWithValue("instanceTypes", ContainSubstring("c7a.2xlarge")),
	))), "the one that replaces the old one, which is gone")
	has("eks/addon", HaveField("Data", HaveKeyWithValue("configuration", ContainSubstring("additionalArgs"))))
	has("ec2/vpc", HaveField("Tags", HaveKeyWithValue("Team", "edge")))
	g.Expect(inCluster(ctx, w.Bed)).To(ContainElement(ContainSubstring("PriorityClass /later")))
	has("eks/podidentityassociation", HaveField("Data", HaveKeyWithValue("serviceAccount", "autoscaler")))
}
