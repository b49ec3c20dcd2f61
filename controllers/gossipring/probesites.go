package gossipring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/finalizer"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/plan"
	"github.com/portolan-dev/portolan/controllers/probe"
)

// reconnecting is how long a ring that is being deleted waits for clusters that were not asked yet:
// all of them, where the operator has just been started.
const reconnecting = 5 * time.Minute

// faltering is for how long a cluster is waited for that has stopped answering.
const faltering = time.Minute

// site is a region that should have a probe, or where one may be that should not.
type site struct {
	key     lookKey
	cluster *remote.Cluster // nil while it is not connected
	wanted  *blueprint      // nil where there should be none
	surplus []v1alpha1.InstalledProbe
}

// installSight is what came of a visit to a site.
type installSight struct{ note string }

// probeSites are the members, and other regions that still have probes. A Region that is gone took
// its cluster with it.
func (r *Reconciler) probeSites(ctx context.Context, s *scope) ([]site, error) {
	surplus := s.surplusProbes()
	sites := make([]site, 0, len(s.members))
	for _, m := range s.members {
		sites = append(sites, site{key: s.lookKey(m), cluster: m.remote, wanted: s.blueprint, surplus: surplus[m.name]})
		delete(surplus, m.name)
	}
	for _, name := range slices.Sorted(maps.Keys(surplus)) {
		left := site{key: lookKey{ring: client.ObjectKeyFromObject(s.ring), region: client.ObjectKey{Namespace: s.ring.Namespace, Name: name}}, surplus: surplus[name]}
		err := r.Client.Get(ctx, left.key.region, &v1alpha1.Region{}, client.UnsafeDisableDeepCopy)
		switch {
		case apierrors.IsNotFound(err):
			continue
		case err != nil:
			return nil, fmt.Errorf("reading Region %s: %w", name, err)
		}
		if cluster, ok := r.Clusters.Get(left.key.region); ok && cluster.Connected() == nil {
			left.cluster = cluster
		}
		sites = append(sites, left)
	}
	return sites, nil
}

// surplusProbes are those that should not be where they may be, by Region. Of a ring that has no list
// of them, they are with its members.
func (s *scope) surplusProbes() map[string][]v1alpha1.InstalledProbe {
	here, wanted := s.ring.Spec.Service.Namespace, map[v1alpha1.InstalledProbe]bool{}
	listed := slices.Clone(s.ring.Status.Probes)
	for _, m := range s.members {
		at := v1alpha1.InstalledProbe{Region: m.name, Namespace: here}
		switch {
		case s.ring.Spec.Probe != nil:
			wanted[at] = true
		case len(s.ring.Status.Probes) == 0 && m.remote != nil:
			listed = append(listed, at)
		}
	}
	surplus := map[string][]v1alpha1.InstalledProbe{}
	for _, p := range listed {
		if !wanted[p] {
			surplus[p.Region] = append(surplus[p.Region], p)
		}
	}
	return surplus
}

// settleSites brings every site that is connected to what it should be, takes down where probes may be
// now, and returns the Regions that lack theirs, and those that still have one too many.
func (r *Reconciler) settleSites(ctx context.Context, s *scope, sites []site) (missing, left []string) {
	jobs := make([]job[installSight], 0, len(sites))
	for _, t := range sites {
		if t.cluster != nil {
			jobs = append(jobs, t.job(s.ring, r.Resync))
		}
	}
	r.installs.refresh(ctx, jobs)
	listed := sets.New(s.ring.Status.Probes...)
	var probes []v1alpha1.InstalledProbe
	for _, t := range sites {
		at := v1alpha1.InstalledProbe{Region: t.key.region.Name, Namespace: s.ring.Spec.Service.Namespace}
		if t.wanted != nil && (t.cluster != nil || listed.Has(at)) {
			probes = append(probes, at)
		}
		note, settled := r.visited(s.ring, t)
		if settled {
			continue
		}
		probes = append(probes, t.surplus...)
		switch {
		case t.wanted != nil && t.cluster != nil:
			missing = append(missing, at.Region+note)
		case len(t.surplus) > 0:
			left = append(left, at.Region+note)
		}
	}
	slices.SortFunc(probes, func(a, b v1alpha1.InstalledProbe) int {
		return cmp.Or(strings.Compare(a.Region, b.Region), strings.Compare(a.Namespace, b.Namespace))
	})
	s.ring.Status.Probes = probes
	return missing, left
}

// visited tells whether a site is what it should be, or what is the matter.
func (r *Reconciler) visited(ring *v1alpha1.GossipRing, t site) (note string, settled bool) {
	if t.cluster == nil {
		return " (its cluster is not connected)", false
	}
	j := t.job(ring, r.Resync)
	done, ok := r.installs.last(j.key, j.question, staleAfter*r.Resync)
	if ok && done.note != "" {
		r.installs.expire(j.key)
		return " (" + done.note + ")", false
	}
	return "", ok
}

