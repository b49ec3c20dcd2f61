package ack

import (
	"errors"
	"slices"
	"strings"
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

func TestObservingWhatIsNotThere(t *testing.T) {
	const notOurs = ", and it does not carry Portolan's tags: delete or rename it, " +
		"or tag it portolan.dev/environment=production001 and portolan.dev/region=dublin to hand it over"
	vpc := &ec2.VPC{ObjectMeta: metaOf("dublin")}
	for name, tc := range map[string]struct {
		desired client.Object
		match   Match
		want    v1alpha1.Drift
	}{
		"nor in AWS": {vpc, Match{}, v1alpha1.Drift{Object: "VPC dublin", Action: v1alpha1.DriftCreate}},
		"ours in AWS": {
			vpc, Match{Found: true, Ours: true, ID: "vpc-1"},
			v1alpha1.Drift{Object: "VPC dublin", Action: v1alpha1.DriftAdopt, Message: "vpc-1"},
		},
		"ours in AWS, twice": {
			vpc, Match{Found: true, Ours: true, ID: "vpc-1", Duplicates: []string{"vpc-2"}},
			v1alpha1.Drift{Object: "VPC dublin", Action: v1alpha1.DriftRefuse, Message: "AWS has more than one with its tags: delete all but one of vpc-1, vpc-2"},
		},
		"another's in AWS": {
			desiredBucket(), Match{Found: true},
			v1alpha1.Drift{Object: "Bucket logs", Action: v1alpha1.DriftRefuse, Message: "AWS already has unkey-logs" + notOurs},
		},
		"ours in AWS, by its name": {
			desiredBucket(), Match{Found: true, Ours: true},
			v1alpha1.Drift{Object: "Bucket logs", Action: v1alpha1.DriftAdopt, Message: "unkey-logs"},
		},
		"something in our cluster": {
			desiredAddon(), Match{Found: true},
			v1alpha1.Drift{Object: "Addon coredns", Action: v1alpha1.DriftAdopt, Message: "coredns"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			w.observe, w.aws.Match = true, tc.match
			a := w.applier()
			_, works := Ensure(t.Context(), a, tc.desired)
			g.Expect(works).To(BeFalse())
			g.Expect(a.Drift()).To(Equal([]v1alpha1.Drift{tc.want}))
			g.Expect(a.Outcome()).NotTo(HaveOccurred())
			g.Expect(w.writes).To(BeZero())
		})
	}
}

func TestObservingWhatIsThere(t *testing.T) {
	for name, tc := range map[string]struct {
		actual      func(*ec2.VPC) // what is there, if not what is desired
		desired     func(*ec2.VPC)
		wantMessage string // of a change
	}{
		"as desired": {},
		"late-initialised fields and tags of others": {
			actual: func(v *ec2.VPC) {
				v.Spec.EnableDNSHostnames = new(true)
				v.Labels["other"], v.Annotations["other"] = "x", "x"
			},
		},
		"taken over": {actual: func(v *ec2.VPC) {
			v.Annotations[policy], v.Annotations[fields], v.Annotations[annotationAdopted] = "adopt-or-create", `{"vpcID":"vpc-1"}`, "true"
		}},
		"other fields": {
			actual: func(v *ec2.VPC) {
				v.Spec.Tags = v.Spec.Tags[:1]
				v.Spec.CIDRBlocks = []string{"10.9.0.0/18"}
				v.Labels[v1alpha1.LabelRegion] = "paris"
			},
			wantMessage: "metadata.labels.portolan.dev/region, spec.cidrBlocks, spec.tags",
		},
		"a field that is missing": {
			desired:     func(v *ec2.VPC) { v.Spec.EnableDNSHostnames = new(true) },
			wantMessage: "spec.enableDNSHostnames",
		},
		"a field that we no longer want": {
			desired:     func(v *ec2.VPC) { v.Spec.EnableDNSSupport = nil },
			wantMessage: "spec",
		},
		"a label that we no longer want": {
			desired: func(v *ec2.VPC) { v.Labels = nil }, wantMessage: "metadata",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			w.pass(t, desiredVPC())
			w.reconcileVPC(t, tc.actual, syncedAt(applied.Add(time.Second)))
			w.observe, w.writes, w.aws.asked = true, 0, nil
			desired := desiredVPC()
			if tc.desired != nil {
				tc.desired(desired)
			}
			a := w.applier()
			observed, works := Ensure(t.Context(), a, desired)
			g.Expect(works).To(BeTrue())
			g.Expect(observed.Status.VPCID).To(HaveValue(Equal("vpc-1")), "children are visited")
			g.Expect(a.Outcome()).NotTo(HaveOccurred())
			g.Expect(w.writes).To(BeZero())
			g.Expect(w.aws.asked).To(BeEmpty())
			if tc.wantMessage == "" {
				g.Expect(a.Drift()).To(BeEmpty())
				return
			}
			g.Expect(a.Drift()).To(Equal([]v1alpha1.Drift{{Object: "VPC production001-dublin", Action: v1alpha1.DriftChange, Message: tc.wantMessage}}))
		})
	}
}

