package gossipring

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// parallelObservations bounds how many regions are asked at the same time.
const parallelObservations = 16

// observe looks at every member. A region that cannot be seen is marked so and keeps
// what was known of it; it never makes the pass fail.
func (r *Reconciler) observe(ctx context.Context, ring *v1alpha1.GossipRing) (*scope, error) {
	env, err := r.environmentOf(ctx, ring)
	if err != nil {
		return nil, err
	}
	s := &scope{ring: ring, environment: env}
	regions := &v1alpha1.RegionList{}
	if err := r.Client.List(ctx, regions, client.InNamespace(ring.Namespace)); err != nil {
		return nil, fmt.Errorf("listing Regions: %w", err)
	}
	slices.SortFunc(regions.Items, func(a, b v1alpha1.Region) int { return strings.Compare(a.Name, b.Name) })

	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelObservations)
	for i := range regions.Items {
		region := &regions.Items[i]
		if !plan.Selects(ring, region) {
			continue
		}
		m := known(ring, region)
		if !region.DeletionTimestamp.IsZero() {
			s.leavers = append(s.leavers, m)
			continue
		}
		s.members = append(s.members, m)
		group.Go(func() error { return r.look(ctx, s, region, m) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	seedAll(s.members, s.leavers)
	return s, nil
}

// environmentOf returns the ring's Environment, or nil when there is none. Who is a
// member does not depend on it, only which names can be looked up.
func (r *Reconciler) environmentOf(ctx context.Context, ring *v1alpha1.GossipRing) (*v1alpha1.Environment, error) {
	env := &v1alpha1.Environment{}
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: ring.Namespace, Name: ring.Spec.EnvironmentRef.Name}, env)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // absence is an answer
	case err != nil:
		return nil, fmt.Errorf("reading Environment %s: %w", ring.Spec.EnvironmentRef.Name, err)
	}
	return env, nil
}

// known starts from what the last pass reported.
func known(ring *v1alpha1.GossipRing, region *v1alpha1.Region) *member {
	m := &member{name: region.Name, cluster: plan.ClusterName(region)}
	for _, before := range ring.Status.Members {
		if before.Region == region.Name {
			m.endpoint, m.source = before.Endpoint, before.Source
			m.joined = before.JoinedAt != nil
		}
	}
	return m
}

// look observes one member. Only the management cluster can make it fail.
func (r *Reconciler) look(ctx context.Context, s *scope, region *v1alpha1.Region, m *member) error {
	secret, err := r.ArgoCD.Get(ctx, m.cluster)
	if err != nil {
		return err
	}
	if secret != nil {
		m.registered = true
		m.written = split(secret.Annotations[v1alpha1.AnnotationWANSeedsPrefix+s.ring.Name])
	}
	cluster, ok := r.Clusters.Get(client.ObjectKeyFromObject(region))
	m.reachable = ok && cluster.Connected() == nil
	if !m.reachable {
		m.message = "its cluster is not connected"
		return nil
	}
	r.lookAtEndpoint(ctx, s, region, cluster, m)
	r.lookAtPods(ctx, s.ring, cluster, m)
	return nil
}

// lookAtPods reads the seeds that the pods run with and what they see of the ring.
func (r *Reconciler) lookAtPods(ctx context.Context, ring *v1alpha1.GossipRing, cluster *remote.Cluster, m *member) {
	pods, err := cluster.Pods(ring.Spec.Service.Namespace, ring.Spec.Workload.MatchLabels)
	if err != nil || len(pods) == 0 {
		return
	}
	m.hasPods = true
	m.applied = seedsOf(pods[0], ring.Spec.Workload.Env)
	for _, pod := range pods {
		if !remote.PodReady(pod) || !slices.Equal(seedsOf(pod, ring.Spec.Workload.Env), m.applied) {
			m.rolling = true
		}
		count, err := scrape(ctx, cluster, pod, ring.Spec.Membership)
		if err == nil && (m.seen == nil || count > *m.seen) {
			m.seen = &count
		}
	}
	if m.rolling {
		m.applied = nil
	}
}

func seedsOf(pod *corev1.Pod, env string) []string {
	for _, c := range pod.Spec.Containers {
		for _, e := range c.Env {
			if e.Name == env {
				return split(e.Value)
			}
		}
	}
	return nil
}

// split parses a list of seeds; the order does not matter to the members.
func split(seeds string) []string {
	all := strings.FieldsFunc(seeds, func(c rune) bool { return c == ',' || c == ' ' })
	slices.Sort(all)
	return all
}
