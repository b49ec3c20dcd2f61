package bed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/simulator/ack"
	"github.com/portolan-dev/portolan/test/simulator/aws"
	"github.com/portolan-dev/portolan/test/simulator/charts"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
	"github.com/portolan-dev/portolan/test/simulator/controlplane"
	"github.com/portolan-dev/portolan/test/simulator/dns"
	"github.com/portolan-dev/portolan/test/simulator/git"
	"github.com/portolan-dev/portolan/test/simulator/network"
	"github.com/portolan-dev/portolan/test/simulator/process"
)

// Account is the number of the simulated AWS account, as in config/samples.
const Account = "111122223333"

// ArgoCDNamespace is where Argo CD lives.
const ArgoCDNamespace = "argocd"

// Options configure a bed.
type Options struct {
	// TimeScale is simulated time per real time, inverted: 1/60 lets an AWS minute take a second.
	TimeScale float64
	// Seed makes the sampled durations repeatable.
	Seed uint64
	// Medians are simulated durations that are to be others than usual: those of cloud.Options.
	Medians map[string]time.Duration
	// CachingResolver puts one resolver in front of each region's pods that remembers what it was
	// told, a missing name above all.
	CachingResolver bool
	// WithoutArgoCD leaves out the simulated Argo CD and its kinds, for a real one that somebody
	// else installs. ArgoCDKeys are what it reaches the regional clusters with.
	WithoutArgoCD bool
	// Progress receives one line for each part that starts; nil drops them.
	Progress func(string)
}

// Bed is a running rehearsal bed.
type Bed struct {
	// Client acts on the management cluster as an administrator.
	Client client.Client
	// Config reaches the management cluster as an administrator.
	Config *rest.Config
	// Cloud is the simulated AWS account, with its ledger.
	Cloud *cloud.Cloud
	// AWS serves the account's APIs.
	AWS *aws.Server
	// DNS is authoritative for every zone of the simulated world.
	DNS *dns.Server
	// ACK are the simulated controllers, with their faults.
	ACK *ack.Controllers
	// Git is the repository that the applications come from, and Revision its commit with
	// the configuration of every sample region.
	Git      *git.Repository
	Revision string

	options  Options
	dir      string
	module   string
	binaries controlplane.Binaries
	network  *network.Network
	links    *links
	listener string
	charts   *charts.Server
	etcd     *controlplane.Etcd
	planes   *planes

	permissions *permissions
	revoked     atomic.Bool
	argoCDKeys  []string

	management *management
	generation int        // of the management cluster
	mu         sync.Mutex // guards operator, the cuts, and Client for who is no caller
	operator   *process.Process
	undo       undoing
}

// undoing ends what was started, the last first.
type undoing []func()

func (u *undoing) add(f func()) { *u = append(*u, f) }

func (u *undoing) run() {
	for _, undo := range slices.Backward(*u) {
		undo()
	}
	*u = nil
}

// Start runs everything but the operator. Its parts live until Stop or the end of ctx.
func Start(ctx context.Context, o Options) (*Bed, error) {
	b := &Bed{options: o, network: network.New()}
	b.links = newLinks(b.regionOf)
	parts := append([]part{
		{"files and binaries", b.prepare},
		{"simulated AWS and DNS", b.startAWS},
		{"charts, git and accelerator", b.startOutside},
		{"keys for Argo CD", b.issueArgoCDKeys},
		{"IAM policies", b.enforcePermissions},
		{"etcd and what EKS starts clusters with", b.startEKS},
	}, b.managementParts()...)
	if err := b.start(ctx, parts); err != nil {
		b.Stop()
		return nil, err
	}
	return b, nil
}

// part is something that a bed consists of.
type part struct {
	name  string
	start func(context.Context) error
}

func (b *Bed) start(ctx context.Context, parts []part) error {
	for _, part := range parts {
		started := time.Now()
		if err := part.start(ctx); err != nil {
			return fmt.Errorf("starting %s: %w", part.name, err)
		}
		b.progressf("%s ready after %.1f s", part.name, time.Since(started).Seconds())
	}
	return nil
}

