package aws

import (
	"sync"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// Throttle gives an operation a token bucket per principal and region, as EC2 documents it:
// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html. The bucket holds burst
// calls and refills by perSecond of real time, which is what clients back off in. The service is
// a signing name, for example elasticloadbalancing. A burst of zero takes the limit away.
func (s *Server) Throttle(service, operation string, perSecond float64, burst int) {
	s.throttles.set(limited{service, operation}, limit{perSecond: perSecond, burst: float64(burst)})
}

type limit struct{ perSecond, burst float64 }

type limited struct{ service, operation string }

func (c *call) limited() limited { return limited{c.service, c.operation} }

type bucketKey struct {
	limited
	principal, region string
}

type bucket struct {
	tokens float64
	filled time.Time
}

type throttles struct {
	mu      sync.Mutex
	limits  map[limited]limit
	buckets map[bucketKey]*bucket
}

func (t *throttles) set(what limited, l limit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.limits == nil {
		t.limits, t.buckets = map[limited]limit{}, map[bucketKey]*bucket{}
	}
	for key := range t.buckets {
		if key.limited == what {
			delete(t.buckets, key)
		}
	}
	if l.burst == 0 {
		delete(t.limits, what)
		return
	}
	t.limits[what] = l
}

// spend takes a token for the call or refuses it in the service's own word.
func (t *throttles) spend(c *call, svc service, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, throttled := t.limits[c.limited()]
	if !throttled {
		return nil
	}
	key := bucketKey{limited: c.limited(), principal: c.identity.ARN, region: c.region}
	b, ok := t.buckets[key]
	if !ok {
		b = &bucket{tokens: l.burst, filled: now}
		t.buckets[key] = b
	}
	b.tokens = min(l.burst, b.tokens+l.perSecond*now.Sub(b.filled).Seconds())
	b.filled = now
	if b.tokens < 1 {
		return &cloud.Error{Code: svc.throttled, Message: "Rate exceeded"}
	}
	b.tokens--
	return nil
}
