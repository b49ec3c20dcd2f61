package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// download returns what the address serves. Errors carry no port numbers or request IDs
// and no password, so that they can be shown in a status.
func (s *Source) download(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("%s is no address: %w", redacted(address), innermost(err))
	}
	request.Header.Set("User-Agent", "portolan")
	// Or the transport would unpack archives that are served as "Content-Encoding: gzip".
	request.Header.Set("Accept-Encoding", "identity")
	response, err := s.http.Do(request)
	if err != nil {
		return nil, unreachable(address, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, refused(address, response.StatusCode)
	}
	content, err := io.ReadAll(limit(response.Body, s.maxBytes))
	if err != nil {
		return nil, unreachable(address, err)
	}
	return content, nil
}

func unreachable(address string, err error) error {
	if errors.Is(err, errTooLarge) {
		return fmt.Errorf("%s is %w", redacted(address), errTooLarge)
	}
	return fmt.Errorf("%s cannot be fetched: %w; check the address, and that Portolan's network reaches it", redacted(address), innermost(err))
}

func refused(address string, status int) error {
	answer := fmt.Sprintf("%s answers %d %s", redacted(address), status, http.StatusText(status))
	switch status {
	case http.StatusNotFound:
		return errors.New(answer + ": check the address")
	case http.StatusUnauthorized, http.StatusForbidden:
		return errors.New(answer + ": it has to be readable without credentials")
	default:
		return errors.New(answer)
	}
}

// redacted hides the password and the query of an address, which may be a signature.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the address"
	}
	u.RawQuery, u.Fragment = "", ""
	return u.Redacted()
}

// innermost returns the cause at the bottom of err, which names no port or request.
func innermost(err error) error {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err
}

var errTooLarge = errors.New("larger than Portolan accepts: nothing that belongs into a cluster is that large")

// limited is a body that fails instead of ending when it is too long: io.LimitReader
// would hand on half a file.
type limited struct {
	io.ReadCloser

	left int64
}

func limit(body io.ReadCloser, most int64) io.ReadCloser {
	return &limited{ReadCloser: body, left: most}
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge
	}
	return n, err //nolint:wrapcheck // io.Reader's callers compare with io.EOF
}
