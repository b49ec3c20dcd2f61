package ack

import (
	"errors"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// refuse is ACK giving up a spec at a moment.
func (w *world) refuse(t *testing.T, obj client.Object, moment time.Time) {
	t.Helper()
	w.report(t, obj, nil, at(moment, says(isSynced, "False", "")), says(isTerminal, "True", "InvalidParameter: bad, RequestID: 0f-1a, again"))
}

func TestWhatAWSRefusesIsRevivedLessAndLessOften(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	w.pass(t, desiredVPC())
	since := applied
	for n, wait := range []time.Duration{
		retryAfter, 2 * retryAfter, 4 * retryAfter, 8 * retryAfter, 16 * retryAfter, 16 * retryAfter, 16 * retryAfter,
	} {
		w.refuse(t, desiredVPC(), since.Add(time.Second))
		writes := w.writes
		w.clock.SetTime(since.Add(wait - time.Second))
		_, done, outcome := w.ensure(t, desiredVPC())
		g.Expect(done).To(BeFalse())
		g.Expect(step.IsTerminal(outcome)).To(BeTrue())
		g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonRejectedByAWS))
		g.Expect(outcome).To(MatchError("VPC production001-dublin: InvalidParameter: bad, again"), "the same every time")
		g.Expect(step.PollAfter(outcome)).To(Equal(time.Second))
		g.Expect(w.writes).To(Equal(writes))

		since = since.Add(wait)
		w.clock.SetTime(since)
		_, _, outcome = w.ensure(t, desiredVPC())
		g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonSyncing))
		g.Expect(w.writes).To(Equal(writes + 1))
		count := strconv.Itoa(n + 1)
		g.Expect(w.vpc(t).Annotations).To(HaveKeyWithValue(annotationRevivals, count))
		g.Expect(w.vpc(t).Spec.Tags).To(Equal(append(desiredVPC().Spec.Tags, ec2.Tag{Key: tagRevival, Value: count})))

		_, _, outcome = w.ensure(t, desiredVPC())
		g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonSyncing), "what ACK said is about the spec before")
		g.Expect(w.writes).To(Equal(writes + 1))
	}
}

func TestARevivedObjectStaysAsItIs(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	w.pass(t, desiredVPC())
	w.refuse(t, desiredVPC(), applied.Add(time.Second))
	w.clock.SetTime(applied.Add(retryAfter))
	w.pass(t, desiredVPC())
	w.reconcileVPC(t, nil, syncedAt(applied.Add(retryAfter+time.Second)))

	for range 2 {
		_, done, outcome := w.ensure(t, desiredVPC())
		g.Expect(outcome).NotTo(HaveOccurred())
		g.Expect(done).To(BeTrue())
	}
	g.Expect(w.writes).To(Equal(2))

	labelled := desiredVPC()
	labelled.Labels["new"] = "x"
	w.pass(t, labelled)
	g.Expect(w.vpc(t).Annotations).To(HaveKeyWithValue(annotationRevivals, "1"))
	_, done, _ := w.ensure(t, labelled)
	g.Expect(done).To(BeTrue())
	g.Expect(w.writes).To(Equal(3))

	w.reconcileVPC(t, func(v *ec2.VPC) { v.Spec.Tags = desiredVPC().Spec.Tags })
	w.pass(t, labelled)
	g.Expect(w.vpc(t).Spec.Tags).To(HaveLen(3), "somebody else took the tag away")
}

func TestAnotherSpecStartsAnew(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	w.pass(t, desiredVPC())
	w.refuse(t, desiredVPC(), applied.Add(time.Second))
	w.clock.SetTime(applied.Add(retryAfter))
	w.pass(t, desiredVPC())
	w.refuse(t, desiredVPC(), applied.Add(retryAfter+time.Second))

	changed := desiredVPC()
	changed.Spec.EnableDNSSupport = new(false)
	w.clock.SetTime(applied.Add(time.Hour))
	w.pass(t, changed)
	g.Expect(w.vpc(t).Spec).To(Equal(changed.Spec))
	g.Expect(w.vpc(t).Annotations).NotTo(HaveKey(annotationRevivals))
	writes := w.writes
	w.refuse(t, changed, applied.Add(time.Hour+time.Second))
	_, _, outcome := w.ensure(t, changed)
	g.Expect(step.PollAfter(outcome)).To(Equal(retryAfter), "not longer because of another spec")
	g.Expect(w.writes).To(Equal(writes))
}

