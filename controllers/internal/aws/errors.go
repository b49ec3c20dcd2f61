package aws

import (
	"context"
	"errors"
	"net"
	"net/url"
	"regexp"
	"strings"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Error is a failed AWS call, reduced to what helps and what stays the same when
// the call fails again: a request ID would turn every retry into a status write.
type Error struct {
	// Operation is the call that failed, written as the IAM action that allows
	// it, for example secretsmanager:DescribeSecret.
	Operation string
	// Code is AWS's own, empty when AWS did not answer.
	Code    string
	Message string
	Class   Class

	err error
}

// Error implements error.
func (e *Error) Error() string {
	parts := make([]string, 0, 3)
	for _, part := range []string{e.Operation, e.Code, e.Message} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the SDK's error.
func (e *Error) Unwrap() error { return e.err }

var namedAction = regexp.MustCompile(`not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)`)

// Permission names the IAM action that is missing, empty when the failure has
// another cause. AWS may name another action than the one called, such as
// kms:Decrypt on the way to a secret.
func (e *Error) Permission() string {
	if e.Class != AccessDenied || credentialCodes[e.Code] {
		return ""
	}
	if named := namedAction.FindStringSubmatch(e.Message); named != nil {
		return named[1]
	}
	return e.Operation
}

// ClassOf returns the class of err; it is Unknown for what did not come from AWS
// and for nil.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return Unknown
}

// classify turns what the SDK returned into an *Error, or nil.
func classify(err error) error {
	if err == nil {
		return nil
	}
	// The call that failed may be nested in the one we made: assuming a role, for example.
	e := &Error{Operation: actionOf(failedCall(err)), Class: Unknown, err: err}
	apiErr, answered := errors.AsType[smithy.APIError](err)
	switch {
	case answered:
		e.Code, e.Message = apiErr.ErrorCode(), stable(apiErr.ErrorMessage())
		e.Class = classOfAnswer(e.Code, statusOf(err))
	case errors.Is(err, context.Canceled):
		e.Message = context.Canceled.Error()
	case lacksCredentials(err):
		e.Code, e.Class = codeNoCredentials, AccessDenied
		e.Message = "Portolan has no AWS credentials: " + stable(root(err).Error())
	case isTransport(err):
		e.Class, e.Message = Unavailable, unreachable(err)
	default:
		e.Class, e.Message = classOfStatus(statusOf(err)), stable(root(err).Error())
	}
	return e
}

func failedCall(err error) *smithy.OperationError {
	var innermost *smithy.OperationError
	for {
		call, ok := errors.AsType[*smithy.OperationError](err)
		if !ok {
			return innermost
		}
		innermost, err = call, call.Err
	}
}

// lacksCredentials is false when an STS that was found did not answer: then the
// credentials may be fine.
func lacksCredentials(err error) bool {
	own, ok := errors.AsType[*credentialsError](err)
	if !ok {
		return false
	}
	call := failedCall(own.err)
	return call == nil || call.ServiceID != sts.ServiceID
}

// actionOf writes a call as an IAM action. Prefixes are service IDs without
// spaces, in lower case, for every service that we call but one.
func actionOf(call *smithy.OperationError) string {
	if call == nil {
		return ""
	}
	prefix := strings.ToLower(strings.ReplaceAll(call.ServiceID, " ", ""))
	if call.ServiceID == elb.ServiceID {
		prefix = "elasticloadbalancing"
	}
	return prefix + ":" + call.OperationName
}

func statusOf(err error) int {
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return response.HTTPStatusCode()
	}
	return 0
}

func isTransport(err error) bool {
	_, unsent := errors.AsType[*smithyhttp.RequestSendError](err)
	return unsent || errors.Is(err, context.DeadlineExceeded)
}

// unreachable leaves out addresses and ports, which differ on every attempt.
func unreachable(err error) string {
	cause := root(err).Error()
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		cause = "cannot resolve " + lookup.Name
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		if target, parseErr := url.Parse(request.URL); parseErr == nil {
			return "cannot reach " + target.Host + ": " + cause
		}
	}
	return cause
}

// root follows the first of joined errors: the SDK appends its own bookkeeping.
func root(err error) error {
	for {
		if all, ok := errors.AsType[joined](err); ok {
			err = all.Unwrap()[0]
			continue
		}
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

type joined interface {
	error
	Unwrap() []error
}

var volatile = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\s*\(request[ _-]?id\s*[:=]\s*[0-9a-z-]+\)`),
	regexp.MustCompile(`(?i)[\s,;]*\brequest[ _-]?id\s*[:=]\s*[0-9a-z-]+`),
	// EC2 encrypts the reason anew for every refusal.
	regexp.MustCompile(`\s*Encoded authorization failure message: \S+`),
	// A wrong clock shows as two times that never repeat.
	regexp.MustCompile(`\s*\b\d{8}T\d{6}Z\b`),
}

// stable removes what differs each time the same call fails in the same way.
func stable(message string) string {
	for _, pattern := range volatile {
		message = pattern.ReplaceAllString(message, "")
	}
	return strings.TrimSpace(message)
}
