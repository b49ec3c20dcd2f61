package testenv

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Regional is the Kubernetes API of one regional cluster, in memory: as much of it as
// Portolan uses. It lists and watches Services, Nodes and Pods, cordons nodes and evicts
// pods, lets ConfigMaps and workloads be applied in any namespace, answers for the metrics of
// pods and accepts any bearer token while it does not refuse all.
//
// The management cluster cannot stand in for it: regions have objects of the same
// name, and an API server does not proxy to pods on loopback.
type Regional struct {
	server *httptest.Server

	mu       sync.Mutex
	version  int
	refusal  int // HTTP status, or 0
	objects  map[string]map[client.ObjectKey]client.Object
	watchers map[chan watch.Event]string
	metrics  map[client.ObjectKey]string // by pod
	budgets  map[client.ObjectKey]string // by pod
}

const appsVersion = "apps/v1"

// resources are the kinds that the API knows.
var resources = map[string]metav1.TypeMeta{
	"services": {APIVersion: "v1", Kind: "Service"},
	"nodes":    {APIVersion: "v1", Kind: "Node"},
	"pods":     {APIVersion: "v1", Kind: "Pod"},

	"configmaps":   {APIVersion: "v1", Kind: "ConfigMap"},
	"deployments":  {APIVersion: appsVersion, Kind: "Deployment"},
	"statefulsets": {APIVersion: appsVersion, Kind: "StatefulSet"},
	"daemonsets":   {APIVersion: appsVersion, Kind: "DaemonSet"},
}

// StartRegional starts the API of a regional cluster, which ends with the spec. It has
// to be called before World, whose clients are then stopped first.
func StartRegional() *Regional {
	r := &Regional{
		objects:  map[string]map[client.ObjectKey]client.Object{},
		watchers: map[chan watch.Event]string{},
		metrics:  map[client.ObjectKey]string{},
		budgets:  map[client.ObjectKey]string{},
	}
	for resource := range resources {
		r.objects[resource] = map[client.ObjectKey]client.Object{}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{"major": "1", "minor": "34", "gitVersion": "v1.34.0"})
	})
	mux.HandleFunc("GET /api/v1/{resource}", r.listOrWatch)
	mux.HandleFunc("GET /api/v1/namespaces/{namespace}/pods/{pod}/proxy/metrics", r.scrape)
	mux.HandleFunc("POST /api/v1/namespaces/{namespace}/pods/{pod}/eviction", r.evict)
	mux.HandleFunc("GET /api/v1/namespaces/{namespace}/configmaps", r.configMaps)
	for _, one := range []string{
		"/api/v1/{resource}/{name}",
		"/api/v1/namespaces/{namespace}/{resource}/{name}",
		"/apis/apps/v1/namespaces/{namespace}/{resource}/{name}",
	} {
		mux.HandleFunc("GET "+one, r.get)
		mux.HandleFunc("PATCH "+one, r.patch)
		mux.HandleFunc("DELETE "+one, r.delete)
	}
	discoverable(mux)
	r.server = httptest.NewTLSServer(r.guarded(mux))
	DeferCleanup(func() {
		r.server.CloseClientConnections()
		r.server.Close()
	})
	return r
}

// Endpoint of the API.
func (r *Regional) Endpoint() string { return r.server.URL }

// CA is the PEM certificate that signs the API's.
func (r *Regional) CA() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.server.Certificate().Raw}))
}

// Refuse answers every new request with the HTTP status; 0 ends that.
func (r *Regional) Refuse(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusal = status
}

// Set creates or replaces Services, Nodes, Pods, ConfigMaps and workloads.
func (r *Regional) Set(objs ...client.Object) {
	GinkgoHelper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, obj := range objs {
		stored, ok := obj.DeepCopyObject().(client.Object)
		Expect(ok).To(BeTrue())
		r.store(resourceOf(obj), stored)
	}
}

// store takes an object over, which nobody changes from then on.
func (r *Regional) store(resource string, obj client.Object) {
	key := client.ObjectKeyFromObject(obj)
	event := watch.Added
	if _, known := r.objects[resource][key]; known {
		event = watch.Modified
	}
	r.version++
	obj.SetResourceVersion(strconv.Itoa(r.version))
	kind := resources[resource]
	obj.GetObjectKind().SetGroupVersionKind(kind.GroupVersionKind())
	r.objects[resource][key] = obj
	r.announce(resource, event, obj)
}

// Remove deletes objects.
func (r *Regional) Remove(objs ...client.Object) {
	GinkgoHelper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, obj := range objs {
		resource, key := resourceOf(obj), client.ObjectKeyFromObject(obj)
		Expect(r.objects[resource]).To(HaveKey(key), "the regional cluster has no %s", key)
		r.drop(resource, key)
	}
}

