package gitrepo

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/plumbing/transport/ssh"
)

const (
	// tokenUser is sent with a password that has no user name, as Argo CD does with the same Secrets.
	tokenUser = "x-access-token"
	sshUser   = "git"
	redacted  = "[redacted]"
)

// Repository is a git repository and how to get in.
type Repository struct {
	// URL is https://, http://, ssh:// or file://; the last is read in place.
	URL  string
	Auth Auth
}

// String leaves out everything secret.
func (r Repository) String() string {
	endpoint, err := transport.NewEndpoint(r.URL)
	if err != nil {
		return redacted
	}
	return display(endpoint)
}

// GoString leaves out everything secret.
func (r Repository) GoString() string { return r.String() }

// Auth are credentials. They are never shown. The zero value is for public repositories.
type Auth struct {
	// Username may stay empty where the password is a token.
	Username, Password string
	// SSHPrivateKey is in PEM; Password is its passphrase.
	SSHPrivateKey string
}

// String shows nothing.
func (Auth) String() string { return redacted }

// GoString shows nothing.
func (Auth) GoString() string { return redacted }

// MarshalText shows nothing to structured logs either.
func (Auth) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func (r Repository) endpoint() (*transport.Endpoint, error) {
	endpoint, err := transport.NewEndpoint(r.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: the URL cannot be read", ErrNotFound)
	}
	return endpoint, nil
}

// identity tells apart who asks where, so that nobody gets answers from a
// repository that only somebody else's credentials open. It keeps no secret.
func (r Repository) identity() [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", r.URL, r.Auth.Username, r.Auth.Password, r.Auth.SSHPrivateKey))
}

// display is the URL without user, password and query.
func display(endpoint *transport.Endpoint) string {
	host := endpoint.Host
	if endpoint.Port != 0 {
		host = fmt.Sprintf("%s:%d", host, endpoint.Port)
	}
	where, _, _ := strings.Cut(endpoint.Path, "?")
	where, _, _ = strings.Cut(where, "#")
	return fmt.Sprintf("%s://%s/%s", endpoint.Protocol, host, strings.TrimPrefix(where, "/"))
}

// methodOf translates credentials for a transport. nil leaves it to what the URL holds.
func methodOf(endpoint *transport.Endpoint, auth Auth) (transport.AuthMethod, error) {
	if endpoint.Protocol == protocolSSH {
		return sshKeyOf(endpoint, auth)
	}
	if auth.Password == "" {
		return nil, nil
	}
	user := auth.Username
	if user == "" {
		user = tokenUser
	}
	return &http.BasicAuth{Username: user, Password: auth.Password}, nil
}

// sshKeyOf never falls back to an SSH agent, which would be somebody else's.
func sshKeyOf(endpoint *transport.Endpoint, auth Auth) (transport.AuthMethod, error) {
	if auth.SSHPrivateKey == "" {
		return nil, fmt.Errorf("%w: an ssh:// repository needs an SSH private key", ErrCredentials)
	}
	user := endpoint.User
	if user == "" {
		user = sshUser
	}
	keys, err := ssh.NewPublicKeys(user, []byte(auth.SSHPrivateKey), auth.Password)
	if err != nil {
		return nil, fmt.Errorf("%w: the SSH private key cannot be read", ErrCredentials)
	}
	return keys, nil
}

// secretsOf are the texts that no message may hold.
func (r Repository) secretsOf() []string {
	secrets := []string{r.Auth.Password, r.Auth.SSHPrivateKey}
	if parsed, err := url.Parse(r.URL); err == nil && parsed.User != nil {
		password, _ := parsed.User.Password()
		secrets = append(secrets, parsed.User.String(), password)
		if password == "" {
			secrets = append(secrets, parsed.User.Username()) // a token in the user's place
		}
	}
	return secrets
}

// redact removes secrets from a text that a server or library wrote.
func (r Repository) redact(text string) string {
	for _, secret := range r.secretsOf() {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, redacted)
			text = strings.ReplaceAll(text, url.QueryEscape(secret), redacted)
		}
	}
	return text
}
