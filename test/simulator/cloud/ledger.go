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

type ledger struct {
	mu    sync.Mutex
	calls []Call
}
