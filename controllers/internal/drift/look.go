package drift

import (
	"context"
	"errors"
	"slices"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

// look is one comparison of a region with AWS.
type look struct {
	Reader
	roleARN, region string
	findings        []Finding
	failures        failures
	// halted ends the look at one service when AWS asks for fewer calls or does not
	// answer: further calls would only wait for the same.
	halted bool
}

func (l *look) deleted(obj client.Object, id string) {
	l.findings = append(l.findings, Finding{Kind: kindOf(obj), Name: obj.GetName(), ID: id, Deleted: true})
}

// differs records what is different about an object, if anything is.
func (l *look) differs(obj client.Object, id string, fields []string) {
	if len(fields) > 0 {
		slices.Sort(fields)
		l.findings = append(l.findings, Finding{Kind: kindOf(obj), Name: obj.GetName(), ID: id, Fields: fields})
	}
}

// failed records that a question was not answered.
func (l *look) failed(err error) bool {
	if err == nil {
		return false
	}
	l.failures.add(err)
	switch aws.ClassOf(err) {
	case aws.Throttled, aws.Unavailable:
		l.halted = true
	default:
		l.halted = l.halted || errors.Is(err, context.Canceled)
	}
	return true
}

// failures are the errors of a look. A missing permission fails for every resource, and is
// told once.
type failures struct {
	errs []error
	told map[[2]string]bool
}

func (f *failures) add(err error) {
	if e, ok := errors.AsType[*aws.Error](err); ok {
		key := [2]string{e.Operation, e.Code}
		if f.told[key] {
			return
		}
		if f.told == nil {
			f.told = map[[2]string]bool{}
		}
		f.told[key] = true
	}
	f.errs = append(f.errs, err)
}

// err joins the failures; an ended context is one, because it kept us from looking.
func (f *failures) err(ctx context.Context) error {
	if len(f.errs) == 0 {
		return ctx.Err()
	}
	return errors.Join(f.errs...)
}

// lister is how what EC2 knows is described, by ID.
type lister[Known any] func(ctx context.Context, roleARN, region string, ids []string) (map[string]Known, error)

// compareListed asks once about all objects of a kind. compare returns what differs about one
// that exists, or that it does not deserve to be called so.
func compareListed[T client.Object, Known any](ctx context.Context, l *look, objects []T,
	idOf func(T) *string, list lister[Known], compare func(T, Known) (fields []string, gone bool),
) {
	identified := slices.DeleteFunc(objects, func(obj T) bool { return ptr.Deref(idOf(obj), "") == "" })
	if l.halted || len(identified) == 0 {
		return
	}
	ids := make([]string, len(identified))
	for i, obj := range identified {
		ids[i] = *idOf(obj)
	}
	known, err := list(ctx, l.roleARN, l.region, ids)
	if l.failed(err) {
		return
	}
	for i, obj := range identified {
		described, exists := known[ids[i]]
		if !exists {
			l.deleted(obj, ids[i])
			continue
		}
		fields, gone := compare(obj, described)
		if gone {
			l.deleted(obj, ids[i])
			continue
		}
		l.differs(obj, ids[i], fields)
	}
}

// compareOne asks about a single object.
func compareOne[Known any](l *look, obj client.Object, id string, describe func() (Known, error), compare func(Known) []string) {
	if l.halted {
		return
	}
	known, err := describe()
	if aws.ClassOf(err) == aws.NotFound {
		l.deleted(obj, id)
		return
	}
	if !l.failed(err) {
		l.differs(obj, id, compare(known))
	}
}
