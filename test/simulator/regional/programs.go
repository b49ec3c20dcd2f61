package regional

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/portolan-dev/portolan/test/simulator/network"
	"github.com/portolan-dev/portolan/test/simulator/process"
)

const (
	// programGrace is short: nobody waits for an answer of a pod that is gone.
	programGrace = 3 * time.Second
	// firstBackoff doubles with each restart, up to maxBackoffs times.
	firstBackoff = 10 * time.Second
	maxBackoffs  = 5
	// lookupPeriod is in real time, how often the names of targets are looked up.
	lookupPeriod = time.Second
	// leastWait is in real time, in which processes start and end.
	leastWait = 200 * time.Millisecond
)

// Programs are what the containers of a cluster run as real processes. Other containers
// only seem to run.
type Programs struct {
	// Dir is where the processes have their files and logs.
	Dir string
	// Known are the programs, by the first argument of the containers.
	Known map[string]Program
}

// Program is an executable that stands for an image.
type Program struct {
	Path string
	// Defaults are flags, as --name=value, that the program would have set itself. They make
	// those known here that follow the time of the simulation.
	Defaults []string
}

// of returns the container of a pod that runs a program.
func (p Programs) of(pod *corev1.Pod) (corev1.Container, bool) {
	i := slices.IndexFunc(pod.Spec.Containers, func(c corev1.Container) bool {
		return len(c.Args) > 0 && p.Known[c.Args[0]].Path != ""
	})
	if i < 0 {
		return corev1.Container{}, false
	}
	return pod.Spec.Containers[i], true
}

// programs are the processes in the pods. Only their loop touches the map while it runs.
type programs struct {
	byPod   map[types.UID]*program
	bell    func() // wakes their loop
	leaving sync.WaitGroup
}

// program is the process of one pod, in all its lives.
type program struct {
	outward

	// root is the folder that stands for the container's file system.
	root   string
	relays map[string]*relay // by target

	running *process.Process
	// listens is where it serves on loopback, as long as the pod's port leads there.
	listens    netip.AddrPort
	unregister func()
	ready      bool
	restarts   int32
	looks      int
	lookups    int
}

func newPrograms() *programs { return &programs{byPod: map[types.UID]*program{}, bell: func() {}} }

func (p *programs) retire(pod types.UID) {
	ended := p.byPod[pod]
	delete(p.byPod, pod)
	p.leaving.Go(ended.stop)
}

func (p *programs) stop() {
	for pod := range p.byPod {
		p.retire(pod)
	}
	p.leaving.Wait()
}

func (p *program) stop() {
	if p.running != nil {
		p.running.Stop()
	}
	p.unregister()
	for _, relay := range p.relays {
		relay.stop()
	}
	_ = os.RemoveAll(p.root)
}

func (r *Region) reconcilePrograms(ctx context.Context, wait *countdowns) error {
	pods := &corev1.PodList{}
	if err := r.client.List(ctx, pods); err != nil {
		return err
	}
	gone := map[types.UID]bool{}
	for pod := range r.programs.byPod {
		gone[pod] = true
	}
	var errs []error
	for _, pod := range pods.Items {
		if container, runs := r.options.Programs.of(&pod); runs && podRunning(pod) {
			delete(gone, pod.UID)
			errs = append(errs, r.reconcileProgram(ctx, wait, &pod, container))
		}
	}
	for pod := range gone {
		r.programs.retire(pod)
	}
	return errors.Join(errs...)
}

func (r *Region) programOf(pod *corev1.Pod) *program {
	if known := r.programs.byPod[pod.UID]; known != nil {
		return known
	}
	started := &program{
		outward: outward{
			dialer: r.options.Network, resolver: r.options.Resolver, links: r.options.Links, pod: podAddress(*pod),
		},
		root:       filepath.Join(r.options.Programs.Dir, r.options.Name, string(pod.UID)),
		relays:     map[string]*relay{},
		unregister: func() {},
	}
	r.programs.byPod[pod.UID] = started
	return started
}

