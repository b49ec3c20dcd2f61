package remote

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// credentialsVariable is what EKS's webhook adds to every container of a pod when it
// admits the pod, if its service account has a pod identity association by then (EKS User
// Guide, "Understand how EKS Pod Identity works"). A pod never gets it later.
const credentialsVariable = "AWS_CONTAINER_CREDENTIALS_FULL_URI"

// UnidentifiedPod is a pod that was admitted before its pod identity was effective.
type UnidentifiedPod struct {
	// Name of the pod.
	Name types.NamespacedName
	// UID tells the pod from one that replaces it under the same name.
	UID types.UID
	// ServiceAccount that the pod runs as.
	ServiceAccount types.NamespacedName
	// CreatedAt is when the API server admitted the pod.
	CreatedAt time.Time
}

// PodsWithoutIdentity returns the pods of the service accounts that run without their pod
// identity, by name: only those that something replaces once they are evicted. From now
// on, changes of such pods are announced as Identities.
func (c *Cluster) PodsWithoutIdentity(accounts []types.NamespacedName) ([]UnidentifiedPod, error) {
	// Before looking: a pod that comes in between is then announced.
	c.expectIdentities(accounts)
	if err := c.Connected(); err != nil {
		return nil, err
	}
	var found []UnidentifiedPod
	for _, obj := range c.pods.GetStore().List() {
		if p, ok := obj.(*corev1.Pod); ok && c.shouldHaveIdentity(p) && !identified(p) && !over(p) && metav1.GetControllerOf(p) != nil {
			found = append(found, UnidentifiedPod{
				Name: types.NamespacedName{Namespace: p.Namespace, Name: p.Name}, UID: p.UID,
				ServiceAccount: accountOf(p), CreatedAt: p.CreationTimestamp.Time,
			})
		}
	}
	slices.SortFunc(found, func(a, b UnidentifiedPod) int {
		return cmp.Or(cmp.Compare(a.Name.Namespace, b.Name.Namespace), cmp.Compare(a.Name.Name, b.Name.Name))
	})
	return found, nil
}

func (c *Cluster) expectIdentities(accounts []types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.identities = make(map[types.NamespacedName]struct{}, len(accounts))
	for _, account := range accounts {
		c.identities[account] = struct{}{}
	}
}

func (c *Cluster) shouldHaveIdentity(p *corev1.Pod) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, expected := c.identities[accountOf(p)]
	return expected
}

func identified(p *corev1.Pod) bool { return slices.ContainsFunc(p.Spec.Containers, hasCredentials) }

func hasCredentials(container corev1.Container) bool {
	return slices.ContainsFunc(container.Env, func(e corev1.EnvVar) bool { return e.Name == credentialsVariable })
}

func accountOf(p *corev1.Pod) types.NamespacedName {
	return types.NamespacedName{Namespace: p.Namespace, Name: p.Spec.ServiceAccountName}
}

// over tells whether a pod is finished or being deleted.
func over(p *corev1.Pod) bool {
	return !p.DeletionTimestamp.IsZero() || finished(p)
}
