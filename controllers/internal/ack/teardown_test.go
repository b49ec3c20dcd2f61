package ack

import (
	"context"
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
)

var ours = map[string]string{v1alpha1.LabelRegion: "dublin"}

// vpcNamed is a VPC that ACK is responsible for.
func vpcNamed(name string, labels map[string]string) *ec2.VPC {
	v := desiredVPC()
	v.Name, v.Labels, v.Finalizers = name, labels, []string{"finalizers.ec2.services.k8s.aws/VPC"}
	v.UID = types.UID("uid-of-" + name)
	return v
}

func (w *world) teardown(t *testing.T) ([]string, error) {
	t.Helper()
	left, err := Teardown(t.Context(), w, w, &ec2.VPC{}, "fleet", ours)
	return textsOf(left), err
}

func textsOf(left []Remnant) []string {
	var texts []string
	for _, l := range left {
		texts = append(texts, l.String())
	}
	return texts
}

func TestReleaseLeavesAWSAsItIs(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t, vpcNamed("a", ours), vpcNamed("foreign", map[string]string{v1alpha1.LabelRegion: "paris"}))
	for range 2 {
		left, err := Release(t.Context(), w, w, &ec2.VPC{}, "fleet", ours)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(textsOf(left)).To(Equal([]string{"VPC a"}))
	}
	all := &ec2.VPCList{}
	g.Expect(w.List(t.Context(), all)).To(Succeed())
	for i := range all.Items {
		vpc := &all.Items[i]
		g.Expect(vpc.DeletionTimestamp.IsZero()).To(Equal(vpc.Name == "foreign"))
		wantPolicy := map[string]string{"a": "retain"}[vpc.Name] // ACK reads it when it lets go
		g.Expect(vpc.Annotations["services.k8s.aws/deletion-policy"]).To(Equal(wantPolicy))
	}
}

func TestTeardownDeletesWhatIsOurs(t *testing.T) {
	g := NewWithT(t)
	elsewhere := vpcNamed("elsewhere", ours)
	elsewhere.Namespace = "other"
	w := newWorld(t, vpcNamed("b", ours), vpcNamed("a", ours), elsewhere,
		vpcNamed("foreign", map[string]string{v1alpha1.LabelRegion: "paris"}), vpcNamed("unlabelled", nil))

	for range 2 {
		left, err := w.teardown(t)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(left).To(Equal([]string{"VPC a", "VPC b"}), "still there until ACK lets them go")
	}
	all := &ec2.VPCList{}
	g.Expect(w.List(t.Context(), all)).To(Succeed())
	dying := map[string]bool{}
	for i := range all.Items {
		dying[all.Items[i].Name] = !all.Items[i].DeletionTimestamp.IsZero()
	}
	g.Expect(dying).To(Equal(map[string]bool{"a": true, "b": true, "elsewhere": false, "foreign": false, "unlabelled": false}))

	for i := range all.Items {
		if dying[all.Items[i].Name] {
			all.Items[i].Finalizers = nil
			g.Expect(w.Update(t.Context(), &all.Items[i])).To(Succeed())
		}
	}
	g.Expect(w.teardown(t)).To(BeEmpty())
}

func TestTeardownSaysWhatHoldsAnObject(t *testing.T) {
	for name, tc := range map[string]struct {
		conditions conditions
		want       string
	}{
		"nothing":     {nil, "VPC a"},
		"a conflict":  {conditions{says(isRecoverable, "True", "DependencyViolation: has dependencies, RequestID: 0f")}, "VPC a (DependencyViolation: has dependencies, )"},
		"a refusal":   {conditions{says(isRecoverable, "True", "later"), says(isTerminal, "True", "not authorized")}, "VPC a (not authorized)"},
		"no longer":   {conditions{says(isRecoverable, "False", "has dependencies")}, "VPC a"},
		"stale words": {conditions{says(isSynced, "True", "Resource synced successfully")}, "VPC a"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t, withConditions(t, vpcNamed("a", ours), tc.conditions))
			g.Expect(w.teardown(t)).To(Equal([]string{"VPC a"}), "what it says before it is being deleted is about something else")
			g.Expect(w.teardown(t)).To(Equal([]string{tc.want}))
		})
	}
}

