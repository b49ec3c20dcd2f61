package remote

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// ErrNotObserved means that the cluster's objects have not been listed yet.
var ErrNotObserved = errors.New("the regional cluster has not been observed yet")

// probe asks for the version, which every authenticated user may see.
func (c *Cluster) probe(ctx context.Context) bool {
	err := c.requests.CoreV1().RESTClient().Get().AbsPath("/version").Do(ctx).Error()
	if ctx.Err() != nil {
		return false
	}
	c.mu.Lock()
	news := !c.probed || (err == nil) != c.connected || Explain(err) != Explain(c.probeErr)
	c.probed, c.probeErr, c.connected = true, err, err == nil
	follower := c.follower
	c.mu.Unlock()
	if err == nil && c.listed() && (follower == nil || follower.listed()) {
		c.mu.Lock()
		c.seenAt = c.clock.Now()
		c.mu.Unlock()
	}
	if news {
		c.changed(Topology)
		if follower != nil {
			c.changed(Registration)
		}
	}
	return err == nil
}

// Connected returns nil while the API server answers and its objects are known,
// else why not. The text is stable while the cause is.
func (c *Cluster) Connected() error {
	c.mu.Lock()
	probed, err := c.probed, c.probeErr
	c.mu.Unlock()
	switch {
	case !probed:
		return ErrNotObserved
	case err != nil:
		return errors.New(Explain(err))
	case !c.listed():
		return ErrNotObserved
	}
	return nil
}

// listed tells whether all that is watched in every cluster was listed once.
func (c *Cluster) listed() bool {
	return c.services.HasSynced() && c.nodes.HasSynced() && c.pods.HasSynced()
}

// Silence is for how long it is not known how the cluster is: since its API server last answered
// with everything listed that is watched there, or else since the connection was made. A new
// operator begins anew: how long the one before heard nothing is not known.
func (c *Cluster) Silence() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock.Since(c.seenAt)
}

// Failed tells whether the API server was asked and did not accept us, as opposed to
// not having been asked yet.
func (c *Cluster) Failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.probeErr != nil
}

// Explain reduces what an API server, or the way to it, said to what does not change from one
// attempt to the next.
func Explain(err error) string {
	var answer apierrors.APIStatus
	switch {
	case err == nil:
		return ""
	case apierrors.IsUnauthorized(err):
		return "the API server does not accept Portolan's role yet: an access entry takes up to a minute to become effective"
	case apierrors.IsForbidden(err):
		return "the API server forbids it to Portolan's role: check the access entry's policies"
	case apierrors.ReasonForError(err) != "":
		return "the API server answers with " + string(apierrors.ReasonForError(err))
	case errors.As(err, &answer):
		return "the API server answers: " + answer.Status().Message
	default:
		return "the API server does not answer: " + innermost(err).Error()
	}
}

// innermost returns the cause at the bottom of err, which names no port or request.
func innermost(err error) error {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err
}
