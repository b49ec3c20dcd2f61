package process_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/process"
)

const roleVariable = "PORTOLAN_PROCESS_TEST_ROLE"

// TestMain lets the test binary play a parent that gets killed.
func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "parent" {
		beParent()
		return
	}
	os.Exit(m.Run())
}

func beParent() {
	child, err := process.Start(context.Background(), shell("exec sleep 300", nil))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(child.PID())
	<-child.Done()
}

func shell(script string, log io.Writer) process.Command {
	return process.Command{Path: "/bin/sh", Args: []string{"-c", script}, Log: log, Grace: time.Minute}
}

func TestStart(t *testing.T) {
	t.Run("logs both streams and reports how the process ended", func(t *testing.T) {
		g := NewWithT(t)
		var log bytes.Buffer
		p, err := process.Start(t.Context(), shell("echo out; echo err >&2; exit 3", &log))
		g.Expect(err).NotTo(HaveOccurred())
		g.Eventually(p.Done(), time.Minute).Should(BeClosed())

		exit, ok := errors.AsType[*exec.ExitError](p.Err())
		g.Expect(ok).To(BeTrue())
		g.Expect(exit.ExitCode()).To(Equal(3))
		g.Expect(log.String()).To(Equal("out\nerr\n"))
		p.Stop()
		p.Kill()
	})

	t.Run("names the program it cannot start", func(t *testing.T) {
		g := NewWithT(t)
		_, err := process.Start(t.Context(), process.Command{Path: "/does/not/exist"})
		g.Expect(err).To(MatchError(ContainSubstring("starting exist")))
	})

	t.Run("stops the process when the context ends", func(t *testing.T) {
		g := NewWithT(t)
		ctx, cancel := context.WithCancel(t.Context())
		p, err := process.Start(ctx, shell("exec sleep 300", nil))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(p.Err()).NotTo(HaveOccurred())
		cancel()
		g.Eventually(p.Done(), time.Minute).Should(BeClosed())
		g.Expect(gone(p.PID())).To(BeTrue())
	})
}

func TestStop(t *testing.T) {
	t.Run("lets the process clean up", func(t *testing.T) {
		g := NewWithT(t)
		log, ready := readyPipe(t)
		p, err := process.Start(t.Context(), shell(`trap "exit 0" TERM; echo ready; while :; do sleep 0.01; done`, log))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(ready.ReadString('\n')).To(Equal("ready\n"))
		p.Stop()
		p.Stop()
		g.Expect(gone(p.PID())).To(BeTrue())
	})

	t.Run("kills a process that ignores the request", func(t *testing.T) {
		g := NewWithT(t)
		log, ready := readyPipe(t)
		command := shell(`trap "" TERM; echo ready; while :; do sleep 0.01; done`, log)
		command.Grace = 50 * time.Millisecond
		p, err := process.Start(t.Context(), command)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(ready.ReadString('\n')).To(Equal("ready\n"))
		p.Stop()
		g.Expect(gone(p.PID())).To(BeTrue())
	})
}

func TestKill(t *testing.T) {
	g := NewWithT(t)
	p, err := process.Start(t.Context(), shell("exec sleep 300", nil))
	g.Expect(err).NotTo(HaveOccurred())
	p.Kill()
	g.Expect(p.Err()).To(MatchError("signal: killed"))
	g.Expect(gone(p.PID())).To(BeTrue())
}

// readyPipe is a log that a test can wait on.
func readyPipe(t *testing.T) (*os.File, *bufio.Reader) {
	t.Helper()
	r, w, err := os.Pipe()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = r.Close(); _ = w.Close() })
	return w, bufio.NewReader(r)
}

// gone is also true for a zombie: a child whose parent was killed waits for
// whoever adopted it to reap it, and in a container that may be nobody.
func gone(pid int) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return true
	}
	state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(state), ") Z ")
}