func TestRevivalOfAKindWithoutTags(t *testing.T) {
	for name, held := range map[string]bool{"never created": false, "there in AWS": true} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			_, _ = pass(t, w, desiredRecord())
			created := found(t, w, desiredRecord())
			created.UID = "uid-1"
			if held {
				created.Finalizers = []string{"finalizers.route53.services.k8s.aws/RecordSet"}
			}
			g.Expect(w.Update(t.Context(), created)).To(Succeed())
			w.refuse(t, created, applied.Add(time.Second))
			w.clock.SetTime(applied.Add(retryAfter - time.Second))
			_, outcome := pass(t, w, desiredRecord())
			g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonRejectedByAWS))
			g.Expect(w.deletes).To(BeEmpty())

			w.clock.SetTime(applied.Add(retryAfter))
			_, outcome = pass(t, w, desiredRecord())
			g.Expect(step.IsWaiting(outcome)).To(BeTrue())
			g.Expect(w.deletes).To(HaveLen(1))
			again := found(t, w, desiredRecord())
			if held {
				g.Expect(again.DeletionTimestamp).NotTo(BeNil())
				g.Expect(again.Annotations).To(HaveKeyWithValue("services.k8s.aws/deletion-policy", "retain"))
				return
			}
			g.Expect(again.UID).NotTo(BeEquivalentTo("uid-1"))
			g.Expect(again.Spec).To(Equal(desiredRecord().Spec))
			g.Expect(again.Annotations).To(And(HaveKeyWithValue(policy, "adopt-or-create"), HaveKeyWithValue(annotationRevivals, "1")))
			writes := w.writes
			_, _ = pass(t, w, desiredRecord())
			g.Expect(w.writes).To(Equal(writes))
		})
	}
}

func TestNothingIsRetriedWithoutATimeForIt(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	w.pass(t, desiredVPC())
	w.refuse(t, desiredVPC(), applied.Add(time.Second))
	w.clock.SetTime(applied.Add(1000 * time.Hour))
	a := NewApplier(Config{Client: w, Clock: w.clock, Owner: owner})
	Ensure(t.Context(), a, desiredVPC())
	Ensure(t.Context(), a, desiredVPC(), func(*ec2.VPC) error { return Broken("failed") })
	g.Expect(step.ReasonOf(a.Outcome())).To(Equal(v1alpha1.ReasonRejectedByAWS))
	g.Expect(step.PollAfter(a.Outcome())).To(BeZero())
	g.Expect(w.writes).To(Equal(1))
	g.Expect(w.deletes).To(BeEmpty())
}

func addonWorks(o *eks.Addon) error {
	switch ptr.Deref(o.Status.Status, "") {
	case "CREATE_FAILED":
		return Broken("EKS reports Addon %s as CREATE_FAILED", o.Name)
	case "DEGRADED":
		return step.Wait(v1alpha1.ReasonUnhealthyInAWS, "EKS reports Addon %s as DEGRADED", o.Name)
	case "ACTIVE":
		return nil
	}
	return step.Wait(v1alpha1.ReasonCreating, "EKS reports Addon %s as %s", o.Name, ptr.Deref(o.Status.Status, ""))
}

func TestChecksSpeakWhileACKWaits(t *testing.T) {
	notSynced := at(applied.Add(time.Second), says(isSynced, "False", ""))
	for name, tc := range map[string]struct {
		state       string
		conditions  conditions
		wantReason  string
		wantMessage string
	}{
		"it only takes time":       {"CREATING", conditions{notSynced}, v1alpha1.ReasonSyncing, "Addon coredns"},
		"all is well, but for ACK": {"ACTIVE", conditions{notSynced}, v1alpha1.ReasonSyncing, "Addon coredns"},
		"EKS finds something wrong": {
			"DEGRADED", conditions{notSynced}, v1alpha1.ReasonUnhealthyInAWS, "EKS reports Addon coredns as DEGRADED",
		},
		"ACK has the better cause": {
			"DEGRADED", conditions{notSynced, says(isRecoverable, "True", "throttled")}, v1alpha1.ReasonRetryingInAWS, "Addon coredns: throttled",
		},
		"beyond repair": {
			"CREATE_FAILED", conditions{notSynced, says(isRecoverable, "True", "cannot be modified")}, v1alpha1.ReasonRecreating,
			"EKS reports Addon coredns as CREATE_FAILED",
		},
		"beyond repair, and given up by ACK": {
			"CREATE_FAILED", conditions{notSynced, says(isTerminal, "True", "failed")}, v1alpha1.ReasonRecreating,
			"EKS reports Addon coredns as CREATE_FAILED",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			_, _ = pass(t, w, desiredAddon())
			w.report(t, desiredAddon(), map[string]any{"status": tc.state}, tc.conditions...)
			_, done, outcome := ensured(t, w, desiredAddon(), addonWorks)
			g.Expect(done).To(BeFalse())
			g.Expect(step.ReasonOf(outcome)).To(Equal(tc.wantReason))
			g.Expect(outcome).To(MatchError(tc.wantMessage))
		})
	}
}

