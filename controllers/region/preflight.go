package region

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// preflight checks a plan against AWS and git, once for each revision of the plan, and
// publishes both. What it finds is about the moment before creation: a region that exists
// is not held because a quota is used up now.
func (r *Reconciler) preflight(ctx context.Context, s *scope, draft *plan.Plan) error {
	published := s.region.Status.Plan
	if published != nil && published.Revision == draft.Revision() && published.Checked {
		return nil
	}
	facts, err := r.survey(ctx, s, draft)
	if err != nil {
		return r.fromAWS(err)
	}
	findings := plan.Check(draft, s.environment, s.region, facts)
	published, err = r.publish(ctx, s, draft)
	if err != nil {
		return err
	}
	published.Findings = findings
	failed := errorsOf(findings)
	published.Checked = len(failed) == 0
	s.region.Status.Plan = published
	if len(failed) == 0 {
		return nil
	}
	messages := make([]string, 0, len(failed))
	for _, f := range failed {
		messages = append(messages, f.Message)
	}
	return step.Stuck(r.SlowPoll, failed[0].Reason, "%s", strings.Join(messages, "; "))
}

func errorsOf(findings []v1alpha1.PlanFinding) []v1alpha1.PlanFinding {
	return slices.DeleteFunc(slices.Clone(findings), func(f v1alpha1.PlanFinding) bool { return f.Severity != v1alpha1.SeverityError })
}

// publish renders the plan for the status.
func (r *Reconciler) publish(ctx context.Context, s *scope, draft *plan.Plan) (*v1alpha1.RegionPlan, error) {
	rings := &v1alpha1.GossipRingList{}
	regions := &v1alpha1.RegionList{}
	promotions := &v1alpha1.PromotionList{}
	for _, list := range []client.ObjectList{rings, regions, promotions} {
		if err := r.Client.List(ctx, list, client.InNamespace(s.region.Namespace)); err != nil {
			return nil, fmt.Errorf("listing what the plan concerns: %w", err)
		}
	}
	return &v1alpha1.RegionPlan{
		Revision:     draft.Revision(),
		Objects:      draft.Objects(s.region, s.environment),
		Applications: plan.Pins(draft.Profile, promotions.Items, s.environment.Name, s.region.Name),
		Rings:        plan.Joining(rings.Items, regions.Items, s.region),
	}, nil
}

// survey reads the facts. What Portolan may not read becomes a warning; what did not
// answer is asked again.
func (r *Reconciler) survey(ctx context.Context, s *scope, draft *plan.Plan) (plan.Facts, error) {
	role, here := s.environment.Spec.AWS.RoleARN, string(s.region.Spec.AWSRegion)
	var f plan.Facts
	looks := []struct {
		what string
		look func() error
	}{
		{plan.LookOptIn, func() (err error) { f.OptedIn, err = r.Survey.OptedIn(ctx, role, here); return err }},
		{"instance types", func() (err error) {
			f.InstanceTypes, err = r.Survey.InstanceTypes(ctx, role, here, instanceTypes(draft)...)
			return err
		}},
		{"add-on versions", func() (err error) {
			f.AddonVersions, err = r.Survey.AddonVersions(ctx, role, here, draft.Profile.KubernetesVersion, addonNames(draft)...)
			return err
		}},
		{"quotas", func() (err error) {
			if !built(s.region) {
				f.Quotas, err = r.Survey.Quotas(ctx, role, here)
			}
			return err
		}},
		{"networks", func() (err error) {
			if !built(s.region) {
				f.Networks, err = r.Survey.Networks(ctx, role, here)
			}
			return err
		}},
		{"hosted zones", func() (err error) {
			f.HostedZones, err = r.Survey.HostedZones(ctx, role, zoneNames(s.environment)...)
			return err
		}},
		{"secrets", func() error { return r.findSecrets(ctx, s, draft, &f) }},
		{"listeners", func() error { return r.findListeners(ctx, role, draft, &f) }},
		{"configuration files", func() error { return r.findFiles(ctx, s, draft, &f) }},
		{"other regions", func() error { return r.findPeers(ctx, s.region, &f) }},
		{"the namespace's account", func() error { return r.findAccount(ctx, s.region.Namespace, &f) }},
	}
	for _, l := range looks {
		err := l.look()
		if awsErr, ok := errors.AsType[*aws.Error](err); ok && awsErr.Class == aws.AccessDenied {
			f.Unchecked = append(f.Unchecked, plan.Unchecked{What: l.what, Why: awsErr.Error() + ": " + remedy(awsErr)})
			continue
		}
		if err != nil {
			return f, fmt.Errorf("checking %s: %w", l.what, err)
		}
	}
	return f, nil
}

// built tells whether the region has its VPC: then its own share is part of what is used.
func built(region *v1alpha1.Region) bool { return region.Status.Network.VPCID != "" }

func instanceTypes(p *plan.Plan) []string {
	var names []string
	for _, g := range p.NodeGroups {
		names = append(names, g.InstanceTypes...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func addonNames(p *plan.Plan) []string {
	names := make([]string, 0, len(p.Addons))
	for _, a := range p.Addons {
		names = append(names, a.Name)
	}
	return names
}

func zoneNames(env *v1alpha1.Environment) []string {
	names := make([]string, 0, len(env.Spec.DNS.Zones))
	for _, z := range env.Spec.DNS.Zones {
		names = append(names, z.Name)
	}
	return names
}
