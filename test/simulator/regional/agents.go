package regional

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-dev/portolan/test/simulator/gossip"
)

const (
	// WorkloadAnnotation on a pod says what runs in it.
	WorkloadAnnotation = "simulator.portolan.dev/workload"
	// GossipWorkload is the WorkloadAnnotation of pods that run a gossip agent.
	GossipWorkload = "gossip"

	seedsVariable  = "UNKEY_GOSSIP_WAN_SEEDS"
	keyVariable    = "UNKEY_GOSSIP_SECRET_KEY"
	componentLabel = "app.kubernetes.io/component"
)

// agents are the processes in the pods. Only their loop touches the map while it runs.
type agents struct {
	byPod   map[types.UID]*podAgent
	leaving sync.WaitGroup
}

type podAgent struct {
	*gossip.Agent

	bridge *atomic.Bool
}

func newAgents() *agents { return &agents{byPod: map[types.UID]*podAgent{}} }

// retire stops an agent without holding up the others: leaving a ring takes a moment.
func (a *agents) retire(pod types.UID) {
	agent := a.byPod[pod]
	delete(a.byPod, pod)
	a.leaving.Go(agent.Stop)
}

func (a *agents) stop() {
	for pod := range a.byPod {
		a.retire(pod)
	}
	a.leaving.Wait()
}

func (r *Region) reconcileAgents(ctx context.Context, _ *countdowns) error {
	pods := &corev1.PodList{}
	if err := r.client.List(ctx, pods); err != nil {
		return err
	}
	running := slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool { return !gossips(pod) })
	bridges := electBridges(running)
	gone := map[types.UID]bool{}
	for pod, agent := range r.agents.byPod {
		gone[pod] = true
		agent.bridge.Store(bridges[pod])
	}
	var errs []error
	for _, pod := range running {
		delete(gone, pod.UID)
		if r.agents.byPod[pod.UID] == nil {
			errs = append(errs, r.startAgent(ctx, pod, bridges[pod.UID]))
		}
	}
	for pod := range gone {
		r.agents.retire(pod)
	}
	return errors.Join(errs...)
}

func (r *Region) startAgent(ctx context.Context, pod corev1.Pod, elected bool) error {
	seeds, _ := variable(pod, seedsVariable)
	bridge := &atomic.Bool{}
	bridge.Store(elected)
	agent, err := gossip.Start(ctx, gossip.Options{
		Name:      pod.Name,
		Region:    r.options.AWSRegion,
		Ring:      ringOf(pod),
		Pod:       podAddress(pod),
		Seeds:     seeds,
		Key:       keyOf(pod),
		Network:   r.options.Network,
		Resolver:  r.options.DNS,
		Bridge:    bridge.Load,
		Links:     r.options.Links,
		TimeScale: r.options.Cloud.Scale(time.Hour).Hours(),
	})
	if err != nil {
		return fmt.Errorf("starting the gossip agent of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	r.agents.byPod[pod.UID] = &podAgent{Agent: agent, bridge: bridge}
	return nil
}

func gossips(pod corev1.Pod) bool {
	_, seeded := variable(pod, seedsVariable)
	return seeded && pod.Annotations[WorkloadAnnotation] == GossipWorkload && podRunning(pod)
}

// electBridges returns the oldest pod of each Deployment.
func electBridges(pods []corev1.Pod) map[types.UID]bool {
	oldest := map[types.UID]corev1.Pod{}
	for _, pod := range pods {
		owner := pod.UID
		if deployment := deploymentOf(pod); deployment != nil {
			owner = deployment.UID
		}
		if first, ok := oldest[owner]; !ok || compareAge(pod, first) < 0 {
			oldest[owner] = pod
		}
	}
	bridges := map[types.UID]bool{}
	for _, pod := range oldest {
		bridges[pod.UID] = true
	}
	return bridges
}

// keyOf derives the AES key from the pod's own variable, or from the ring where the
// chart leaves the secret to the cluster.
func keyOf(pod corev1.Pod) []byte {
	secret, _ := variable(pod, keyVariable)
	key := sha256.Sum256([]byte(cmp.Or(secret, ringOf(pod))))
	return key[:]
}

func ringOf(pod corev1.Pod) string {
	if owner := deploymentOf(pod); owner != nil {
		return cmp.Or(pod.Labels[componentLabel], owner.Name)
	}
	return cmp.Or(pod.Labels[componentLabel], pod.Name)
}

func variable(pod corev1.Pod, name string) (string, bool) {
	for _, container := range pod.Spec.Containers {
		for _, env := range container.Env {
			if env.Name == name {
				return env.Value, true
			}
		}
	}
	return "", false
}
