package argocd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// journal has every version of what Argo CD is told and what becomes of it, from its beginning on.
// All kinds are stored in one etcd, whose revisions their resourceVersions are: they compare.
type journal struct {
	mu       sync.Mutex
	secrets  []*corev1.Secret
	apps     []*application
	sets     []*unstructured.Unstructured
	failed   error
	watching sync.WaitGroup
}

// keepJournal begins one, which ends with the container's specs.
func keepJournal() *journal {
	GinkgoHelper()
	j := &journal{}
	ctx, cancel := context.WithCancel(context.Background())
	watcher, err := client.NewWithWatch(world.Config, client.Options{})
	Expect(err).NotTo(HaveOccurred())
	for list, note := range map[client.ObjectList]func(runtime.Object) error{
		&corev1.SecretList{}:     j.noteSecret,
		listOf("Application"):    j.noteApplication,
		listOf("ApplicationSet"): j.noteSet,
	} {
		events, err := watcher.Watch(ctx, list, client.InNamespace(namespace))
		Expect(err).NotTo(HaveOccurred())
		j.watching.Go(func() { j.follow(ctx, events, note) })
	}
	DeferCleanup(func() {
		cancel()
		j.watching.Wait()
	})
	return j
}

func listOf(kind string) *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("argoproj.io/v1alpha1")
	list.SetKind(kind + "List")
	return list
}

func (j *journal) follow(ctx context.Context, events watch.Interface, note func(runtime.Object) error) {
	defer events.Stop()
	for event := range events.ResultChan() {
		err := fmt.Errorf("the watch says %v", event.Object)
		if event.Type != watch.Error {
			err = note(event.Object)
		}
		if err != nil {
			j.fail(err)
			return
		}
	}
	if ctx.Err() == nil {
		j.fail(errors.New("a watch ended"))
	}
}

func (j *journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failed = errors.Join(j.failed, err)
}

func (j *journal) noteSecret(obj runtime.Object) error {
	secret, ok := obj.(*corev1.Secret)
	if !ok {
		return fmt.Errorf("%T is no Secret", obj)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.secrets = append(j.secrets, secret)
	return nil
}

func (j *journal) noteApplication(obj runtime.Object) error {
	a := &application{}
	if err := view(obj, a); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.apps = append(j.apps, a)
	return nil
}

func (j *journal) noteSet(obj runtime.Object) error {
	set, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return fmt.Errorf("%T is no ApplicationSet", obj)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sets = append(j.sets, set)
	return nil
}

// clusterSecrets are all versions of a region's Secret that Argo CD takes for a cluster, or those
// of all regions.
func (j *journal) clusterSecrets(region string) []*corev1.Secret {
	GinkgoHelper()
	j.mu.Lock()
	defer j.mu.Unlock()
	Expect(j.failed).NotTo(HaveOccurred())
	var found []*corev1.Secret
	for _, s := range j.secrets {
		ours := s.Labels[v1alpha1.LabelEnvironment] == fleetName && (region == "" || s.Labels[v1alpha1.LabelRegion] == region)
		if ours && s.Labels["argocd.argoproj.io/secret-type"] == "cluster" {
			found = append(found, s)
		}
	}
	return found
}

// moved is the version at which a region got a pin.
func (j *journal) moved(region, pin string) (version uint64) {
	GinkgoHelper()
	for _, s := range j.clusterSecrets(region) {
		if s.Annotations[v1alpha1.AnnotationRevisionPrefix+api] == pin {
			return versionOf(s)
		}
	}
	return 0
}

// before is the last version of an Application before one of another object.
func (j *journal) before(version uint64, name string) *application {
	GinkgoHelper()
	j.mu.Lock()
	defer j.mu.Unlock()
	Expect(j.failed).NotTo(HaveOccurred())
	var last *application
	for _, a := range j.apps {
		if a.Name == name && versionOf(a) < version {
			last = a
		}
	}
	return last
}

// targets are all revisions that a region's Application ever had.
func (j *journal) targets(name string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []string
	for _, a := range j.apps {
		if a.Name == name {
			all = append(all, a.Spec.Source.TargetRevision)
		}
	}
	return all
}

// frozen are the errors of ApplicationSets.
func (j *journal) frozen() (errs []string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, set := range j.sets {
		var status struct {
			Status struct{ Conditions []condition }
		}
		if err := view(set, &status); err != nil {
			return nil, err
		}
		for _, c := range status.Status.Conditions {
			if c.Type == "ErrorOccurred" && c.Status == "True" && set.GetName() != api {
				errs = append(errs, c.Message)
			}
		}
	}
	return errs, nil
}

func versionOf(obj interface{ GetResourceVersion() string }) uint64 {
	GinkgoHelper()
	version, err := strconv.ParseUint(obj.GetResourceVersion(), 10, 64)
	Expect(err).NotTo(HaveOccurred())
	return version
}
