package aws

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"
)

// The credentials of the machine that Portolan runs on. Any secret will do for
// API calls; cluster tokens have to be signed with this one.
const (
	BaseAccessKey = "rehearsal"
	BaseSecretKey = "rehearsal"
)

const (
	baseRole    = "portolan-base"
	baseSession = "session"
)

var (
	errUnknownKey = errors.New("the security token included in the request is invalid")
	errExpired    = errors.New("the security token included in the request is expired")
)

// Identity is who calls.
type Identity struct {
	// Account is the account number.
	Account string
	// ARN is the session: arn:aws:sts::<account>:assumed-role/<role>/<session>.
	ARN string
	// RoleARN is the IAM role of the session, with its path.
	RoleARN string
}

// session is the last part of the ARN.
func (i Identity) session() string { return lastPart(i.ARN) }

// userID is what AWS calls the session.
func (i Identity) userID() string {
	return "AROAREHEARSAL" + strings.ToUpper(lastPart(i.RoleARN)) + ":" + i.session()
}

// assumed is the identity of a session of the role.
func assumed(account, roleARN, session string) Identity {
	return Identity{
		Account: account,
		ARN:     fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", account, lastPart(roleARN), session),
		RoleARN: roleARN,
	}
}

func lastPart(path string) string { return path[strings.LastIndex(path, "/")+1:] }

// grant is an access key and whose it is.
type grant struct {
	accessKey, secretKey, sessionToken string
	identity                           Identity
	expires                            time.Time // zero for the base key, which never does
}

func (g grant) expired(now time.Time) bool { return !g.expires.IsZero() && now.After(g.expires) }

// credentials are the access keys that are valid at the simulated AWS.
type credentials struct {
	account string

	mu     sync.Mutex
	grants map[string]grant
}

func newCredentials(account string) *credentials {
	roleARN := fmt.Sprintf("arn:aws:iam::%s:role/%s", account, baseRole)
	return &credentials{account: account, grants: map[string]grant{
		BaseAccessKey: {
			accessKey: BaseAccessKey,
			secretKey: BaseSecretKey,
			identity:  assumed(account, roleARN, baseSession),
		},
	}}
}

// issue makes keys for a session of the role.
func (c *credentials) issue(roleARN, session string, lifetime time.Duration) grant {
	now := time.Now()
	g := grant{
		accessKey:    "ASIA" + rand.Text()[:16],
		secretKey:    rand.Text(),
		sessionToken: rand.Text(),
		identity:     assumed(c.account, roleARN, session),
		expires:      now.Add(lifetime),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.grants, func(_ string, old grant) bool { return old.expired(now.Add(-lifetime)) })
	c.grants[g.accessKey] = g
	return g
}

// resolve tells whose an access key is.
func (c *credentials) resolve(accessKey, sessionToken string) (Identity, error) {
	g, err := c.find(accessKey, sessionToken)
	return g.identity, err
}

func (c *credentials) find(accessKey, sessionToken string) (grant, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, ok := c.grants[accessKey]
	switch {
	case !ok || g.sessionToken != sessionToken:
		return grant{}, errUnknownKey
	case g.expired(time.Now()):
		return grant{}, errExpired
	}
	return g, nil
}