func TestObservingWhatSomebodyElseMade(t *testing.T) {
	g := NewWithT(t)
	made := desiredVPC()
	made.Spec.EnableDNSSupport = nil
	w := newWorld(t, made, &eks.Cluster{ObjectMeta: metaOf("dublin")})
	w.observe = true
	a := w.applier()
	_, works := Ensure(t.Context(), a, desiredVPC())
	g.Expect(works).To(BeFalse(), "ACK has not synced it")
	cluster := &eks.Cluster{ObjectMeta: metaOf("dublin")}
	cluster.Spec.Logging = &eks.Logging{ClusterLogging: []eks.LogSetup{{Enabled: new(true), Types: []*string{new("api")}}}}
	Ensure(t.Context(), a, cluster)
	g.Expect(a.Drift()).To(Equal([]v1alpha1.Drift{
		{Object: "Cluster dublin", Action: v1alpha1.DriftChange, Message: "spec.logging"},
		{Object: "VPC production001-dublin", Action: v1alpha1.DriftChange, Message: "spec.enableDNSSupport"},
	}), "by object, whatever the order of the visits")
	g.Expect(a.Outcome()).NotTo(HaveOccurred())
}

func TestObservingWhatDoesNotWork(t *testing.T) {
	for name, tc := range map[string]struct {
		conditions conditions
		state      string
		wantWorks  bool
	}{
		"works":         {syncedAt(applied.Add(time.Second)), "ACTIVE", true},
		"still waits":   {conditions{says(isSynced, "False", "")}, "ACTIVE", false},
		"was refused":   {conditions{says(isTerminal, "True", "bad")}, "ACTIVE", false},
		"beyond repair": {syncedAt(applied.Add(time.Second)), "CREATE_FAILED", false},
		"says nothing":  {nil, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			_, _ = pass(t, w, desiredAddon())
			w.report(t, desiredAddon(), map[string]any{"status": tc.state}, tc.conditions...)
			w.clock.SetTime(applied.Add(1000 * time.Hour))
			w.observe, w.writes = true, 0
			observed, works, outcome := ensured(t, w, desiredAddon(), addonWorks)
			g.Expect(works).To(Equal(tc.wantWorks))
			g.Expect(ptr.Deref(observed.Status.Status, "")).To(Equal(tc.state))
			g.Expect(outcome).NotTo(HaveOccurred())
			g.Expect(w.writes).To(BeZero())
			g.Expect(w.deletes).To(BeEmpty())
		})
	}
}

func TestObservingWhatWasRevived(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	w.pass(t, desiredVPC())
	w.refuse(t, desiredVPC(), applied.Add(time.Second))
	w.clock.SetTime(applied.Add(retryAfter))
	w.pass(t, desiredVPC())
	w.observe = true
	a := w.applier()
	Ensure(t.Context(), a, desiredVPC())
	g.Expect(a.Drift()).To(BeEmpty())
}

func TestObservingAnotherAccount(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	w.pass(t, desiredVPC())
	w.report(t, desiredVPC(), map[string]any{"ackResourceMetadata": map[string]any{"ownerAccountID": "222222222222", "region": "eu-west-1"}},
		syncedAt(applied.Add(time.Second))...)
	w.observe, w.account = true, "111111111111"
	a := w.applier()
	_, works := Ensure(t.Context(), a, desiredVPC())
	g.Expect(works).To(BeFalse())
	g.Expect(a.Drift()).To(HaveLen(1))
	g.Expect(a.Drift()[0].Action).To(Equal(v1alpha1.DriftRefuse))
	g.Expect(a.Drift()[0].Message).To(HavePrefix("ACK acts in account 222222222222 and not in 111111111111: "))
}

