package regional

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
	"github.com/portolan-dev/portolan/test/simulator/network"
)

// stubProgram is the first argument of containers that the test binary stands for.
const stubProgram = "stub"

// TestMain lets the test binary stand for the program of a pod.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == stubProgram {
		beStub(os.Args[2:])
		return
	}
	os.Exit(m.Run())
}

// confession is what the program in a pod says of itself.
type confession struct {
	PID                         int
	Env                         []string
	Interval, Timeout, Key, TCP string
	Targets                     []probeTarget
}

type probeTarget struct {
	Region  string `json:"region"`
	Address string `json:"address"`
}

func beStub(args []string) {
	flags := flag.NewFlagSet(stubProgram, flag.ExitOnError)
	targets, key := flags.String("targets", "", ""), flags.String("key-file", "", "")
	listen := flags.String("listen", "", "")
	c := confession{PID: os.Getpid(), Env: os.Environ()}
	flags.StringVar(&c.Interval, "interval", "", "")
	flags.StringVar(&c.Timeout, "timeout", "", "")
	_ = flags.Parse(args)
	http.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	http.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		text, _ := os.ReadFile(*key)
		c.Key = string(text)
		text, _ = os.ReadFile(*targets)
		_ = json.Unmarshal(text, &c)
		c.TCP = callTarget(c.Targets[0].Address)
		_ = json.NewEncoder(w).Encode(c)
	})
	fmt.Println(http.ListenAndServe(*listen, nil))
}

func callTarget(address string) string {
	conn, err := net.Dial("tcp", address) //nolint:noctx // lives as long as a test
	if err != nil {
		return err.Error()
	}
	_, _ = io.WriteString(conn, "hello")
	_ = conn.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

// stubs are programs that the test binary stands for.
func stubs(t *testing.T, dir string) Programs {
	t.Helper()
	self, err := os.Executable()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return Programs{Dir: dir, Known: map[string]Program{
		stubProgram: {Path: self, Defaults: []string{"--interval=2m"}},
		"probe":     {Path: managerBinary, Defaults: []string{"--interval=10s"}},
	}}
}

// probeSpec is a probe's pod as the operator makes it.
func probeSpec(spec *corev1.PodSpec) {
	tolerateEverything(spec)
	spec.Volumes = []corev1.Volume{
		{Name: "targets", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "probe-targets"},
		}}},
		{Name: "key", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			SecretName: "gossip", Items: []corev1.KeyToPath{{Key: "UNKEY_KEY", Path: "key"}},
		}}},
	}
	container := &spec.Containers[0]
	container.Args = []string{
		stubProgram, "--targets=/etc/portolan/targets.json", "--key-file=/etc/gossip/key", "--listen=:9391", "--interval=1m", "--timeout=2s",
	}
	container.VolumeMounts = []corev1.VolumeMount{{Name: "targets", MountPath: "/etc/portolan"}, {Name: "key", MountPath: "/etc/gossip/"}}
}

func targetsFile(addresses ...string) map[string]string {
	targets := []probeTarget{}
	for _, address := range addresses {
		targets = append(targets, probeTarget{Region: "of " + address, Address: address})
	}
	text, err := json.Marshal(map[string][]probeTarget{"targets": targets})
	if err != nil {
		panic(err)
	}
	return map[string]string{"targets.json": string(text)}
}

func TestArguments(t *testing.T) {
	spec := corev1.PodSpec{Containers: []corev1.Container{{}}}
	probeSpec(&spec)
	container := spec.Containers[0]
	container.Args = append(container.Args, "--else=/etc/gossiping", "--interval=soon", "--flag")
	r := &Region{options: Options{Cloud: cloud.New(cloud.Options{TimeScale: 1.0 / 60}), Programs: stubs(t, "")}}
	p := &program{root: "/bed/pod", listens: netip.MustParseAddrPort("127.0.0.1:4711")}
	NewWithT(t).Expect(r.arguments(p, container)).To(Equal([]string{
		stubProgram, "--targets=/bed/pod/etc/portolan/targets.json", "--key-file=/bed/pod/etc/gossip/key", "--listen=127.0.0.1:4711",
		"--interval=1s", "--timeout=2s", "--else=/etc/gossiping", "--interval=soon", "--flag",
	}))
	for given, want := range map[string]string{"--interval=1s": "--interval=200ms", "--flag": "--flag --interval=2s"} {
		container.Args = []string{stubProgram, given}
		NewWithT(t).Expect(r.arguments(p, container)).To(Equal(append([]string{stubProgram}, strings.Fields(want)...)), given)
	}
}

