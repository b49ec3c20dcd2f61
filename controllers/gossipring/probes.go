package gossipring

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/finalizer"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
	"github.com/portolan-dev/portolan/controllers/probe"
)

// annotationApplied is a hash of what an object of the probe was last given, so that what is
// there can be told from what should be without comparing what the API server fills in.
const annotationApplied = "portolan.dev/applied"

// ownerProbe applies the probe's objects.
const ownerProbe = client.FieldOwner("portolan-probe")

// installSight is what came of a look at a region's probe.
type installSight struct{ note string }

// reconcileProbes installs a probe in every region where the ring asks for it, takes away
// what it does not ask for any more, and waits until all of them answer.
func (r *Reconciler) reconcileProbes(ctx context.Context, s *scope) error {
	if s.ring.Spec.Probe != nil && r.ProbeImage == "" {
		return step.Stuck(r.SlowPoll, v1alpha1.ReasonProbesMissing, "the operator does not know its own image: start it with --probe-image")
	}
	jobs := make([]job[installSight], 0, len(s.members))
	for _, m := range s.members {
		if m.remote == nil {
			continue
		}
		objects := s.probeObjects(m, r.ProbeImage)
		jobs = append(jobs, job[installSight]{
			key: s.lookKey(m), question: versionOf(objects) + m.remote.Endpoint(), every: r.Resync,
			ask: func(ctx context.Context) installSight { return install(ctx, m.remote, s.ring, objects) },
		})
	}
	if s.ring.Spec.Probe == nil && !s.hadProbes() {
		return step.NotRequired("the ring asks for no probe")
	}
	r.installs.refresh(ctx, jobs)
	var missing []string
	for _, j := range jobs {
		switch done, ok := r.installs.last(j.key, j.question, staleAfter*r.Resync); {
		case !ok:
			missing = append(missing, j.key.region.Name)
		case done.note != "":
			r.installs.expire(j.key)
			missing = append(missing, j.key.region.Name+" ("+done.note+")")
		}
	}
	switch {
	case len(missing) > 0:
		return step.Poll(r.Poll, v1alpha1.ReasonProbesMissing, "probes are not installed: %s", strings.Join(missing, ", "))
	case s.ring.Spec.Probe == nil:
		return step.NotRequired("the ring asks for no probe")
	}
	return r.probesAnswer(s)
}

func (r *Reconciler) probesAnswer(s *scope) error {
	var silent []string
	for _, m := range s.members {
		if !m.probing {
			silent = append(silent, m.name)
		}
	}
	if len(silent) > 0 {
		return step.Poll(r.Poll, v1alpha1.ReasonProbesMissing, "probes do not answer: %s: look at Deployment %s/%s there",
			strings.Join(silent, ", "), s.ring.Spec.Service.Namespace, (probe.Install{Ring: s.ring}).Objects()[1].GetName())
	}
	return nil
}

// hadProbes tells whether the last report was about probes that the ring asked for.
func (s *scope) hadProbes() bool {
	return controllerutil.ContainsFinalizer(s.ring, v1alpha1.RingFinalizer) && !hasReason(s.ring, v1alpha1.RingProbed, v1alpha1.ReasonNotRequired)
}

// probeObjects are what a region's probe consists of, or what is to be removed of it.
func (s *scope) probeObjects(m *member, image string) []client.Object {
	if s.ring.Spec.Probe == nil {
		return nil
	}
	var targets []probe.Target
	for _, other := range s.members {
		if other != m && other.endpoint != "" {
			targets = append(targets, probe.Target{Region: other.name, Address: net.JoinHostPort(other.endpoint, strconv.Itoa(int(s.port())))})
		}
	}
	objects := probe.Install{Ring: s.ring, Image: image, Targets: targets}.Objects()
	for _, o := range objects {
		annotations := o.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[annotationApplied] = hashOfObject(o)
		o.SetAnnotations(annotations)
	}
	return objects
}

func hashOfObject(o client.Object) string {
	raw, err := json.Marshal(o)
	if err != nil {
		return "" // none of the probe's objects holds what JSON cannot
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])[:hashLength]
}

func versionOf(objects []client.Object) string {
	var all []string
	for _, o := range objects {
		all = append(all, o.GetAnnotations()[annotationApplied])
	}
	return strings.Join(all, " ")
}