func TestTeardownLiftsTheProtectionOfACluster(t *testing.T) {
	for name, tc := range map[string]struct {
		protected  *bool
		wantWrites int
	}{
		"protected":          {new(true), 1},
		"not protected":      {new(false), 0},
		"nothing said of it": {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			cluster := &eks.Cluster{ObjectMeta: metaOf("dublin"), Spec: eks.ClusterSpec{Name: new("dublin"), DeletionProtection: tc.protected}}
			cluster.Finalizers, cluster.UID = []string{"finalizers.eks.services.k8s.aws/Cluster"}, "uid-1"
			w := newWorld(t, cluster)
			for range 2 {
				left, err := Teardown(t.Context(), w, w, &eks.Cluster{}, "fleet", ours)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(textsOf(left)).To(Equal([]string{"Cluster dublin"}))
				g.Expect(w.writes).To(Equal(tc.wantWrites))
				g.Expect(w.deletes).To(HaveLen(1))
			}
			dying := found(t, w, cluster)
			g.Expect(dying.DeletionTimestamp).NotTo(BeNil())
			g.Expect(ptr.Deref(dying.Spec.DeletionProtection, false)).To(BeFalse())
			g.Expect(dying.Spec.Name).To(HaveValue(Equal("dublin")))
		})
	}
}

func TestTeardownDoesNotDeleteWhatIsStillProtected(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t, &eks.Cluster{ObjectMeta: metaOf("dublin"), Spec: eks.ClusterSpec{DeletionProtection: new(true)}})
	w.broken = errors.New("no quorum")
	_, err := Teardown(t.Context(), w, w, &eks.Cluster{}, "fleet", ours)
	g.Expect(err).To(MatchError("preparing the deletion of Cluster dublin: no quorum"))
	g.Expect(w.deletes).To(BeEmpty())
}

func TestTeardownOfAKindThatIsNotInstalled(t *testing.T) {
	w := newWorld(t)
	live := interceptor.NewClient(w, interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return &meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "VPC"}}
		},
	})
	NewWithT(t).Expect(Teardown(t.Context(), w, live, &ec2.VPC{}, "fleet", ours)).To(BeEmpty())
}

func TestTeardownFailures(t *testing.T) {
	refused := errors.New("refused")
	gone := apierrors.NewNotFound(schema.GroupResource{Resource: "vpcs"}, "a")
	for name, tc := range map[string]struct {
		funcs    interceptor.Funcs
		wantErr  error
		wantLeft []string
	}{
		"listing": {
			funcs: interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
				return refused
			}},
			wantErr: refused,
		},
		"deleting": {
			funcs: interceptor.Funcs{Delete: func(context.Context, client.WithWatch, client.Object, ...client.DeleteOption) error {
				return refused
			}},
			wantErr: refused, wantLeft: []string{"VPC a"},
		},
		"deleting what went meanwhile": {
			funcs: interceptor.Funcs{Delete: func(context.Context, client.WithWatch, client.Object, ...client.DeleteOption) error {
				return gone
			}},
			wantLeft: []string{"VPC a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			c := interceptor.NewClient(newWorld(t, vpcNamed("a", ours)), tc.funcs)
			left, err := Teardown(t.Context(), c, c, &ec2.VPC{}, "fleet", ours)
			g.Expect(textsOf(left)).To(Equal(tc.wantLeft))
			if tc.wantErr == nil {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(err).To(MatchError(tc.wantErr))
			}
		})
	}
}

func TestTeardownDeletesOnlyWhatItSaw(t *testing.T) {
	g := NewWithT(t)
	var preconditions []*client.DeleteOptions
	w := newWorld(t, vpcNamed("a", ours))
	c := interceptor.NewClient(w, interceptor.Funcs{
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			preconditions = append(preconditions, (&client.DeleteOptions{}).ApplyOptions(opts))
			return c.Delete(ctx, obj, opts...)
		},
	})
	_, err := Teardown(t.Context(), c, w, &ec2.VPC{}, "fleet", ours)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(preconditions).To(HaveLen(1))
	g.Expect(preconditions[0].Preconditions.UID).To(HaveValue(BeEquivalentTo(w.uid(t, "a"))))
}

func (w *world) uid(t *testing.T, name string) string {
	t.Helper()
	v := &ec2.VPC{}
	NewWithT(t).Expect(w.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: name}, v)).To(Succeed())
	return string(v.UID)
}
