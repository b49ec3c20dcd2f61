package region

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// held is an outcome that names what in AWS keeps a stage from ending.
type held struct{ holds []hold }

// hold is one thing that keeps another from being deleted.
type hold struct {
	resource, by string
	// longest is how long that takes when nothing is wrong, and normally says it in words; zero
	// when it does not go by itself.
	longest  time.Duration
	normally string
	remedy   string
}

// byItself is how long something that does not go by itself is reported before the stage
// counts as stuck: somebody may be at it.
const byItself = 10 * time.Minute

func (h *held) Error() string {
	texts := make([]string, 0, len(h.holds))
	for _, one := range h.holds {
		texts = append(texts, one.resource+" is held by "+one.by)
	}
	return strings.Join(texts, "; ")
}

// maxHolders and maxHeldBy are the API's limits of status.deletion.holders.
const (
	maxHolders = 64
	maxHeldBy  = 512
)

// progress records how far the stage is and returns what to say of it, and when it counts as
// stuck. A hold keeps the time at which it was first seen. A call that failed says nothing of how
// far the deletion is: what is recorded of it stays.
func (r *Reconciler) progress(region *v1alpha1.Region, st stage, because error) (message string, stuck time.Time) {
	now := metav1.NewTime(r.Clock.Now())
	last := region.Status.Deletion
	current := &v1alpha1.RegionDeletion{Stage: st.reason, StartedAt: now}
	switch {
	case last == nil:
	case !step.IsWaiting(because):
		current = last
	case last.Stage == st.reason:
		current.StartedAt = last.StartedAt
	}
	region.Status.Deletion = current
	if st.normally > 0 {
		stuck = current.StartedAt.Add(r.patiently(st.normally))
	}
	holding, ok := asHeld(because)
	if !ok {
		if last != nil && last.Stage == st.reason { // nobody may have been able to look
			current.Holders = last.Holders
		}
		return because.Error(), stuck
	}
	return r.describeHolds(holding, last, current, stuck)
}

// describeHolds records what is held in current and says so; stuck is when the stage is, at the latest.
func (r *Reconciler) describeHolds(holding *held, last, current *v1alpha1.RegionDeletion, stuck time.Time) (message string, due time.Time) {
	now := metav1.NewTime(r.Clock.Now())
	var texts []string
	for _, one := range holding.holds[:min(len(holding.holds), maxHolders)] {
		one.by = strings.ToValidUTF8(one.by[:min(len(one.by), maxHeldBy)], "")
		since := firstSeen(last, one, now)
		current.Holders = append(current.Holders, v1alpha1.Holder{
			Resource: one.resource, HeldBy: one.by, Since: since, Normally: one.normally, Remedy: one.remedy,
		})
		text, until := r.describe(one, since)
		texts = append(texts, text)
		if stuck.IsZero() || until.Before(stuck) {
			stuck = until
		}
	}
	return strings.Join(texts, "; "), stuck
}

// describe says since when something is held and, once that is too long, what to do.
func (r *Reconciler) describe(one hold, since metav1.Time) (text string, due time.Time) {
	text = fmt.Sprintf("%s is held by %s since %s", one.resource, one.by, since.UTC().Format("15:04 UTC"))
	longest := one.longest
	if longest == 0 {
		longest = byItself
	}
	due = since.Add(r.patiently(longest))
	if one.normally != "" {
		text += ", normally " + one.normally
	}
	if one.remedy != "" && (one.longest == 0 || !r.Clock.Now().Before(due)) {
		text += ": " + one.remedy
	}
	return text, due
}

func firstSeen(last *v1alpha1.RegionDeletion, one hold, now metav1.Time) metav1.Time {
	if last == nil {
		return now
	}
	for _, h := range last.Holders {
		if h.Resource == one.resource && h.HeldBy == one.by {
			return h.Since
		}
	}
	return now
}

// patiently scales how long something normally takes to the clock of a rehearsal.
func (r *Reconciler) patiently(d time.Duration) time.Duration {
	if r.Patience == 0 {
		return d
	}
	return time.Duration(float64(d) * r.Patience)
}

func asHeld(err error) (*held, bool) { return errors.AsType[*held](err) }

// acceleratorHold is what Global Accelerator's interfaces do to a VPC. They cannot be detached by hand.
func acceleratorHold(vpcID, eni string) hold {
	return hold{
		resource: vpcID, by: eni + " (" + acceleratorInterface + ")", longest: 20 * time.Minute, normally: "5 to 20 minutes",
		remedy: "see that no endpoint group has a load balancer of this VPC: aws globalaccelerator list-endpoint-groups --region us-west-2 --listener-arn …",
	}
}

