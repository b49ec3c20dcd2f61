package testenv

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// over returns a client of the server that reads and writes through the memory. What any
// other client writes escapes it.
func (m *memory) over(server client.WithWatch) client.WithWatch {
	return interceptor.NewClient(interceptor.NewClient(server, m.ofObjects()), m.ofSubresources())
}

func (m *memory) ofObjects() interceptor.Funcs {
	return interceptor.Funcs{
		Get:  m.get,
		List: m.list,
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			o := (&client.CreateOptions{}).ApplyOptions(opts)
			return m.write(c, obj, len(o.DryRun) == 0, func() error { return c.Create(ctx, obj, opts...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			o := (&client.UpdateOptions{}).ApplyOptions(opts)
			return m.write(c, obj, len(o.DryRun) == 0, func() error { return c.Update(ctx, obj, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			o := (&client.PatchOptions{}).ApplyOptions(opts)
			return m.write(c, obj, len(o.DryRun) == 0, func() error { return c.Patch(ctx, obj, patch, opts...) })
		},
		Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			defer m.clear() // not every configuration tells of what kind it is
			return c.Apply(ctx, obj, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			return m.write(c, obj, false, func() error { return c.Delete(ctx, obj, opts...) })
		},
		DeleteAllOf: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteAllOfOption) error {
			defer m.clear()
			return c.DeleteAllOf(ctx, obj, opts...)
		},
	}
}

func (m *memory) ofSubresources() interceptor.Funcs {
	return interceptor.Funcs{
		SubResourceCreate: func(ctx context.Context, c client.Client, sub string, obj, part client.Object, opts ...client.SubResourceCreateOption) error {
			return m.write(c, obj, false, func() error { return c.SubResource(sub).Create(ctx, obj, part, opts...) })
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, obj client.Object, opts ...client.SubResourceUpdateOption) error {
			o := (&client.SubResourceUpdateOptions{}).ApplyOptions(opts)
			tells := tellsAll(sub, o.DryRun, o.SubResourceBody)
			return m.write(c, obj, tells, func() error { return c.SubResource(sub).Update(ctx, obj, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			o := (&client.SubResourcePatchOptions{}).ApplyOptions(opts)
			tells := tellsAll(sub, o.DryRun, o.SubResourceBody)
			return m.write(c, obj, tells, func() error { return c.SubResource(sub).Patch(ctx, obj, patch, opts...) })
		},
		SubResourceApply: func(ctx context.Context, c client.Client, sub string, obj runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
			defer m.clear()
			return c.SubResource(sub).Apply(ctx, obj, opts...)
		},
	}
}

// tellsAll reports whether the answer to a write of a subresource is the whole object.
func tellsAll(subresource string, dryRun []string, body client.Object) bool {
	return subresource == "status" && len(dryRun) == 0 && body == nil
}
