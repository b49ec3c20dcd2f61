package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func TestMedian(t *testing.T) {
	cases := map[string]struct {
		values []float64
		want   float64
	}{
		"odd":     {[]float64{3, 1, 2}, 2},
		"even":    {[]float64{4, 1, 3, 2}, 2},
		"one":     {[]float64{7}, 7},
		"nothing": {nil, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { NewWithT(t).Expect(median(tc.values)).To(Equal(tc.want)) })
	}
}

func TestMark(t *testing.T) {
	cases := map[string]struct {
		figure, goal float64
		want         string
	}{
		"below":               {1.0, 1.02, "✓"},
		"as good as printed":  {1.0249, 1.02, "✓"},
		"above":               {1.03, 1.02, "✗"},
		"much above":          {10.0, 1.02, "✗"},
		"nothing of nothing":  {0, 0, "✓"},
		"something but not 0": {1, 0, "✗"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { NewWithT(t).Expect(mark(tc.figure, tc.goal)).To(Equal(tc.want)) })
	}
}

func TestGeneral(t *testing.T) {
	cases := map[string]string{
		"eu-west-1 Subnet private-eu-west-1c":          "Subnet private",
		"eu-west-1 Cluster in AWS":                     "Cluster in AWS",
		"ap-south-1 NATGateway nat-ap-south-1b in AWS": "NATGateway nat in AWS",
		"eu-west-1 dial to 25 %":                       "dial to 25 %",
		"us-west-2 load balancer of api/unkey-api":     "load balancer of api/unkey-api",
	}
	for id, want := range cases {
		t.Run(id, func(t *testing.T) { NewWithT(t).Expect(general(id)).To(Equal(want)) })
	}
}

func TestLosses(t *testing.T) {
	second := seconds(time.Second)
	runs := []bringUpFigures{
		{Path: []linkFigures{{Node: west + " Subnet " + west + "a", Reaction: second}, {Node: west + " Ready", Reaction: 3 * second}, {Node: west + " Cluster"}}},
		{
			Path:     []linkFigures{{Node: "never counted", Reaction: 99 * second}},
			Observed: []linkFigures{{Node: "us-west-2 Subnet us-west-2c", Reaction: 5 * second}},
		},
	}
	NewWithT(t).Expect(losses(runs)).To(Equal([]loss{
		{before: "Subnet", runs: 2, total: 6 * time.Second, max: 5 * time.Second},
		{before: "Ready", runs: 1, total: 3 * time.Second, max: 3 * time.Second},
	}))
}

func TestEvaluate(t *testing.T) {
	const cluster = namespace + "-" + west
	all := deployed(cluster).state(management, "Region", west, v1alpha1.RegionNetworkReady, "True", 8).region(west, 5, 800).snapshot()
	all[subject{management, "Region", west}].created = at(5)
	g := NewWithT(t)
	f, err := evaluate(all, []v1alpha1.GossipRing{ring("api", "api")}, []string{west})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.Wall).To(Equal(seconds(millis(795))))
	var sum seconds
	for _, l := range f.Path {
		sum += l.Duration + l.Gap
	}
	g.Expect(sum).To(Equal(f.Wall), "the table explains all of the time")
	g.Expect(f.Ratio).To(BeNumerically("~", float64(f.Wall)/float64(f.Critical), 1e-9))
	g.Expect(f.Path[0].Node).To(Equal(west + " Region"))
	g.Expect(f.Path[1].Steps).To(Equal([]string{v1alpha1.RegionNetworkReady}), "done in the gap before the Cluster")

	_, err = evaluate(all, nil, []string{west, "us-west-2"})
	g.Expect(err).To(MatchError(ContainSubstring("us-west-2 was not seen to become Ready")))
}

func TestTogetherBeginsWithTheFirst(t *testing.T) {
	all := tell().region(west, 10, 300).region("us-west-2", 30, 400).
		object("VPC", namespace+"-"+west, "vpc-1", 20, 220).snapshot()
	g := NewWithT(t)
	f, err := evaluate(all, nil, []string{west, "us-west-2"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.Wall).To(Equal(seconds(millis(390))))
	g.Expect(f.Critical).To(Equal(seconds(millis(200))), "the longest of all regions")
	each, err := eachRegionOf(all, nil, []string{west, "us-west-2"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(each).To(Equal([]regionFigures{
		{Region: west, Wall: seconds(millis(290)), Critical: seconds(millis(200))},
		{Region: "us-west-2", Wall: seconds(millis(370))},
	}))
}

func TestReportSaysWhatFails(t *testing.T) {
	f := figures{
		TimeScale: 1, Seed: 1,
		Single: []bringUpFigures{{Regions: []string{west}, Ratio: 1.5, CallRatio: 1, Path: []linkFigures{{Node: west + " Ready", Reaction: 1, WaitedFor: west + " Cluster"}}}},
		Together: &togetherFigures{
			bringUpFigures: bringUpFigures{Regions: []string{west}, Ratio: 1.05}, ReplicateCalls: 16, Secrets: 8, ReplicateRatio: 2,
		},
		Settled: &settledFigures{Intervals: 2, Regions: 1, Secrets: 1, Writes: map[string]int{"patch regions/status": 4}, Calls: map[string]int{"secretsmanager:DescribeSecret": 2}},
	}
	var out bytes.Buffer
	f.single(&out)
	f.together(&out)
	f.settled(&out)
	g := NewWithT(t)
	for _, line := range []string{
		"median 1.500 (goal 1.02 ✗)", "wall to all Ready / longest path 1.050 (goal 1.10 ✓)", "16 calls / 8 secrets: 2.00 (goal 1.00 ✗)",
		"waited for Cluster", "patch regions/status 4",
	} {
		g.Expect(out.String()).To(ContainSubstring(line))
	}
	g.Expect(out.String()).To(MatchRegexp(`writes to the API server +4 +2.00 +0 ✗`))
	g.Expect(out.String()).To(MatchRegexp(`secretsmanager:DescribeSecret +2 +1.00 +1.00`))
}

func TestSecondsInJSON(t *testing.T) {
	g := NewWithT(t)
	raw, err := json.Marshal(regionFigures{Region: west, Wall: seconds(1234567 * time.Microsecond)})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(raw).To(MatchJSON(`{"region":"eu-west-1","wallSeconds":1.235,"criticalPathSeconds":0}`))
}

func TestRegionNames(t *testing.T) {
	g := NewWithT(t)
	g.Expect(regionNames(0, 2)).To(Equal([]string{"eu-west-1", "us-west-2"}))
	g.Expect(regionNames(9, 2)).To(Equal([]string{"ap-southeast-1", "eu-west-1"}))
	g.Expect(regionNames(0, len(awsRegions))).NotTo(ContainElement("us-east-1"), "the primary region copies no secret")
}
