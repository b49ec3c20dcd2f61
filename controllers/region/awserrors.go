package region

import (
	"errors"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// fromAWS turns what AWS refused into an outcome. What somebody else has to put
// right is asked for slowly; it is not terminal, because no spec has to change.
func (r *Reconciler) fromAWS(err error) error {
	awsErr, ok := errors.AsType[*aws.Error](err)
	if !ok {
		return err
	}
	switch awsErr.Class {
	case aws.AccessDenied:
		return step.Poll(r.SlowPoll, v1alpha1.ReasonAccessDenied, "%w: %s", awsErr, remedy(awsErr))
	case aws.QuotaExceeded:
		return step.Poll(r.SlowPoll, v1alpha1.ReasonQuotaExceeded, "%w: request an increase", awsErr)
	default:
		return err
	}
}

func remedy(denied *aws.Error) string {
	if permission := denied.Permission(); permission != "" {
		return "grant " + permission + " to Portolan's role"
	}
	return "check Portolan's credentials and that the AWS region is enabled for the account"
}
