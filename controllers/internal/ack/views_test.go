package ack_test

import (
	"context"
	"reflect"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/acm"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/s3"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
)

const (
	retryAfter = 5 * time.Minute
	policy     = "services.k8s.aws/adoption-policy"
)

// fill gives every field below v a value.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "Observed" && v.Type().Field(i).Name != "Conditions" && v.Type().Field(i).Name != "ACKResourceMetadata" {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), value)
	case reflect.String:
		v.SetString("value")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(1)
	default:
		Fail("fields of kind " + v.Kind().String() + " are not filled")
	}
}

// filled is an object of a kind that says something in every field of its spec.
func filled(namespace string, kind client.Object) client.Object {
	obj, ok := kind.DeepCopyObject().(client.Object)
	Expect(ok).To(BeTrue())
	obj.SetNamespace(namespace)
	obj.SetName("x")
	obj.SetLabels(map[string]string{v1alpha1.LabelEnvironment: "production001", v1alpha1.LabelRegion: "dublin"})
	obj.SetAnnotations(map[string]string{ack.AnnotationRegion: "eu-west-1"})
	fill(reflect.ValueOf(obj).Elem().FieldByName("Spec"))
	return obj
}

// existing is what AWS has for every object.
type existing struct{ ack.Match }

func (e *existing) Find(context.Context, client.Object) (ack.Match, error) { return e.Match, nil }