// job is a visit, which may outlast the pass: it must not touch the pass's ring.
func (t site) job(ring *v1alpha1.GossipRing, every time.Duration) job[installSight] {
	question := []string{"", t.cluster.Endpoint()}
	if t.wanted != nil {
		question[0] = t.wanted.version
	}
	var surplus []client.Object
	for _, p := range t.surplus {
		question, surplus = append(question, p.Namespace), append(surplus, probeIn(ring, p.Namespace)...)
	}
	return job[installSight]{key: t.key, question: strings.Join(question, " "), every: every, ask: func(ctx context.Context) installSight {
		if err := settle(ctx, t.cluster.Client(), t.wanted.objects(t.key.region.Name), surplus); err != nil {
			return installSight{note: err.Error()}
		}
		return installSight{}
	}}
}

// settle brings a region's probe to what it should be. A region that does not have the namespace yet
// gets it when the namespace is there.
func settle(ctx context.Context, c client.Client, wanted, surplus []client.Object) error {
	if err := remove(ctx, c, surplus); err != nil {
		return err
	}
	for _, o := range wanted {
		if err := ensure(ctx, c, o); err != nil {
			return err
		}
	}
	return nil
}

func remove(ctx context.Context, c client.Client, objects []client.Object) error {
	for _, o := range objects {
		if err := client.IgnoreNotFound(c.Delete(ctx, o)); err != nil {
			return fmt.Errorf("deleting %s in namespace %s: %w", o.GetName(), o.GetNamespace(), err)
		}
	}
	return nil
}

// probeIn names the objects of a ring's probe in a namespace, whether the ring still asks for one or not.
func probeIn(ring *v1alpha1.GossipRing, namespace string) []client.Object {
	named := &v1alpha1.GossipRing{}
	named.Name, named.Spec.Service.Namespace, named.Spec.Probe = ring.Name, namespace, &v1alpha1.RingProbe{}
	return (probe.Install{Ring: named}).Objects()
}

// hadProbes tells whether there may be probes of a ring.
func hadProbes(ring *v1alpha1.GossipRing) bool {
	return controllerutil.ContainsFinalizer(ring, v1alpha1.RingFinalizer) &&
		(len(ring.Status.Probes) > 0 || !hasReason(ring, v1alpha1.RingProbed, v1alpha1.ReasonNotRequired))
}

// holdForProbes keeps a ring from being deleted while there may be probes of it.
func (r *Reconciler) holdForProbes(ctx context.Context, ring *v1alpha1.GossipRing) error {
	switch {
	case ring.Spec.Probe != nil:
		return finalizer.Ensure(ctx, r.Client, ring, v1alpha1.RingFinalizer)
	case !hadProbes(ring):
		return finalizer.Remove(ctx, r.Client, ring, v1alpha1.RingFinalizer)
	default:
		return nil
	}
}

// finalize removes the probes of a ring that is being deleted, where its regions answer.
// Seeds stay as they are.
func (r *Reconciler) finalize(ctx context.Context, ring *v1alpha1.GossipRing) (reconcile.Result, error) {
	key := client.ObjectKeyFromObject(ring)
	if !controllerutil.ContainsFinalizer(ring, v1alpha1.RingFinalizer) {
		r.forgetRing(key)
		return reconcile.Result{}, nil
	}
	if r.installs.busy(key) { // it may be putting one there
		return reconcile.Result{RequeueAfter: r.Poll}, nil
	}
	unasked, err := r.removeProbes(ctx, ring)
	switch {
	case err != nil:
		return reconcile.Result{}, err
	case unasked && r.changes.since(key, "deleted", r.Clock) < reconnecting:
		return reconcile.Result{RequeueAfter: r.Poll}, nil
	}
	r.forgetRing(key)
	return reconcile.Result{}, finalizer.Remove(ctx, r.Client, ring, v1alpha1.RingFinalizer)
}

// removeProbes tells whether there is a cluster left that may be about to connect. One that is silent
// for long, or does not let us remove anything, must not keep the ring for ever.
func (r *Reconciler) removeProbes(ctx context.Context, ring *v1alpha1.GossipRing) (unasked bool, err error) {
	regions := &v1alpha1.RegionList{}
	if err := r.Client.List(ctx, regions, client.InNamespace(ring.Namespace)); err != nil {
		return false, fmt.Errorf("listing Regions: %w", err)
	}
	var failed []error
	for i := range regions.Items {
		region := &regions.Items[i]
		objects := probesIn(ring, region)
		cluster, known := r.Clusters.Get(client.ObjectKeyFromObject(region))
		switch {
		case len(objects) == 0:
		case !known:
			unasked = unasked || region.Status.Cluster != nil
		case cluster.Connected() != nil:
			unasked = unasked || !cluster.Failed() || cluster.Silence() < faltering
		default:
			if err := remove(ctx, cluster.Client(), objects); err != nil && !apierrors.IsForbidden(err) {
				failed = append(failed, fmt.Errorf("removing the probe of %s: %w", region.Name, err))
			}
		}
	}
	return unasked, errors.Join(failed...)
}

// probesIn are a ring's probes that may be in a region: those that are listed, and a member's.
func probesIn(ring *v1alpha1.GossipRing, region *v1alpha1.Region) (objects []client.Object) {
	if plan.Selects(ring, region) {
		objects = probeIn(ring, ring.Spec.Service.Namespace)
	}
	for _, p := range ring.Status.Probes {
		if p.Region == region.Name {
			objects = append(objects, probeIn(ring, p.Namespace)...)
		}
	}
	return objects
}
