package testenv

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Find reads an object of the regional cluster, and tells whether there is one.
func (r *Regional) Find(obj client.Object) bool {
	resource, key := resourceOf(obj), client.ObjectKeyFromObject(obj)
	r.mu.Lock()
	defer r.mu.Unlock()
	found, known := r.objects[resource][key]
	if !known {
		return false
	}
	content, err := json.Marshal(found)
	if err == nil {
		err = json.Unmarshal(content, obj)
	}
	return err == nil
}

// named returns which object a request is about.
func named(q *http.Request) (schema.GroupResource, client.ObjectKey) {
	return schema.GroupResource{Resource: q.PathValue("resource")},
		client.ObjectKey{Namespace: q.PathValue("namespace"), Name: q.PathValue("name")}
}

func (r *Regional) get(w http.ResponseWriter, q *http.Request) {
	resource, key := named(q)
	r.mu.Lock()
	defer r.mu.Unlock()
	obj, known := r.objects[resource.Resource][key]
	switch {
	case resource.Resource == "namespaces": // there is any
		answer(w, http.StatusOK, &corev1.Namespace{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: key.Name},
		})
	case known:
		answer(w, http.StatusOK, obj)
	default:
		refuse(w, apierrors.NewNotFound(resource, key.Name))
	}
}

func (r *Regional) delete(w http.ResponseWriter, q *http.Request) {
	resource, key := named(q)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.objects[resource.Resource][key]; !known {
		refuse(w, apierrors.NewNotFound(resource, key.Name))
		return
	}
	r.drop(resource.Resource, key)
	answer(w, http.StatusOK, &metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusSuccess})
}

// patch understands merge patches, and takes what is applied for one: nobody owns fields, and
// what is no longer applied stays. Applying makes what is not there.
func (r *Regional) patch(w http.ResponseWriter, q *http.Request) {
	resource, key := named(q)
	patch, err := io.ReadAll(q.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before, known := r.objects[resource.Resource][key]
	kind, served := resources[resource.Resource]
	if !known && (!served || q.Header.Get("Content-Type") != string(types.ApplyPatchType)) {
		refuse(w, apierrors.NewNotFound(resource, key.Name))
		return
	}
	var uid types.UID
	if known {
		uid = before.GetUID()
	}
	after, err := merged(before, kind, patch)
	switch {
	case err != nil:
		refuse(w, apierrors.NewBadRequest(err.Error()))
	case after.GetUID() != uid, known && after.GetResourceVersion() != before.GetResourceVersion():
		refuse(w, apierrors.NewConflict(resource, key.Name, nil))
	default:
		if !known {
			after.SetUID(types.UID("made-" + strconv.Itoa(r.version)))
		}
		r.store(resource.Resource, after)
		answer(w, http.StatusOK, after)
	}
}

func merged(before client.Object, kind metav1.TypeMeta, patch []byte) (client.Object, error) {
	made, err := scheme.Scheme.New(kind.GroupVersionKind())
	if err != nil {
		return nil, fmt.Errorf("making one: %w", err)
	}
	after, ok := made.(client.Object)
	if !ok {
		return nil, fmt.Errorf("%s is no object", kind.Kind)
	}
	content := []byte("{}")
	if before != nil {
		if content, err = json.Marshal(before); err != nil {
			return nil, fmt.Errorf("reading the object: %w", err)
		}
	}
	if content, err = strategicpatch.StrategicMergePatch(content, patch, after); err != nil {
		return nil, fmt.Errorf("patching the object: %w", err)
	}
	if err := json.Unmarshal(content, after); err != nil {
		return nil, fmt.Errorf("reading the patched object: %w", err)
	}
	return after, nil
}

func (r *Regional) configMaps(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	items := []client.Object{}
	for key, obj := range r.objects["configmaps"] {
		if key.Namespace == q.PathValue("namespace") {
			items = append(items, obj)
		}
	}
	answer(w, http.StatusOK, map[string]any{"apiVersion": "v1", "kind": "ConfigMapList", "items": items})
}

// discoverable lets clients find out which kinds can be applied.
func discoverable(mux *http.ServeMux) {
	mux.HandleFunc("GET /api", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, &metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}})
	})
	apps := metav1.GroupVersionForDiscovery{GroupVersion: appsVersion, Version: "v1"}
	mux.HandleFunc("GET /apis", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, &metav1.APIGroupList{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIGroupList"},
			Groups:   []metav1.APIGroup{{Name: "apps", Versions: []metav1.GroupVersionForDiscovery{apps}, PreferredVersion: apps}},
		})
	})
	for path, list := range map[string]metav1.APIResourceList{
		"/api/v1": {GroupVersion: "v1", APIResources: []metav1.APIResource{
			discovered("configmaps", "ConfigMap", true), discovered("namespaces", "Namespace", false),
		}},
		"/apis/apps/v1": {GroupVersion: appsVersion, APIResources: []metav1.APIResource{
			discovered("deployments", "Deployment", true), discovered("statefulsets", "StatefulSet", true), discovered("daemonsets", "DaemonSet", true),
		}},
	} {
		list.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"}
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, list) })
	}
}

func discovered(resource, kind string, namespaced bool) metav1.APIResource {
	return metav1.APIResource{Name: resource, Kind: kind, Namespaced: namespaced, Verbs: metav1.Verbs{"get", "list", "patch", "delete"}}
}
