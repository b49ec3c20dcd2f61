package testenv

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/acm"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/ack/route53"
	"github.com/portolan-dev/portolan/controllers/internal/ack/s3"
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

// PublicIP returns the public address of an elastic address's object.
func PublicIP(obj client.Object) string {
	sum := sha256.Sum256([]byte(obj.GetName()))
	return netip.AddrFrom4([4]byte{3, sum[0], sum[1], sum[2]}).String()
}

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
	status := map[string]any{}
	switch obj.(type) {
	case *ec2.VPC, *ec2.Subnet, *ec2.InternetGateway, *ec2.RouteTable, *ec2.ElasticIPAddress, *ec2.NATGateway, *ec2.SecurityGroup:
		status = observedNetwork(obj)
	case *eks.Cluster, *eks.Nodegroup, *eks.Addon, *eks.PodIdentityAssociation:
		status = a.observedCluster(obj, metadata)
	case *iam.Role:
		metadata["arn"] = ARN(obj)
	case *s3.Bucket, *acm.Certificate, *route53.RecordSet:
		status = observedStorage(obj, metadata)
	}
	status["ackResourceMetadata"] = metadata
	return status
}

func observedNetwork(obj client.Object) map[string]any {
	switch obj.(type) {
	case *ec2.VPC:
		return map[string]any{"vpcID": ID("vpc", obj), "state": "available"}
	case *ec2.Subnet:
		return map[string]any{"subnetID": ID("subnet", obj), "state": "available"}
	case *ec2.InternetGateway:
		return map[string]any{"internetGatewayID": ID("igw", obj)}
	case *ec2.RouteTable:
		return map[string]any{"routeTableID": ID("rtb", obj)}
	case *ec2.ElasticIPAddress:
		return map[string]any{"allocationID": ID("eipalloc", obj), "publicIP": PublicIP(obj)}
	case *ec2.NATGateway:
		return map[string]any{"natGatewayID": ID("nat", obj), "state": "available"}
	default:
		return map[string]any{"id": ID("sg", obj)}
	}
}

func (a *ACK) observedCluster(obj client.Object, metadata map[string]any) map[string]any {
	arn := func(what string) string {
		return "arn:aws:eks:" + obj.GetAnnotations()[ack.AnnotationRegion] + ":" + AccountID + ":" + what
	}
	switch o := obj.(type) {
	case *eks.Cluster:
		metadata["arn"] = arn("cluster/" + o.Name)
		status := inState("ACTIVE")
		status["endpoint"] = a.endpoint
		status["certificateAuthority"] = map[string]any{"data": base64.StdEncoding.EncodeToString([]byte(a.ca))}
		return status
	case *eks.PodIdentityAssociation:
		id := ID("a", o)
		return map[string]any{
			"associationID": id, "associationARN": arn("podidentityassociation/" + ptr.Deref(o.Spec.ClusterName, "") + "/" + id),
		}
	default:
		return inState("ACTIVE")
	}
}

func observedStorage(obj client.Object, metadata map[string]any) map[string]any {
	switch o := obj.(type) {
	case *s3.Bucket:
		metadata["arn"] = "arn:aws:s3:::" + ptr.Deref(o.Spec.Name, "")
		return map[string]any{}
	case *acm.Certificate:
		metadata["arn"] = "arn:aws:acm:" + o.Annotations[ack.AnnotationRegion] + ":" + AccountID + ":certificate/" + o.Name
		status := inState("ISSUED")
		status["domainValidations"] = validations(o)
		return status
	default:
		return inState("INSYNC")
	}
}

// inState is what AWS says of the kinds whose state is called status.
func inState(state string) map[string]any { return map[string]any{"status": state} }

// validations prove each name of a certificate by a record that derives from the name. A
// wildcard is proven by the record of the name that it stands below.
func validations(c *acm.Certificate) []map[string]any {
	names := sets.New(ptr.Deref(c.Spec.DomainName, ""))
	for _, name := range c.Spec.SubjectAlternativeNames {
		names.Insert(ptr.Deref(name, ""))
	}
	var all []map[string]any
	for _, name := range sets.List(names.Delete("")) {
		base := strings.TrimPrefix(name, "*.")
		all = append(all, map[string]any{
			"domainName": name, "validationStatus": "SUCCESS",
			"resourceRecord": map[string]any{"name": "_x1." + base + ".", "type_": "CNAME", "value": "_x2." + base + ".acm-validations.aws."},
		})
	}
	return all
}
