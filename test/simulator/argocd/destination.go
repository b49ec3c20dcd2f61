package argocd

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// watchedResources are those whose status decides an Application's health.
var watchedResources = []schema.GroupVersionResource{
	{Group: "apps", Version: "v1", Resource: "deployments"},
	{Group: "", Version: "v1", Resource: "services"},
}

// destinations keeps one client and one set of watches per destination server.
type destinations struct {
	find func(server string) (*rest.Config, bool)
	// changed is called with the name of the Application whose resource moved.
	changed func(application string)

	mu       sync.Mutex
	byServer map[string]*destination
}

type destination struct {
	client.Client
	config    *rest.Config
	http      *http.Client
	cancel    context.CancelFunc
	informers metadatainformer.SharedInformerFactory
}

// get returns the destination for a server. It is rebuilt when the server's
// address, authority or credentials changed: a region may come back under its old name.
func (d *destinations) get(ctx context.Context, server string) (*destination, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	config, ok := d.find(server)
	known := d.byServer[server]
	if known != nil && (!ok || !sameServer(known.config, config)) {
		known.stop()
		delete(d.byServer, server)
		known = nil
	}
	if !ok {
		return nil, fmt.Errorf("failed to get cluster info for %q: dial tcp: connect: connection refused", server)
	}
	if known != nil {
		return known, nil
	}
	created, err := d.connect(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", server, err)
	}
	d.byServer[server] = created
	return created, nil
}

// retain drops the destinations that no cluster Secret names any more.
func (d *destinations) retain(secrets []corev1.Secret) {
	named := map[string]bool{}
	for i := range secrets {
		named[clusterOf(&secrets[i]).server] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for server, known := range d.byServer {
		if !named[server] {
			known.stop()
			delete(d.byServer, server)
		}
	}
}

func (d *destinations) connect(ctx context.Context, config *rest.Config) (*destination, error) {
	unlimited := rest.CopyConfig(config)
	unlimited.QPS, unlimited.Burst = -1, -1
	httpClient, err := rest.HTTPClientFor(unlimited)
	if err != nil {
		return nil, fmt.Errorf("building transport: %w", err)
	}
	c, err := client.New(unlimited, client.Options{HTTPClient: httpClient})
	if err != nil {
		return nil, fmt.Errorf("building client: %w", err)
	}
	watcher, err := metadata.NewForConfigAndClient(metadata.ConfigFor(unlimited), httpClient)
	if err != nil {
		return nil, fmt.Errorf("building metadata client: %w", err)
	}
	created := &destination{Client: c, config: config, http: httpClient, informers: metadatainformer.NewSharedInformerFactory(watcher, 0)}
	if err := d.watch(created.informers); err != nil {
		return nil, err
	}
	ctx, created.cancel = context.WithCancel(context.WithoutCancel(ctx))
	created.informers.Start(ctx.Done())
	return created, nil
}

// watch wakes an Application whenever a resource with its tracking annotation moves.
func (d *destinations) watch(informers metadatainformer.SharedInformerFactory) error {
	for _, watched := range watchedResources {
		informer := informers.ForResource(watched).Informer()
		// A region that is not up yet, or is going, is normal here and not worth a log line.
		quiet := func(context.Context, *toolscache.Reflector, error) {}
		if err := informer.SetWatchErrorHandlerWithContext(quiet); err != nil {
			return fmt.Errorf("quieting the watch of %s: %w", watched.Resource, err)
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    d.wakeOwner,
			UpdateFunc: func(_, object any) { d.wakeOwner(object) },
			DeleteFunc: d.wakeOwner,
		}); err != nil {
			return fmt.Errorf("watching %s: %w", watched.Resource, err)
		}
	}
	return nil
}

func (d *destinations) wakeOwner(object any) {
	if gone, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = gone.Obj
	}
	metadata, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return
	}
	if owner, _, tracked := strings.Cut(metadata.Annotations[trackingAnnotation], ":"); tracked {
		d.changed(owner)
	}
}

func (d *destinations) stop() {
	d.retain(nil)
}

func (d *destination) stop() {
	d.cancel()
	d.informers.Shutdown()
	utilnet.CloseIdleConnectionsFor(d.http.Transport)
}

func sameServer(a, b *rest.Config) bool {
	return a.Host == b.Host && a.BearerToken == b.BearerToken && string(a.CAData) == string(b.CAData)
}
