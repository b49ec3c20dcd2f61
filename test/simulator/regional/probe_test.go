package regional

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"os/exec"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/test/simulator/network"
)

// managerBinary is the operator, which is also the probe. A linker flag may say otherwise.
var managerBinary = "../../../bin/manager"

// result matches what a probe exports about one transport.
func result(to, transport, result string) OmegaMatcher {
	return ContainSubstring(`portolan_probe_result{result="` + result + `",to="` + to + `",transport="` + transport + `"} 1`)
}

func results(to, tcp, udp string) OmegaMatcher {
	return And(result(to, "tcp", tcp), result(to, "udp", udp))
}

// testProbe runs the real probe in the west against the real agents in the east.
func (b *bed) testProbe(t *testing.T) {
	g := NewWithT(t)
	check := exec.CommandContext(t.Context(), managerBinary, "probe", "-h")
	check.Env = []string{"HOME=/nowhere"}
	g.Expect(check.Run()).To(Succeed(), "make build builds it")
	ring := sha256.Sum256([]byte("unkey-api"))
	good := filesOf("UNKEY_KEY", base64.StdEncoding.EncodeToString(ring[:]))
	targets := targetsFile(friendlyName("us-east-1")+":7947", "late.aws.unkey.cloud:7947", "nobody.aws.unkey.cloud:7947")
	east, late, nobody := "of "+friendlyName("us-east-1")+":7947", "of late.aws.unkey.cloud:7947", "of nobody.aws.unkey.cloud:7947"
	chart := chartOf("portolan-probe", func(spec *corev1.PodSpec) {
		probeSpec(spec)
		spec.Volumes[1].Secret.Optional = new(true)
		arguments := &spec.Containers[0].Args
		*arguments = append([]string{"probe", "--timeout=500ms"}, (*arguments)[1:4]...)
	})
	list := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: chart.Namespace, Name: "probe-targets"}, Data: targets}
	g.Expect(b.west.client.Create(t.Context(), list)).To(Succeed())
	b.west.install(t, chart)
	metrics := b.west.metricsOf(t, chart)
	g.Eventually(metrics).Within(patience).Should(And(ContainSubstring("portolan_probe_key_valid 0"), results(east, "Unknown", "Unknown")))

	key := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: chart.Namespace, Name: "gossip"}, Data: good}
	g.Expect(b.west.client.Create(t.Context(), key)).To(Succeed())
	t.Cleanup(func() {
		_ = b.west.client.Delete(context.WithoutCancel(t.Context()), key)
		_ = b.west.client.Delete(context.WithoutCancel(t.Context()), list)
	})
	g.Eventually(metrics).Within(patience).Should(And(results(east, "OK", "OK"), results(nobody, "Unresolved", "Unresolved"),
		ContainSubstring(`portolan_probe_members{to="`+east+`"} 2`)))
	addresses, err := b.dns.LookupHost(t.Context(), friendlyName("us-east-1"))
	g.Expect(err).NotTo(HaveOccurred())
	b.dns.SetA("late.aws.unkey.cloud", addresses...)
	g.Eventually(metrics).Within(patience).Should(results(late, "OK", "OK"))

	pod := b.west.podFor(t, chart)()
	for transport, want := range map[network.Transport]OmegaMatcher{
		network.TCP: results(east, "Unreachable", "OK"), network.UDP: results(east, "OK", "Unreachable"),
	} {
		b.cut.Store(cutLink{podAddress(pod), transport}, true)
		g.Eventually(metrics).Within(patience).Should(want, "without %s", transport)
		b.cut.Clear()
		g.Eventually(metrics).Within(patience).Should(results(east, "OK", "OK"))
	}
	key.Data = filesOf("UNKEY_KEY", "0123456789abcdef0123456789abcdef")
	g.Expect(b.west.client.Update(t.Context(), key)).To(Succeed())
	g.Eventually(metrics).Within(patience).Should(results(east, "KeyRejected", "KeyRejected"))
}

// metricsOf reads the metrics of a chart's pod through the API server.
func (s *site) metricsOf(t *testing.T, chart *appsv1.Deployment) func() string {
	return func() string {
		text, err := s.pods.CoreV1().Pods(chart.Namespace).ProxyGet("http", s.podFor(t, chart)().Name, "9391", "metrics", nil).DoRaw(t.Context())
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
}
