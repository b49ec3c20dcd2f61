package faults

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestWrites(t *testing.T) {
	const region = "/apis/portolan.dev/v1alpha1/namespaces/n/regions/r"
	cases := map[string]struct {
		changes      func(*http.Request, []byte) (write, bool)
		method, path string
		header, body string
		want         string // "" for no write
	}{
		"a patch":               {kubeWrite, http.MethodPatch, region, "", "{}", "kube PATCH " + region},
		"a status":              {kubeWrite, http.MethodPatch, region + "/status", "", "{}", "kube PATCH " + region + "/status"},
		"a read":                {kubeWrite, http.MethodGet, region, "", "", ""},
		"a lease":               {kubeWrite, http.MethodPut, "/apis/coordination.k8s.io/v1/namespaces/n/leases/l", "", "{}", ""},
		"an event":              {kubeWrite, http.MethodPost, "/apis/events.k8s.io/v1/namespaces/n/events", "", "{}", ""},
		"an event of old":       {kubeWrite, http.MethodPost, "/api/v1/namespaces/n/events", "", "{}", ""},
		"a review":              {kubeWrite, http.MethodPost, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "", "{}", ""},
		"a JSON service":        {awsWrite, http.MethodPost, "/", "secretsmanager.ReplicateSecretToRegions", "{}", "AWS ReplicateSecretToRegions"},
		"a read of one":         {awsWrite, http.MethodPost, "/", "secretsmanager.DescribeSecret", "{}", ""},
		"a query service":       {awsWrite, http.MethodPost, "/", "", "Action=DeleteNetworkInterface&Version=1", "AWS DeleteNetworkInterface"},
		"a read of a query one": {awsWrite, http.MethodPost, "/", "", "Action=DescribeVpcs&Version=1", ""},
		"a REST service":        {awsWrite, http.MethodDelete, "/clusters/c", "", "", "AWS DELETE /clusters/c"},
		"a read of a REST one":  {awsWrite, http.MethodGet, "/clusters/c", "", "", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			r := httptest.NewRequest(tc.method, tc.path, strings.NewReader(tc.body))
			r.Header.Set("X-Amz-Target", tc.header)
			w, ok := tc.changes(r, []byte(tc.body))
			g.Expect(ok).To(Equal(tc.want != ""))
			if ok {
				g.Expect(string(w.side) + " " + w.target).To(Equal(tc.want))
			}
		})
	}
}

func TestAttemptsAtOneWriteAreEqual(t *testing.T) {
	g := NewWithT(t)
	g.Expect(hashed([]byte(`{"resourceVersion":"12","at":"2026-01-02T03:04:05Z","a":1}`))).To(
		Equal(hashed([]byte(`{"resourceVersion":"7","at":"2027-01-02T03:04:05.6Z","a":1}`))))
	g.Expect(hashed([]byte(`{"a":1}`))).NotTo(Equal(hashed([]byte(`{"a":2}`))))
}

// meet returns what becomes of the operator at a series of writes.
func meet(f *fates, writes ...write) []fate {
	met := make([]fate, len(writes))
	for i, w := range writes {
		if met[i] = f.of(w); met[i] == dieAfter {
			f.made(w)
		}
	}
	return met
}

func TestFates(t *testing.T) {
	g, f := NewWithT(t), &fates{act: "one"}
	vpc, other, status := write{kube, "vpc", "a"}, write{kube, "vpc", "b"}, write{kube, "status", ""}
	g.Expect(meet(f, vpc, vpc, vpc)).To(Equal([]fate{dieBefore, dieAfter, survive}))
	g.Expect(meet(f, other, vpc, other)).To(Equal([]fate{dieBefore, survive, dieAfter}), "another content is another write")
	g.Expect(meet(f, status, status, status, status, status, status, status)).To(Equal(
		[]fate{dieBefore, dieAfter, dieBefore, dieAfter, dieBefore, dieAfter, survive}), "as often as is bounded")
	g.Expect(meet(f, write{aws, "vpc", "a"})).To(Equal([]fate{dieBefore}), "on another side")
	f.act = "two"
	g.Expect(meet(f, vpc)).To(Equal([]fate{dieBefore}), "in another act")

	writes, crashes := f.count(kube)
	g.Expect([]int{writes, crashes}).To(Equal([]int{6, 11}))
	g.Expect(f.overtaken()).To(ConsistOf("one: AWS vpc a", "two: kube vpc a"))
}

func TestARefusedWriteIsStillToCome(t *testing.T) {
	g, f := NewWithT(t), &fates{}
	w := write{kube, "vpc", "a"}
	g.Expect([]fate{f.of(w), f.of(w), f.of(w)}).To(Equal([]fate{dieBefore, dieAfter, dieAfter}))
}