func TestServedPort(t *testing.T) {
	for argument, want := range map[string]uint16{
		"--listen=:9391": 9391, "--listen=0.0.0.0:80": 80, "--listen=": 0, "--listen=9391": 0, "--listen=:x": 0, "--else=:9391": 0,
	} {
		port, serves := servedPort(corev1.Container{Args: []string{"probe", argument}})
		NewWithT(t).Expect(serves).To(Equal(want != 0), argument)
		if serves {
			NewWithT(t).Expect(port).To(Equal(want), argument)
		}
	}
}

func TestProgramsOf(t *testing.T) {
	g := NewWithT(t)
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a"}, {Name: "b", Args: []string{stubProgram}}}}}
	container, runs := stubs(t, "").of(pod)
	g.Expect(runs).To(BeTrue())
	g.Expect(container.Name).To(Equal("b"))
	_, runs = Programs{}.of(pod)
	g.Expect(runs).To(BeFalse())
	pod.Spec.Containers[1].Args[0] = "serve"
	_, runs = stubs(t, "").of(pod)
	g.Expect(runs).To(BeFalse())
}

// A region that stops ends its processes and takes their addresses and files along.
func TestProgramsEndWithTheRegion(t *testing.T) {
	g, n := NewWithT(t), network.New()
	r := &Region{programs: newPrograms(), options: Options{
		Name: "east", Network: n, Cloud: cloud.New(cloud.Options{}), Programs: stubs(t, t.TempDir()),
		Resolver: &phoneBook{}, Links: nil,
	}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "api", Name: "probe", UID: "1"}}
	pod.Spec.Containers = []corev1.Container{{Name: "probe"}}
	probeSpec(&pod.Spec)
	pod.Status.PodIP = "10.1.0.20"
	p := r.programOf(pod)
	g.Expect(r.programOf(pod)).To(BeIdenticalTo(p))
	g.Expect(r.launch(t.Context(), p, pod, pod.Spec.Containers[0])).To(Succeed())
	g.Eventually(p.answers).WithArguments(t.Context(), pod.Spec.Containers[0]).Within(patience).Should(BeTrue())
	_, err := p.redirect(t.Context(), []byte(targetsFile("52.0.0.1:7947")["targets.json"]), map[string]bool{})
	g.Expect(err).NotTo(HaveOccurred())
	at, open := n.Lookup(network.TCP, netip.MustParseAddrPort("10.1.0.20:9391"))
	g.Expect(open).To(BeTrue())
	g.Expect(at).To(Equal(p.listens))
	pid, relayed := p.running.PID(), p.relays["52.0.0.1:7947"].address()

	r.programs.stop()
	g.Expect(syscall.Kill(pid, 0)).To(MatchError(syscall.ESRCH))
	_, open = n.Lookup(network.TCP, netip.MustParseAddrPort("10.1.0.20:9391"))
	g.Expect(open).To(BeFalse())
	g.Expect(p.root).NotTo(BeADirectory())
	_, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", relayed)
	g.Expect(err).To(MatchError(syscall.ECONNREFUSED))
}

// confess asks the program in a chart's pod, as Portolan does, through the API server.
func (s *site) confess(t *testing.T, chart *appsv1.Deployment, path string) func() confession {
	return func() confession {
		said := confession{}
		pod := s.podFor(t, chart)()
		text, err := s.pods.CoreV1().Pods(pod.Namespace).ProxyGet("http", pod.Name, "9391", path, nil).DoRaw(t.Context())
		if err == nil {
			_ = json.Unmarshal(text, &said)
		}
		return said
	}
}

