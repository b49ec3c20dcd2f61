package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

// errNotConnected is what a region gets that nothing can be written to.
var errNotConnected = errors.New("its cluster is not connected")

// configMap delivers into the regional cluster: first the text, then a hash of it into the
// pod templates of the workloads that read it, so that every pod with the hash has the text.
// What a crash in between leaves is told by the hashes.
type configMap struct {
	namespace  string
	wanted     v1alpha1.ConfigMapDelivery
	owner      client.FieldOwner
	annotation string
}

// ForConfigMap writes the key that the ring names of a ConfigMap in every regional cluster
// and restarts the workloads that read it. It makes the ConfigMap where there is none, and
// never a workload: one that comes later starts with the ConfigMap, and is given its
// annotation when it is written next.
//
// In the Service's namespace, it takes the rights to get, create and patch ConfigMaps and to
// get and patch the kinds that are restarted: applying what is not there also asks for
// create (k8s.io/apiserver 0.37, pkg/endpoints/handlers/patch.go).
func ForConfigMap(ring *v1alpha1.GossipRing) Delivery {
	return &configMap{
		namespace:  ring.Spec.Service.Namespace,
		wanted:     *ring.Spec.Seeds.Delivery.ConfigMap,
		owner:      client.FieldOwner("portolan-gossip/" + ring.Name),
		annotation: remote.AnnotationSeedsPrefix + ring.Name,
	}
}

// Read implements Delivery.
func (d *configMap) Read(ctx context.Context, targets []Target) []Found {
	return each(len(targets), func(i int) Found {
		if targets[i].Remote == nil {
			return Found{}
		}
		return d.read(ctx, targets[i].Remote.Client())
	})
}

func (d *configMap) read(ctx context.Context, cluster client.Client) Found {
	config, err := d.get(ctx, cluster)
	if err != nil {
		return Found{Err: err}
	}
	if config == nil {
		exists, err := d.namespaceExists(ctx, cluster)
		return Found{Known: exists, Unfinished: exists, Err: err}
	}
	text, written := config.Data[d.wanted.Key]
	if !written {
		return Found{Known: true, Unfinished: true}
	}
	for _, ref := range d.wanted.Restart {
		w, err := d.workload(ctx, cluster, ref)
		if err != nil {
			return Found{Err: err}
		}
		if w != nil && w.template.Annotations[d.annotation] != hashOf(text) {
			return Found{Known: true, Unfinished: true}
		}
	}
	return Found{Text: text, Known: true}
}

// Write implements Delivery.
func (d *configMap) Write(ctx context.Context, writes []Write) []error {
	return each(len(writes), func(i int) error {
		if writes[i].Remote == nil {
			return errNotConnected
		}
		return d.write(ctx, writes[i].Remote.Client(), writes[i].Text)
	})
}

func (d *configMap) write(ctx context.Context, cluster client.Client, text string) error {
	if err := d.put(ctx, cluster, text); err != nil {
		return err
	}
	for i, ref := range d.wanted.Restart {
		err := d.restart(ctx, cluster, ref, hashOf(text))
		switch {
		case err == nil:
		case i > 0: // those before it restart
			return unheard{err}
		default:
			return err
		}
	}
	return nil
}

// Applied implements Delivery.
func (d *configMap) Applied(pod *corev1.Pod, wanted string) (text string, ok bool) {
	if pod.Annotations[d.annotation] != hashOf(wanted) {
		return "", false
	}
	return wanted, true
}

// get returns the ConfigMap, or nil.
func (d *configMap) get(ctx context.Context, cluster client.Client) (*corev1.ConfigMap, error) {
	config := &corev1.ConfigMap{}
	err := cluster.Get(ctx, client.ObjectKey{Namespace: d.namespace, Name: d.wanted.Name}, config)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // absence is an answer
	}
	return config, d.explain(err, "get", "configmaps", d.wanted.Name)
}

// namespaceExists takes a namespace that it may not look at for one that is there: writing
// into it tells.
func (d *configMap) namespaceExists(ctx context.Context, cluster client.Client) (bool, error) {
	err := cluster.Get(ctx, client.ObjectKey{Name: d.namespace}, &corev1.Namespace{})
	switch {
	case err == nil, apierrors.IsForbidden(err):
		return true, nil
	case apierrors.IsNotFound(err):
		return false, nil
	default:
		return false, d.explain(err, "get", "namespaces", d.namespace)
	}
}

// put writes the text, if it is not there. The key is ours from then on, and no other.
func (d *configMap) put(ctx context.Context, cluster client.Client, text string) error {
	config, err := d.get(ctx, cluster)
	if err != nil {
		return err
	}
	verb := "create"
	if config != nil {
		if before, written := config.Data[d.wanted.Key]; written && before == text {
			return nil
		}
		verb = "patch"
	}
	wanted := applycorev1.ConfigMap(d.wanted.Name, d.namespace).WithData(map[string]string{d.wanted.Key: text})
	err = cluster.Apply(ctx, wanted, d.owner, client.ForceOwnership)
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("namespace %s does not exist yet: ConfigMap %s is written as soon as it does", d.namespace, d.wanted.Name)
	}
	return asked(err, d.explain(err, verb, "configmaps", d.wanted.Name))
}

// explain says what to do about an error in words that stay the same while its cause does.
func (d *configMap) explain(err error, verb, resource, name string) error {
	switch {
	case err == nil:
		return nil
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause): // as Forbidden
		return fmt.Errorf("namespace %s is being deleted", d.namespace)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("the API server forbids Portolan's role to %s %s in namespace %s: its access entry allows it as soon as "+
			"the Region has seen that the ring delivers there", verb, resource, d.namespace)
	case apierrors.IsInvalid(err):
		return fmt.Errorf("%s %s %s/%s: %w", verb, resource, d.namespace, name, err) // says which field
	default:
		return fmt.Errorf("%s %s %s/%s: %s", verb, resource, d.namespace, name, remote.Explain(err))
	}
}

// hashOf is short: it only has to tell the lists of one ring apart.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