func (b *Bed) progressf(format string, args ...any) {
	if b.options.Progress != nil {
		b.options.Progress(fmt.Sprintf(format, args...))
	}
}

// Stop ends everything, the last first, and removes every file.
func (b *Bed) Stop() {
	b.StopOperator()
	if b.management != nil {
		b.management.undo.run()
	}
	b.undo.run()
}

func (b *Bed) onStop(f func()) { b.undo.add(f) }

// Dir is where the bed keeps its files and logs while it runs.
func (b *Bed) Dir() string { return b.dir }

func (b *Bed) prepare(context.Context) error {
	var err error
	if b.binaries, err = controlplane.FindBinaries(); err != nil {
		return fmt.Errorf("finding the control plane's binaries (make k8s builds them): %w", err)
	}
	if b.module, err = moduleRoot(); err != nil {
		return err
	}
	sweepFolders()
	folder, err := newFolder()
	if err != nil {
		return err
	}
	b.dir = folder.path
	b.onStop(folder.remove)
	return nil
}

// moduleRoot walks up to the folder that holds go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("finding the module: no go.mod above the working directory")
		}
		dir = parent
	}
}

func (b *Bed) startAWS(context.Context) error {
	var err error
	b.Cloud = cloud.New(cloud.Options{Account: Account, Seed: b.options.Seed, TimeScale: b.options.TimeScale, Medians: b.options.Medians})
	if b.DNS, err = dns.Start("aws.unkey.cloud", "amazonaws.com"); err != nil {
		return fmt.Errorf("serving DNS: %w", err)
	}
	b.onStop(b.DNS.Stop)
	if b.AWS, err = aws.Start(b.Cloud); err != nil {
		return fmt.Errorf("serving AWS: %w", err)
	}
	b.onStop(b.AWS.Stop)
	for _, name := range []string{"shared", "control", "krane", "sentinel", "vault", "vector", "frontline", "argocd"} {
		if _, err := b.AWS.AddSecret("us-east-1", "unkey/"+name); err != nil {
			return fmt.Errorf("adding secrets: %w", err)
		}
	}
	return nil
}

func newClient(config *rest.Config) (client.Client, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, v1alpha1.AddToScheme, apiextensionsv1.AddToScheme} {
		if err := add(s); err != nil {
			return nil, fmt.Errorf("building the scheme: %w", err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: s})
	if err != nil {
		return nil, fmt.Errorf("creating a client: %w", err)
	}
	return c, nil
}

// startEKS prepares what the regional clusters run with. They outlive management clusters.
func (b *Bed) startEKS(ctx context.Context) error {
	var err error
	if b.etcd, err = controlplane.StartEtcd(ctx, b.binaries, b.dir); err != nil {
		return fmt.Errorf("starting etcd: %w", err)
	}
	b.onStop(b.etcd.Stop)
	egress, err := b.serveEgress() //nolint:contextcheck // the proxy ends with its listener
	if err != nil {
		return err
	}
	webhook, err := b.serveTokenReviews()
	if err != nil {
		return err
	}
	b.planes = newPlanes(ctx, b, egress, webhook)
	b.onStop(b.planes.stop)
	return nil
}

// serveEgress answers the regional API servers when they dial pods.
func (b *Bed) serveEgress() (socket string, err error) {
	socket = filepath.Join(b.dir, "egress.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return "", fmt.Errorf("listening for egress: %w", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = b.network.ServeConnect(listener)
	}()
	b.onStop(func() {
		_ = listener.Close()
		<-done
	})
	return socket, nil
}

// serveTokenReviews answers the regional API servers when they are shown a token, as
// EKS's authenticator does. It returns the URL that the cluster's name is appended to.
func (b *Bed) serveTokenReviews() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listening for token reviews: %w", err)
	}
	server := &http.Server{
		Handler:           b.AWS.TokenReviewHandler(aws.AccessFromEntries(b.Cloud)),
		ReadHeaderTimeout: 10 * time.Second,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	b.onStop(func() {
		_ = server.Close()
		<-done
	})
	return "http://" + listener.Addr().String() + "/authenticate/", nil
}