func (r *Regional) drop(resource string, key client.ObjectKey) {
	gone, _ := r.objects[resource][key].DeepCopyObject().(client.Object) // a copy is of the same type
	delete(r.objects[resource], key)
	r.version++
	gone.SetResourceVersion(strconv.Itoa(r.version))
	r.announce(resource, watch.Deleted, gone)
}

// SetMembers sets how many members of its ring a pod says that it sees.
func (r *Regional) SetMembers(pod client.Object, members int) {
	r.SetMetrics(pod, fmt.Sprintf("# TYPE unkey_gossip_members_count gauge\nunkey_gossip_members_count{pool=\"wan\"} %d\n", members))
}

// SetMetrics sets what a pod answers when it is scraped.
func (r *Regional) SetMetrics(pod client.Object, exposition string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.metrics[client.ObjectKeyFromObject(pod)] = exposition
}

func resourceOf(obj client.Object) string {
	GinkgoHelper()
	gvk, err := apiutil.GVKForObject(obj, scheme.Scheme)
	Expect(err).NotTo(HaveOccurred())
	for resource, kind := range resources {
		if kind.GroupVersionKind() == gvk {
			return resource
		}
	}
	Fail(fmt.Sprintf("a regional cluster has no %s", gvk.Kind))
	return ""
}

func (r *Regional) announce(resource string, event watch.EventType, obj client.Object) {
	for events, watched := range r.watchers {
		if watched == resource {
			events <- watch.Event{Type: event, Object: obj}
		}
	}
}

func (r *Regional) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		refusal := r.refusal
		r.mu.Unlock()
		if refusal == 0 && !strings.HasPrefix(q.Header.Get("Authorization"), "Bearer ") {
			refusal = http.StatusUnauthorized
		}
		if refusal != 0 {
			w.WriteHeader(refusal)
			return
		}
		next.ServeHTTP(w, q)
	})
}

func (r *Regional) scrape(w http.ResponseWriter, q *http.Request) {
	scheme, rest, _ := strings.Cut(q.PathValue("pod"), ":") // http:<pod>:<port>
	pod, _, _ := strings.Cut(rest, ":")
	r.mu.Lock()
	exposition, known := r.metrics[client.ObjectKey{Namespace: q.PathValue("namespace"), Name: pod}]
	r.mu.Unlock()
	if !known || scheme != "http" {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprint(w, exposition)
}

func (r *Regional) listOrWatch(w http.ResponseWriter, q *http.Request) {
	resource := q.PathValue("resource")
	kind, known := resources[resource]
	switch {
	case !known:
		w.WriteHeader(http.StatusNotFound)
	case q.URL.Query().Get("watch") == "":
		r.list(w, resource, kind)
	default:
		r.watch(w, q, resource, kind)
	}
}

func (r *Regional) list(w http.ResponseWriter, resource string, kind metav1.TypeMeta) {
	r.mu.Lock()
	defer r.mu.Unlock()
	items := []client.Object{}
	for _, obj := range r.objects[resource] {
		items = append(items, obj)
	}
	reply(w, map[string]any{
		"apiVersion": kind.APIVersion,
		"kind":       kind.Kind + "List",
		"metadata":   map[string]string{"resourceVersion": strconv.Itoa(r.version)},
		"items":      items,
	})
}

// watch streams what happens from now on, after what exists if the client asks for it.
func (r *Regional) watch(w http.ResponseWriter, q *http.Request, resource string, kind metav1.TypeMeta) {
	events := make(chan watch.Event, eventsPerSpec)
	r.mu.Lock()
	if q.URL.Query().Get("sendInitialEvents") == "true" {
		for _, obj := range r.objects[resource] {
			events <- watch.Event{Type: watch.Added, Object: obj}
		}
		events <- watch.Event{Type: watch.Bookmark, Object: &metav1.PartialObjectMetadata{TypeMeta: kind, ObjectMeta: metav1.ObjectMeta{
			ResourceVersion: strconv.Itoa(r.version),
			Annotations:     map[string]string{metav1.InitialEventsAnnotationKey: "true"},
		}}}
	}
	r.watchers[events] = resource
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watchers, events)
	}()

	stream := http.NewResponseController(w)
	for {
		_ = stream.Flush()
		select {
		case <-q.Context().Done():
			return
		case e := <-events:
			reply(w, map[string]any{"type": e.Type, "object": e.Object})
		}
	}
}

// reply writes one JSON document, and gives up on clients that are gone.
func reply(w http.ResponseWriter, document map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(document); err != nil {
		panic(http.ErrAbortHandler)
	}
}
