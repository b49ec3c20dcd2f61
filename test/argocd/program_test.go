package argocd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/process"
)

const (
	launchAttempts = 3
	readyTimeout   = 2 * time.Minute
	readyInterval  = 100 * time.Millisecond
)

// program is a child process that listens on ports that it is told.
type program struct {
	path      string
	log       string
	env       []string
	ports     int
	arguments func(ports []int) []string
	ready     func(ctx context.Context, ports []int) error
}

var errExited = errors.New("exited before it was ready")

// start returns when the program is ready. Ports cannot be reserved for a child: one that ends
// early has most likely lost one to somebody else, and tries others.
func (p program) start(ctx context.Context) (*process.Process, []int, error) {
	var failed error
	for range launchAttempts {
		ports, err := freePorts(p.ports)
		if err != nil {
			return nil, nil, err
		}
		running, err := p.startOn(ctx, ports)
		if err == nil {
			return running, ports, nil
		}
		failed = fmt.Errorf("starting %s: %w\n%s", filepath.Base(p.path), err, tail(p.log))
		if !errors.Is(err, errExited) {
			break
		}
	}
	return nil, nil, failed
}

func (p program) startOn(ctx context.Context, ports []int) (*process.Process, error) {
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own copy
	running, err := process.Start(ctx, process.Command{
		Path: p.path, Args: p.arguments(ports), Env: p.env, Log: log, Grace: 3 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	if err := p.awaitReady(ctx, running, ports); err != nil {
		running.Kill()
		return nil, err
	}
	return running, nil
}

func (p program) awaitReady(ctx context.Context, running *process.Process, ports []int) error {
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
			if failed = p.ready(ctx, ports); failed == nil {
				return nil
			}
		}
	}
}

// tail returns the end of a log, where the reason of a failure is.
func tail(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

func freePorts(count int) ([]int, error) {
	ports := make([]int, count)
	for i := range ports {
		listener, err := net.Listen("tcp", loopback(0))
		if err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
		defer func() { _ = listener.Close() }() // not sooner: the next one has to be another
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// answers fails unless a GET of the path is answered with 200 on the port.
func answers(ctx context.Context, port int, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+loopback(port)+path, http.NoBody)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", path, response.Status)
	}
	return nil
}
