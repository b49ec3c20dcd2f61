package probe

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"
)

func scrape(address string) (string, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + address + MetricsPath)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}

func scrapeRows(address string) func() ([]Row, error) {
	return func() ([]Row, error) {
		text, err := scrape(address)
		if err != nil {
			return nil, err
		}
		return Rows([]byte(text))
	}
}

var allWell = ConsistOf(And(HaveField("To", "here"), HaveField("TCP", ok), HaveField("UDP", ok), HaveField("Members", int32(1))))

func TestServe(t *testing.T) {
	g := NewWithT(t)
	f := newFiles(t, nil)
	f.writeTargets(Target{Region: "here", Address: startNode(t, "node").address().String()})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	address := listener.Addr().String()
	before := gleak.Goroutines()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.probing.serve(ctx, listener) }()

	g.Eventually(scrape, wait).WithArguments(address).Should(And(
		ContainSubstring("portolan_probe_key_valid 0\n"),
		ContainSubstring(`portolan_probe_result{result="Unknown",to="here",transport="tcp"} 1`)))
	f.write("key", string(ringKey))
	g.Eventually(scrapeRows(address), wait).Should(allWell)
	g.Expect(scrape(address)).To(And(
		ContainSubstring("portolan_probe_key_valid 1\n"),
		Not(ContainSubstring(string(ringKey)))))
	f.writeTargets()
	g.Eventually(scrapeRows(address), wait).Should(BeEmpty())

	cancel()
	g.Eventually(ended, wait).Should(Receive(BeNil()))
	g.Eventually(gleak.Goroutines, wait).ShouldNot(gleak.HaveLeaked(before))
}

func TestServeEndsWithItsEndpoint(t *testing.T) {
	g := NewWithT(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(listener.Close()).To(Succeed())
	g.Expect(newFiles(t, nil).probing.serve(t.Context(), listener)).To(MatchError(ContainSubstring("serving the probe's metrics")))
}

func TestParse(t *testing.T) {
	cases := map[string]struct {
		args    []string
		want    options
		wantErr string
	}{
		"defaults": {
			args: []string{"--targets=t", "--key-file=k"},
			want: options{targetsFile: "t", keyFile: "k", listen: ":9391", interval: 10e9, timeout: 2e9},
		},
		"all": {
			args: []string{"--targets=t", "--key-file=k", "--listen=127.0.0.1:1", "--interval=1m", "--timeout=3s"},
			want: options{targetsFile: "t", keyFile: "k", listen: "127.0.0.1:1", interval: 60e9, timeout: 3e9},
		},
		"no targets":      {args: []string{"--key-file=k"}, wantErr: "needs --targets"},
		"no key":          {args: []string{"--targets=t"}, wantErr: "needs --targets"},
		"no interval":     {args: []string{"--targets=t", "--key-file=k", "--interval=0"}, wantErr: "must be positive"},
		"no timeout":      {args: []string{"--targets=t", "--key-file=k", "--timeout=-1s"}, wantErr: "must be positive"},
		"an argument":     {args: []string{"--targets=t", "--key-file=k", "now"}, wantErr: "flags only"},
		"an unknown flag": {args: []string{"--leader-elect"}, wantErr: "not defined"},
		"help":            {args: []string{"-h"}, wantErr: flag.ErrHelp.Error()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			o, err := parse(tc.args)
			g.Expect(o).To(Equal(tc.want))
			if tc.wantErr == "" {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(err).To(MatchError(ContainSubstring(tc.wantErr)))
		})
	}
}

func TestMainRefuses(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Main(t.Context(), []string{"-h"})).To(Succeed())
	g.Expect(Main(t.Context(), nil)).To(MatchError(ContainSubstring("needs --targets")))
	g.Expect(Main(t.Context(), []string{"--targets=t", "--key-file=k", "--listen=127.0.0.1:-1"})).
		To(MatchError(ContainSubstring("listening")))
}

// TestTheProgram runs the operator's own binary as a probe, which has no cluster to talk to.
func TestTheProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the manager")
	}
	g := NewWithT(t)
	binary := filepath.Join(t.TempDir(), "manager")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	build.Dir = filepath.Join("..", "..")
	output, err := build.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(output))

	f := newFiles(t, nil)
	f.write("key", string(ringKey))
	f.writeTargets(Target{Region: "here", Address: startNode(t, "node").address().String()})
	program := exec.CommandContext(t.Context(), binary, "probe", "--targets="+f.probing.targetsFile,
		"--key-file="+f.probing.keyFile, "--listen=127.0.0.1:0", "--interval=50ms", "--timeout="+timeout.String())
	program.Env = []string{"KUBECONFIG=" + filepath.Join(f.folder, "none")}
	stderr, err := program.StderrPipe()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(program.Start()).To(Succeed())

	lines := bufio.NewScanner(stderr)
	g.Expect(lines.Scan()).To(BeTrue())
	var first struct{ Msg, Address string }
	g.Expect(json.Unmarshal(lines.Bytes(), &first)).To(Succeed())
	g.Expect(first.Msg).To(Equal("Serving metrics"))
	g.Eventually(scrapeRows(first.Address), wait).Should(allWell)

	g.Expect(program.Process.Signal(syscall.SIGTERM)).To(Succeed())
	var changes int
	for lines.Scan() {
		g.Expect(lines.Text()).To(ContainSubstring(strconv.Quote("Result changed")))
		changes++
	}
	g.Expect(changes).To(Equal(1), "logs what changes only")
	ended := make(chan error, 1)
	go func() { ended <- program.Wait() }()
	g.Eventually(ended, wait).Should(Receive(BeNil()))
}
