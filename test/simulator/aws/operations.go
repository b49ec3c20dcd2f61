package aws

import (
	"errors"
	"net/http"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

type operation struct{ service, name string }

// handler answers a call with something that the service's protocol can encode.
type handler func(*Server, *call) (any, error)

// operations is everything that the simulated AWS can do.
var operations = map[operation]handler{
	{"sts", "GetCallerIdentity"}: (*Server).getCallerIdentity,
	{"sts", "AssumeRole"}:        (*Server).assumeRole,

	{"secretsmanager", "DescribeSecret"}:               (*Server).describeSecret,
	{"secretsmanager", "GetSecretValue"}:               (*Server).getSecretValue,
	{"secretsmanager", "RemoveRegionsFromReplication"}: (*Server).removeRegionsFromReplication,
	{"secretsmanager", "ReplicateSecretToRegions"}:     (*Server).replicateSecretToRegions,

	{"ec2", "DescribeAvailabilityZones"}: (*Server).describeAvailabilityZones,
	{"ec2", "DescribeNatGateways"}:       (*Server).describeNATGateways,
	{"ec2", "DescribeVpcs"}:              (*Server).describeVPCs,

	{"eks", "DescribeAddon"}:     (*Server).describeAddon,
	{"eks", "DescribeCluster"}:   (*Server).describeCluster,
	{"eks", "DescribeNodegroup"}: (*Server).describeNodegroup,
}

// service is how a service speaks: its protocol and its words for what can be
// wrong with any call.
type service struct {
	protocol         protocol
	unknownOperation string
	unknownKey       string
	expiredKey       string
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

var services = map[string]service{
	"sts": {
		protocol:         queryXML{namespace: "https://sts.amazonaws.com/doc/2011-06-15/"},
		unknownOperation: "InvalidAction",
		unknownKey:       "InvalidClientTokenId",
		expiredKey:       "ExpiredToken",
	},
	"ec2": {
		protocol:         ec2XML{namespace: "http://ec2.amazonaws.com/doc/2016-11-15/"},
		unknownOperation: "InvalidAction",
		unknownKey:       "AuthFailure",
		expiredKey:       "RequestExpired",
	},
	"secretsmanager": {
		protocol:         json11{},
		unknownOperation: "UnknownOperationException",
		unknownKey:       "UnrecognizedClientException",
		expiredKey:       "ExpiredTokenException",
	},
	"eks": {
		protocol:         restJSON{routes: eksRoutes},
		unknownOperation: "UnknownOperationException",
		unknownKey:       "UnrecognizedClientException",
		expiredKey:       "ExpiredTokenException",
	},
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