func TestChecksDoNotSpeakOfTheSpecBefore(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	_, _ = pass(t, w, desiredAddon())
	w.report(t, desiredAddon(), map[string]any{"status": "CREATE_FAILED"}, at(applied.Add(time.Second), says(isSynced, "False", "")))
	w.clock.SetTime(applied.Add(time.Hour))
	changed := desiredAddon()
	changed.Spec.AddonVersion = new("v2")
	for range 2 {
		_, _, outcome := ensured(t, w, changed.DeepCopy(), addonWorks)
		g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonSyncing))
	}
	g.Expect(w.deletes).To(BeEmpty())
}

func TestWhatIsBrokenIsCreatedAgain(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	_, _ = pass(t, w, desiredAddon())
	created := found(t, w, desiredAddon())
	created.UID, created.Finalizers = "uid-1", []string{"finalizers.eks.services.k8s.aws/Addon"}
	g.Expect(w.Update(t.Context(), created)).To(Succeed())
	w.report(t, created, map[string]any{"status": "CREATE_FAILED"}, at(applied.Add(time.Second), says(isSynced, "False", "")))

	w.clock.SetTime(applied.Add(retryAfter - time.Second))
	_, done, outcome := ensured(t, w, desiredAddon(), addonWorks)
	g.Expect(done).To(BeFalse())
	g.Expect(step.IsWaiting(outcome)).To(BeTrue())
	g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonRecreating))
	g.Expect(step.PollAfter(outcome)).To(Equal(time.Second))
	g.Expect(w.deletes).To(BeEmpty())

	w.clock.SetTime(applied.Add(retryAfter))
	before := outcome.Error()
	_, _, outcome = ensured(t, w, desiredAddon(), addonWorks)
	g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonRecreating))
	g.Expect(outcome).To(MatchError(before))
	g.Expect(w.deletes).To(HaveLen(1))
	g.Expect(w.deletes[0].Preconditions.UID).To(HaveValue(BeEquivalentTo("uid-1")))
	dying := found(t, w, desiredAddon())
	g.Expect(dying.DeletionTimestamp).NotTo(BeNil())
	g.Expect(dying.Annotations).NotTo(HaveKey("services.k8s.aws/deletion-policy"), "it has to go in AWS too")

	_, _, outcome = ensured(t, w, desiredAddon(), addonWorks)
	g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonDeleting))
	dying.Finalizers = nil
	g.Expect(w.Update(t.Context(), dying)).To(Succeed())
	_, _, outcome = ensured(t, w, desiredAddon(), addonWorks)
	g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonCreating))
}

func TestABrokenClusterLosesItsProtectionFirst(t *testing.T) {
	g := NewWithT(t)
	desired := &eks.Cluster{ObjectMeta: metaOf("dublin"), Spec: eks.ClusterSpec{Name: new("dublin"), DeletionProtection: new(true)}}
	w := newWorld(t)
	_, _ = pass(t, w, desired)
	created := found(t, w, desired)
	created.Finalizers = []string{"finalizers.eks.services.k8s.aws/Cluster"}
	g.Expect(w.Update(t.Context(), created)).To(Succeed())
	w.report(t, desired, nil, syncedAt(applied.Add(time.Second))...)
	w.clock.SetTime(applied.Add(retryAfter))
	_, _, outcome := ensured(t, w, desired, func(*eks.Cluster) error { return Broken("failed") })
	g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonRecreating))
	dying := found(t, w, desired)
	g.Expect(dying.DeletionTimestamp).NotTo(BeNil())
	g.Expect(dying.Spec.DeletionProtection).To(HaveValue(BeFalse()))
}

