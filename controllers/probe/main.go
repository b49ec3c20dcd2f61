package probe

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/utils/clock"
)

const (
	// MetricsPort is where a probe in a cluster serves its metrics.
	MetricsPort = 9391
	// MetricsPath is the path of its metrics.
	MetricsPath = "/metrics"
	// MetricsPrefix begins the names of those that a probe makes itself.
	MetricsPrefix = "portolan_probe_"

	headerTimeout = 5 * time.Second
)

// options are what the flags say.
type options struct {
	targetsFile string
	keyFile     string
	listen      string
	interval    time.Duration
	timeout     time.Duration
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("probe", flag.ContinueOnError)
	flags.StringVar(&o.targetsFile, "targets", "", "File of the endpoints to try, read again each time: "+
		`{"targets":[{"region":"...","address":"host:port"}]}.`)
	flags.StringVar(&o.keyFile, "key-file", "", "File of the ring's key, read again each time: 16, 24 or 32 bytes, as they are or in base64.")
	flags.StringVar(&o.listen, "listen", fmt.Sprintf(":%d", MetricsPort), "Address of the metrics endpoint.")
	flags.DurationVar(&o.interval, "interval", defaultInterval, "How often the endpoints are tried, or half a second for each of them when that is more.")
	flags.DurationVar(&o.timeout, "timeout", 2*time.Second, "How long to wait for a name, a connection, an answer, and each of three pings.")
	if err := flags.Parse(args); err != nil {
		return options{}, fmt.Errorf("parsing the probe's flags: %w", err)
	}
	switch {
	case flags.NArg() > 0:
		return options{}, fmt.Errorf("the probe takes flags only, not %q", flags.Args())
	case o.targetsFile == "" || o.keyFile == "":
		return options{}, errors.New("the probe needs --targets and --key-file")
	case o.interval <= 0 || o.timeout <= 0:
		return options{}, errors.New("--interval and --timeout of the probe must be positive")
	}
	return o, nil
}

// Main tries the endpoints of a ring until ctx ends, and serves what it finds out. Files that
// cannot be used yet do not end it.
func Main(ctx context.Context, args []string) error {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listening for requests of the probe's metrics: %w", err)
	}
	log.Info("Serving metrics", "address", listener.Addr().String())
	return newProber(o, log).serve(ctx, listener)
}

func newProber(o options, log *slog.Logger) *prober {
	return &prober{
		options:  o,
		clock:    clock.RealClock{},
		resolver: net.DefaultResolver,
		log:      log,
		said:     map[string]string{},
	}
}

// serve runs the prober and its endpoint until ctx ends or the endpoint fails.
func (p *prober) serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	registry := prometheus.NewRegistry()
	registry.MustRegister(&p.record)
	mux := http.NewServeMux()
	mux.Handle(MetricsPath, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout}

	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { p.run(ctx) })
	running.Go(func() {
		<-ctx.Done()
		_ = server.Close()
	})
	err := server.Serve(listener)
	cancel()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving the probe's metrics: %w", err)
}
