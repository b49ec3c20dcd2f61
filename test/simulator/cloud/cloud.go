package cloud

import (
	"fmt"
	"sync"
	"time"
)

const (
	defaultAccount   = "111122223333"
	defaultTimeScale = 1.0 / 60
)

// Options configure a Cloud. The zero value is a usable account at an AWS minute per second.
type Options struct {
	// Account is the AWS account number that owns everything.
	Account string
	// Seed makes identifiers and durations reproducible.
	Seed uint64
	// TimeScale is real time per simulated time: at 1/60 a minute takes a second.
	TimeScale float64
	// Medians are simulated durations that are to be others than usual, by what Sample is asked for.
	Medians map[string]time.Duration
}

// Cloud is one simulated AWS account. It is safe for concurrent use.
type Cloud struct {
	account   string
	timeScale float64
	medians   map[string]time.Duration

	dice   dice
	ledger ledger
	feed   feed
	leaks  leaks

	mu        sync.RWMutex
	resources map[Key]Resource
	children  map[Key]map[Key]struct{}
}

// New returns an empty account.
func New(o Options) *Cloud {
	if o.Account == "" {
		o.Account = defaultAccount
	}
	if o.TimeScale == 0 {
		o.TimeScale = defaultTimeScale
	}
	return &Cloud{
		account:   o.Account,
		timeScale: o.TimeScale,
		medians:   o.Medians,
		dice:      dice{seed: o.Seed},
		resources: map[Key]Resource{},
		children:  map[Key]map[Key]struct{}{},
	}
}

// Account returns the account number.
func (c *Cloud) Account() string { return c.account }

// ARN names a resource of this account. Global services have the region "".
func (c *Cloud) ARN(service, region, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, region, c.account, resource)
}