// explainNetwork names what keeps AWS from deleting a part of the network, once AWS has said
// that something does.
func (r *Reconciler) explainNetwork(ctx context.Context, region *v1alpha1.Region, left []ack.Remnant) error {
	waiting := step.Wait(v1alpha1.ReasonDeletingNetwork, "deleting %s", join(left))
	refused := slices.ContainsFunc(left, func(l ack.Remnant) bool { return l.Refused != "" })
	n := region.Status.Network
	if !refused || n == nil || n.VPCID == "" {
		return waiting
	}
	found, err := r.Cloud.Holders(ctx, region.Status.RoleARN, string(region.Spec.AWSRegion), n.VPCID)
	if aws.ClassOf(err) == aws.NotFound {
		return waiting
	}
	if err != nil {
		return r.fromAWS(err)
	}
	ours, err := r.ownIDs(ctx, region)
	if err != nil {
		return err
	}
	h := &held{}
	for _, holder := range found {
		if !ours[holder.ID] || len(foreign(holder.ReferencedBy, ours)) > 0 {
			h.holds = append(h.holds, holdOf(holder, n.VPCID, string(region.Spec.AWSRegion), ours))
		}
	}
	if len(h.holds) == 0 {
		return step.Poll(r.Poll, v1alpha1.ReasonDeletingNetwork, "deleting %s", join(left))
	}
	return step.Poll(r.Poll, v1alpha1.ReasonDeletingNetwork, "%w", h)
}

// ownIDs are AWS's IDs of the network's objects that are still there: ACK is at work on them.
func (r *Reconciler) ownIDs(ctx context.Context, region *v1alpha1.Region) (map[string]bool, error) {
	ids := map[string]bool{}
	for _, kind := range ack.Kinds() {
		if idPrefix(kind) == "" {
			continue
		}
		objects, err := r.objectsOf(ctx, region, kind)
		if err != nil {
			return nil, err
		}
		for i := range objects {
			ids[idOf(&objects[i])] = true
		}
	}
	return ids, nil
}

func foreign(ids []string, ours map[string]bool) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return ours[id] })
}

// holdOf says what a holder is and what to do about it.
func holdOf(h aws.Holder, vpcID, awsRegion string, ours map[string]bool) hold {
	one := hold{resource: vpcID, by: h.ID}
	if h.Owner != "" {
		one.by += ", owned by " + h.Owner
	}
	switch h.Kind {
	case aws.KindNetworkInterface:
		if h.Description == acceleratorInterface {
			return acceleratorHold(vpcID, h.ID)
		}
		one.by = strings.TrimSuffix(h.ID+" ("+h.Description+")", " ()")
		if h.Owner != "" {
			one.by += ", owned by " + h.Owner
		}
		one.longest, one.normally = byItself, "a few minutes"
		one.remedy = fmt.Sprintf("delete what it belongs to, or: aws ec2 delete-network-interface --region %s --network-interface-id %s", awsRegion, h.ID)
	case aws.KindLoadBalancer:
		one.by = "load balancer " + one.by
		one.remedy = fmt.Sprintf("delete it: aws elbv2 delete-load-balancer --region %s --load-balancer-arn %s", awsRegion, h.ARN)
	case aws.KindSecurityGroup:
		one.by = "security group " + one.by
		if refs := foreign(h.ReferencedBy, ours); len(refs) > 0 {
			if ours[h.ID] {
				one.resource = "security group " + h.ID
				one.by = "the rules of security group " + strings.Join(refs, ", ")
			} else {
				one.by += ", which is referenced by " + strings.Join(refs, ", ")
			}
		}
		one.remedy = fmt.Sprintf("delete it or its rules: aws ec2 delete-security-group --region %s --group-id %s", awsRegion, h.ID)
	case aws.KindVPCEndpoint:
		one.by = "VPC endpoint " + strings.TrimSuffix(one.by+" ("+h.Description+")", " ()")
		one.remedy = fmt.Sprintf("delete it: aws ec2 delete-vpc-endpoints --region %s --vpc-endpoint-ids %s", awsRegion, h.ID)
	case aws.KindPeeringConnection:
		one.by = "peering connection " + one.by
		one.remedy = fmt.Sprintf("delete it: aws ec2 delete-vpc-peering-connection --region %s --vpc-peering-connection-id %s", awsRegion, h.ID)
	default:
		one.by = strings.ToLower(h.Kind) + " " + one.by
		one.remedy = "delete it, for Portolan did not make it"
	}
	return one
}

func join(left []ack.Remnant) string {
	texts := make([]string, 0, len(left))
	for _, l := range left {
		texts = append(texts, l.String())
	}
	return strings.Join(texts, ", ")
}

// remnants deletes the region's objects of some kinds at once and returns those that are still there.
func (r *Reconciler) remnants(ctx context.Context, region *v1alpha1.Region, kinds ...client.Object) ([]ack.Remnant, error) {
	var left []ack.Remnant
	for _, k := range kinds {
		some, err := ack.Teardown(ctx, r.Client, r.Live, k, region.Namespace, plan.Labels(region))
		if err != nil {
			return nil, err
		}
		left = append(left, some...)
	}
	return left, nil
}
