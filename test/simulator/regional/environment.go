package regional

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// environment returns the variables of a pod's containers as a process finds them that
// starts now; it keeps them for its life. What they refer to and is not there is a
// *missingError, and keeps the container from starting: CreateContainerConfigError
// (Kubernetes, pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables).
func (r *Region) environment(ctx context.Context, pod corev1.Pod) (map[string]string, error) {
	variables := map[string]string{}
	for _, container := range pod.Spec.Containers {
		for _, declared := range container.Env {
			if _, known := variables[declared.Name]; known {
				continue // containers share one process here, and the first has its way
			}
			value, found, err := r.valueOf(ctx, pod, declared)
			if err != nil {
				return nil, err
			}
			if found {
				variables[declared.Name] = value
			}
		}
	}
	return variables, nil
}

// valueOf does not find what is optional and not there.
func (r *Region) valueOf(ctx context.Context, pod corev1.Pod, declared corev1.EnvVar) (value string, found bool, err error) {
	source := declared.ValueFrom
	switch {
	case source == nil:
		return declared.Value, true, nil
	case source.SecretKeyRef != nil:
		return r.secretValue(ctx, pod.Namespace, source.SecretKeyRef)
	case source.ConfigMapKeyRef != nil:
		return r.configMapValue(ctx, pod.Namespace, source.ConfigMapKeyRef)
	case source.FieldRef != nil:
		value, found = fieldsOf(pod)[source.FieldRef.FieldPath]
	}
	if !found {
		return "", false, missingf("source of environment variable %s is not simulated", declared.Name)
	}
	return value, true, nil
}

func (r *Region) secretValue(ctx context.Context, namespace string, ref *corev1.SecretKeySelector) (string, bool, error) {
	held, optional := &corev1.Secret{}, ptr.Deref(ref.Optional, false)
	if found, err := r.referenced(ctx, client.ObjectKey{Namespace: namespace, Name: ref.Name}, held, "secret", optional); !found {
		return "", false, err
	}
	value, found := held.Data[ref.Key]
	if !found && !optional {
		return "", false, missingf("couldn't find key %s in Secret %s/%s", ref.Key, namespace, ref.Name)
	}
	return string(value), found, nil
}

func (r *Region) configMapValue(ctx context.Context, namespace string, ref *corev1.ConfigMapKeySelector) (string, bool, error) {
	held, optional := &corev1.ConfigMap{}, ptr.Deref(ref.Optional, false)
	if found, err := r.referenced(ctx, client.ObjectKey{Namespace: namespace, Name: ref.Name}, held, "configmap", optional); !found {
		return "", false, err
	}
	value, found := held.Data[ref.Key]
	if !found && !optional {
		return "", false, missingf("couldn't find key %s in ConfigMap %s/%s", ref.Key, namespace, ref.Name)
	}
	return value, found, nil
}

// fieldsOf are what a variable may take from the pod itself.
func fieldsOf(pod corev1.Pod) map[string]string {
	return map[string]string{
		"metadata.name":      pod.Name,
		"metadata.namespace": pod.Namespace,
		"metadata.uid":       string(pod.UID),
		"spec.nodeName":      pod.Spec.NodeName,
		"status.hostIP":      pod.Status.HostIP,
		"status.podIP":       pod.Status.PodIP,
	}
}

// declares tells whether a container has a variable, wherever its value comes from.
func declares(pod corev1.Pod, name string) bool {
	return slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == name })
	})
}
