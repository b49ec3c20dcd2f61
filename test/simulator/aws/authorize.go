package aws

import (
	"fmt"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// authorize asks the account's guard for each permission that the call needs.
func (s *Server) authorize(c *call, svc service, wanted action) error {
	if wanted.free {
		return nil
	}
	own := c.service + ":" + c.operation
	first := wanted.permission
	if first == "" {
		first = own
	}
	for _, permission := range append([]string{first}, wanted.also...) {
		asked := c.entry(nil)
		if permission != own {
			asked.Action = permission
		}
		if refused := s.cloud.Authorize(asked); refused != nil {
			return &cloud.Error{Code: svc.accessDenied, Message: denial(c, permission, refused.Message)}
		}
	}
	return nil
}

// denial is AWS's text, which names what is missing:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html.
// A guard that already has AWS's text knows more, such as an explicit deny.
func denial(c *call, permission, reason string) string {
	text := reason
	if !strings.HasPrefix(text, "User: ") {
		text = fmt.Sprintf("User: %s is not authorized to perform: %s%s because no identity-based policy allows the %s action",
			c.identity.ARN, permission, onResource(c), permission)
	}
	if c.service == "ec2" {
		return "You are not authorized to perform this operation. " + text
	}
	return text
}

// onResource is empty for actions without resources. S3 quotes what others do not.
func onResource(c *call) string {
	if len(c.subject.resources) == 0 {
		return ""
	}
	format := " on resource: %s"
	if c.service == "s3" {
		format = " on resource: %q"
	}
	return fmt.Sprintf(format, c.subject.resources[0])
}
