package bed

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"k8s.io/client-go/rest"

	"github.com/portolan-dev/portolan/test/simulator/aws"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
	"github.com/portolan-dev/portolan/test/simulator/controlplane"
	"github.com/portolan-dev/portolan/test/simulator/regional"
)

// planes are the regional clusters behind simulated EKS: a real API server each, and
// what runs inside.
type planes struct {
	bed             *Bed
	lifetime        context.Context //nolint:containedctx // the bed's lifetime, which bounds every plane's
	egress, webhook string

	mu        sync.Mutex
	running   map[string]*plane
	gossipKey []byte // of clusters that start
}

// plane is one regional cluster.
type plane struct {
	awsRegion string
	vpc       netip.Prefix

	server *controlplane.APIServer
	region *regional.Region
	log    *os.File
}

func newPlanes(ctx context.Context, b *Bed, egress, webhook string) *planes {
	return &planes{bed: b, lifetime: ctx, egress: egress, webhook: webhook, running: map[string]*plane{}}
}

// StartCluster implements ack.ClusterStarter. Clusters start side by side.
func (p *planes) StartCluster(_ context.Context, name, awsRegion string) (endpoint string, ca []byte, err error) {
	if existing := p.get(name); existing != nil {
		return existing.server.Endpoint(), existing.server.CA(), nil
	}
	vpc, err := p.vpcOf(name, awsRegion)
	if err != nil {
		return "", nil, err
	}
	server, err := controlplane.StartAPIServer(p.lifetime, //nolint:contextcheck // lives as long as the bed, not as the call
		p.bed.binaries, p.bed.etcd, controlplane.Config{
			Name: name, Dir: p.bed.dir, TokenWebhook: p.webhook + name, EgressSocket: p.egress,
		})
	if err != nil {
		return "", nil, fmt.Errorf("starting the API server of %s: %w", name, err)
	}
	log, err := os.Create(filepath.Join(p.bed.dir, name+".region.log"))
	if err != nil {
		server.Stop()
		return "", nil, fmt.Errorf("creating the log of %s: %w", name, err)
	}
	region, err := regional.Start(p.lifetime, regional.Options{ //nolint:contextcheck // lives as long as the bed, not as the call
		Name: name, AWSRegion: awsRegion, Config: server.Config(), VPCCIDR: vpc,
		Cloud: p.bed.Cloud, Network: p.bed.network, DNS: p.bed.DNS, Programs: p.bed.programs(),
		Resolver: p.bed.resolver(), Links: p.bed.links.pass,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		server.Stop()
		_ = log.Close()
		return "", nil, fmt.Errorf("starting what runs inside %s: %w", name, err)
	}
	if err := p.giveKey(server.Config()); err != nil {
		region.Stop()
		server.Stop()
		_ = log.Close()
		return "", nil, fmt.Errorf("giving %s its gossip key: %w", name, err)
	}
	p.mu.Lock()
	p.running[name] = &plane{awsRegion: awsRegion, vpc: vpc, server: server, region: region, log: log}
	p.mu.Unlock()
	return server.Endpoint(), server.CA(), nil
}

// StopCluster implements ack.ClusterStarter.
func (p *planes) StopCluster(name string) {
	p.mu.Lock()
	stopped := p.running[name]
	delete(p.running, name)
	p.mu.Unlock()
	if stopped == nil {
		return
	}
	stopped.stop()
	if err := p.bed.etcd.Forget(p.lifetime, name); err != nil {
		p.bed.progressf("forgetting what %s stored: %v", name, err)
	}
}

func (p *plane) stop() {
	p.region.Stop()
	p.server.Stop()
	_ = p.log.Close()
}

// stop ends all clusters side by side, without the lock: agents that leave ask for regions.
func (p *planes) stop() {
	p.mu.Lock()
	stopped := p.running
	p.running = map[string]*plane{}
	p.mu.Unlock()
	var done sync.WaitGroup
	for _, plane := range stopped {
		done.Go(plane.stop)
	}
	done.Wait()
}

func (p *planes) get(name string) *plane {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running[name]
}

// in returns administrators' configurations for the clusters in an AWS region, by name. The
// region may also be a cluster's name, or EveryRegion.
func (p *planes) in(region string) map[string]*rest.Config {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := map[string]*rest.Config{}
	for name, plane := range p.running {
		if region == plane.awsRegion || region == name || region == EveryRegion {
			found[name] = plane.server.Config()
		}
	}
	return found
}

// regionOf is the AWS region whose pods have an address, or empty.
func (p *planes) regionOf(address netip.Addr) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, plane := range p.running {
		if plane.vpc.Contains(address) {
			return plane.awsRegion
		}
	}
	return ""
}

// byServer returns what the simulated Argo CD uses in the cluster that a cluster Secret names by
// its endpoint or its ARN.
func (p *planes) byServer(server string) (*rest.Config, bool) {
	if named, err := arn.Parse(server); err == nil {
		return p.asCapability(named)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, plane := range p.running {
		if plane.server.Endpoint() == server {
			return plane.server.Config(), true
		}
	}
	return nil, false
}

// asCapability returns credentials with the rights that the cluster's access entry gives to
// CapabilityRole: no more than EKS's Argo CD has there.
func (p *planes) asCapability(named arn.ARN) (*rest.Config, bool) {
	name := strings.TrimPrefix(named.Resource, "cluster/")
	username, groups, allowed := aws.AccessFromEntries(p.bed.Cloud)(name, CapabilityRole)
	plane := p.get(name)
	if !allowed || plane == nil || plane.awsRegion != named.Region {
		return nil, false
	}
	config := plane.server.Config()
	config.Impersonate = rest.ImpersonationConfig{UserName: username, Groups: groups}
	return config, true
}

// vpcOf finds the addresses of the VPC that a cluster's subnets lie in.
func (p *planes) vpcOf(cluster, awsRegion string) (netip.Prefix, error) {
	pending := []cloud.Key{{Type: "eks/cluster", Region: awsRegion, ID: cluster}}
	for len(pending) > 0 {
		held, _ := p.bed.Cloud.Get(pending[0])
		if held.Type == "ec2/vpc" {
			prefix, err := netip.ParsePrefix(held.Data["cidr"])
			if err != nil {
				return netip.Prefix{}, fmt.Errorf("the VPC of %s: %w", cluster, err)
			}
			return prefix, nil
		}
		pending = append(pending[1:], held.Parents...)
	}
	return netip.Prefix{}, fmt.Errorf("cluster %s in %s lies in no VPC", cluster, awsRegion)
}

// Regional returns an administrator's configuration for a regional cluster.
func (b *Bed) Regional(cluster string) (*rest.Config, bool) {
	if plane := b.planes.get(cluster); plane != nil {
		return plane.server.Config(), true
	}
	return nil, false
}
