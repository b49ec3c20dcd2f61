package regional

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// defaultServiceAccount exists in every namespace, though nobody makes it here.
const defaultServiceAccount = "default"

const (
	associationType = "eks/podidentityassociation"
	addonType       = "eks/addon"
	identityAgent   = "eks-pod-identity-agent"
)

// credentialVariables are what EKS's webhook gives to containers (EKS user guide,
// "Understand how EKS Pod Identity works").
var credentialVariables = []corev1.EnvVar{
	{Name: "AWS_CONTAINER_CREDENTIALS_FULL_URI", Value: "http://169.254.170.23/v1/credentials"},
	{
		Name:  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
		Value: "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token",
	},
}

// refusal is what the ServiceAccount admission, which the API server runs without
// here, would say about a Deployment's next pod.
func (r *Region) refusal(ctx context.Context, deployment *appsv1.Deployment, hash string) (string, error) {
	account := deployment.Spec.Template.Spec.ServiceAccountName
	if account == "" || account == defaultServiceAccount {
		return "", nil
	}
	key := client.ObjectKey{Namespace: deployment.Namespace, Name: account}
	err := r.client.Get(ctx, key, &corev1.ServiceAccount{})
	if apierrors.IsNotFound(err) {
		return fmt.Sprintf("pods %q is forbidden: error looking up service account %s: serviceaccount %q not found",
			deployment.Name+"-"+hash+"-", key, account), nil
	}
	return "", err
}

// admit changes a pod as admission does before it is stored. Later it cannot change any more.
func (r *Region) admit(pod *corev1.Pod, now time.Time) {
	pod.Spec.ServiceAccountName = cmp.Or(pod.Spec.ServiceAccountName, defaultServiceAccount)
	if r.identified(pod.Namespace, pod.Spec.ServiceAccountName, now) {
		injectCredentials(pod.Spec.InitContainers)
		injectCredentials(pod.Spec.Containers)
	}
}

// identified tells whether the webhook knows an association by now: it takes effect
// some time after its creation.
func (r *Region) identified(namespace, account string, now time.Time) bool {
	prefix := r.options.Name + "/"
	agent := cloud.Key{Type: addonType, Region: r.options.AWSRegion, ID: prefix + identityAgent}
	if _, installed := r.options.Cloud.Get(agent); !installed {
		return false
	}
	return len(r.options.Cloud.List(func(held cloud.Resource) bool {
		return held.Type == associationType && held.Region == r.options.AWSRegion && strings.HasPrefix(held.ID, prefix) &&
			held.Data["namespace"] == namespace && held.Data["serviceAccount"] == account && effective(held, now)
	})) > 0
}

func effective(association cloud.Resource, now time.Time) bool {
	if association.State == "DELETING" {
		return false
	}
	text := association.Data["effectiveAt"]
	at, err := time.Parse(time.RFC3339Nano, text)
	return text == "" || err == nil && !now.Before(at)
}

// injectCredentials leaves variables that a container sets itself.
func injectCredentials(containers []corev1.Container) {
	for i := range containers {
		for _, variable := range credentialVariables {
			if !slices.ContainsFunc(containers[i].Env, func(e corev1.EnvVar) bool { return e.Name == variable.Name }) {
				containers[i].Env = append(containers[i].Env, variable)
			}
		}
	}
}
