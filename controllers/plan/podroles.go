package plan

import (
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

const (
	// minPodSuffix is the room that even the longest cluster name has to leave: "pod-" and a hash.
	minPodSuffix = len("pod-") + hashLength
	// maxInline is IAM's limit for all inline policies of a role together, white space not
	// counted (IAM User Guide, "IAM and AWS STS quotas").
	maxInline = 10240
	// inlineOwn names the policy that the profile brings itself.
	inlineOwn = "profile"
)

// podRoles returns the roles of the profile's pod identities.
func (p *Plan) podRoles(env *v1alpha1.Environment, region *v1alpha1.Region) ([]PodRole, error) {
	known := policies{
		partition: Partition(region.Spec.AWSRegion), region: string(region.Spec.AWSRegion),
		account: env.Spec.AWS.AccountID, cluster: p.Cluster, profile: p.Profile, environment: env,
	}
	var all []PodRole
	for _, identity := range p.Profile.PodIdentities {
		role, err := known.role(identity)
		if err != nil {
			return nil, err
		}
		role.Suffix = p.podSuffix(identity, all)
		all = append(all, role)
	}
	return all, nil
}

// podSuffix is readable where it can be. A hash tells apart what would be too long for a role
// or the same as one before: "a-b" with "c" reads like "a" with "b-c".
func (p *Plan) podSuffix(identity v1alpha1.PodIdentity, before []PodRole) string {
	readable := "pod-" + identity.Namespace + "-" + identity.ServiceAccount
	room := max(maxRole-len(p.Cluster+"-"), minPodSuffix)
	if len(readable) <= room && !slices.ContainsFunc(before, func(r PodRole) bool { return r.Suffix == readable }) {
		return readable
	}
	kept := readable[:min(len(readable), room-hashLength-1)]
	return strings.TrimRight(kept, "-") + "-" + hash(serviceAccount(identity), hashLength)
}

// role is an identity's role without its name.
func (known policies) role(identity v1alpha1.PodIdentity) (PodRole, error) {
	role := PodRole{Namespace: identity.Namespace, ServiceAccount: identity.ServiceAccount, Inline: map[string]string{}}
	for _, name := range identity.Policies {
		if name == v1alpha1.PodPolicyEBSCSIDriver { // AWS keeps this one in step with the driver
			role.PolicyARNs = append(role.PolicyARNs, "arn:"+known.partition+":iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy")
			continue
		}
		document, err := known.document(name)
		if err != nil {
			return PodRole{}, err
		}
		role.Inline[string(name)] = document
	}
	for _, arn := range identity.PolicyARNs {
		if !slices.Contains(role.PolicyARNs, arn) {
			role.PolicyARNs = append(role.PolicyARNs, arn)
		}
	}
	if identity.InlinePolicy != "" {
		document, err := known.own(identity)
		if err != nil {
			return PodRole{}, err
		}
		role.Inline[inlineOwn] = document
	}
	return role, checkInline(role, known.profile.Name)
}

// own expands the policy that the profile brings itself.
func (known policies) own(identity v1alpha1.PodIdentity) (string, error) {
	text, err := Expand(identity.InlinePolicy, Variables{
		"environment": known.environment.Name, "region": known.region, "account": known.account, "cluster": known.cluster,
	})
	if err != nil {
		return "", err
	}
	document, err := jsonObject(text)
	if err != nil {
		return "", finding(v1alpha1.ReasonInvalidProfile, "the inlinePolicy of pod identity %s of profile %s is not a JSON object: %v", serviceAccount(identity), known.profile.Name, err)
	}
	if document["Statement"] == nil {
		return "", finding(v1alpha1.ReasonInvalidProfile, "the inlinePolicy of pod identity %s of profile %s has no Statement", serviceAccount(identity), known.profile.Name)
	}
	return canonical(document)
}

func checkInline(role PodRole, profile string) error {
	size := 0
	for _, document := range role.Inline {
		size += len(document)
	}
	if size > maxInline {
		return finding(v1alpha1.ReasonInvalidProfile,
			"the inline policies of pod identity %s/%s of profile %s have %d characters and IAM allows %d: move some into a managed policy and list it in policyARNs",
			role.Namespace, role.ServiceAccount, profile, size, maxInline)
	}
	return nil
}
