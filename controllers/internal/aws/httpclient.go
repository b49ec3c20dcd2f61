package aws

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// plainBodies hides that the body of a request can write itself. The SDK closes a
// body as soon as the answer begins, and writing a closed one fails where reading
// it ends (smithy-go v1.28.8, internal/io: safeWriteToReadCloser). A server that
// answers before net/http has looked for the body's end would thereby lose its
// connection in the middle of the answer.
type plainBodies struct{ aws.HTTPClient }

// Do implements aws.HTTPClient.
func (c plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r = r.WithContext(r.Context()) // a copy: the request is not ours
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.HTTPClient.Do(r) //nolint:wrapcheck // the SDK looks for its own types in what its client returns
}
