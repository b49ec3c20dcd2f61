package e2e

import (
	"context"
	"fmt"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/simulator/ack"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// ackRefusals is AWS on a bad day: a missing permission, a full quota and throttling.
func ackRefusals(c ack.Call) *cloud.Error {
	switch {
	case c.Kind == "Role" && c.Operation == "Create":
		return &cloud.Error{Code: "AccessDenied", Message: "User: arn:aws:iam::111122223333:role/ack-iam-controller is not authorized to perform: iam:CreateRole"}
	case c.Kind == "ElasticIPAddress" && c.Operation == "Create":
		return &cloud.Error{Code: "AddressLimitExceeded", Message: "The maximum number of addresses has been reached."}
	case c.Kind == "Subnet" && c.Operation == "Read":
		return &cloud.Error{Code: "RequestLimitExceeded", Message: "Request limit exceeded."}
	}
	return nil
}

func ackObject(group, kind, namespace, name string) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(schema.GroupVersionKind{Group: group + ".services.k8s.aws", Version: "v1alpha1", Kind: kind})
	obj.SetNamespace(namespace)
	obj.SetName(name)
	return obj
}

func addonObject(namespace, name string) *unstructured.Unstructured {
	return ackObject("eks", "Addon", namespace, name)
}

// forgetVPC deletes the object and leaves the VPC, as the loss of the management cluster would.
func forgetVPC(ctx context.Context, namespace, name string) error {
	vpc := ackObject("ec2", "VPC", namespace, name)
	retain := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil,
		`{"metadata":{"annotations":{"services.k8s.aws/deletion-policy":"retain",%q:%q}}}`, v1alpha1.AnnotationConfirmDelete, name))
	if err := world.Client.Patch(ctx, vpc, retain); err != nil {
		return err
	}
	return world.Client.Delete(ctx, vpc)
}

// adoptedVPC is the VPC that an object which ACK adopted stands for.
func adoptedVPC(ctx context.Context, g Gomega, namespace, name string) string {
	vpc := ackObject("ec2", "VPC", namespace, name)
	g.Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(vpc), vpc)).To(Succeed())
	g.Expect(vpc.GetAnnotations()).To(HaveKeyWithValue("services.k8s.aws/adopted", "true"))
	id, _, _ := unstructured.NestedString(vpc.Object, "status", "vpcID")
	return id
}

func setPaused(ctx context.Context, r *v1alpha1.Region, paused bool) {
	before := r.DeepCopy()
	r.Spec.Paused = paused
	Expect(world.Client.Patch(ctx, r, client.MergeFrom(before))).To(Succeed())
}

// gone tells whether an object does not exist any more.
func gone(ctx context.Context, obj client.Object) func() bool {
	return func() bool {
		return apierrors.IsNotFound(world.Client.Get(ctx, client.ObjectKeyFromObject(obj), obj))
	}
}
