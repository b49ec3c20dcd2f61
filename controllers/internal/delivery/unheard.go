package delivery

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// unheard is why a request to write has no answer that tells whether it was carried out, or was carried
// out in part.
type unheard struct{ error }

func (u unheard) Unwrap() error { return u.error }

// MayHaveLanded tells whether a Write that failed may have been done, in part or because only its answer was
// lost: pods may be restarting.
func MayHaveLanded(err error) bool {
	_, may := errors.AsType[unheard](err)
	return may
}

// asked returns the error of a request to write, explained. What the API server refuses was not done; its
// timeouts and faults may have come after it was.
func asked(err, explained error) error {
	var answer apierrors.APIStatus
	refused := errors.As(err, &answer) && !apierrors.IsTimeout(err) && !apierrors.IsServerTimeout(err) && !apierrors.IsInternalError(err)
	if err == nil || refused {
		return explained
	}
	return unheard{explained}
}
