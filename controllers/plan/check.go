package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Bounds of the API on findings.
const (
	maxFindings = 64
	maxMessage  = 1024
)

// checker holds a plan against the facts.
type checker struct {
	plan   *Plan
	env    *v1alpha1.Environment
	region *v1alpha1.Region
	facts  Facts
}

// Check returns everything that the facts have against a plan, errors first. The same facts
// give the same findings, in whatever order they were gathered. Facts that are nil were not
// gathered and say nothing. What the Region itself already has in AWS is not held against it.
func Check(p *Plan, env *v1alpha1.Environment, region *v1alpha1.Region, f Facts) []v1alpha1.PlanFinding {
	c := checker{plan: p, env: env, region: region, facts: f}
	all := slices.Concat(
		c.optIn(), c.account(), c.instanceTypes(), c.addonVersions(), c.quotas(), c.hostedZones(),
		c.secrets(), c.listeners(), c.networks(), c.files(), c.unchecked(),
	)
	slices.SortStableFunc(all, func(a, b v1alpha1.PlanFinding) int { return rank(a) - rank(b) })
	return bounded(all)
}

func rank(f v1alpha1.PlanFinding) int {
	if f.Severity == v1alpha1.SeverityError {
		return 0
	}
	return 1
}

// bounded keeps the API's limit; the last finding says what it left out. It is as severe as
// the worst of those.
func bounded(all []v1alpha1.PlanFinding) []v1alpha1.PlanFinding {
	if len(all) <= maxFindings {
		return all
	}
	rest := all[maxFindings-1:]
	return append(all[:maxFindings-1:maxFindings-1], v1alpha1.PlanFinding{
		Severity: rest[0].Severity,
		Reason:   rest[0].Reason,
		Message:  fmt.Sprintf("and %d more findings: they are listed when some of these are put right", len(rest)),
	})
}

func failure(reason, format string, args ...any) v1alpha1.PlanFinding {
	return v1alpha1.PlanFinding{Severity: v1alpha1.SeverityError, Reason: reason, Message: message(format, args...)}
}

func warning(reason, format string, args ...any) v1alpha1.PlanFinding {
	return v1alpha1.PlanFinding{Severity: v1alpha1.SeverityWarning, Reason: reason, Message: message(format, args...)}
}

func message(format string, args ...any) string {
	text := []rune(fmt.Sprintf(format, args...))
	if len(text) > maxMessage {
		return string(text[:maxMessage-1]) + "…"
	}
	return string(text)
}

