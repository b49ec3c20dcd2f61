package regional

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
	"github.com/portolan-dev/portolan/test/simulator/controlplane"
	"github.com/portolan-dev/portolan/test/simulator/dns"
	"github.com/portolan-dev/portolan/test/simulator/gossip"
	"github.com/portolan-dev/portolan/test/simulator/network"
)

const patience = 30 * time.Second

// bed is two regional clusters in one cloud, network and domain.
type bed struct {
	network    *network.Network
	cloud      *cloud.Cloud
	dns        *dns.Server
	east, west *site
	dying      *Region  // the west's
	cut        sync.Map // of cutLink
}

// cutLink is what an address cannot send.
type cutLink struct {
	from      netip.Addr
	transport network.Transport
}

func (b *bed) links(from, _ netip.Addr, transport network.Transport) bool {
	_, cut := b.cut.Load(cutLink{from, transport})
	return !cut
}

// site is one region: its API server and a client of it.
type site struct {
	options Options
	server  *controlplane.APIServer
	client  client.WithWatch
	pods    kubernetes.Interface
	vpc     cloud.Key
}

func newBed(t *testing.T) *bed {
	t.Helper()
	g := NewWithT(t)
	b := &bed{network: network.New(), cloud: cloud.New(cloud.Options{Seed: 7, TimeScale: 1.0 / 6000})}
	var err error
	b.dns, err = dns.Start("amazonaws.com", "aws.unkey.cloud")
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(b.dns.Stop)

	binaries, err := controlplane.FindBinaries()
	g.Expect(err).NotTo(HaveOccurred())
	// Unix sockets allow 104 characters: too few for a folder named after the test.
	dir, err := os.MkdirTemp("", "regional")
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	etcd, err := controlplane.StartEtcd(t.Context(), binaries, dir)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(etcd.Stop)

	b.east = b.newSite("us-east-1", "10.1.0.0/16")
	b.west = b.newSite("us-west-2", "10.2.0.0/16")
	b.east.options.Programs, b.west.options.Programs = stubs(t, dir), stubs(t, dir)
	config := controlplane.Config{Dir: dir, EgressSocket: b.serveEgress(t, filepath.Join(dir, "egress"))}
	var starting sync.WaitGroup
	errs := make([]error, 2)
	for i, s := range []*site{b.east, b.west} {
		starting.Go(func() {
			config := config
			config.Name = s.options.Name
			s.server, errs[i] = controlplane.StartAPIServer(t.Context(), binaries, etcd, config)
		})
	}
	starting.Wait()
	for i, s := range []*site{b.east, b.west} {
		g.Expect(errs[i]).NotTo(HaveOccurred())
		t.Cleanup(s.server.Stop)
		s.connect(g)
	}
	return b
}

func (b *bed) newSite(region, cidr string) *site {
	return &site{
		vpc: cloud.Key{Type: "ec2/vpc", Region: region, ID: "vpc-" + region},
		options: Options{
			Name:      "production-" + region,
			AWSRegion: region,
			Cloud:     b.cloud,
			Network:   b.network,
			DNS:       b.dns,
			VPCCIDR:   netip.MustParsePrefix(cidr),
			Links:     b.links,
		},
	}
}

func (b *bed) serveEgress(t *testing.T, path string) string {
	g := NewWithT(t)
	listener, err := net.Listen("unix", path)
	g.Expect(err).NotTo(HaveOccurred())
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = b.network.ServeConnect(listener)
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-served
	})
	return path
}

func (s *site) connect(g *WithT) {
	var err error
	s.options.Config = s.server.Config()
	s.client, err = client.NewWithWatch(s.options.Config, client.Options{})
	g.Expect(err).NotTo(HaveOccurred())
	s.pods, err = kubernetes.NewForConfig(s.options.Config)
	g.Expect(err).NotTo(HaveOccurred())
}

// start runs the region's controllers until the test ends.
func (s *site) start(t *testing.T) *Region {
	t.Helper()
	options := s.options
	options.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	region, err := Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(region.Stop)
	return region
}

// createCluster puts the network and the cluster into the cloud, without nodes.
func (s *site) createCluster(g *WithT) {
	subnet := cloud.Key{Type: "ec2/subnet", Region: s.vpc.Region, ID: "subnet-" + s.vpc.Region}
	cluster := cloud.Key{Type: "eks/cluster", Region: s.vpc.Region, ID: s.options.Name}
	for _, r := range []cloud.Resource{
		{Key: s.vpc, State: "available"},
		{Key: subnet, State: "available", Parents: []cloud.Key{s.vpc}},
		{Key: cluster, State: "ACTIVE", Parents: []cloud.Key{subnet}},
	} {
		g.Expect(s.options.Cloud.Create(r)).To(Succeed())
	}
}

func (s *site) createNodegroup(g *WithT, desired int) {
	const name = "api"
	key := cloud.Key{Type: nodegroupType, Region: s.vpc.Region, ID: s.options.Name + "/" + name}
	g.Expect(s.options.Cloud.Create(cloud.Resource{
		Key: key, State: "ACTIVE",
		Parents: []cloud.Key{{Type: "eks/cluster", Region: s.vpc.Region, ID: s.options.Name}},
		Data: map[string]string{
			"desired": fmt.Sprint(desired),
			"labels":  `{"node-class":"` + name + `"}`,
			"taints":  `[{"key":"node-class","value":"` + name + `","effect":"NO_SCHEDULE"}]`,
		},
	})).To(Succeed())
}

// workload is a gossip Deployment with its load balancer, as the charts make them.
type workload struct {
	deployment *appsv1.Deployment
	service    *corev1.Service
}

func workloadOf(region, seeds string) workload {
	labels := map[string]string{componentLabel: "unkey-api"}
	meta := metav1.ObjectMeta{Namespace: "api", Name: "unkey-api"}
	return workload{
		deployment: &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(2)),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{WorkloadAnnotation: GossipWorkload}},
				Spec: corev1.PodSpec{
					Tolerations: []corev1.Toleration{{Key: "node-class", Operator: corev1.TolerationOpExists}},
					Containers: []corev1.Container{{
						Name: "unkey-api", Image: "unkey-api", Env: []corev1.EnvVar{{Name: seedsVariable, Value: seeds}},
					}},
				},
			},
		}},
		service: &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "api", Name: "unkey-api-gossip-wan",
				Annotations: map[string]string{hostnameAnnotation: friendlyName(region)},
			},
			Spec: corev1.ServiceSpec{
				Type: corev1.ServiceTypeLoadBalancer, Selector: labels,
				Ports: []corev1.ServicePort{
					{Name: "tcp", Port: gossip.WANPort, TargetPort: intstr.FromInt32(gossip.WANPort)},
					{Name: "udp", Port: gossip.WANPort, TargetPort: intstr.FromInt32(gossip.WANPort), Protocol: corev1.ProtocolUDP},
				},
			},
		},
	}
}

func friendlyName(region string) string { return "unkey-api-gossip." + region + ".aws.unkey.cloud" }
