package drift

import (
	"cmp"
	"context"
	"reflect"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/ack"
)

// Finding is one way in which AWS differs from an ACK object that is otherwise settled.
type Finding struct {
	// Kind and Name are those of the ACK object.
	Kind, Name string
	// ID is AWS's ID or name of the resource.
	ID string
	// Deleted is true when AWS does not have the resource any more.
	Deleted bool
	// Fields say for people what differs, sorted, each beginning with the field's name:
	// "maxSize: AWS has 7, wanted 3". They are empty when the resource is deleted.
	Fields []string
}

// Find compares objects, pointers to views of ACK's kinds, with AWS. It skips those that
// ACK is still at work on, those that are being deleted and kinds that it does not know.
//
// A look that fails does not end the others: the findings are what the other looks found,
// and the error joins what failed, once per operation and AWS's code. Objects that could
// not be looked at are then not among the findings.
func Find(ctx context.Context, r Reader, roleARN, awsRegion string, objects []client.Object) ([]Finding, error) {
	l := &look{Reader: r, roleARN: roleARN, region: awsRegion}
	settled := slices.DeleteFunc(slices.Clone(objects), func(obj client.Object) bool { return !ack.Settled(obj) })
	slices.SortFunc(settled, func(a, b client.Object) int {
		return cmp.Or(cmp.Compare(kindOf(a), kindOf(b)), cmp.Compare(a.GetName(), b.GetName()))
	})
	for _, at := range []func(context.Context, *look, []client.Object){atNetwork, atClusters, atStorage, atRoles} {
		l.halted = ctx.Err() != nil
		at(ctx, l, settled)
	}
	slices.SortStableFunc(l.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return l.findings, l.failures.err(ctx)
}

// kindOf is the name of a view's type, which is that of the kind: objects that were read
// through a typed client do not say it themselves.
func kindOf(obj client.Object) string {
	return reflect.Indirect(reflect.ValueOf(obj)).Type().Name()
}

// of picks the objects of one kind.
func of[T client.Object](objects []client.Object) []T {
	var some []T
	for _, obj := range objects {
		if typed, ok := obj.(T); ok {
			some = append(some, typed)
		}
	}
	return some
}
