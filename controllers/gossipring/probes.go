package gossipring

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/probe"
)

// annotationApplied is a hash of what an object of the probe was last given, so that what is
// there can be told from what should be without comparing what the API server fills in.
const annotationApplied = "portolan.dev/applied"

// ownerProbe applies the probe's objects.
const ownerProbe = client.FieldOwner("portolan-probe")

// reconcileProbes installs a probe in every region where the ring asks for it, takes away
// what it does not ask for any more, and waits until all of them answer.
func (r *Reconciler) reconcileProbes(ctx context.Context, s *scope) error {
	switch {
	case s.ring.Spec.Probe != nil && r.ProbeImage == "":
		return step.Stuck(r.SlowPoll, v1alpha1.ReasonProbesMissing, "the operator does not know its own image: start it with --probe-image")
	case s.ring.Spec.Probe == nil && !hadProbes(s.ring):
		return step.NotRequired("the ring asks for no probe")
	}
	sites, err := r.probeSites(ctx, s)
	if err != nil {
		return err
	}
	missing, left := r.settleSites(ctx, s, sites)
	switch {
	case len(missing) > 0:
		return step.Poll(r.Poll, v1alpha1.ReasonProbesMissing, "probes are not installed: %s", strings.Join(missing, ", "))
	case len(left) > 0:
		return step.Poll(r.Poll, v1alpha1.ReasonProbesMissing, "probes are not removed: %s", strings.Join(left, ", "))
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

// blueprint is what the probes of a ring are made of. Visits may outlast the pass, and share it with
// later ones: it is never changed.
type blueprint struct {
	install probe.Install // with the endpoints of all members
	version string        // another one for anything else in the objects
}

// blueprintFor is nil for a ring that asks for no probe.
func (s *scope) blueprintFor(image string) *blueprint {
	if s.ring.Spec.Probe == nil {
		return nil
	}
	ring := &v1alpha1.GossipRing{Spec: *s.ring.Spec.DeepCopy()}
	ring.Name = s.ring.Name
	b := &blueprint{install: probe.Install{Ring: ring, Image: image}}
	for _, m := range s.members {
		if m.endpoint != "" {
			b.install.Targets = append(b.install.Targets, probe.Target{Region: m.name, Address: net.JoinHostPort(m.endpoint, strconv.Itoa(int(s.port())))})
		}
	}
	b.version = versionOf(b.install.Objects())
	return b
}

// objects are what a region's probe consists of, which asks all others. They are made where they are
// needed: those of N regions hold N² endpoints.
func (b *blueprint) objects(region string) []client.Object {
	if b == nil {
		return nil
	}
	install := b.install
	install.Targets = slices.DeleteFunc(slices.Clone(install.Targets), func(t probe.Target) bool { return t.Region == region })
	objects := install.Objects()
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
		all = append(all, hashOfObject(o))
	}
	return strings.Join(all, " ")
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
