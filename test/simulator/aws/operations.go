package aws

import (
	"errors"
	"net/http"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// handler answers a call with something that the service's protocol can encode.
type handler func(*Server, *call) (any, error)

// action is one operation of a service: how it is answered and what IAM has to allow for it.
// The permission is called like the operation unless said otherwise.
type action struct {
	handle handler
	// on tells what the call acts on; nil for actions that IAM knows no resources for.
	on target
	// permission is the IAM action where its name is not that of the operation.
	permission string
	// also are further IAM actions that have to be allowed on the same resources.
	also []string
	// free is true for what needs no permission.
	free bool
}

// target finds what a call acts on before it is known whether that exists.
type target func(*Server, *call) subject

// subject is what policies can look at besides the action.
type subject struct {
	resources []string
	tags      map[string]string
}

// subjectOf is an existing resource, or one of the name that the call gives it.
func subjectOf(arn string, r cloud.Resource) subject {
	return subject{resources: []string{arn}, tags: r.Tags}
}

// service is how a service speaks: its protocol and its words for what can be
// wrong with any call.
type service struct {
	protocol         protocol
	operations       map[string]action
	unknownOperation string
	unknownKey       string
	expiredKey       string
	accessDenied     string
	throttled        string
	// home is the only region in which the API answers, empty if it is in all of them.
	home string
	// global services do not care which region a call is signed for.
	global bool
}

// protocol is one of the wire formats of AWS.
type protocol interface {
	// read names the operation of the call and takes over its parameters.
	read(*http.Request, *call) error
	// reply writes the result of the call.
	reply(http.ResponseWriter, *call, any)
	// refuse writes an error.
	refuse(http.ResponseWriter, *call, *cloud.Error)
}

const (
	codeAccessDenied = "AccessDenied"
	codeInternal     = "InternalFailure"
	codeNotSigned    = "MissingAuthenticationToken"
)

// services are told apart by the name that calls are signed for.
var services = map[string]service{
	"sts": queryService(queryXML{namespace: "https://sts.amazonaws.com/doc/2011-06-15/"}, stsOperations),
	"elasticloadbalancing": queryService(
		queryXML{namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"}, elbOperations),
	"acm":            jsonService(json11{}, certificateOperations),
	"iam":            global(queryService(queryXML{namespace: "https://iam.amazonaws.com/doc/2010-05-08/"}, iamOperations)),
	"secretsmanager": jsonService(json11{}, secretsOperations),
	"servicequotas":  withThrottling("TooManyRequestsException", jsonService(json11{}, quotaOperations)),
	"eks":            jsonService(restJSON{routes: eksRoutes}, eksOperations),
	// https://docs.aws.amazon.com/general/latest/gr/global_accelerator.html: the API is in one region only.
	"globalaccelerator": at(acceleratorHome, jsonService(json11{}, acceleratorOperations)),
	"ec2": {
		protocol:         ec2XML{namespace: "http://ec2.amazonaws.com/doc/2016-11-15/"},
		operations:       ec2Operations,
		unknownOperation: "InvalidAction",
		unknownKey:       "AuthFailure",
		expiredKey:       "RequestExpired",
		accessDenied:     "UnauthorizedOperation",
		throttled:        "RequestLimitExceeded",
	},
	"route53": {
		protocol:         restXML{routes: route53Routes, wrapped: true, namespace: route53Namespace},
		operations:       route53Operations,
		unknownOperation: "InvalidAction",
		unknownKey:       "InvalidClientTokenId",
		expiredKey:       "ExpiredToken",
		accessDenied:     codeAccessDenied,
		throttled:        "Throttling",
		global:           true,
	},
	"s3": {
		protocol:         restXML{routes: s3Routes, namespace: s3Namespace},
		operations:       s3Operations,
		unknownOperation: "MethodNotAllowed",
		unknownKey:       "InvalidAccessKeyId",
		expiredKey:       "ExpiredToken",
		accessDenied:     codeAccessDenied,
		throttled:        "SlowDown",
	},
}

func queryService(p queryXML, operations map[string]action) service {
	return service{
		protocol: p, operations: operations,
		unknownOperation: "InvalidAction",
		unknownKey:       "InvalidClientTokenId",
		expiredKey:       "ExpiredToken",
		accessDenied:     codeAccessDenied,
		throttled:        "Throttling",
	}
}

func jsonService(p protocol, operations map[string]action) service {
	return service{
		protocol: p, operations: operations,
		unknownOperation: "UnknownOperationException",
		unknownKey:       "UnrecognizedClientException",
		expiredKey:       "ExpiredTokenException",
		accessDenied:     "AccessDeniedException",
		throttled:        "ThrottlingException",
	}
}

func global(s service) service {
	s.global = true
	return s
}

func at(home string, s service) service {
	s.home = home
	return s
}

func withThrottling(code string, s service) service {
	s.throttled = code
	return s
}

// unknownService answers what cannot be told apart.
var unknownService = service{protocol: restJSON{}, unknownOperation: "UnknownOperationException"}

// reject puts a refusal of the credentials into the service's own word.
func (s service) reject(err error) *cloud.Error {
	code := s.unknownKey
	if errors.Is(err, errExpired) {
		code = s.expiredKey
	}
	return &cloud.Error{Code: code, Message: err.Error()}
}