// listing names things in order; beyond ten it counts them.
func listing(values []string) string {
	const most = 10
	sorted := slices.Compact(slices.Sorted(slices.Values(values)))
	if len(sorted) <= most {
		return strings.Join(sorted, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(sorted[:most], ", "), len(sorted)-most)
}

func (c checker) optIn() []v1alpha1.PlanFinding {
	unread := slices.ContainsFunc(c.facts.Unchecked, func(u Unchecked) bool { return u.What == LookOptIn })
	if c.facts.OptedIn || unread {
		return nil
	}
	return []v1alpha1.PlanFinding{failure(v1alpha1.ReasonNotOptedIn,
		"account %s has not opted in to %s: enable the region in the account's settings", c.env.Spec.AWS.AccountID, c.region.Spec.AWSRegion)}
}

func (c checker) account() []v1alpha1.PlanFinding {
	if c.facts.Account == "" || c.facts.Account == c.env.Spec.AWS.AccountID {
		return nil
	}
	return []v1alpha1.PlanFinding{failure(v1alpha1.ReasonWrongAccount,
		"ACK acts in account %s for namespace %s and Environment %s is account %s: correct the namespace's annotation services.k8s.aws/owner-account-id",
		c.facts.Account, c.region.Namespace, c.env.Name, c.env.Spec.AWS.AccountID)}
}

func (c checker) hostedZones() []v1alpha1.PlanFinding {
	if c.facts.HostedZones == nil {
		return nil
	}
	waiting := map[string][]string{} // names to validate, by zone
	for _, certificate := range c.plan.Certificates {
		for _, name := range certificate.Validations {
			if zone, ok := Zone(c.env, name); ok {
				waiting[zone.Name] = append(waiting[zone.Name], name)
			}
		}
	}
	var all []v1alpha1.PlanFinding
	zones := slices.Clone(c.env.Spec.DNS.Zones)
	slices.SortFunc(zones, func(a, b v1alpha1.DNSZone) int { return cmp.Compare(a.Name, b.Name) })
	for _, z := range zones {
		if _, ok := c.facts.HostedZones[z.Name]; ok {
			continue
		}
		switch names := waiting[z.Name]; {
		case len(names) > 0:
			all = append(all, failure(v1alpha1.ReasonHostedZoneMissing,
				"account %s has no public hosted zone %s, in which the certificates for %s are validated: create it", c.env.Spec.AWS.AccountID, z.Name, listing(names)))
		case len(z.NameServers) == 0:
			all = append(all, warning(v1alpha1.ReasonHostedZoneMissing,
				"account %s has no public hosted zone %s: create it, or, if another account has it, see that ExternalDNS may write there", c.env.Spec.AWS.AccountID, z.Name))
		}
	}
	return all
}

func (c checker) secrets() []v1alpha1.PlanFinding {
	if len(c.facts.MissingSecrets) == 0 || c.env.Spec.Secrets == nil {
		return nil
	}
	return []v1alpha1.PlanFinding{failure(v1alpha1.ReasonSecretMissing,
		"Secrets Manager in %s does not have %s: create them there, or remove them from profile %s",
		c.env.Spec.Secrets.PrimaryRegion, listing(c.facts.MissingSecrets), c.plan.Profile.Name)}
}

func (c checker) listeners() []v1alpha1.PlanFinding {
	var all []v1alpha1.PlanFinding
	for _, arn := range slices.Compact(slices.Sorted(slices.Values(c.facts.MissingListeners))) {
		all = append(all, failure(v1alpha1.ReasonListenerMissing,
			"there is no Global Accelerator listener %s: create it, or correct listenerARN in the profile or in spec.globalAccelerator", arn))
	}
	return all
}

// networks refuses blocks that could not be told apart from ours by a peering.
func (c checker) networks() []v1alpha1.PlanFinding {
	networks := slices.Clone(c.facts.Networks)
	slices.SortFunc(networks, func(a, b Network) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.PeeredWith, b.PeeredWith))
	})
	var all []v1alpha1.PlanFinding
	for _, n := range networks {
		if c.ours(n) {
			continue
		}
		holder := fmt.Sprintf("%s of the account in %s", n.ID, c.region.Spec.AWSRegion)
		if n.PeeredWith != "" {
			holder = fmt.Sprintf("%s, which is peered with %s", n.ID, n.PeeredWith)
		}
		for _, block := range slices.SortedFunc(slices.Values(n.CIDRs), netip.Prefix.Compare) {
			if block.Overlaps(c.plan.CIDR) {
				all = append(all, failure(v1alpha1.ReasonCIDROverlap,
					"%s overlaps %s, held by %s: add that to spec.network.reserved of Environment %s and create the Region again with another block",
					c.plan.CIDR, block, holder, c.env.Name))
			}
		}
	}
	return all
}

// ours tells whether a network is the Region's own, by the tags that it was created with.
func (c checker) ours(n Network) bool {
	for k, v := range Labels(c.region) {
		if n.Tags[k] != v {
			return false
		}
	}
	return true
}

func (c checker) files() []v1alpha1.PlanFinding {
	return slices.Concat(
		lacking(c.facts.MissingFiles, "application %s is pinned to %s, which does not have %s: add it to the repository and promote a revision that has it"),
		lacking(c.facts.MalformedFiles, "application %s, pinned to %s, has %s: correct it in the repository and promote the revision that does"),
	)
}

// lacking says of each application which files of its revision are not as they have to be.
func lacking(files []RevisionFiles, format string) []v1alpha1.PlanFinding {
	sorted := slices.SortedFunc(slices.Values(files), func(a, b RevisionFiles) int {
		return cmp.Or(cmp.Compare(a.Application, b.Application), cmp.Compare(a.Revision, b.Revision))
	})
	all := make([]v1alpha1.PlanFinding, len(sorted))
	for i, f := range sorted {
		all[i] = failure(v1alpha1.ReasonRevisionLacksRegionConfig, format, f.Application, f.Revision, listing(f.Files))
	}
	return all
}

func (c checker) unchecked() []v1alpha1.PlanFinding {
	looks := slices.Clone(c.facts.Unchecked)
	slices.SortFunc(looks, func(a, b Unchecked) int { return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Why, b.Why)) })
	var all []v1alpha1.PlanFinding
	for _, u := range looks {
		all = append(all, warning(v1alpha1.ReasonCheckFailed, "%s could not be checked: %s", u.What, u.Why))
	}
	return all
}
