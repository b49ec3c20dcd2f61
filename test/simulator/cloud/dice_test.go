package cloud

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestMedian(t *testing.T) {
	cases := map[string]struct {
		what string
		want time.Duration
	}{
		"listed":                     {what: "eks/cluster", want: 9 * time.Minute},
		"listed deletion":            {what: "eks/nodegroup/delete", want: 4 * time.Minute},
		"any other of the service":   {what: "ec2/subnet", want: time.Second},
		"deletion of the service":    {what: "ec2/subnet/delete", want: time.Second},
		"unlisted kind of a service": {what: "eks/addon/delete", want: time.Second},
		"unknown":                    {what: "nonsense", want: time.Second},
		"another than usual":         {what: "ec2/vpc", want: time.Hour},
	}
	c := New(Options{Medians: map[string]time.Duration{"ec2/vpc": time.Hour}})
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { NewWithT(t).Expect(c.median(tc.what)).To(Equal(tc.want)) })
	}
}

func TestSamplesAreScaledAndStayNearTheMedian(t *testing.T) {
	g, c := NewWithT(t), New(Options{Seed: 7})
	for range 1000 {
		g.Expect(c.Sample("eks/cluster")).To(And(
			BeNumerically(">", 5*time.Second), BeNumerically("<", 15*time.Second)))
	}
	g.Expect(c.Samples()).To(HaveLen(1000))
	g.Expect(c.Samples()[0].What).To(Equal("eks/cluster"))
	g.Expect(c.Scale(time.Minute)).To(BeNumerically("~", time.Second, time.Microsecond))
}

func TestSeriesDependOnSeedAndPurposeOnly(t *testing.T) {
	g := NewWithT(t)
	first, second, other := New(Options{Seed: 1}), New(Options{Seed: 1}), New(Options{Seed: 2})
	second.Sample("ec2/vpc")
	second.NewID("subnet")
	g.Expect(first.Sample("eks/cluster")).To(Equal(second.Sample("eks/cluster")))
	g.Expect(other.Sample("eks/cluster")).NotTo(Equal(first.Samples()[0].Scaled))

	id := first.NewID("vpc")
	g.Expect(id).To(MatchRegexp(`^vpc-0[0-9a-f]{16}$`))
	g.Expect(second.NewID("vpc")).To(Equal(id))
	g.Expect(first.NewID("vpc")).NotTo(Equal(id))
}

func TestLedgerKeepsOrderAndTime(t *testing.T) {
	g, c := NewWithT(t), New(Options{})
	c.Record(Call{Service: "sts", Operation: "GetCallerIdentity"})
	c.Record(Call{Service: "secretsmanager", Operation: "GetSecretValue", Code: "AccessDeniedException"})
	g.Expect(c.Calls()).To(HaveLen(2))
	g.Expect(c.Calls()[1].Code).To(Equal("AccessDeniedException"))
	g.Expect(c.Calls()[0].At).NotTo(BeZero())
}

func TestARN(t *testing.T) {
	g, c := NewWithT(t), New(Options{Account: "444455556666"})
	g.Expect(c.ARN("iam", "", "role/portolan/deploy")).To(Equal("arn:aws:iam::444455556666:role/portolan/deploy"))
	g.Expect(c.Account()).To(Equal("444455556666"))
}
