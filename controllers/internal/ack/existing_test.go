package ack

import (
	"errors"
	"testing"
	"time"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/acm"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/ack/route53"
	"github.com/portolan-dev/portolan/controllers/internal/ack/s3"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

const (
	policy = ackv1alpha1.AnnotationAdoptionPolicy
	fields = ackv1alpha1.AnnotationAdoptionFields
)

func metaOf(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: "fleet", Name: name,
		Labels:      map[string]string{v1alpha1.LabelEnvironment: "production001", v1alpha1.LabelRegion: "dublin"},
		Annotations: map[string]string{AnnotationRegion: "eu-west-1"},
	}
}

func desiredBucket() *s3.Bucket {
	return &s3.Bucket{ObjectMeta: metaOf("logs"), Spec: s3.BucketSpec{Name: new("unkey-logs")}}
}

func desiredRecord() *route53.RecordSet {
	return &route53.RecordSet{ObjectMeta: metaOf("api-0"), Spec: route53.RecordSetSpec{Name: new("_x1.api.example.com."), RecordType: new("CNAME")}}
}

func desiredAddon() *eks.Addon {
	return &eks.Addon{ObjectMeta: metaOf("coredns"), Spec: eks.AddonSpec{Name: new("coredns"), Tags: map[string]*string{"team": new("fleet")}}}
}

// pass is one pass with an object of any kind.
func pass(t *testing.T, w *world, desired client.Object) (done bool, outcome error) {
	t.Helper()
	_, done, outcome = ensured(t, w, desired)
	return done, outcome
}

