package testenv

import (
	"context"
	"fmt"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// Recorder is a client that remembers every write in order, as "patch VPC name" or
// "patch Region name status".
type Recorder struct {
	client.Client

	mu     sync.Mutex
	writes []string
}

// Record returns a client of its own for one spec.
func (e *Env) Record() *Recorder {
	r := &Recorder{}
	r.Client = strict(interceptor.NewClient(e.server, r.interceptors()))
	return r
}

// Writes returns what was written since the last Reset.
func (r *Recorder) Writes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.writes...)
}

// Deleted returns the kinds and names of what was deleted since the last Reset, in order.
func (r *Recorder) Deleted() []string {
	var deleted []string
	for _, w := range r.Writes() {
		if what, ok := strings.CutPrefix(w, "delete "); ok {
			deleted = append(deleted, what)
		}
	}
	return deleted
}

// Reset forgets what was written.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes = nil
}

// ExpectNoWrites fails if do writes anything.
func (r *Recorder) ExpectNoWrites(do func()) {
	GinkgoHelper()
	r.Reset()
	do()
	Expect(r.Writes()).To(BeEmpty())
}

func (r *Recorder) note(verb string, obj runtime.Object, more ...string) {
	name := ""
	if o, ok := obj.(client.Object); ok {
		name = o.GetName()
	}
	kind := fmt.Sprintf("%T", obj)
	if gvk, err := apiutil.GVKForObject(obj, r.Scheme()); err == nil {
		kind = gvk.Kind
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes = append(r.writes, strings.Join(append([]string{verb, kind, name}, more...), " "))
}

func (r *Recorder) noteApply(obj runtime.ApplyConfiguration, more ...string) {
	name, kind := "", fmt.Sprintf("%T", obj)
	if named, ok := obj.(interface{ GetName() *string }); ok && named.GetName() != nil {
		name = *named.GetName()
	}
	if named, ok := obj.(interface{ GetKind() *string }); ok && named.GetKind() != nil {
		kind = *named.GetKind()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes = append(r.writes, strings.Join(append([]string{"apply", kind, name}, more...), " "))
}

func (r *Recorder) interceptors() interceptor.Funcs {
	return interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			r.note("create", obj)
			return c.Create(ctx, obj, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			r.note("update", obj)
			return c.Update(ctx, obj, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			r.note("patch", obj)
			return c.Patch(ctx, obj, patch, opts...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			r.noteApply(obj)
			return c.Apply(ctx, obj, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			r.note("delete", obj)
			return c.Delete(ctx, obj, opts...)
		},
		DeleteAllOf: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteAllOfOption) error {
			r.note("deleteAllOf", obj)
			return c.DeleteAllOf(ctx, obj, opts...)
		},
		SubResourceCreate: func(ctx context.Context, c client.Client, sub string, obj, part client.Object, opts ...client.SubResourceCreateOption) error {
			r.note("create", obj, sub)
			return c.SubResource(sub).Create(ctx, obj, part, opts...)
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, obj client.Object, opts ...client.SubResourceUpdateOption) error {
			r.note("update", obj, sub)
			return c.SubResource(sub).Update(ctx, obj, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			r.note("patch", obj, sub)
			return c.SubResource(sub).Patch(ctx, obj, patch, opts...)
		},
		SubResourceApply: func(ctx context.Context, c client.Client, sub string, obj runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
			r.noteApply(obj, sub)
			return c.SubResource(sub).Apply(ctx, obj, opts...)
		},
	}
}
