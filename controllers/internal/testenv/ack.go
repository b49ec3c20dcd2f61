package testenv

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
)

// AccountID of everything that ACK reports.
const AccountID = "123456789012"

// ACK plays the ACK controllers: it reports what AWS made of objects, whose IDs
// derive from their names.
type ACK struct {
	client client.Client
	clock  clock.PassiveClock
	// endpoint and ca are those of every cluster that becomes ACTIVE.
	endpoint, ca string
	// synced are the versions of objects that MarkSynced has left behind.
	synced map[types.UID]string
}

func newACK(c client.Client, clk clock.PassiveClock) *ACK {
	return &ACK{client: c, clock: clk, synced: map[types.UID]string{}}
}

// Serve sets the endpoint and the certificate of clusters that become ACTIVE from now on.
func (a *ACK) Serve(endpoint, ca string) { a.endpoint, a.ca = endpoint, ca }

// ID returns the ID in AWS of an object of a kind, such as "vpc-<name>".
func ID(prefix string, obj client.Object) string { return prefix + "-" + obj.GetName() }

// ARN returns the ARN of a role's object.
func ARN(role client.Object) string { return "arn:aws:iam::" + AccountID + ":role/" + role.GetName() }

// MarkSynced reports that AWS has the objects and that they are as their specs say.
func (a *ACK) MarkSynced(ctx context.Context, objs ...client.Object) {
	GinkgoHelper()
	for _, obj := range objs {
		a.MarkSyncedWith(ctx, obj, a.observed(obj))
		a.synced[obj.GetUID()] = obj.GetResourceVersion()
	}
}

// MarkSyncedWith is MarkSynced with a status of the spec's own choice.
func (a *ACK) MarkSyncedWith(ctx context.Context, obj client.Object, status map[string]any) {
	GinkgoHelper()
	a.Report(ctx, obj, status, a.Condition("ACK.ResourceSynced", "True", ""))
}

// Report writes the fields of a status and all of its conditions.
func (a *ACK) Report(ctx context.Context, obj client.Object, status map[string]any, conditions ...map[string]any) {
	GinkgoHelper()
	if status == nil {
		status = map[string]any{}
	}
	status["conditions"] = conditions
	patch, err := json.Marshal(map[string]any{"status": status})
	Expect(err).NotTo(HaveOccurred())
	Expect(a.client.Status().Patch(ctx, obj, client.RawPatch(types.MergePatchType, patch))).To(Succeed())
}

// Condition returns a condition as ACK writes it at this time.
func (a *ACK) Condition(conditionType, status, message string) map[string]any {
	return map[string]any{
		"type": conditionType, "status": status, "message": message,
		"lastTransitionTime": a.clock.Now().UTC().Format(time.RFC3339),
	}
}

// SyncAll marks every ACK object of the namespace that has changed as synced, except
// the kinds given, and tells whether there was any.
func (a *ACK) SyncAll(ctx context.Context, namespace string, except ...client.Object) bool {
	GinkgoHelper()
	found := false
	for _, kind := range ack.Kinds() {
		if contains(a.client, except, kind) {
			continue
		}
		for _, obj := range a.List(ctx, namespace, kind) {
			if a.synced[obj.GetUID()] != obj.GetResourceVersion() {
				a.MarkSynced(ctx, obj)
				found = true
			}
		}
	}
	return found
}

// List returns the namespace's objects of some kinds, by default of all.
func (a *ACK) List(ctx context.Context, namespace string, kinds ...client.Object) []client.Object {
	GinkgoHelper()
	if len(kinds) == 0 {
		kinds = ack.Kinds()
	}
	var all []client.Object
	for _, kind := range kinds {
		gvk, err := apiutil.GVKForObject(kind, a.client.Scheme())
		Expect(err).NotTo(HaveOccurred())
		gvk.Kind += "List"
		made, err := a.client.Scheme().New(gvk)
		Expect(err).NotTo(HaveOccurred())
		list, ok := made.(client.ObjectList)
		Expect(ok).To(BeTrue())
		Expect(a.client.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
		Expect(meta.EachListItem(list, func(o runtime.Object) error {
			obj, ok := o.(client.Object)
			Expect(ok).To(BeTrue())
			all = append(all, obj)
			return nil
		})).To(Succeed())
	}
	return all
}

// Names returns "Kind name" for each object of the namespace, by default of all kinds.
func (a *ACK) Names(ctx context.Context, namespace string, kinds ...client.Object) []string {
	GinkgoHelper()
	names := []string{}
	for _, obj := range a.List(ctx, namespace, kinds...) {
		names = append(names, describe(a.client, obj))
	}
	return names
}

func describe(c client.Client, obj client.Object) string {
	GinkgoHelper()
	gvk, err := apiutil.GVKForObject(obj, c.Scheme())
	Expect(err).NotTo(HaveOccurred())
	return strings.TrimSpace(gvk.Kind + " " + obj.GetName())
}

func contains(c client.Client, kinds []client.Object, kind client.Object) bool {
	for _, k := range kinds {
		if describe(c, k) == describe(c, kind) {
			return true
		}
	}
	return false
}

// observed is what ACK reports of an object that AWS has.
func (a *ACK) observed(obj client.Object) map[string]any {
	metadata := map[string]any{"ownerAccountID": AccountID, "region": obj.GetAnnotations()[ack.AnnotationRegion]}
	status := map[string]any{"ackResourceMetadata": metadata}
	switch o := obj.(type) {
	case *ec2.VPC:
		status["vpcID"], status["state"] = ID("vpc", o), "available"
	case *ec2.Subnet:
		status["subnetID"], status["state"] = ID("subnet", o), "available"
	case *ec2.InternetGateway:
		status["internetGatewayID"] = ID("igw", o)
	case *ec2.RouteTable:
		status["routeTableID"] = ID("rtb", o)
	case *ec2.ElasticIPAddress:
		status["allocationID"] = ID("eipalloc", o)
	case *ec2.NATGateway:
		status["natGatewayID"], status["state"] = ID("nat", o), "available"
	case *iam.Role:
		metadata["arn"] = ARN(o)
	case *eks.Cluster:
		metadata["arn"] = "arn:aws:eks:" + obj.GetAnnotations()[ack.AnnotationRegion] + ":" + AccountID + ":cluster/" + o.Name
		status["status"] = "ACTIVE"
		status["endpoint"] = a.endpoint
		status["certificateAuthority"] = map[string]any{"data": base64.StdEncoding.EncodeToString([]byte(a.ca))}
	case *eks.Nodegroup, *eks.Addon:
		status["status"] = "ACTIVE"
	}
	return status
}