func (b *bed) testPrograms(t *testing.T) {
	g := NewWithT(t)
	serveEcho(t, b.network, netip.MustParseAddrPort("52.9.9.9:7947"))
	b.dns.SetA("echo.aws.unkey.cloud", netip.MustParseAddr("52.9.9.9"))
	chart := chartOf("probe", probeSpec)
	b.east.install(t, chart)
	g.Eventually(b.east.podFor(t, chart)).Within(patience).Should(And(havePhase(corev1.PodPending),
		haveWaiting("ContainerCreating", `MountVolume.SetUp failed for volume "targets" : configmap "probe-targets" not found`)))
	targets := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: chart.Namespace, Name: "probe-targets"}, Data: targetsFile("echo.aws.unkey.cloud:7947")}
	key := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: chart.Namespace, Name: "gossip"}, Data: filesOf("UNKEY_KEY", "first")}
	for _, object := range []client.Object{targets, key} {
		g.Expect(b.east.client.Create(t.Context(), object)).To(Succeed())
		t.Cleanup(func() { _ = b.east.client.Delete(context.WithoutCancel(t.Context()), object) })
	}
	said := b.east.confess(t, chart, "metrics")
	g.Eventually(said).Within(patience).Should(And(HaveField("Key", "first"), HaveField("TCP", "52.9.9.9 hello"),
		HaveField("Env", ConsistOf(HavePrefix("HOME="), HavePrefix("GODEBUG="))), HaveField("Interval", "200ms"), HaveField("Timeout", "2s")))
	g.Eventually(b.east.podFor(t, chart)).Within(patience).Should(Satisfy(podReady))

	b.testMountedUpdates(g, t, targets, key, said)
	b.testCrash(g, t, chart)

	pod, pid := b.east.podFor(t, chart)(), said().PID
	g.Expect(pid).NotTo(BeZero())
	g.Expect(b.east.client.Delete(t.Context(), chart)).To(Succeed())
	g.Eventually(func() error { return syscall.Kill(pid, 0) }).Within(patience).Should(MatchError(syscall.ESRCH))
	g.Eventually(func() bool {
		_, open := b.network.Lookup(network.TCP, netip.AddrPortFrom(podAddress(pod), 9391))
		return open
	}).Within(patience).Should(BeFalse())
	root := filepath.Join(b.east.options.Programs.Dir, b.east.options.Name, string(pod.UID))
	g.Eventually(func() string { return root }).Within(patience).ShouldNot(BeADirectory())
}

// testMountedUpdates changes what is mounted while the program runs.
func (b *bed) testMountedUpdates(g *WithT, t *testing.T, targets *corev1.ConfigMap, key *corev1.Secret, said func() confession) {
	before := said()
	key.Data = filesOf("UNKEY_KEY", "second")
	g.Expect(b.east.client.Update(t.Context(), key)).To(Succeed())
	targets.Data = targetsFile("echo.aws.unkey.cloud:7947", "late.aws.unkey.cloud:7947", "nonsense")
	g.Expect(b.east.client.Update(t.Context(), targets)).To(Succeed())
	g.Eventually(said).Within(patience).Should(And(HaveField("Key", "second"), HaveField("PID", before.PID),
		HaveField("Targets", HaveExactElements(
			Equal(before.Targets[0]), // whose relay stays
			HaveField("Address", "late.aws.unkey.cloud..nowhere:7947"), HaveField("Address", "nonsense")))))
	b.dns.SetA("late.aws.unkey.cloud", netip.MustParseAddr("52.9.9.9"))
	g.Eventually(said).Within(patience).Should(HaveField("Targets", ContainElement(And(
		HaveField("Region", "of late.aws.unkey.cloud:7947"), HaveField("Address", HavePrefix("127.0.0.1:"))))))

	g.Expect(b.east.client.Delete(t.Context(), key)).To(Succeed())
	targets.Data = targetsFile("echo.aws.unkey.cloud:7947")
	g.Expect(b.east.client.Update(t.Context(), targets)).To(Succeed())
	g.Consistently(said, 300*time.Millisecond).Should(And(HaveField("Key", "second"), HaveField("PID", before.PID)))
	key.ResourceVersion = ""
	g.Expect(b.east.client.Create(t.Context(), key)).To(Succeed())
}

// testCrash ends the program from within.
func (b *bed) testCrash(g *WithT, t *testing.T, chart *appsv1.Deployment) {
	before := b.east.confess(t, chart, "metrics")().PID
	restarts := func() int32 { return b.east.podFor(t, chart)().Status.ContainerStatuses[0].RestartCount }
	g.Expect(restarts()).To(BeZero())
	b.east.confess(t, chart, "exit")()
	g.Eventually(restarts).Within(patience).Should(BeEquivalentTo(1))
	g.Eventually(b.east.confess(t, chart, "metrics")).Within(patience).Should(HaveField("PID", Not(Or(BeZero(), Equal(before)))))
	g.Eventually(b.east.podFor(t, chart)).Within(patience).Should(Satisfy(podReady))
}