func (r *Region) reconcileProgram(ctx context.Context, wait *countdowns, pod *corev1.Pod, container corev1.Container) error {
	p := r.programOf(pod)
	for wait.over(fmt.Sprintf("lookup/%s/%d", pod.UID, p.lookups), func() time.Duration { return lookupPeriod }) {
		p.lookups++
		for _, relay := range p.relays {
			relay.lookUp(ctx)
		}
	}
	if err := r.mount(ctx, p, pod, container); err != nil {
		return fmt.Errorf("mounting the volumes of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	p.lookForEnd()
	if p.running == nil {
		if p.restarts > 0 && !wait.over(fmt.Sprintf("restart/%s/%d", pod.UID, p.restarts), r.backoff(p.restarts)) {
			return r.reportProgram(ctx, pod, container, p)
		}
		if err := r.launch(ctx, p, pod, container); err != nil {
			p.restarts++
			return fmt.Errorf("starting the program of pod %s/%s: %w", pod.Namespace, pod.Name, err)
		}
	}
	p.ready = p.ready || p.answers(ctx, container)
	for !p.ready && wait.over(fmt.Sprintf("look/%s/%d", pod.UID, p.looks), func() time.Duration { return leastWait }) {
		p.looks++
	}
	return r.reportProgram(ctx, pod, container, p)
}

// lookForEnd forgets a process that has ended on its own.
func (p *program) lookForEnd() {
	if p.running == nil {
		return
	}
	select {
	case <-p.running.Done():
		p.running, p.ready = nil, false
		p.restarts++
		p.unregister()
		p.unregister = func() {}
	default:
	}
}

func (r *Region) backoff(restarts int32) func() time.Duration {
	return func() time.Duration {
		return max(leastWait, r.options.Cloud.Scale(firstBackoff<<min(restarts-1, maxBackoffs)))
	}
}

// launch starts the process and leads the pod's port to it. Nothing of our environment is
// inherited: a pod knows neither our proxies nor our credentials.
func (r *Region) launch(ctx context.Context, p *program, pod *corev1.Pod, container corev1.Container) error {
	err := os.MkdirAll(p.root, 0o700)
	if err != nil {
		return err
	}
	if p.listens, err = freePort(ctx); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(filepath.Dir(p.root), pod.Namespace+"."+pod.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own descriptor
	p.running, err = process.Start(ctx, process.Command{
		Path: r.options.Programs.Known[container.Args[0]].Path, Args: r.arguments(p, container),
		Env: []string{"HOME=" + p.root, onlyGoLooksUpNames}, Log: log, Grace: programGrace,
	})
	if err != nil {
		return err
	}
	if port, serves := servedPort(container); serves {
		p.unregister = r.options.Network.Register(network.TCP, netip.AddrPortFrom(p.pod, port), p.listens)
	}
	ended := p.running.Done()
	r.programs.leaving.Go(func() {
		<-ended
		r.programs.bell()
	})
	return nil
}

// answers tells whether the process serves. One that serves nothing always does.
func (p *program) answers(ctx context.Context, container corev1.Container) bool {
	if _, serves := servedPort(container); !serves {
		return true
	}
	conn, err := (&net.Dialer{Timeout: leastWait}).DialContext(ctx, "tcp", p.listens.String())
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func (r *Region) reportProgram(ctx context.Context, pod *corev1.Pod, container corev1.Container, p *program) error {
	report := containerReport{ready: p.ready, restarts: p.restarts, state: corev1.ContainerState{
		Running: &corev1.ContainerStateRunning{StartedAt: ptr.Deref(pod.Status.StartTime, pod.CreationTimestamp)},
	}}
	if p.running == nil {
		report.state = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
			Reason: "CrashLoopBackOff", Message: "back-off restarting failed container " + container.Name,
		}}
	}
	return r.reportContainers(ctx, pod, map[string]containerReport{container.Name: report})
}
