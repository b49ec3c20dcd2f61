package ack

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func refuse(code, format string, args ...any) error {
	return &cloud.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// callError is a refused AWS call. Like the SDK's errors it names the request,
// so its text differs at each attempt.
type callError struct {
	service, operation, request string
	cause                       *cloud.Error
}

func (e *callError) Error() string {
	return fmt.Sprintf("operation error %s: %s, https response error StatusCode: %d, RequestID: %s, %s",
		e.service, e.operation, e.status(), e.request, e.brief())
}

func (e *callError) status() int {
	switch e.cause.Code {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation":
		return http.StatusForbidden
	case "InternalError", "InternalFailure", "InternalServerError", "ServerException":
		return http.StatusInternalServerError
	case "ServiceUnavailable", "ServiceUnavailableException", "SlowDown", "Unavailable":
		return http.StatusServiceUnavailable
	default:
		return http.StatusBadRequest
	}
}

// brief is the part that ACK puts into conditions.
func (e *callError) brief() string {
	return fmt.Sprintf("api error %s: %s", e.cause.Code, e.cause.Message)
}

// sdkNames are what the SDK calls services in its errors, where that is not the name in capitals.
var sdkNames = map[string]string{"route53": "Route 53"}

// called dresses a refusal by the account as the answer to the operation's main API call.
func (k *kind) called(o operation, err error) error {
	return k.calledBy(k.mainAction(o), err)
}

// calledBy is called for an API call that is not the operation's main one.
func (k *kind) calledBy(action string, err error) error {
	refusal, ok := errors.AsType[*cloud.Error](err)
	if !ok {
		return err
	}
	if k.inUse != "" && refusal.Code == cloud.CodeDependencyViolation {
		refusal = &cloud.Error{Code: k.inUse, Message: refusal.Message}
	}
	return k.answered(action, refusal)
}

// answered is an error as the SDK returns it. Like the SDK's it names the request.
func (k *kind) answered(action string, refusal *cloud.Error) error {
	service, found := sdkNames[k.service]
	if !found {
		service = strings.ToUpper(k.service)
	}
	_, call, _ := strings.Cut(action, ":")
	return &callError{service: service, operation: call, request: string(uuid.NewUUID()), cause: refusal}
}

// isTerminal reports whether ACK gives up on err until the spec changes.
func (k *kind) isTerminal(err error) bool {
	call, ok := errors.AsType[*callError](err)
	return ok && slices.Contains(k.terminal, call.cause.Code)
}

// missingCodes are EC2's words for a parent that does not exist.
var missingCodes = map[string]string{
	"ec2/vpc":        "InvalidVpcID.NotFound",
	"ec2/subnet":     "InvalidSubnetID.NotFound",
	"ec2/routetable": "InvalidRouteTableID.NotFound",
	"ec2/elasticip":  "InvalidAllocationID.NotFound",

	"ec2/securitygroup":  "InvalidGroup.NotFound",
	"route53/hostedzone": "NoSuchHostedZone",
}

// parentsExist refuses in the service's own words what the account would refuse anyway.
func (k *kind) parentsExist(a account, r cloud.Resource) error {
	for _, parent := range r.Parents {
		if _, ok := a.Get(parent); ok {
			continue
		}
		switch {
		case parent.Type == "eks/cluster":
			return refuse("ResourceNotFoundException", "No cluster found for name: %s.", parent.ID)
		case k.service == "eks":
			return refuse("InvalidParameterException", "The %s '%s' does not exist", parent.Type, parent.ID)
		default:
			return refuse(missingCodes[parent.Type], "The %s ID '%s' does not exist", parent.Type, parent.ID)
		}
	}
	return nil
}
