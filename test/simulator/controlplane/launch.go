package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/process"
)

const (
	launchAttempts = 3
	readyTimeout   = 90 * time.Second
	readyInterval  = 100 * time.Millisecond
	// stopGrace is short because nobody needs the data afterwards.
	stopGrace = 3 * time.Second
	logTail   = 2000
)

// server is a program that listens on a port it is told.
type server struct {
	path      string
	log       string
	arguments func(port int) []string
	// ready must be certain that it is this very server that answers.
	ready func(ctx context.Context, port int) error
}

var errExited = errors.New("exited before it was ready")

// launch starts the server on a free port and returns when it is ready. A port
// cannot be reserved for a child, so an early exit most likely means that
// somebody else got it, and another one is tried.
func launch(ctx context.Context, s server) (*process.Process, int, error) {
	var failed error
	for range launchAttempts {
		port, err := freePort()
		if err != nil {
			return nil, 0, err
		}
		running, err := s.start(ctx, port)
		if err == nil {
			return running, port, nil
		}
		failed = fmt.Errorf("%s: %w\n%s", filepath.Base(s.path), err, s.tail())
		if !errors.Is(err, errExited) || ctx.Err() != nil {
			break
		}
	}
	return nil, 0, failed
}

func (s server) start(ctx context.Context, port int) (*process.Process, error) {
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own copy

	running, err := process.Start(ctx, process.Command{
		Path:  s.path,
		Args:  s.arguments(port),
		Env:   []string{}, // variables such as ETCD_* and KUBE_* would act as flags
		Log:   log,
		Grace: stopGrace,
	})
	if err != nil {
		return nil, err
	}
	if err := s.awaitReady(ctx, running, port); err != nil {
		running.Kill()
		return nil, err
	}
	return running, nil
}

func (s server) awaitReady(ctx context.Context, running *process.Process, port int) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(readyInterval)
	defer tick.Stop()

	failed := errors.New("never asked")
	for {
		select {
		case <-running.Done():
			return fmt.Errorf("%w: %w", errExited, running.Err())
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w: %w", ctx.Err(), failed)
		case <-tick.C:
			if failed = s.ready(ctx, port); failed == nil {
				return nil
			}
		}
	}
}

// tail returns the end of the log, where the reason of a failure is.
func (s server) tail() []byte {
	log, err := os.ReadFile(s.log)
	if err != nil {
		return nil
	}
	return bytes.TrimSpace(log[max(0, len(log)-logTail):])
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
