package probe

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

func expose(t *testing.T, r *record) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
			t.Fatal(err)
		}
	}
	return text.String()
}

func TestExposition(t *testing.T) {
	g := NewWithT(t)
	var r record
	fresh := `# HELP portolan_probe_key_valid Whether the ring's key could be read.
# TYPE portolan_probe_key_valid gauge
portolan_probe_key_valid 0
# HELP portolan_probe_rounds_total How often all endpoints were tried.
# TYPE portolan_probe_rounds_total counter
portolan_probe_rounds_total 0
`
	g.Expect(expose(t, &r)).To(Equal(fresh))

	rows := []Row{
		{To: "eu", TCP: ok, UDP: ok, RTTSeconds: 0.0215, Members: 7},
		{To: "us", TCP: rejected, UDP: unreachable, RTTSeconds: 1, Members: 1},
	}
	g.Expect(r.set(rows, true, time.Unix(1700000000, 250e6))).To(BeEmpty())
	full := `# HELP portolan_probe_key_valid Whether the ring's key could be read.
# TYPE portolan_probe_key_valid gauge
portolan_probe_key_valid 1
# HELP portolan_probe_last_round_timestamp_seconds When all endpoints had been tried last.
# TYPE portolan_probe_last_round_timestamp_seconds gauge
portolan_probe_last_round_timestamp_seconds 1.70000000025e+09
# HELP portolan_probe_members Members of the ring for the member behind a Region's gossip endpoint, itself included.
# TYPE portolan_probe_members gauge
portolan_probe_members{to="eu"} 7
# HELP portolan_probe_result 1 for what came of the last try of a Region's gossip endpoint.
# TYPE portolan_probe_result gauge
portolan_probe_result{result="KeyRejected",to="us",transport="tcp"} 1
portolan_probe_result{result="OK",to="eu",transport="tcp"} 1
portolan_probe_result{result="OK",to="eu",transport="udp"} 1
portolan_probe_result{result="Unreachable",to="us",transport="udp"} 1
# HELP portolan_probe_rounds_total How often all endpoints were tried.
# TYPE portolan_probe_rounds_total counter
portolan_probe_rounds_total 1
# HELP portolan_probe_rtt_seconds How long a Region's gossip endpoint took to answer a packet.
# TYPE portolan_probe_rtt_seconds gauge
portolan_probe_rtt_seconds{to="eu"} 0.0215
`
	g.Expect(expose(t, &r)).To(Equal(full))

	g.Expect(r.set(rows[1:], true, time.Unix(1700000010, 0))).To(Equal(rows))
	g.Expect(expose(t, &r)).NotTo(ContainSubstring(`"eu"`))
}

func TestRowsAreWhatWasExposed(t *testing.T) {
	cases := map[string][]Row{
		"none":       {},
		"all well":   {{To: "eu", TCP: ok, UDP: ok, RTTSeconds: 0.5, Members: 3}},
		"in order":   {{To: "a", TCP: unresolved, UDP: unresolved}, {To: "b", TCP: ok, UDP: unreachable, Members: 2}, {To: "c", TCP: unknown, UDP: unknown}},
		"only UDP":   {{To: "eu", TCP: unreachable, UDP: ok, RTTSeconds: 0.25}},
		"wrong key":  {{To: "eu", TCP: rejected, UDP: rejected}},
		"odd region": {{To: `a"b\c`, TCP: rejected, UDP: rejected}},
	}
	for name, rows := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var r record
			r.set(rows, true, time.Unix(1, 0))
			g.Expect(Rows([]byte(expose(t, &r)))).To(Equal(rows))
		})
	}
}

func TestRows(t *testing.T) {
	const head = "# TYPE portolan_probe_result gauge\n"
	sample := func(transport, result, value string) string {
		return `portolan_probe_result{to="eu",transport="` + transport + `",result="` + result + `"} ` + value + "\n"
	}
	cases := map[string]struct {
		exposition string
		want       []Row
		wantErr    bool
	}{
		"nothing":        {want: []Row{}},
		"something else": {exposition: "up 1\n", want: []Row{}},
		"no exposition":  {exposition: "<html>", wantErr: true},
		"one transport": {
			exposition: head + sample("tcp", "OK", "1"),
			want:       []Row{{To: "eu", TCP: ok, UDP: unknown}},
		},
		"what a newer probe may say": {
			exposition: head + sample("tcp", "Tired", "1") + sample("udp", "OK", "1") + sample("quic", "OK", "1"),
			want:       []Row{{To: "eu", TCP: unknown, UDP: ok}},
		},
		"samples of 0": {
			exposition: head + sample("tcp", "Unreachable", "1") + sample("tcp", "OK", "0") + sample("udp", "OK", "1"),
			want:       []Row{{To: "eu", TCP: unreachable, UDP: ok}},
		},
		"a count without a result": {
			exposition: "# TYPE portolan_probe_members gauge\nportolan_probe_members{to=\"eu\"} 3\n",
			want:       []Row{},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			rows, err := Rows([]byte(tc.exposition))
			g.Expect(err != nil).To(Equal(tc.wantErr))
			g.Expect(rows).To(Equal(tc.want))
		})
	}
}

func TestBetter(t *testing.T) {
	up := Row{TCP: ok, UDP: ok, RTTSeconds: 1, Members: 3}
	cases := map[string]struct {
		one, other Row
		want       Row
	}{
		"the second is up":   {one: Row{TCP: unreachable, UDP: unreachable}, other: up, want: up},
		"the first is up":    {one: up, other: Row{TCP: rejected, UDP: unreachable}, want: up},
		"each half":          {one: Row{TCP: ok, UDP: unreachable, Members: 3}, other: Row{TCP: rejected, UDP: ok, RTTSeconds: 1}, want: up},
		"a key is an answer": {one: Row{TCP: unreachable, UDP: unreachable}, other: Row{TCP: rejected, UDP: unreachable}, want: Row{TCP: rejected, UDP: unreachable}},
		"first of equals":    {one: up, other: Row{TCP: ok, UDP: ok, RTTSeconds: 2, Members: 5}, want: up},
		"not tried is worst": {one: Row{TCP: unknown, UDP: unknown}, other: Row{TCP: unreachable, UDP: ok, RTTSeconds: 1}, want: Row{TCP: unreachable, UDP: ok, RTTSeconds: 1}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(tc.one.better(tc.other)).To(Equal(tc.want))
		})
	}
}
