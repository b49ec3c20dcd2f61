package faults

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/bed"
)

// sentry sees the operator's writes to a regional cluster. Where that answers is what EKS
// says, so no proxy fits in between; but its API server asks before it writes.
type sentry struct {
	reaper  *reaper
	objects dynamic.Interface
}

// guard posts a sentry in a regional cluster as soon as there is one.
func (r *reaper) guard(cluster string) error {
	var config *rest.Config
	err := wait.PollUntilContextCancel(r.lifetime, 10*time.Millisecond, true, func(context.Context) (found bool, err error) {
		config, found = r.bed.Regional(cluster)
		return found, nil
	})
	if err != nil {
		return nil //nolint:nilerr // the suite ended before
	}
	s := &sentry{reaper: r}
	if s.objects, err = dynamic.NewForConfig(config); err != nil {
		return fmt.Errorf("reaching %s: %w", cluster, err)
	}
	server := httptest.NewTLSServer(s)
	r.mu.Lock()
	r.proxies = append(r.proxies, server)
	r.mu.Unlock()
	administrator, err := client.New(config, client.Options{})
	if err != nil {
		return fmt.Errorf("reaching %s: %w", cluster, err)
	}
	if err := administrator.Create(r.lifetime, webhook(server)); err != nil {
		return fmt.Errorf("posting a sentry in %s: %w", cluster, err)
	}
	return nil
}

// webhook makes an API server ask about the writes of Portolan's role.
func webhook(server *httptest.Server) *admissionregistrationv1.ValidatingWebhookConfiguration {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	all := []string{"*"}
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "sentry"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:                    "sentry.faults.portolan.dev",
			AdmissionReviewVersions: []string{"v1"},
			SideEffects:             new(admissionregistrationv1.SideEffectClassNoneOnDryRun),
			FailurePolicy:           new(admissionregistrationv1.Fail),
			TimeoutSeconds:          new(int32(30)),
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &server.URL, CABundle: ca},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{
					admissionregistrationv1.Create, admissionregistrationv1.Update, admissionregistrationv1.Delete,
				},
				Rule: admissionregistrationv1.Rule{APIGroups: all, APIVersions: all, Resources: []string{"*/*"}},
			}},
			MatchConditions: []admissionregistrationv1.MatchCondition{
				{Name: "portolan", Expression: "request.userInfo.username.contains(':assumed-role/portolan/')"},
				{Name: "state", Expression: "!request.resource.group.endsWith('.k8s.io') || request.resource.group == 'scheduling.k8s.io'"},
			},
		}},
	}
}

// ServeHTTP answers the API server.
func (s *sentry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	life := s.reaper.life.Load()
	review := &admissionv1.AdmissionReview{}
	if err := json.NewDecoder(r.Body).Decode(review); err != nil || review.Request == nil {
		http.Error(w, "not a review", http.StatusBadRequest)
		return
	}
	answer := admissionv1.AdmissionReview{TypeMeta: review.TypeMeta, Response: &admissionv1.AdmissionResponse{
		UID: review.Request.UID, Allowed: s.admit(life, review.Request), //nolint:contextcheck // what it begins outlives the request
	}}
	raw, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(raw) // an API server that has gone needs no answer
}

// admit decides about a write. The answer to one that is lost reaches nobody.
func (s *sentry) admit(life int64, request *admissionv1.AdmissionRequest) bool {
	if request.DryRun != nil && *request.DryRun || changesNothing(request) {
		return true
	}
	r, change := s.reaper, regionalWrite(request)
	r.mu.Lock()
	defer r.mu.Unlock()
	if life == 0 || life != r.life.Load() || r.stopped {
		return false
	}
	switch r.fates.of(change) {
	case dieBefore:
		r.kill("before", change)
		return false
	case dieAfter:
		r.life.Store(0)
		if err := r.bed.FreezeOperator(); err != nil {
			r.failures = append(r.failures, err.Error())
		}
		go s.finish(change, request)
		return true
	default:
		return true
	}
}

// regionalWrite names the write. Its content does not: what is asked about has the API
// server's defaults already. Pods have other names in each world and take each other's places.
func regionalWrite(request *admissionv1.AdmissionRequest) write {
	resource, object := request.Resource.Resource, request.Namespace+"/"+request.Name
	if request.SubResource != "" {
		resource += "/" + request.SubResource
	}
	if request.Resource.Resource == "pods" {
		object = request.Namespace
	}
	return write{side: regional, target: fmt.Sprintf("%s %s %s", request.Operation, resource, object), content: "once"}
}

// changesNothing tells whether an object is applied once more as it is, which the API
// server never writes.
func changesNothing(request *admissionv1.AdmissionRequest) bool {
	before, after := &unstructured.Unstructured{}, &unstructured.Unstructured{}
	if request.Operation != admissionv1.Update ||
		before.UnmarshalJSON(request.OldObject.Raw) != nil || after.UnmarshalJSON(request.Object.Raw) != nil {
		return false
	}
	before.SetManagedFields(nil)
	after.SetManagedFields(nil)
	return equality.Semantic.DeepEqual(before, after)
}

// finish kills the frozen operator once its write is made. A write that the API server
// refuses for another reason never is, and stays to be made.
func (s *sentry) finish(change write, request *admissionv1.AdmissionRequest) {
	ctx, cancel := context.WithTimeout(s.reaper.lifetime, 3*time.Second)
	defer cancel()
	err := wait.PollUntilContextCancel(ctx, 5*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		return s.written(ctx, request), nil
	})
	r := s.reaper
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	if err != nil {
		r.kill("before the refusal of", change)
		return
	}
	r.fates.made(change)
	r.kill("after", change)
}

func (s *sentry) written(ctx context.Context, request *admissionv1.AdmissionRequest) bool {
	resource := schema.GroupVersionResource{
		Group: request.Resource.Group, Version: request.Resource.Version, Resource: request.Resource.Resource,
	}
	now, err := s.objects.Resource(resource).Namespace(request.Namespace).Get(ctx, request.Name, metav1.GetOptions{})
	if request.Operation == admissionv1.Delete || request.SubResource == "eviction" {
		return apierrors.IsNotFound(err) || err == nil && now.GetDeletionTimestamp() != nil
	}
	if err != nil {
		return false
	}
	before := &metav1.PartialObjectMetadata{}
	if len(request.OldObject.Raw) > 0 && json.Unmarshal(request.OldObject.Raw, before) != nil {
		return false
	}
	return now.GetResourceVersion() != before.ResourceVersion
}

var _ http.Handler = &sentry{}

// clusterName is the EKS cluster of the region.
const clusterName = environment + "-" + regionName

// inCluster is what Portolan installed in the regional cluster, while there is one.
func inCluster(ctx context.Context, b *bed.Bed) ([]string, error) {
	config, ok := b.Regional(clusterName)
	if !ok {
		return nil, nil
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("reaching %s: %w", clusterName, err)
	}
	var lines []string
	for _, r := range []schema.GroupVersionResource{
		{Group: "scheduling.k8s.io", Version: "v1", Resource: "priorityclasses"},
		{Version: "v1", Resource: "configmaps"},
	} {
		list, err := objects.Resource(r).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", r.Resource, err)
		}
		for _, o := range list.Items {
			if o.GetKind() == "ConfigMap" && !strings.HasPrefix(o.GetName(), "portolan-") { // Kubernetes' own hold certificates
				continue
			}
			lines = append(lines, fmt.Sprintf("The cluster has %s %s/%s, %s %v",
				o.GetKind(), o.GetNamespace(), o.GetName(), inJSON(o.Object["data"]), o.Object["value"]))
		}
	}
	return lines, nil
}
