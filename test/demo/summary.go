package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// pods are the gossip pods of each region, by UID.
type pods map[string]map[types.UID]string

// gossipPods looks into every regional cluster as an administrator.
func (d *demo) gossipPods(ctx context.Context) (pods, error) {
	f, err := d.look(ctx)
	if err != nil {
		return nil, err
	}
	all := pods{}
	for _, region := range f.regions {
		config, ok := d.bed.Regional(namespace + "-" + region.Name)
		if !ok {
			continue
		}
		regional, err := kubernetes.NewForConfig(config)
		if err != nil {
			return nil, fmt.Errorf("reaching %s: %w", region.Name, err)
		}
		all[region.Name] = map[types.UID]string{}
		list, err := regional.CoreV1().Pods(corev1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/component in (unkey-api, frontline)"})
		if err != nil {
			return nil, fmt.Errorf("listing the pods of %s: %w", region.Name, err)
		}
		for _, pod := range list.Items {
			all[region.Name][pod.UID] = pod.Name
		}
	}
	return all, nil
}

// replacedBy counts the pods of regions in p that are new in later.
func (p pods) replacedBy(later pods) int {
	replaced := 0
	for region, before := range p {
		for uid := range later[region] {
			if _, ok := before[uid]; !ok {
				replaced++
			}
		}
	}
	return replaced
}

// summarize prints the closing table and what was measured.
func (d *demo) summarize(ctx context.Context, out io.Writer) error {
	f, err := d.look(ctx)
	if err != nil {
		return err
	}
	after, err := d.gossipPods(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "\n== Summary (seconds after each Region was created)")
	table(out, f)
	fmt.Fprintln(out)
	d.summarizeTime(out)
	calls := d.bed.Cloud.Calls()
	for _, row := range [][2]string{
		{"pods of existing regions restarted by then:", fmt.Sprint(d.before.replacedBy(d.atJoin))},
		{"pods rolled since, to keep the new seed:", fmt.Sprintf("%d, one region at a time", d.before.replacedBy(after)-d.before.replacedBy(d.atJoin))},
		{"AWS calls made by Portolan itself:", fmt.Sprintf("%d (%s)", len(calls), countCalls(calls))},
		{"manual steps:", "0: what was applied is config/samples, and nothing after it"},
	} {
		fmt.Fprintf(out, "%-43s %s\n", row[0], row[1])
	}
	return nil
}

func (d *demo) summarizeTime(out io.Writer) {
	samples := d.bed.Cloud.Samples()
	first := criticalPath(between(samples, d.applied, d.ready))
	fourth := criticalPath(between(samples, d.joinerApplied, d.joinerReady))
	line := func(what string, took, path time.Duration) {
		fmt.Fprintf(out, "%-43s %.1f s; critical path of what AWS took %.1f s; ratio %.2f\n", what, took.Seconds(), path.Seconds(), took.Seconds()/path.Seconds())
	}
	line("three regions at once, to all Ready:", d.ready.Sub(d.applied), first)
	fmt.Fprintf(out, "%-43s %.1f s\n", "the fourth, to seen by every member:", d.joined.Sub(d.joinerApplied).Seconds())
	line("the fourth, to Ready in the living ring:", d.joinerReady.Sub(d.joinerApplied), fourth)
	fmt.Fprintf(out, "%-43s %.1f s\n", "its seed in every peer, after that:", d.settled.Sub(d.joinerReady).Seconds())
	fmt.Fprintf(out, "%-43s %.1f s\n", "whole demonstration:", d.settled.Sub(d.started).Seconds())
}

func between(samples []cloud.Sample, from, to time.Time) []cloud.Sample {
	return slices.DeleteFunc(slices.Clone(samples), func(s cloud.Sample) bool { return s.At.Before(from) || s.At.After(to) })
}

// chains are the things that have to happen one after another before a region can be
// Ready, in simulated AWS and Kubernetes. The longest of them is the critical path.
var chains = [][]string{
	{"ec2/vpc", "ec2/routetable", "ec2/subnet", "eks/cluster", "eks/accessentry", "argocd/sync", "elbv2/loadbalancer", "dns/record"},
	{"ec2/vpc", "ec2/routetable", "ec2/subnet", "eks/cluster", "eks/nodegroup", "node/boot", "pod/start"},
	{"ec2/vpc", "ec2/internetgateway", "ec2/routetable", "ec2/subnet", "ec2/natgateway"},
	{"secretsmanager/replica"},
}

// criticalPath adds up the longest sampled duration of each link of the longest chain.
// It counts neither polling nor the rolling of seeds through regions that are up.
func criticalPath(samples []cloud.Sample) time.Duration {
	longest := map[string]time.Duration{}
	for _, s := range samples {
		longest[s.What] = max(longest[s.What], s.Scaled)
	}
	var path time.Duration
	for _, chain := range chains {
		var sum time.Duration
		for _, what := range chain {
			sum += longest[what]
		}
		path = max(path, sum)
	}
	return path
}

func countCalls(calls []cloud.Call) string {
	counts := map[string]int{}
	for _, c := range calls {
		counts[c.Service+":"+c.Operation]++
	}
	parts := make([]string, 0, len(counts))
	for _, operation := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", operation, counts[operation]))
	}
	return strings.Join(parts, ", ")
}
