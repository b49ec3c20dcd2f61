// Command manager is the Portolan operator and, as "manager probe", what it runs in regional clusters.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"
	_ "time/tzdata" // windows of Promotions name time zones, and images may have none

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/portolan-dev/portolan/controllers"
	"github.com/portolan-dev/portolan/controllers/probe"
)

func main() {
	start, ctx := run, ctrl.SetupSignalHandler()
	if len(os.Args) > 1 && os.Args[1] == "probe" {
		start = func(ctx context.Context) error { return probe.Main(ctx, os.Args[2:]) }
	}
	if err := start(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

// settings are what the flags say.
type settings struct {
	controllers    controllers.Options
	metricsAddress string
	metricsSecure  bool
	probeAddress   string
	leaderElection bool
	log            zap.Options
}

func parse() settings {
	var s settings
	flag.StringVar(&s.controllers.ArgoCDNamespace, "argocd-namespace", "argocd", "Namespace of Argo CD and its cluster Secrets.")
	flag.DurationVar(&s.controllers.Poll, "poll-interval", 15*time.Second, "How often something that cannot be watched is looked at while it is expected to change.")
	flag.DurationVar(&s.controllers.SlowPoll, "slow-poll-interval", 2*time.Minute, "How often something is retried that somebody else has to put right.")
	flag.DurationVar(&s.controllers.Resync, "resync-interval", 10*time.Minute, "How often a settled object is looked at.")
	flag.DurationVar(&s.controllers.Drift, "drift-interval", time.Hour, "How often what ACK made is compared with AWS.")
	flag.Float64Var(&s.controllers.Patience, "patience", 1, "Multiplies how long things normally take before a deletion counts as stuck; for rehearsals, in which AWS is faster.")
	flag.StringVar(&s.controllers.ProbeImage, "probe-image", "", "Image that the probes of gossip rings run: the operator's own.")
	flag.StringVar(&s.metricsAddress, "metrics-bind-address", "0", "Address of the metrics endpoint, or 0 for none.")
	flag.BoolVar(&s.metricsSecure, "metrics-secure", true, "Serve metrics over TLS to authenticated and authorised clients only.")
	flag.StringVar(&s.probeAddress, "health-probe-bind-address", ":8081", "Address of the health endpoints, or 0 for none.")
	flag.BoolVar(&s.leaderElection, "leader-elect", false, "Let only one of several replicas be active.")
	s.log.BindFlags(flag.CommandLine)
	flag.Parse()
	return s
}

func run(ctx context.Context) error {
	s := parse()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&s.log)))

	scheme, err := controllers.NewScheme()
	if err != nil {
		return err
	}
	metrics := metricsserver.Options{BindAddress: s.metricsAddress, SecureServing: s.metricsSecure}
	if s.metricsSecure {
		metrics.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the management cluster: %w", err)
	}
	config.QPS, config.Burst = -1, -1 // the API server's own fairness limits us
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         s.controllers.CacheOptions(),
		Client:                        s.controllers.ClientOptions(),
		Metrics:                       metrics,
		HealthProbeBindAddress:        s.probeAddress,
		LeaderElection:                s.leaderElection,
		LeaderElectionID:              "portolan.dev",
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return fmt.Errorf("creating the manager: %w", err)
	}
	if err := mgr.AddHealthzCheck("healthz", healthz.Ping); err != nil {
		return fmt.Errorf("adding the health check: %w", err)
	}
	if err := mgr.AddReadyzCheck("readyz", healthz.Ping); err != nil {
		return fmt.Errorf("adding the readiness check: %w", err)
	}
	if err := controllers.Setup(ctx, mgr, s.controllers); err != nil {
		return err
	}
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("running the manager: %w", err)
	}
	return nil
}
