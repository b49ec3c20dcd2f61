// Command demo rehearses Portolan's main job on one machine: three regions come up at
// once, then a fourth joins their living gossip ring. See test/bed for what is real.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/portolan-dev/portolan/test/bed"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// settings are what the flags say.
type settings struct {
	exit      bool
	timeScale float64
	seed      uint64
	deadline  time.Duration
}

func parse() settings {
	var s settings
	flags := flag.NewFlagSet("demo", flag.ExitOnError) // libraries add theirs to the default one
	flags.BoolVar(&s.exit, "exit", false, "End after the summary instead of staying up; the exit status tells whether all is Ready.")
	flags.Float64Var(&s.timeScale, "time-scale", 1.0/60, "Real time per simulated time: at 1/60 an AWS minute takes a second.")
	flags.Uint64Var(&s.seed, "seed", 1, "Seed of the sampled AWS durations.")
	flags.DurationVar(&s.deadline, "deadline", 10*time.Minute, "Give up when a part of the demonstration takes longer.")
	_ = flags.Parse(os.Args[1:]) // exits on an error
	return s
}

func run(ctx context.Context) error {
	s := parse()
	ctrl.SetLogger(logr.Discard()) // the simulators' controllers have nothing to tell a user
	started := time.Now()
	b, err := bed.Start(context.WithoutCancel(ctx), bed.Options{
		TimeScale: s.timeScale, Seed: s.seed,
		Progress: func(line string) { fmt.Println("  " + line) },
	})
	if err != nil {
		return err
	}
	defer b.Stop()
	if err := b.StartOperator(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	d := &demo{bed: b, screen: newScreen(os.Stdout), deadline: s.deadline, started: started}
	if err := d.rehearse(ctx); err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted before all was Ready")
		}
		return errors.Join(err, d.explain())
	}
	if err := d.summarize(ctx, os.Stdout); err != nil {
		return err
	}
	if s.exit {
		return nil
	}
	return d.stayUp(ctx)
}

// stayUp leaves everything running for the user to look around.
func (d *demo) stayUp(ctx context.Context) error {
	kubeconfig, err := d.bed.Kubeconfig()
	if err != nil {
		return err
	}
	fmt.Printf("\nStill running. In another terminal:\n\n  export KUBECONFIG=%s\n  kubectl get regions,gossiprings -n production001\n\nCtrl-C ends it.\n", kubeconfig)
	select {
	case <-ctx.Done():
		fmt.Println("\nStopping …")
		return nil
	case <-d.bed.OperatorDone():
		return errors.New("the operator ended by itself; its log is " + d.bed.OperatorLog())
	}
}
