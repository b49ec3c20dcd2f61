package testenv

import (
	"encoding/json"
	"net/http"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Protect lets a disruption budget refuse the eviction of the pods. An empty name ends that.
func (r *Regional) Protect(budget string, pods ...client.Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, pod := range pods {
		r.budgets[client.ObjectKeyFromObject(pod)] = budget
	}
}

// Unschedulable tells whether a node is cordoned.
func (r *Regional) Unschedulable(node client.Object) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, ok := r.objects["nodes"][client.ObjectKeyFromObject(node)].(*corev1.Node)
	return ok && n.Spec.Unschedulable
}

// evict takes a pod away at once, as if it needed no time to end.
func (r *Regional) evict(w http.ResponseWriter, q *http.Request) {
	resource := schema.GroupResource{Resource: "pods"}
	key := client.ObjectKey{Namespace: q.PathValue("namespace"), Name: q.PathValue("pod")}
	eviction := &policyv1.Eviction{}
	if err := json.NewDecoder(q.Body).Decode(eviction); err != nil {
		refuse(w, apierrors.NewBadRequest(err.Error()))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	pod, known := r.objects["pods"][key]
	switch {
	case !known:
		refuse(w, apierrors.NewNotFound(resource, key.Name))
	case !sameUID(eviction, pod):
		refuse(w, apierrors.NewConflict(resource, key.Name, nil))
	case r.budgets[key] != "":
		refuse(w, forbidden(r.budgets[key]))
	default:
		r.drop("pods", key)
		answer(w, http.StatusCreated, eviction)
	}
}

func sameUID(eviction *policyv1.Eviction, pod client.Object) bool {
	o := eviction.DeleteOptions
	return o == nil || o.Preconditions == nil || o.Preconditions.UID == nil || *o.Preconditions.UID == pod.GetUID()
}

// forbidden is the API server's answer (kubernetes 1.37, pkg/registry/core/pod/storage/eviction.go).
func forbidden(budget string) *apierrors.StatusError {
	err := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 0)
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
		Type:    policyv1.DisruptionBudgetCause,
		Message: "The disruption budget " + budget + " needs 1 healthy pods and has 1 currently",
	})
	return err
}

func refuse(w http.ResponseWriter, err *apierrors.StatusError) {
	status := err.Status()
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	if status.Details != nil && status.Details.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(status.Details.RetryAfterSeconds)))
	}
	answer(w, int(status.Code), status)
}

// answer writes one JSON document, and gives up on clients that are gone.
func answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(document); err != nil {
		panic(http.ErrAbortHandler)
	}
}
