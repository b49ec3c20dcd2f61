package cloud

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// medians are simulated durations, measured or documented. A missing entry falls
// back to <service>/* and then to defaultMedian.
var medians = map[string]time.Duration{
	"acm/certificate/validation":           2 * time.Minute,
	"argocd/sync":                          5 * time.Second,
	"dns/record":                           40 * time.Second,
	"ec2/*":                                time.Second,
	"ec2/natgateway":                       2 * time.Minute,
	"ec2/natgateway/delete":                time.Minute,
	"eks/accessentry":                      time.Second,
	"eks/addon":                            40 * time.Second,
	"eks/addon/recovery":                   15 * time.Second,
	"eks/addon/update":                     40 * time.Second,
	"eks/cluster":                          9 * time.Minute,
	"eks/cluster/config":                   90 * time.Second,
	"eks/cluster/delete":                   6 * time.Minute,
	"eks/cluster/update":                   8 * time.Minute,
	"eks/nodegroup":                        2 * time.Minute,
	"eks/nodegroup/config":                 20 * time.Second,
	"eks/nodegroup/delete":                 4 * time.Minute,
	"eks/nodegroup/update":                 3 * time.Minute,
	"eks/podidentityassociation/delete":    5 * time.Second,
	"eks/podidentityassociation/effective": 5 * time.Second,
	"elbv2/loadbalancer":                   4 * time.Minute,
	"elbv2/loadbalancer/delete":            30 * time.Second,
	"globalaccelerator/deploy":             90 * time.Second,
	"globalaccelerator/eni/delete":         6 * time.Minute,
	"globalaccelerator/health":             time.Minute,
	"iam/role":                             time.Second,
	"node/boot":                            20 * time.Second,
	"pod/start":                            15 * time.Second,
	"route53/change":                       40 * time.Second,
	"secretsmanager/replica":               20 * time.Second,
}

const (
	defaultMedian = time.Second
	// spread is the standard deviation of a duration's logarithm.
	spread = 0.15
	// outlier bounds the draw, so that one unlucky seed cannot stall a test.
	outlier = 3.0
)

// Sample is one drawn duration.
type Sample struct {
	// What took that long.
	What string
	// Scaled is the duration in real time.
	Scaled time.Duration
	// At is when it was drawn.
	At time.Time
}

// Sample draws how long something takes, in real time. Equal seeds give equal
// series for each kind of thing, whatever else is drawn in between.
func (c *Cloud) Sample(what string) time.Duration {
	return c.dice.sample(what, c.Scale(c.median(what)))
}

// Samples returns what was drawn so far, oldest first.
func (c *Cloud) Samples() []Sample {
	c.dice.mu.Lock()
	defer c.dice.mu.Unlock()
	return slices.Clone(c.dice.samples)
}

// Scale converts a simulated duration to real time.
func (c *Cloud) Scale(d time.Duration) time.Duration {
	return time.Duration(float64(d) * c.timeScale)
}

// NewID returns an identifier of the form prefix-0123456789abcdef0.
func (c *Cloud) NewID(prefix string) string {
	return c.dice.newID(prefix)
}

func (c *Cloud) median(what string) time.Duration {
	if d, ok := c.medians[what]; ok {
		return d
	}
	if d, ok := medians[what]; ok {
		return d
	}
	service, _, _ := strings.Cut(what, "/")
	if d, ok := medians[service+"/*"]; ok {
		return d
	}
	return defaultMedian
}

// dice keeps a series of random numbers per purpose, because goroutines that
// share one series would get other numbers in each run.
type dice struct {
	seed uint64

	mu      sync.Mutex
	series  map[string]*rand.Rand
	samples []Sample
}

func (d *dice) sample(what string, median time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	deviation := min(max(d.seriesOf("sample/"+what).NormFloat64(), -outlier), outlier)
	scaled := time.Duration(float64(median) * math.Exp(spread*deviation))
	d.samples = append(d.samples, Sample{What: what, Scaled: scaled, At: time.Now()})
	return scaled
}

func (d *dice) newID(prefix string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fmt.Sprintf("%s-0%016x", prefix, d.seriesOf("id/"+prefix).Uint64())
}

func (d *dice) seriesOf(purpose string) *rand.Rand {
	if r, ok := d.series[purpose]; ok {
		return r
	}
	if d.series == nil {
		d.series = map[string]*rand.Rand{}
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(purpose)) // a hash never fails to write
	d.series[purpose] = rand.New(rand.NewPCG(d.seed, hash.Sum64()))
	return d.series[purpose]
}