// install brings a region's probe to what it should be. A region that does not have the
// namespace yet gets it when the namespace is there.
func install(ctx context.Context, cluster *remote.Cluster, ring *v1alpha1.GossipRing, objects []client.Object) installSight {
	if len(objects) == 0 {
		return installSight{note: noteOf(uninstall(ctx, cluster, ring))}
	}
	for _, o := range objects {
		if err := ensure(ctx, cluster.Client(), o); err != nil {
			return installSight{note: noteOf(err)}
		}
	}
	return installSight{}
}

func noteOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func ensure(ctx context.Context, c client.Client, wanted client.Object) error {
	gvk, err := c.GroupVersionKindFor(wanted)
	if err != nil {
		return fmt.Errorf("naming the kind of %s: %w", wanted.GetName(), err)
	}
	current, ok := wanted.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("copying %s %s", gvk.Kind, wanted.GetName())
	}
	err = c.Get(ctx, client.ObjectKeyFromObject(wanted), current)
	switch {
	case err == nil && current.GetAnnotations()[annotationApplied] == wanted.GetAnnotations()[annotationApplied]:
		return nil
	case client.IgnoreNotFound(err) != nil:
		return fmt.Errorf("reading %s %s: %w", gvk.Kind, wanted.GetName(), err)
	}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(wanted)
	if err != nil {
		return fmt.Errorf("converting %s %s: %w", gvk.Kind, wanted.GetName(), err)
	}
	delete(object, "status")
	applied := &unstructured.Unstructured{Object: object}
	applied.SetGroupVersionKind(gvk)
	if err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(applied), ownerProbe, client.ForceOwnership); err != nil {
		return fmt.Errorf("applying %s %s: %w", gvk.Kind, wanted.GetName(), err)
	}
	return nil
}

// uninstall removes a region's probe.
func uninstall(ctx context.Context, cluster *remote.Cluster, ring *v1alpha1.GossipRing) error {
	for _, o := range (probe.Install{Ring: withProbe(ring)}).Objects() {
		if err := client.IgnoreNotFound(cluster.Client().Delete(ctx, o)); err != nil {
			return fmt.Errorf("deleting %s: %w", o.GetName(), err)
		}
	}
	return nil
}

// withProbe is the ring as if it still asked for a probe, which names what is to be removed.
func withProbe(ring *v1alpha1.GossipRing) *v1alpha1.GossipRing {
	ring = ring.DeepCopy()
	if ring.Spec.Probe == nil {
		ring.Spec.Probe = &v1alpha1.RingProbe{}
	}
	return ring
}

// holdForProbes keeps a ring from being deleted while there may be probes of it.
func (r *Reconciler) holdForProbes(ctx context.Context, ring *v1alpha1.GossipRing) error {
	switch {
	case ring.Spec.Probe != nil:
		return finalizer.Ensure(ctx, r.Client, ring, v1alpha1.RingFinalizer)
	case hasReason(ring, v1alpha1.RingProbed, v1alpha1.ReasonNotRequired): // they are all removed
		return finalizer.Remove(ctx, r.Client, ring, v1alpha1.RingFinalizer)
	default:
		return nil
	}
}

// finalize removes the probes of a ring that is being deleted, where its regions answer.
// Seeds stay as they are.
func (r *Reconciler) finalize(ctx context.Context, ring *v1alpha1.GossipRing) (reconcile.Result, error) {
	r.forgetRing(client.ObjectKeyFromObject(ring))
	if !controllerutil.ContainsFinalizer(ring, v1alpha1.RingFinalizer) {
		return reconcile.Result{}, nil
	}
	regions := &v1alpha1.RegionList{}
	if err := r.Client.List(ctx, regions, client.InNamespace(ring.Namespace)); err != nil {
		return reconcile.Result{}, fmt.Errorf("listing Regions: %w", err)
	}
	for i := range regions.Items {
		cluster, ok := r.Clusters.Get(client.ObjectKeyFromObject(&regions.Items[i]))
		if !ok || cluster.Connected() != nil || !plan.Selects(ring, &regions.Items[i]) {
			continue
		}
		// A region that does not let us do so must not keep the ring for ever.
		if err := uninstall(ctx, cluster, ring); err != nil && !apierrors.IsForbidden(err) {
			return reconcile.Result{}, fmt.Errorf("removing the probe of %s: %w", regions.Items[i].Name, err)
		}
	}
	return reconcile.Result{}, finalizer.Remove(ctx, r.Client, ring, v1alpha1.RingFinalizer)
}