var _ = Describe("on a server with ACK's own schemas", func() {
	var (
		w   *testenv.World
		aws *existing
	)
	BeforeEach(func(ctx SpecContext) { w, aws = env.World(ctx), &existing{} })
	applier := func() *ack.Applier {
		return ack.NewApplier(ack.Config{
			Client: w.Recorder, Clock: w.Clock, Owner: "portolan-region", Existing: aws, Account: testenv.AccountID, RetryAfter: retryAfter,
		})
	}
	read := func(ctx context.Context, like client.Object) client.Object {
		GinkgoHelper()
		current, ok := like.DeepCopyObject().(client.Object)
		Expect(ok).To(BeTrue())
		Expect(w.Client.Get(ctx, client.ObjectKeyFromObject(like), current)).To(Succeed())
		return current
	}

	for _, kind := range ack.Kinds() {
		name := reflect.TypeOf(kind).Elem().Name()
		Describe("a "+name, func() {
			It("is accepted with every field that we write and read, and settles", func(ctx SpecContext) {
				desired := filled(w.Namespace, kind)
				a := applier()
				_, done := ack.Ensure(ctx, a, desired)
				Expect(done).To(BeFalse())
				Expect(step.ReasonOf(a.Outcome())).To(Equal(v1alpha1.ReasonCreating), "%v", a.Outcome())
				current := read(ctx, desired)
				Expect(reflect.ValueOf(current).Elem().FieldByName("Spec").Interface()).To(
					Equal(reflect.ValueOf(desired).Elem().FieldByName("Spec").Interface()))

				By("ACK reporting every field that we read")
				reported := current.DeepCopyObject().(client.Object)
				fill(reflect.ValueOf(reported).Elem().FieldByName("Status"))
				Expect(w.Client.Status().Patch(ctx, reported, client.MergeFrom(current))).To(Succeed())
				Expect(reflect.ValueOf(read(ctx, desired)).Elem().FieldByName("Status").Interface()).To(
					Equal(reflect.ValueOf(reported).Elem().FieldByName("Status").Interface()))

				By("ACK having synced it")
				w.ACK.MarkSynced(ctx, current)
				w.Recorder.ExpectNoWrites(func() {
					a := applier()
					_, done := ack.Ensure(ctx, a, desired)
					Expect(a.Outcome()).NotTo(HaveOccurred())
					Expect(done).To(BeTrue())
				})
			})

			It("is made to be tried again when AWS has refused it for long enough", func(ctx SpecContext) {
				desired := filled(w.Namespace, kind)
				ack.Ensure(ctx, applier(), desired)
				refused := read(ctx, desired)
				w.ACK.Report(ctx, refused, nil,
					w.ACK.Condition("ACK.ResourceSynced", "False", ""), w.ACK.Condition("ACK.Terminal", "True", "bad"))
				a := applier()
				ack.Ensure(ctx, a, desired)
				Expect(step.ReasonOf(a.Outcome())).To(Equal(v1alpha1.ReasonRejectedByAWS))
				Expect(step.PollAfter(a.Outcome())).To(Equal(retryAfter))

				w.Clock.Step(retryAfter)
				a = applier()
				ack.Ensure(ctx, a, desired)
				Expect(step.IsWaiting(a.Outcome())).To(BeTrue(), "%v", a.Outcome())
				again := read(ctx, desired)
				if name == "RecordSet" {
					Expect(again.GetUID()).NotTo(Equal(refused.GetUID()))
				} else {
					Expect(again.GetUID()).To(Equal(refused.GetUID()))
					Expect(again.GetGeneration()).To(BeNumerically(">", refused.GetGeneration()), "ACK looks at nothing else")
				}

				By("that being enough")
				w.ACK.MarkSynced(ctx, again)
				w.Recorder.ExpectNoWrites(func() {
					_, done := ack.Ensure(ctx, applier(), desired)
					Expect(done).To(BeTrue())
				})
			})
		})
	}

	It("creates a bucket of ours again to take it over", func(ctx SpecContext) {
		desired := filled(w.Namespace, &s3.Bucket{})
		ack.Ensure(ctx, applier(), desired)
		refused := read(ctx, desired)
		w.ACK.Report(ctx, refused, nil,
			w.ACK.Condition("ACK.ResourceSynced", "False", ""), w.ACK.Condition("ACK.Terminal", "True", "Resource already exists"))
		aws.Match = ack.Match{Found: true, Ours: true}
		w.Recorder.Reset()
		a := applier()
		ack.Ensure(ctx, a, desired)
		Expect(step.ReasonOf(a.Outcome())).To(Equal(v1alpha1.ReasonAdopting))
		Expect(w.Recorder.Writes()).To(Equal([]string{"delete Bucket x", "patch Bucket x"}))
		Expect(read(ctx, desired).GetUID()).NotTo(Equal(refused.GetUID()))
		Expect(read(ctx, desired).GetAnnotations()).To(HaveKeyWithValue(policy, "adopt-or-create"))
	})

	It("lets go of a bucket without deleting it in AWS", func(ctx SpecContext) {
		desired := filled(w.Namespace, &s3.Bucket{})
		ack.Ensure(ctx, applier(), desired)
		held := read(ctx, desired)
		held.SetFinalizers([]string{"finalizers.s3.services.k8s.aws/Bucket"})
		Expect(w.Client.Update(ctx, held)).To(Succeed())
		w.ACK.Report(ctx, held, nil,
			w.ACK.Condition("ACK.ResourceSynced", "False", ""), w.ACK.Condition("ACK.Terminal", "True", "Resource already exists"))
		aws.Match = ack.Match{Found: true, Ours: true}
		ack.Ensure(ctx, applier(), desired)
		dying := read(ctx, desired)
		Expect(dying.GetDeletionTimestamp()).NotTo(BeNil())
		Expect(dying.GetAnnotations()).To(HaveKeyWithValue("services.k8s.aws/deletion-policy", "retain"))
		dying.SetFinalizers(nil)
		Expect(w.Client.Update(ctx, dying)).To(Succeed())
	})

	It("lifts the protection of a cluster before it deletes it", func(ctx SpecContext) {
		desired := filled(w.Namespace, &eks.Cluster{})
		ack.Ensure(ctx, applier(), desired)
		held := read(ctx, desired)
		held.SetFinalizers([]string{"finalizers.eks.services.k8s.aws/Cluster"})
		Expect(w.Client.Update(ctx, held)).To(Succeed())
		w.Recorder.Reset()
		left, err := ack.Teardown(ctx, w.Recorder, w.Client, &eks.Cluster{}, w.Namespace, desired.GetLabels())
		Expect(err).NotTo(HaveOccurred())
		Expect(left).To(Equal([]ack.Remnant{{Name: "Cluster x"}}))
		Expect(w.Recorder.Writes()).To(Equal([]string{"patch Cluster x", "delete Cluster x"}))
		dying, ok := read(ctx, desired).(*eks.Cluster)
		Expect(ok).To(BeTrue())
		Expect(dying.Spec.DeletionProtection).To(HaveValue(BeFalse()))
		Expect(dying.DeletionTimestamp).NotTo(BeNil())
		dying.SetFinalizers(nil)
		Expect(w.Client.Update(ctx, dying)).To(Succeed())
	})

	It("proves each name of a certificate", func(ctx SpecContext) {
		desired := &acm.Certificate{}
		desired.Namespace, desired.Name = w.Namespace, "x"
		desired.Annotations = map[string]string{ack.AnnotationRegion: "eu-west-1"}
		desired.Spec.DomainName = new("example.com")
		desired.Spec.SubjectAlternativeNames = []*string{new("example.com"), new("*.example.com"), new("*.api.example.com")}
		ack.Ensure(ctx, applier(), desired)
		w.ACK.MarkSynced(ctx, read(ctx, desired))
		observed, done := ack.Ensure(ctx, applier(), desired)
		Expect(done).To(BeTrue())
		Expect(observed.Status.Status).To(HaveValue(Equal("ISSUED")))
		records := map[string]string{}
		for _, v := range observed.Status.DomainValidations {
			records[*v.DomainName] = strings.Join([]string{*v.ResourceRecord.Name, *v.ResourceRecord.Type, *v.ValidationStatus}, " ")
		}
		Expect(records).To(Equal(map[string]string{
			"example.com": "_x1.example.com. CNAME SUCCESS", "*.example.com": "_x1.example.com. CNAME SUCCESS",
			"*.api.example.com": "_x1.api.example.com. CNAME SUCCESS",
		}))
	})
})