func TestWhatWasTakenOverTooLateIsCreatedAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		adopted, state string
		wantReason     string
		wantDeletes    int
	}{
		"taken over while AWS was deleting it": {"true", "DELETING", v1alpha1.ReasonRecreating, 1},
		"taken over alive":                     {"true", "ACTIVE", v1alpha1.ReasonSyncing, 0},
		"deleted by somebody":                  {"", "DELETING", v1alpha1.ReasonSyncing, 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			desired := &eks.Nodegroup{ObjectMeta: metaOf("system"), Spec: eks.NodegroupSpec{Name: new("system")}}
			w := newWorld(t)
			_, _ = pass(t, w, desired)
			created := found(t, w, desired)
			if tc.adopted != "" {
				created.Annotations[annotationAdopted] = tc.adopted
				g.Expect(w.Update(t.Context(), created)).To(Succeed())
			}
			w.report(t, desired, map[string]any{"status": tc.state}, at(applied.Add(time.Second), says(isSynced, "False", "")))
			w.clock.SetTime(applied.Add(retryAfter))
			_, _, outcome := ensured(t, w, desired, func(n *eks.Nodegroup) error {
				if *n.Status.Status == "ACTIVE" {
					return nil
				}
				return step.Wait(v1alpha1.ReasonCreating, "Nodegroup %s is %s", n.Name, *n.Status.Status)
			})
			g.Expect(step.ReasonOf(outcome)).To(Equal(tc.wantReason))
			g.Expect(w.deletes).To(HaveLen(tc.wantDeletes))
		})
	}
}

func TestAnotherAccount(t *testing.T) {
	for name, tc := range map[string]struct {
		want, acted string
		wantStuck   bool
	}{
		"the same":           {want: "111111111111", acted: "111111111111"},
		"another":            {want: "111111111111", acted: "222222222222", wantStuck: true},
		"ACK does not say":   {want: "111111111111"},
		"nobody cares which": {acted: "222222222222"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			w.account = tc.want
			w.pass(t, desiredVPC())
			status := map[string]any{}
			if tc.acted != "" {
				status["ackResourceMetadata"] = map[string]any{"ownerAccountID": tc.acted, "region": "eu-west-1"}
			}
			w.report(t, desiredVPC(), status, syncedAt(applied.Add(time.Second))...)
			changed := desiredVPC()
			changed.Labels["new"] = "x"
			_, done, outcome := w.ensure(t, changed)
			g.Expect(done).To(BeFalse())
			if !tc.wantStuck {
				g.Expect(w.writes).To(Equal(2))
				return
			}
			g.Expect(w.writes).To(Equal(1), "nothing is changed in another account")
			g.Expect(step.IsTerminal(outcome)).To(BeTrue())
			g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonWrongAccount))
			g.Expect(step.PollAfter(outcome)).To(Equal(retryAfter))
			g.Expect(outcome).To(MatchError("VPC production001-dublin: ACK acts in account 222222222222 and not in 111111111111: " +
				"delete the Region, set the annotation services.k8s.aws/owner-account-id of namespace fleet to 111111111111, and create the Region again; see docs/accounts.md"))
		})
	}
}

func TestFailuresToRecoverAreRetried(t *testing.T) {
	broken := func(*ec2.VPC) error { return Broken("failed") }
	for name, tc := range map[string]struct {
		conditions conditions
		checks     []func(*ec2.VPC) error
		want       string
	}{
		"reviving":   {conditions{says(isTerminal, "True", "bad")}, nil, "applying VPC production001-dublin: "},
		"recreating": {syncedAt(applied.Add(time.Second)), []func(*ec2.VPC) error{broken}, "deleting VPC production001-dublin: "},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			w.pass(t, desiredVPC())
			w.report(t, desiredVPC(), nil, tc.conditions...)
			w.clock.SetTime(applied.Add(retryAfter))
			w.broken = errors.New("no quorum")
			_, done, outcome := w.ensure(t, desiredVPC(), tc.checks...)
			g.Expect(done).To(BeFalse())
			g.Expect(outcome).To(MatchError(w.broken))
			g.Expect(outcome).To(MatchError(HavePrefix(tc.want)))
			g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonRetrying))
		})
	}
}

func TestRevivalsOf(t *testing.T) {
	for annotation, want := range map[string]int{"": 0, "3": 3, "-1": 0, "many": 0, "99999999999999999999": 0} {
		v := desiredVPC()
		v.Annotations[annotationRevivals] = annotation
		NewWithT(t).Expect(revivalsOf(v)).To(Equal(want), annotation)
	}
}
