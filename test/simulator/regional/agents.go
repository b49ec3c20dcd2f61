package regional

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-dev/portolan/test/simulator/gossip"
)

const (
	// WorkloadAnnotation on a pod says what runs in it.
	WorkloadAnnotation = "simulator.portolan.dev/workload"
	// GossipWorkload is the WorkloadAnnotation of pods that run a gossip agent.
	GossipWorkload = "gossip"

	seedsVariable      = "UNKEY_GOSSIP_WAN_SEEDS"
	seedFormatVariable = "UNKEY_GOSSIP_SEED_FORMAT"
	peerMetricVariable = "UNKEY_GOSSIP_PEER_METRIC"
	keyVariable        = "UNKEY_GOSSIP_SECRET_KEY"
	componentLabel     = "app.kubernetes.io/component"
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

// startAgent reads the pod's environment once, as every process does.
func (r *Region) startAgent(ctx context.Context, pod corev1.Pod, elected bool) error {
	variables, err := r.environment(ctx, pod)
	if err != nil {
		return fmt.Errorf("reading the environment of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	key, err := keyOf(variables, ringOf(pod))
	if err != nil {
		return fmt.Errorf("reading the gossip key of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	bridge := &atomic.Bool{}
	bridge.Store(elected)
	agent, err := gossip.Start(ctx, gossip.Options{
		Name:       pod.Name,
		Region:     r.options.AWSRegion,
		Ring:       ringOf(pod),
		Pod:        podAddress(pod),
		Seeds:      variables[seedsVariable],
		SeedFormat: gossip.SeedFormat(variables[seedFormatVariable]),
		Key:        key,
		Network:    r.options.Network,
		Resolver:   r.options.Resolver,
		Bridge:     bridge.Load,
		Links:      r.options.Links,
		PeerMetric: variables[peerMetricVariable] == "true",
		TimeScale:  r.options.Cloud.Scale(time.Hour).Hours(),
	})
	if err != nil {
		return fmt.Errorf("starting the gossip agent of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	r.agents.byPod[pod.UID] = &podAgent{Agent: agent, bridge: bridge}
	return nil
}

func gossips(pod corev1.Pod) bool {
	return declares(pod, seedsVariable) && pod.Annotations[WorkloadAnnotation] == GossipWorkload && podRunning(pod)
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

// keyBytes is the length of a key that is written in base64.
const keyBytes = 32

// keyOf is the AES key in the pod's variable, as it is or in base64. A chart that leaves
// the secret to the cluster gets one that the ring's name stands for.
func keyOf(variables map[string]string, ring string) ([]byte, error) {
	text := strings.TrimSpace(variables[keyVariable])
	if text == "" {
		key := sha256.Sum256([]byte(ring))
		return key[:], nil
	}
	if key, err := base64.StdEncoding.DecodeString(text); err == nil && len(key) == keyBytes {
		return key, nil
	}
	if err := memberlist.ValidateKey([]byte(text)); err != nil {
		return nil, err
	}
	return []byte(text), nil
}

func ringOf(pod corev1.Pod) string {
	if owner := deploymentOf(pod); owner != nil {
		return cmp.Or(pod.Labels[componentLabel], owner.Name)
	}
	return cmp.Or(pod.Labels[componentLabel], pod.Name)
}
