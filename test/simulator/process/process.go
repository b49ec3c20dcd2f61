package process

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

const defaultGrace = 10 * time.Second

// Command says what to run.
type Command struct {
	Path string
	Args []string
	// Env replaces the environment; nil inherits ours.
	Env []string
	// Log receives standard output and standard error; nil discards them. An
	// *os.File is inherited by the child and may be closed after Start.
	Log io.Writer
	// Grace is how long the process may take to end after SIGTERM before it is
	// killed; zero means ten seconds.
	Grace time.Duration
}

// Process is a running child.
type Process struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	done   chan struct{}
	err    error // written before done is closed
}

// Start runs the command until it exits, Stop is called or ctx ends.
func Start(ctx context.Context, c Command) (*Process, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &Process{cmd: build(ctx, c), cancel: cancel, done: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		<-p.done
		return nil, fmt.Errorf("starting %s: %w", filepath.Base(c.Path), err)
	}
	return p, nil
}

func build(ctx context.Context, c Command) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Env = c.Env
	cmd.Stdout, cmd.Stderr = c.Log, c.Log
	cmd.SysProcAttr = dieWithParent()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = c.Grace
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = defaultGrace
	}
	return cmd
}

// run starts and reaps the child on one operating system thread: Linux sends
// the parent death signal when the thread that forked ends, and Go may end any
// thread that no goroutine is locked to.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	defer p.cancel()

	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
	}
}

// Stop asks the process to end, kills it after its grace period and returns
// when it is gone. It may be called any number of times.
func (p *Process) Stop() {
	p.cancel()
	<-p.done
}

// Kill ends the process without warning and returns when it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails only for a process that has already ended
	<-p.done
}

// PID is the process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed once the process has ended and has been reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how the process ended. It is nil while the process runs, and after
// it has ended on its own accord with status 0.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}