func TestCreateTakesOverWhatALostCreateLeft(t *testing.T) {
	for name, tc := range map[string]struct {
		desired    client.Object
		wantFields string
	}{
		"VPC":              {&ec2.VPC{}, `{"vpcID":"id-1"}`},
		"Subnet":           {&ec2.Subnet{}, `{"subnetID":"id-1"}`},
		"InternetGateway":  {&ec2.InternetGateway{}, `{"internetGatewayID":"id-1"}`},
		"RouteTable":       {&ec2.RouteTable{}, `{"routeTableID":"id-1"}`},
		"ElasticIPAddress": {&ec2.ElasticIPAddress{}, `{"allocationID":"id-1"}`},
		"NATGateway":       {&ec2.NATGateway{}, `{"natGatewayID":"id-1"}`},
		"SecurityGroup":    {&ec2.SecurityGroup{}, `{"id":"id-1"}`},
		"Certificate":      {&acm.Certificate{}, `{"arn":"id-1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			w.aws.Match = Match{Found: true, Ours: true, ID: "id-1"}
			tc.desired.SetNamespace("fleet")
			tc.desired.SetName("x")
			done, outcome := pass(t, w, tc.desired)
			g.Expect(done).To(BeFalse())
			g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonAdopting))
			g.Expect(outcome).To(MatchError(name + " x: id-1"))
			g.Expect(found(t, w, tc.desired).GetAnnotations()).To(And(
				HaveKeyWithValue(policy, "adopt-or-create"), HaveKeyWithValue(fields, tc.wantFields)))

			done, outcome = pass(t, w, tc.desired)
			g.Expect(done).To(BeFalse())
			g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonAdopting), "until ACK says anything")

			w.report(t, tc.desired, nil, at(applied.Add(time.Second), says(isSynced, "True", "")))
			done, _ = pass(t, w, tc.desired)
			g.Expect(done).To(BeTrue())
			g.Expect(w.writes).To(Equal(1))
			g.Expect(w.aws.asked).To(HaveLen(1), "AWS is asked only before a create")
		})
	}
}

func TestCreateOfWhatAWSDoesNotHave(t *testing.T) {
	for name, tc := range map[string]struct {
		desired    client.Object
		match      Match
		wantAsked  bool
		wantPolicy bool
	}{
		"identified by AWS":               {desired: &ec2.VPC{}, wantAsked: true},
		"a cluster":                       {desired: &eks.Cluster{}, match: Match{Found: true, Ours: true}},
		"a role":                          {desired: &iam.Role{}, match: Match{Found: true, Ours: true}},
		"a bucket":                        {desired: &s3.Bucket{}, match: Match{Found: true, Ours: true}},
		"an add-on of our cluster":        {desired: &eks.Addon{}, wantPolicy: true},
		"a node group of our cluster":     {desired: &eks.Nodegroup{}, wantPolicy: true},
		"an access entry of our cluster":  {desired: &eks.AccessEntry{}, wantPolicy: true},
		"a pod identity of our cluster":   {desired: &eks.PodIdentityAssociation{}, wantPolicy: true},
		"a record of our zone":            {desired: &route53.RecordSet{}, wantPolicy: true},
		"whatever of our cluster AWS has": {desired: &eks.Addon{}, match: Match{Found: true}, wantPolicy: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			w.aws.Match = tc.match
			tc.desired.SetNamespace("fleet")
			tc.desired.SetName("x")
			_, outcome := pass(t, w, tc.desired)
			g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonCreating))
			if tc.wantAsked {
				g.Expect(w.aws.asked).To(Equal([]string{"x"}))
			} else {
				g.Expect(w.aws.asked).To(BeEmpty())
			}
			annotations := found(t, w, tc.desired).GetAnnotations()
			g.Expect(annotations).NotTo(HaveKey(fields))
			if tc.wantPolicy {
				g.Expect(annotations).To(HaveKeyWithValue(policy, "adopt-or-create"))
			} else {
				g.Expect(annotations).NotTo(HaveKey(policy))
			}

			_, outcome = pass(t, w, tc.desired)
			g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonCreating))
			g.Expect(w.writes).To(Equal(1))
		})
	}
}

func TestCreateIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		match       Match
		wantReason  string
		wantMessage string
	}{
		"it is another's": {
			match: Match{Found: true, ID: "sg-1"}, wantReason: v1alpha1.ReasonNotOurs,
			wantMessage: "SecurityGroup gossip: AWS already has sg-1, and it does not carry Portolan's tags: delete or rename it, " +
				"or tag it portolan.dev/environment=production001 and portolan.dev/region=dublin to hand it over",
		},
		"there are two": {
			match: Match{Found: true, Ours: true, ID: "sg-2", Duplicates: []string{"sg-3", "sg-1"}}, wantReason: v1alpha1.ReasonDuplicate,
			wantMessage: "SecurityGroup gossip: AWS has more than one with its tags: delete all but one of sg-1, sg-2, sg-3",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			w.aws.Match = tc.match
			done, outcome := pass(t, w, &ec2.SecurityGroup{ObjectMeta: metaOf("gossip")})
			g.Expect(done).To(BeFalse())
			g.Expect(step.IsTerminal(outcome)).To(BeTrue())
			g.Expect(step.ReasonOf(outcome)).To(Equal(tc.wantReason))
			g.Expect(outcome).To(MatchError(tc.wantMessage))
			g.Expect(step.PollAfter(outcome)).To(Equal(retryAfter))
			g.Expect(w.writes).To(BeZero())
		})
	}
}

func TestCreateDoesNotGoOnWhileAWSCannotBeAsked(t *testing.T) {
	for name, tc := range map[string]struct {
		err         error
		wantWaiting bool
	}{
		"a failure":                  {errors.New("throttled"), false},
		"an outcome of its own kind": {step.Poll(time.Minute, v1alpha1.ReasonAccessDenied, "grant ec2:DescribeVpcs"), true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			w.aws.err = tc.err
			done, outcome := pass(t, w, desiredVPC())
			g.Expect(done).To(BeFalse())
			g.Expect(outcome).To(MatchError(ContainSubstring("looking for VPC production001-dublin in AWS: " + tc.err.Error())))
			g.Expect(step.IsWaiting(outcome)).To(Equal(tc.wantWaiting))
			g.Expect(step.ReasonOf(outcome)).To(Equal(step.ReasonOf(tc.err)))
			g.Expect(step.PollAfter(outcome)).To(Equal(step.PollAfter(tc.err)))
			g.Expect(w.writes).To(BeZero())
		})
	}
}

func TestNobodyIsAskedWhereThereIsNobody(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	a := NewApplier(Config{Client: w, Clock: w.clock, Owner: owner})
	Ensure(t.Context(), a, desiredVPC())
	g.Expect(step.ReasonOf(a.Outcome())).To(Equal(v1alpha1.ReasonCreating))
	g.Expect(w.vpc(t).Annotations).NotTo(HaveKey(policy))
}

func TestLaterAppliesKeepTheAdoption(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	w.aws.Match = Match{Found: true, Ours: true, ID: "vpc-1"}
	w.pass(t, desiredVPC())
	w.reconcileVPC(t, func(v *ec2.VPC) { v.Annotations[annotationAdopted] = "true" }, syncedAt(applied.Add(time.Second)))

	w.clock.SetTime(applied.Add(time.Minute))
	for _, change := range []func(*ec2.VPC){
		func(v *ec2.VPC) { v.Spec.EnableDNSSupport = new(false) }, func(v *ec2.VPC) { v.Labels["new"] = "x" },
	} {
		changed := desiredVPC()
		change(changed)
		w.pass(t, changed)
		g.Expect(w.vpc(t).Annotations).To(And(
			HaveKeyWithValue(policy, "adopt-or-create"), HaveKeyWithValue(fields, `{"vpcID":"vpc-1"}`),
			HaveKeyWithValue(annotationAdopted, "true"), HaveKeyWithValue(AnnotationRegion, "eu-west-1")))
	}
}

// refusedAsExisting is what ACK says of a name that AWS has already.
func refusedAsExisting() conditions {
	return conditions{
		at(applied.Add(time.Second), says(isSynced, "False", "Resource not synced")),
		because("This resource already exists but is not managed by ACK.", says(isTerminal, "True", "Resource already exists")),
	}
}

func TestConflictWithWhatIsOurs(t *testing.T) {
	for name, tc := range map[string]struct {
		desired    client.Object
		finalizer  string
		wantReason string
	}{
		"a bucket":                       {desired: desiredBucket(), wantReason: v1alpha1.ReasonAdopting},
		"a role":                         {desired: &iam.Role{ObjectMeta: metaOf("node")}, wantReason: v1alpha1.ReasonAdopting},
		"a cluster":                      {desired: &eks.Cluster{ObjectMeta: metaOf("dublin")}, wantReason: v1alpha1.ReasonAdopting},
		"one that ACK holds on to":       {desired: desiredBucket(), finalizer: "finalizers.s3.services.k8s.aws/Bucket", wantReason: v1alpha1.ReasonRecreating},
		"an add-on of before we adopted": {desired: desiredAddon(), wantReason: v1alpha1.ReasonCreating},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			_, _ = pass(t, w, tc.desired)
			created := found(t, w, tc.desired)
			annotations := created.GetAnnotations()
			delete(annotations, policy)
			created.SetAnnotations(annotations)
			created.SetUID("uid-1")
			if tc.finalizer != "" {
				created.SetFinalizers([]string{tc.finalizer})
			}
			g.Expect(w.Update(t.Context(), created)).To(Succeed())
			w.report(t, created, nil, refusedAsExisting()...)
			w.clock.SetTime(applied.Add(time.Minute))
			w.aws.Match = Match{Found: true, Ours: true}

			done, outcome := pass(t, w, tc.desired)
			g.Expect(done).To(BeFalse())
			g.Expect(step.ReasonOf(outcome)).To(Equal(tc.wantReason))
			g.Expect(w.deletes).To(HaveLen(1))
			g.Expect(w.deletes[0].Preconditions.UID).To(HaveValue(BeEquivalentTo("uid-1")))
			again := found(t, w, tc.desired)
			if tc.finalizer != "" {
				g.Expect(again.GetDeletionTimestamp()).NotTo(BeNil())
				g.Expect(again.GetAnnotations()).To(HaveKeyWithValue("services.k8s.aws/deletion-policy", "retain"), "nothing is deleted in AWS")
				return
			}
			g.Expect(again.GetUID()).NotTo(BeEquivalentTo("uid-1"))
			g.Expect(again.GetAnnotations()).To(HaveKeyWithValue(policy, "adopt-or-create"))

			writes := w.writes
			_, outcome = pass(t, w, tc.desired)
			g.Expect(step.ReasonOf(outcome)).To(Equal(tc.wantReason))
			g.Expect(w.writes).To(Equal(writes))
			g.Expect(w.deletes).To(HaveLen(1))
		})
	}
}

func TestConflictWithWhatIsNotOurs(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	_, _ = pass(t, w, desiredBucket())
	w.report(t, desiredBucket(), nil, refusedAsExisting()...)
	w.aws.Match = Match{Found: true}
	for _, moment := range []time.Duration{time.Minute, 24 * time.Hour} {
		w.clock.SetTime(applied.Add(moment))
		done, outcome := pass(t, w, desiredBucket())
		g.Expect(done).To(BeFalse())
		g.Expect(step.IsTerminal(outcome)).To(BeTrue())
		g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonNotOurs))
		g.Expect(outcome).To(MatchError("Bucket logs: AWS already has unkey-logs, and it does not carry Portolan's tags: delete or rename it, " +
			"or tag it portolan.dev/environment=production001 and portolan.dev/region=dublin to hand it over"))
		g.Expect(step.PollAfter(outcome)).To(Equal(retryAfter))
	}
	g.Expect(w.writes).To(Equal(1))
	g.Expect(w.deletes).To(BeEmpty())

	w.aws.Match = Match{} // deleted, as was asked for
	_, outcome := pass(t, w, desiredBucket())
	g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonSyncing))
	g.Expect(found(t, w, desiredBucket()).Spec.Tagging.TagSet).To(ConsistOf(s3.Tag{Key: tagRevival, Value: "1"}), "ACK is made to try again")
}

func TestConflictThatAdoptionDoesNotSolve(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	_, _ = pass(t, w, desiredAddon())
	w.report(t, desiredAddon(), nil, refusedAsExisting()...)
	w.clock.SetTime(applied.Add(time.Minute))
	_, outcome := pass(t, w, desiredAddon())
	g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonRejectedByAWS))
	g.Expect(step.PollAfter(outcome)).To(Equal(retryAfter - time.Minute))
	g.Expect(w.deletes).To(BeEmpty())
}
