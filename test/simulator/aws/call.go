package aws

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// call is one API call. Which of the parameter fields is set depends on the
// service's protocol.
type call struct {
	service, region, operation string
	accessKey, sessionToken    string
	requestID                  string
	identity                   Identity
	subject                    subject
	elsewhere                  string // the region of a bucket that is not where it was asked for

	form url.Values        // query and ec2 protocols, and the query of REST
	body []byte            // JSON 1.1
	path map[string]string // REST
}

// receive tells what is called by whom. The service is usable for answering
// even when there is an error.
func (s *Server) receive(r *http.Request) (*call, service, error) {
	c := &call{
		requestID:    fmt.Sprintf("00000000-0000-4000-8000-%012x", s.requests.Add(1)),
		sessionToken: sessionTokenOf(r),
	}
	scope, ok := scopeOf(r)
	if !ok {
		return c, unknownService, &cloud.Error{
			Code:    codeNotSigned,
			Message: "Request is missing Authentication Token",
		}
	}
	c.accessKey, c.region, c.service = scope.accessKey, scope.region, scope.service
	svc, known := services[c.service]
	if !known {
		return c, unknownService, &cloud.Error{
			Code:    unknownService.unknownOperation,
			Message: fmt.Sprintf("The service %s is not simulated.", c.service),
		}
	}
	if err := svc.protocol.read(r, c); err != nil {
		return c, svc, &cloud.Error{Code: "SerializationException", Message: err.Error()}
	}
	return c, svc, nil
}

func (c *call) entry(refused *cloud.Error) cloud.Call {
	entry := cloud.Call{
		Service: c.service, Operation: c.operation, Region: c.region, Principal: c.identity.ARN,
		Resources: c.subject.resources, ResourceTags: c.subject.tags,
	}
	if refused != nil {
		entry.Code = refused.Code
	}
	return entry
}

// decode reads the parameters of a JSON 1.1 call.
func (c *call) decode(into any) error {
	if err := json.Unmarshal(c.body, into); err != nil {
		return &cloud.Error{Code: "SerializationException", Message: err.Error()}
	}
	return nil
}

// text is a parameter of a JSON 1.1 call that is a string.
func (c *call) text(name string) string {
	var parameters map[string]any
	if json.Unmarshal(c.body, &parameters) != nil {
		return ""
	}
	value, _ := parameters[name].(string)
	return value
}

// scope is the credential scope of a Signature Version 4.
type scope struct{ accessKey, date, region, service string }

// scopeOf finds the scope in the Authorization header or in a presigned query.
func scopeOf(r *http.Request) (scope, bool) {
	if credential := r.URL.Query().Get("X-Amz-Credential"); credential != "" {
		return parseScope(credential)
	}
	_, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if !ok {
		return scope{}, false
	}
	credential, _, _ := strings.Cut(rest, ",")
	return parseScope(credential)
}

func parseScope(credential string) (scope, bool) {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 || parts[4] != "aws4_request" {
		return scope{}, false
	}
	return scope{accessKey: parts[0], date: parts[1], region: parts[2], service: parts[3]}, true
}

func sessionTokenOf(r *http.Request) string {
	if token := r.Header.Get("X-Amz-Security-Token"); token != "" {
		return token
	}
	return r.URL.Query().Get("X-Amz-Security-Token")
}