func TestObservingADyingObject(t *testing.T) {
	g := NewWithT(t)
	dying := desiredVPC()
	dying.Finalizers = []string{"finalizers.ec2.services.k8s.aws/VPC"}
	w := newWorld(t, dying)
	g.Expect(w.Delete(t.Context(), w.vpc(t))).To(Succeed())
	w.observe = true
	a := w.applier()
	_, works := Ensure(t.Context(), a, desiredVPC())
	g.Expect(works).To(BeFalse())
	g.Expect(a.Drift()).To(Equal([]v1alpha1.Drift{{Object: "VPC production001-dublin", Action: v1alpha1.DriftCreate, Message: "it is being deleted"}}))
}

func TestObservingMoreDuplicatesThanFitTheAPI(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	w.observe, w.aws.Match = true, Match{Found: true, Ours: true, ID: "vpc-1", Duplicates: slices.Repeat([]string{"vpc-→"}, maxDrift)}
	a := w.applier()
	Ensure(t.Context(), a, desiredVPC())
	g.Expect(a.Drift()).To(HaveLen(1))
	g.Expect(a.Drift()[0].Message).To(HaveSuffix("…"))
	g.Expect(len(a.Drift()[0].Message)).To(BeNumerically("<=", maxDrift))
}

func TestObservingWhileAWSCannotBeAsked(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(t)
	w.observe, w.aws.err = true, errors.New("throttled")
	_, works, outcome := w.ensure(t, desiredVPC())
	g.Expect(works).To(BeFalse())
	g.Expect(outcome).To(MatchError("looking for VPC production001-dublin in AWS: throttled"))
	g.Expect(step.ReasonOf(outcome)).To(Equal(v1alpha1.ReasonRetrying))
}

func TestDifferences(t *testing.T) {
	type object = map[string]any
	type list = []any
	for name, tc := range map[string]struct {
		have, want any
		wantPaths  []string
	}{
		"none":                     {object{"a": "x", "late": true}, object{"a": "x"}, nil},
		"a value":                  {object{"a": "x"}, object{"a": "y"}, []string{"p.a"}},
		"several, sorted":          {object{"c": "x"}, object{"c": "y", "a": "x", "b": list{"x"}}, []string{"p.a", "p.b", "p.c"}},
		"deep":                     {object{"a": object{"b": "x", "c": "x"}}, object{"a": object{"b": "y", "c": "x"}}, []string{"p.a.b"}},
		"an object that is absent": {object{}, object{"a": object{"b": "x"}}, []string{"p.a"}},
		"an element of a list":     {object{"a": list{object{"b": "x"}}}, object{"a": list{object{"b": "y"}}}, []string{"p.a"}},
		"late fields in a list":    {object{"a": list{object{"b": "x", "late": 1}}}, object{"a": list{object{"b": "x"}}}, nil},
		"everything":               {nil, object{"a": "x"}, []string{"p"}},
		"nothing is wanted":        {object{"a": "x"}, nil, []string{"p"}},
		"nothing of nothing":       {nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(differences("p", tc.have, tc.want)).To(Equal(tc.wantPaths))
			g.Expect(contains(tc.have, tc.want)).To(Equal(len(tc.wantPaths) == 0), "both judge alike")
		})
	}
}

func TestLongListsOfPathsFitTheAPI(t *testing.T) {
	for name, tc := range map[string]struct {
		paths    []string
		wantText string // or its end
	}{
		"one":           {[]string{"spec.a"}, "spec.a"},
		"two":           {[]string{"spec.a", "spec.b"}, "spec.a, spec.b"},
		"too many":      {strings.Split(strings.Repeat("spec.field,", 199)+"spec.field", ","), ", spec.field and 116 more"},
		"one, too long": {[]string{"spec." + strings.Repeat("x", maxDrift)}, "1 fields"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			text := list(tc.paths)
			g.Expect(text).To(HaveSuffix(tc.wantText))
			g.Expect(len(text)).To(BeNumerically("<=", maxDrift))
		})
	}
}
