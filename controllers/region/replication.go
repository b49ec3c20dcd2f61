package region

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// replication makes one call for a secret and all the Regions that join together, because
// Secrets Manager takes a list. Its memory is of the last minutes only; a new operator
// at worst asks once more for what is being copied already.
type replication struct {
	clock clock.PassiveClock
	mu    sync.Mutex            // held during a call, so that what one pass asked for is known to the next
	first map[request]time.Time // when a secret was first found lacking somewhere, without an AWS region
	asked map[request]time.Time
}

type request struct{ environment, secret, awsRegion string }

func requestFor(env *v1alpha1.Environment, secret, awsRegion string) request {
	return request{environment: env.Namespace + "/" + env.Name, secret: secret, awsRegion: awsRegion}
}

// askedFor is how long a copy that was asked for is not asked for again.
const askedFor = time.Minute

// copy asks for the secret's copy here and, in the same call, wherever else it is missing.
// The first Region that lacks one waits a poll for those that join with it.
func (r *Reconciler) copy(ctx context.Context, s *scope, secret string, existing map[string]aws.ReplicaState) error {
	r.copying.mu.Lock()
	defer r.copying.mu.Unlock()
	if !r.copying.collected(requestFor(s.environment, secret, ""), r.Poll) {
		return nil // InProgress, so the next look is one poll away
	}
	wanted, err := r.lacking(ctx, s, secret, existing)
	if err != nil || len(wanted) == 0 {
		return err
	}
	source := s.environment.Spec.Secrets
	err = r.Secrets.Replicate(ctx, s.environment.Spec.AWS.RoleARN, string(source.PrimaryRegion), secret, source.KMSKeyID, wanted...)
	if err != nil {
		return err
	}
	for _, awsRegion := range wanted {
		r.copying.note(requestFor(s.environment, secret, awsRegion))
	}
	delete(r.copying.first, requestFor(s.environment, secret, ""))
	return nil
}

// lacking returns the AWS regions of all planned Regions that need the secret and neither
// have it nor were asked for.
func (r *Reconciler) lacking(ctx context.Context, s *scope, secret string, existing map[string]aws.ReplicaState) ([]string, error) {
	regions := &v1alpha1.RegionList{}
	if err := r.Client.List(ctx, regions, client.InNamespace(s.region.Namespace)); err != nil {
		return nil, fmt.Errorf("listing Regions: %w", err)
	}
	var wanted []string
	for i := range regions.Items {
		region := &regions.Items[i]
		here := string(region.Spec.AWSRegion)
		_, copied := existing[here]
		switch {
		case region.Name != s.region.Name && !r.joins(s.live, region, secret):
		case copied || here == string(s.environment.Spec.Secrets.PrimaryRegion):
		case r.copying.recent(requestFor(s.environment, secret, here)):
		default:
			wanted = append(wanted, here)
		}
	}
	slices.Sort(wanted)
	return slices.Compact(wanted), nil
}

// joins tells whether another Region would ask for the secret itself.
func (r *Reconciler) joins(env *v1alpha1.Environment, region *v1alpha1.Region, secret string) bool {
	if region.Spec.EnvironmentRef.Name != env.Name || !region.DeletionTimestamp.IsZero() || region.Spec.Paused ||
		region.Spec.ManagementPolicy == v1alpha1.ManagementObserve ||
		region.Status.Plan == nil || !region.Status.Plan.Checked {
		return false
	}
	profile, err := plan.Profile(env, region.Spec.Profile)
	return err == nil && slices.Contains(profile.Secrets, secret)
}

// collected tells whether a secret has been lacking for long enough that all who join
// together are known.
func (r *replication) collected(secret request, after time.Duration) bool {
	first, ok := r.first[secret]
	if !ok {
		if r.first == nil {
			r.first = map[request]time.Time{}
		}
		r.first[secret] = r.clock.Now()
		return false
	}
	return r.clock.Since(first) >= after
}

// recent tells whether a copy was asked for a moment ago.
func (r *replication) recent(asked request) bool {
	at, ok := r.asked[asked]
	return ok && r.clock.Since(at) < askedFor
}

func (r *replication) note(asked request) {
	if r.asked == nil {
		r.asked = map[request]time.Time{}
	}
	now := r.clock.Now()
	for old, at := range r.asked {
		if now.Sub(at) >= askedFor {
			delete(r.asked, old)
		}
	}
	r.asked[asked] = now
}
