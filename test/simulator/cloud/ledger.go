package cloud

import (
	"slices"
	"sync"
	"time"
)

// Call is one API call as the ledger keeps it.
type Call struct {
	// Service is the signing name, for example secretsmanager.
	Service string
	// Operation is the API's name of the call.
	Operation string
	// Region is the one the call was signed for.
	Region string
	// Code is the error code, empty for success.
	Code string
	// Principal is the ARN of the caller.
	Principal string
	// Action is the IAM action that allows the call when it is not Service:Operation.
	Action string
	// Resources are the ARNs that the call acts on; none means that it names no resource.
	Resources []string
	// RequestTags are the tags that the call would put on what it creates, ResourceTags
	// those of what it acts on. Conditions of policies look at them.
	RequestTags, ResourceTags map[string]string
	// At is set by Record when empty.
	At time.Time
}

// Record adds a call to the ledger.
func (c *Cloud) Record(call Call) {
	if call.At.IsZero() {
		call.At = time.Now()
	}
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	c.ledger.calls = append(c.ledger.calls, call)
}

// Calls returns the ledger, oldest first.
func (c *Cloud) Calls() []Call {
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	return slices.Clone(c.ledger.calls)
}

// Guard says whether a call is allowed; an error is the refusal.
type Guard func(Call) *Error

// SetGuard makes g decide about every call from now on. Without one, everything is allowed.
func (c *Cloud) SetGuard(g Guard) {
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	c.ledger.guard = g
}

// Authorize asks the guard about a call.
func (c *Cloud) Authorize(call Call) *Error {
	c.ledger.mu.Lock()
	guard := c.ledger.guard
	c.ledger.mu.Unlock()
	if guard == nil {
		return nil
	}
	return guard(call)
}

type ledger struct {
	mu    sync.Mutex
	calls []Call
	guard Guard
}
