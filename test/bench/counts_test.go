package main

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func TestOurs(t *testing.T) {
	cases := map[string]struct {
		principal string
		want      bool
	}{
		"assumed":        {"arn:aws:sts::111122223333:assumed-role/portolan/portolan", true},
		"own":            {"arn:aws:sts::111122223333:assumed-role/portolan-base/session", true},
		"a controller's": {"arn:aws:sts::111122223333:assumed-role/ack-ec2-controller/session", false},
		"nobody's":       {"", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(ours(cloud.Call{Principal: tc.principal})).To(Equal(tc.want))
		})
	}
}

// everything is as many calls as there must be.
func everything(s size) map[string]int {
	counts := map[string]int{}
	for _, m := range minima {
		if n := m.count(s); n > 0 {
			counts[m.operation] = n
		}
	}
	return counts
}

func TestCompareCalls(t *testing.T) {
	cases := map[string]struct {
		size   size
		change func(map[string]int)
		want   func(least int) float64
		row    callRow
	}{
		"just the minimum": {
			size: size{regions: 1, secrets: 8, dials: 2}, change: func(map[string]int) {},
			want: func(int) float64 { return 1 },
			row:  callRow{Operation: "secretsmanager:DescribeSecret", Calls: 18, Minimum: 18},
		},
		"secrets do not cost more with more regions": {
			size: size{regions: 10, secrets: 8, dials: 2}, change: func(map[string]int) {},
			want: func(int) float64 { return 1 },
			row:  callRow{Operation: "secretsmanager:ReplicateSecretToRegions", Calls: 8, Minimum: 8},
		},
		"quotas do": {
			size: size{regions: 3, secrets: 8, dials: 2}, change: func(c map[string]int) { c["servicequotas:GetServiceQuota"] = 20 },
			want: func(least int) float64 { return float64(least+5) / float64(least) },
			row:  callRow{Operation: "servicequotas:GetServiceQuota", Calls: 20, Minimum: 15},
		},
		"an operation that nothing needs": {
			size: size{regions: 1, secrets: 1, dials: 1}, change: func(c map[string]int) { c["iam:GetRole"] = 2 },
			want: func(least int) float64 { return float64(least+2) / float64(least) },
			row:  callRow{Operation: "iam:GetRole", Calls: 2, Reason: notNeeded},
		},
		"a secret's value": {
			size: size{regions: 1, secrets: 1, dials: 1}, change: func(c map[string]int) { c["secretsmanager:GetSecretValue"] = 1 },
			want: func(least int) float64 { return float64(least+1) / float64(least) },
			row:  callRow{Operation: "secretsmanager:GetSecretValue", Calls: 1},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g, counts := NewWithT(t), everything(tc.size)
			least := sum(counts)
			tc.change(counts)
			rows, ratio := compareCalls(counts, tc.size)
			g.Expect(ratio).To(BeNumerically("~", tc.want(least), 1e-9))
			var found []callRow
			for _, r := range rows {
				if r.Operation == tc.row.Operation {
					if tc.row.Reason == "" {
						r.Reason = ""
					}
					found = append(found, r)
				}
			}
			g.Expect(found).To(Equal([]callRow{tc.row}))
		})
	}
}

func TestEveryMinimumHasAReason(t *testing.T) {
	g, seen := NewWithT(t), map[string]bool{}
	for _, m := range minima {
		g.Expect(m.reason).NotTo(BeEmpty(), m.operation)
		g.Expect(seen[m.operation]).To(BeFalse(), "%s is there twice", m.operation)
		seen[m.operation] = true
	}
}

func TestCountCalls(t *testing.T) {
	call := func(role, operation string) cloud.Call {
		return cloud.Call{Service: "ec2", Operation: operation, Principal: "arn:aws:sts::1:assumed-role/" + role + "/s"}
	}
	NewWithT(t).Expect(countCalls([]cloud.Call{call("portolan", "A"), call("portolan", "A"), call("portolan-base", "B"), call("ack-ec2-controller", "A")})).
		To(Equal(map[string]int{"ec2:A": 2, "ec2:B": 1}))
}

func TestCountRequests(t *testing.T) {
	event := func(stage, verb, user, object string) string {
		return `{"stage":"` + stage + `","verb":"` + verb + `","user":{"username":"` + user + `"},"objectRef":` + object + `}` + "\n"
	}
	const region = `{"resource":"regions"}`
	cases := map[string]struct {
		log           string
		writes, reads map[string]int
	}{
		"a write to a status": {
			log:    event("ResponseComplete", "patch", operator, `{"resource":"regions","subresource":"status"}`),
			writes: map[string]int{"patch regions/status": 1},
		},
		"reads": {
			log:   event("ResponseComplete", "get", operator, region) + event("ResponseComplete", "get", operator, region),
			reads: map[string]int{"get regions": 2},
		},
		"a watch":            {log: event("ResponseComplete", "watch", operator, region)},
		"its first stage":    {log: event("ResponseStarted", "patch", operator, region)},
		"somebody else's":    {log: event("ResponseComplete", "patch", "admin", region)},
		"no object":          {log: event("ResponseComplete", "get", operator, `null`), reads: map[string]int{"get ": 1}},
		"nothing was logged": {},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got, err := countRequests(strings.NewReader(tc.log))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got.writes).To(HaveLen(len(tc.writes)))
			g.Expect(got.reads).To(HaveLen(len(tc.reads)))
			for what, n := range tc.writes {
				g.Expect(got.writes).To(HaveKeyWithValue(what, n))
			}
			for what, n := range tc.reads {
				g.Expect(got.reads).To(HaveKeyWithValue(what, n))
			}
		})
	}
	_, err := countRequests(strings.NewReader("{half"))
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("parsing the audit log")))
}

func TestSizeOfFleet(t *testing.T) {
	g := NewWithT(t)
	g.Expect(sizeOfFleet([]string{west}, 8)).To(Equal(size{regions: 1, secrets: 8, dials: dials, endpoints: 3}))
	g.Expect(sizeOfFleet([]string{west, "us-west-2"}, 8).endpoints).To(Equal(3), "Global Accelerator's is one of them")
}
