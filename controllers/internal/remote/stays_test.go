package remote

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestWhichAnswersMeanThatAPodStays(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"it is forbidden":                       {err: apierrors.NewForbidden(pods, "a", io.EOF), want: true},
		"the API server is busy":                {err: apierrors.NewTooManyRequests("later", 1), want: true},
		"a webhook denies it without a reason":  {err: apierrors.NewGenericServerResponse(http.StatusTeapot, "post", pods, "a", "no", 0, false), want: true},
		"other evictions were faster":           {err: apierrors.NewTimeoutError("couldn't update PodDisruptionBudget", 10), want: true},
		"a proxy got no answer":                 {err: apierrors.NewGenericServerResponse(http.StatusGatewayTimeout, "post", pods, "a", "", 0, false)},
		"the API server has taken too long":     {err: apierrors.NewServerTimeout(pods, "evict", 0)},
		"something went wrong on the way there": {err: apierrors.NewInternalError(io.EOF)},
		"etcd did not answer":                   {err: &apierrors.StatusError{ErrStatus: metav1.Status{Code: http.StatusInternalServerError, Message: "etcdserver: request timed out"}}},
		"the connection broke":                  {err: io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(stays(fmt.Errorf("evicting pod a/b: %w", tc.err))).To(Equal(tc.want))
		})
	}
}
