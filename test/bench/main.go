// Command bench measures Portolan on the rehearsal bed: how much longer a bring-up takes
// than what it has to wait for, and what Portolan asks of AWS and of the API server.
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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are what the flags say.
type settings struct {
	runs, regions, intervals int
	timeScale                float64
	seed                     uint64
	deadline                 time.Duration
	json                     string
}

func parse() (settings, error) {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ExitOnError) // libraries add theirs to the default one
	flags.IntVar(&s.runs, "runs", 5, "How often one region is brought up, each on a bed of its own; 0 leaves P1 out.")
	flags.IntVar(&s.regions, "regions", 3, "How many regions are brought up at once, at most 10; 0 leaves P2 to P5 out.")
	flags.IntVar(&s.intervals, "intervals", 3, "For how many resync intervals the settled fleet is measured; 0 leaves P5 out.")
	flags.Float64Var(&s.timeScale, "time-scale", 1.0/60, "Real time per simulated time: at 1/60 an AWS minute takes a second.")
	flags.Uint64Var(&s.seed, "seed", 1, "Seed of the sampled durations; each further run has the next one.")
	flags.DurationVar(&s.deadline, "deadline", 5*time.Minute, "Give up when something takes longer to come up.")
	flags.StringVar(&s.json, "json", "", "Write the figures to this file.")
	_ = flags.Parse(os.Args[1:]) // exits on an error
	if s.runs < 0 || s.regions < 0 || s.intervals < 0 || s.regions > len(awsRegions) {
		return s, fmt.Errorf("--runs and --intervals must not be negative, --regions lies between 0 and %d", len(awsRegions))
	}
	return s, nil
}

func run(ctx context.Context) error {
	s, err := parse()
	if err != nil {
		return err
	}
	ctrl.SetLogger(logr.Discard()) // the simulators' controllers have nothing to tell a user
	f := figures{TimeScale: s.timeScale, Seed: s.seed}
	err = f.measure(ctx, s)
	f.single(os.Stdout)
	f.together(os.Stdout)
	f.settled(os.Stdout)
	if s.json != "" {
		err = errors.Join(err, f.save(s.json))
	}
	return err
}

// measure keeps what was measured before a failure.
func (f *figures) measure(ctx context.Context, s settings) error {
	started := time.Now()
	progress := func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%6.1f s  %s\n", time.Since(started).Seconds(), fmt.Sprintf(format, args...))
	}
	for i := range s.runs {
		progress("run %d of %d: one region", i+1, s.runs)
		r, err := single(ctx, s, i)
		if err != nil {
			return fmt.Errorf("measuring one region: %w", err)
		}
		f.Single = append(f.Single, r)
	}
	if s.regions == 0 {
		return nil
	}
	progress("%d regions at once", s.regions)
	var err error
	if f.Together, f.Settled, err = together(ctx, s, progress); err != nil {
		return fmt.Errorf("measuring %d regions at once: %w", s.regions, err)
	}
	progress("done")
	return nil
}
