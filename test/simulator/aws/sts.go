package aws

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const defaultSessionSeconds = 3600

var rolePattern = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}):role/[\w+=,.@/-]+$`)

var stsOperations = map[string]action{
	// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html: no permissions are required.
	"GetCallerIdentity": {handle: (*Server).getCallerIdentity, free: true},
	"AssumeRole":        {handle: (*Server).assumeRole, on: roleToAssume},
}

func roleToAssume(s *Server, c *call) subject {
	arn := c.form.Get("RoleArn")
	role, _ := s.cloud.Get(cloud.Key{Type: typeRole, ID: lastPart(arn)})
	return subjectOf(arn, role)
}

type callerIdentity struct {
	ARN     string `xml:"Arn"`
	UserID  string `xml:"UserId"`
	Account string
}

func (s *Server) getCallerIdentity(c *call) (any, error) {
	return callerIdentity{ARN: c.identity.ARN, UserID: c.identity.userID(), Account: c.identity.Account}, nil
}

type assumedRole struct {
	AccessKeyID     string `xml:"Credentials>AccessKeyId"`
	SecretAccessKey string `xml:"Credentials>SecretAccessKey"`
	SessionToken    string `xml:"Credentials>SessionToken"`
	Expiration      string `xml:"Credentials>Expiration"`
	AssumedRoleID   string `xml:"AssumedRoleUser>AssumedRoleId"`
	ARN             string `xml:"AssumedRoleUser>Arn"`
}

func (s *Server) assumeRole(c *call) (any, error) {
	role, session := c.form.Get("RoleArn"), c.form.Get("RoleSessionName")
	account := rolePattern.FindStringSubmatch(role)
	if account == nil || session == "" {
		return nil, &cloud.Error{Code: "ValidationError", Message: fmt.Sprintf("%q is not a role and a session name", role+" "+session)}
	}
	if account[1] != s.cloud.Account() {
		return nil, &cloud.Error{
			Code:    codeAccessDenied,
			Message: fmt.Sprintf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", c.identity.ARN, role),
		}
	}
	g := s.credentials.issue(role, session, sessionLifetime(c.form.Get("DurationSeconds")))
	return assumedRole{
		AccessKeyID:     g.accessKey,
		SecretAccessKey: g.secretKey,
		SessionToken:    g.sessionToken,
		Expiration:      g.expires.UTC().Format(time.RFC3339),
		AssumedRoleID:   g.identity.userID(),
		ARN:             g.identity.ARN,
	}, nil
}

func sessionLifetime(seconds string) time.Duration {
	n, err := strconv.Atoi(seconds)
	if err != nil || n <= 0 {
		n = defaultSessionSeconds
	}
	return time.Duration(n) * time.Second
}
