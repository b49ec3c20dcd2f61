package region_test

import (
	"context"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/bootstrap"
	"github.com/portolan-dev/portolan/controllers/internal/drift"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/revision"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/plan"
	"github.com/portolan-dev/portolan/controllers/region"
)

func TestRegion(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Region")
}

var env *testenv.Env

var _ = BeforeSuite(func() { env = testenv.Start() })

// prefix of the names of everything that belongs to the Region under test.
const prefix = "production001-eu-west-1"

// bed is one Region in eu-west-1 and everything around it.
type bed struct {
	*testenv.World
	api         *testenv.Regional
	reconciler  *region.Reconciler
	environment *v1alpha1.Environment
	region      *v1alpha1.Region
	files       *files
	drift       []drift.Finding
}

// Find plays the comparison with AWS.
func (b *bed) Find(context.Context, string, string, []client.Object) ([]drift.Finding, error) {
	return b.drift, nil
}

// files plays the git repository.
type files struct {
	missing   []string
	malformed []gitrepo.Malformed
	err       error
	// malformedErr is what only a look at the contents fails with.
	malformedErr error
}

func (f *files) Missing(context.Context, gitrepo.Repository, string, []string) ([]string, error) {
	return f.missing, f.err
}

func (f *files) Malformed(context.Context, gitrepo.Repository, string, []string) ([]gitrepo.Malformed, error) {
	return f.malformed, f.malformedErr
}

func newBed(ctx context.Context) *bed {
	GinkgoHelper()
	api := testenv.StartRegional()
	b := &bed{World: env.World(ctx), api: api, files: &files{}}
	b.ACK.Serve(api.Endpoint(), api.CA())
	b.reconciler = b.newReconciler()
	b.environment = build.Environment(b.Namespace)
	b.region = build.Region(b.Namespace, "eu-west-1")
	return b
}

func (b *bed) newReconciler() *region.Reconciler {
	return region.NewReconciler(region.Deps{
		Client: b.Recorder, Live: b.Recorder, Clock: b.Clock, Events: b.Events,
		Cloud: b.AWS, Survey: b.AWS, Finder: b.AWS, Traffic: b.AWS, Secrets: b.AWS,
		Inspector: b, DriftInterval: testenv.Resync, Revisions: &revision.Records{Client: b.Recorder, Clock: b.Clock},
		Clusters: b.Clusters, ArgoCD: b.ArgoCD, Files: b.files,
		Charts: bootstrap.NewSource(bootstrap.Options{}), Installs: &bootstrap.Installer{Poll: testenv.Poll},
		Poll: testenv.Poll, SlowPoll: testenv.SlowPoll, Resync: testenv.Resync,
	})
}

// apply creates the environment and the Region.
func (b *bed) apply(ctx context.Context) {
	GinkgoHelper()
	b.ExpectApplied(ctx, b.environment, b.region)
}

// profile edits the Region's profile before apply.
func (b *bed) profile() *v1alpha1.Profile { return &b.environment.Spec.Profiles[0] }

func (b *bed) reconcile(ctx context.Context) reconcile.Result {
	GinkgoHelper()
	return testenv.ExpectReconciled(ctx, b.Env, b.reconciler, b.region)
}

// settle lets ACK finish everything, except some kinds, until neither it nor a pass
// finds anything to do.
func (b *bed) settle(ctx context.Context, except ...client.Object) {
	GinkgoHelper()
	for range enoughPasses {
		b.Recorder.Reset()
		b.reconcile(ctx)
		if !b.ACK.SyncAll(ctx, b.Namespace, except...) && len(b.Recorder.Writes()) == 0 {
			return
		}
	}
	Fail("the Region does not settle")
}

// rest makes passes, while ACK does nothing, until there is nothing to do, now or a while later.
func (b *bed) rest(ctx context.Context) {
	GinkgoHelper()
	quiet := 0
	for range enoughPasses {
		b.Recorder.Reset()
		b.reconcile(ctx)
		if len(b.Recorder.Writes()) > 0 {
			quiet = 0
			continue
		}
		if quiet++; quiet == 2 {
			return
		}
		b.Clock.Step(testenv.Poll)
	}
	Fail("the Region does not come to rest")
}

// enoughPasses is more than any Region needs from one event to the next.
const enoughPasses = 30

// connected waits until the operator sees what is in the regional cluster.
func (b *bed) connected() {
	GinkgoHelper()
	cluster, ok := b.Clusters.Get(client.ObjectKeyFromObject(b.region))
	Expect(ok).To(BeTrue())
	Eventually(cluster.Connected).Should(Succeed())
}

// reachReady brings the Region all the way up, with one node and a pinned, healthy application.
func (b *bed) reachReady(ctx context.Context) {
	GinkgoHelper()
	b.api.Set(build.Node("node-1"))
	b.apply(ctx)
	b.ExpectApplied(ctx, build.Promotion(b.Namespace, "main"))
	b.settle(ctx)
	b.connected()
	b.settle(ctx)
	b.ExpectApplied(ctx, build.Application(b.ArgoCD.Namespace, b.region.Name, build.ApplicationName, build.Revision))
	b.reconcile(ctx)
	Expect(b.region).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
	b.settle(ctx)
}

// give lets the Region have its turn for what its Environment says now.
func (b *bed) give(ctx context.Context) {
	GinkgoHelper()
	b.ExpectRefreshed(ctx, b.environment)
	newest, err := plan.ProfileRevisionOf(b.environment, b.region.Spec.Profile)
	Expect(err).NotTo(HaveOccurred())
	b.environment.Status.Revisions = []v1alpha1.RegionRevision{{
		Region: b.region.Name, Revision: newest.Name(), State: v1alpha1.RevisionChanging,
	}}
	Expect(env.Client.Status().Update(ctx, b.environment)).To(Succeed())
}

// object reads one of the Region's objects.
func object[T client.Object](ctx context.Context, b *bed, obj T, suffix string) T {
	GinkgoHelper()
	obj.SetNamespace(b.Namespace)
	obj.SetName(prefix)
	if suffix != "" {
		obj.SetName(prefix + "-" + suffix)
	}
	b.ExpectRefreshed(ctx, obj)
	return obj
}

func (b *bed) cluster(ctx context.Context) *eks.Cluster {
	GinkgoHelper()
	return object(ctx, b, &eks.Cluster{}, "")
}
