package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

const smoke = "smoke-test"

// metrics plays Prometheus: every query has the same answer.
type metrics struct {
	*httptest.Server

	value atomic.Value
}

func servePrometheus() *metrics {
	m := &metrics{}
	m.answer("0.5")
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,%q]}]}}`, m.value.Load())
	}))
	DeferCleanup(m.Close)
	return m
}

func (m *metrics) answer(value string) { m.value.Store(value) }

// allowJobs does what people do before they use Jobs as gates.
func (f *pinned) allowJobs(ctx context.Context) {
	GinkgoHelper()
	text, err := os.ReadFile("../../config/rbac/promotion_jobs_role.yaml")
	Expect(err).NotTo(HaveOccurred())
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		obj := &unstructured.Unstructured{}
		Expect(yaml.Unmarshal([]byte(document), obj)).To(Succeed())
		obj.SetNamespace(f.promotion.Namespace)
		Expect(world.Client.Create(ctx, obj)).To(Succeed())
	}
	template := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: f.promotion.Namespace, Name: smoke}}
	template.Spec = batchv1.CronJobSpec{Schedule: "0 0 1 1 *", Suspend: new(true)}
	template.Spec.JobTemplate.Spec.Template.Spec = corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever,
		Containers:    []corev1.Container{{Name: "test", Image: "smoke", Env: []corev1.EnvVar{{Name: "OWN", Value: "kept"}}}},
	}
	c, err := kubernetes.NewForConfig(world.Config)
	Expect(err).NotTo(HaveOccurred())
	_, err = c.BatchV1().CronJobs(template.Namespace).Create(ctx, template, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
}

// finishJob plays the Job controller, which the bed does not have, once the region's Job is there.
// It returns what the Job was told.
func (f *pinned) finishJob(ctx context.Context, r *v1alpha1.Region) map[string]string {
	GinkgoHelper()
	c, err := kubernetes.NewForConfig(world.Config)
	Expect(err).NotTo(HaveOccurred())
	var job *batchv1.Job
	Eventually(func(g Gomega) {
		jobs, err := c.BatchV1().Jobs(r.Namespace).List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.LabelRegion + "=" + r.Name})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(jobs.Items).To(HaveLen(1))
		job = &jobs.Items[0]
	}).WithContext(ctx).Should(Succeed())
	Expect(metav1.IsControlledBy(job, f.promotion)).To(BeTrue())
	now := metav1.Now()
	job.Status.StartTime, job.Status.CompletionTime, job.Status.Succeeded = &now, &now, 1
	for _, kind := range []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete} {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now})
	}
	_, err = c.BatchV1().Jobs(r.Namespace).UpdateStatus(ctx, job, metav1.UpdateOptions{})
	Expect(err).NotTo(HaveOccurred())
	env := map[string]string{}
	for _, e := range job.Spec.Template.Spec.Containers[0].Env {
		env[e.Name] = e.Value
	}
	return env
}
